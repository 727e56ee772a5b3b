//! Texts that tests send where a secret belongs, and that are in what is searched for another reason. Each only there.

use uuid::Uuid;

use crate::harness::canary::Text;

/// A text of which nothing is a finding in that place, and why.
const EXCEPTIONS: [(&str, Text, &str); 22] = [
    ("wrong password", Text::Log, "the server's own words for why a sign-in failed"),
    ("wrong password", Text::Program, "the same"),
    ("wrong password", Text::Databases, "the same, in the audit trail"),
    ("$1$salt$3cd1qyMPJX9Xw6hRhnPJp1", Text::Databases, STORED),
    ("$2b$31$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", Text::Databases, STORED),
    (
        "$argon2id$v=19$m=4194304,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        Text::Databases,
        STORED,
    ),
    ("$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$", Text::Databases, STORED),
    (
        "$argon2id$v=19$m=64,t=1,p=16777215$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        Text::Databases,
        STORED,
    ),
    (
        "$argon2id$v=19$m=64,t=4294967295,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        Text::Databases,
        STORED,
    ),
    (
        "$pbkdf2-sha256$i=4294967295,l=32$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        Text::Databases,
        STORED,
    ),
    (
        "$scrypt$ln=30,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        Text::Databases,
        STORED,
    ),
    ("5ebe2294ecd0e0f08eab7690d2a6ee69", Text::Databases, STORED),
    ("a password that is stored as it stands", Text::Databases, STORED),
    ("' UNION SELECT NULL, NULL, NULL--", Text::Databases, SQL),
    ("') OR ('1'='1", Text::Databases, SQL),
    ("'||(SELECT password_hash FROM users LIMIT 1)||'", Text::Databases, SQL),
    ("'; ATTACH DATABASE '/tmp/x' AS x;--", Text::Databases, SQL),
    ("'; DROP TABLE sessions;--", Text::Databases, SQL),
    ("1; SELECT pg_sleep(10)--", Text::Databases, SQL),
    ("'; UPDATE users SET disabled_at = NULL;--", Text::Databases, SQL),
    ("alice' AND '1'='1", Text::Databases, SQL),
    ("alice'/**/OR/**/'1'='1", Text::Databases, SQL),
];

/// Why a database has what somebody typed as a password.
const STORED: &str = "`attacks::login::accounts` stores it in the place of a hash, and then types it";

/// Why a database has what was sent as a token.
const SQL: &str =
    "`attacks::storage::injection` sends it in every field, and the names of devices are stored as they are";

/// Whether this is to be there.
pub fn belongs(text: Text, needle: &str) -> bool {
    EXCEPTIONS.iter().any(|(excepted, place, _)| *place == text && excepted.contains(needle))
}

/// Names of sessions and users, which some tests send as a token. No secret is ever one.
pub fn is_name(secret: &str) -> bool {
    secret.parse::<Uuid>().is_ok()
}
