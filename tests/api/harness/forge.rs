//! Access tokens as an attacker would want them, signed with the server's own key wherever that makes them worse.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use tokend::domain::PlainSecret;
use tokend::keys::{MasterSecrets, SigningKey};

use super::{MASTER_SECRET, TestServer};

/// The key that the server signs with, in the hands of a test.
pub struct Forge {
    pub key: SigningKey,
}

impl Forge {
    /// Opens the stored key that the server uses.
    pub async fn of(server: &TestServer) -> Self {
        let stored = server.app.store.signing_keys().list().await.expect("the store answers");
        let stored = stored.first().expect("there is a key");
        Self { key: SigningKey::open(stored, &master_secrets()).expect("the master secret opens it") }
    }

    /// The header that the server itself would write.
    pub fn header(&self) -> Value {
        serde_json::json!({ "typ": "at+jwt", "alg": self.key.algorithm().as_str(), "kid": self.key.kid() })
    }

    /// A token with these two JSON texts, properly signed.
    pub fn mint(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = self.key.sign(signed.as_bytes()).expect("the key signs");
        format!("{signed}.{}", encode(signature))
    }

    /// The same token with its header changed, properly signed.
    pub fn with_header(&self, token: &str, change: impl FnOnce(&mut Value)) -> String {
        let (mut header, claims) = (part(token, 0), part(token, 1));
        change(&mut header);
        self.mint(&header.to_string(), &claims.to_string())
    }

    /// The same token with its claims changed, properly signed.
    pub fn with_claims(&self, token: &str, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = part(token, 1);
        change(&mut claims);
        self.mint(&self.header().to_string(), &claims.to_string())
    }
}

/// What the server's keys are sealed under.
pub fn master_secrets() -> MasterSecrets {
    MasterSecrets::new(&[PlainSecret::new(MASTER_SECRET.to_owned())]).expect("a master secret")
}

/// Base64url as JWTs have it.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The JSON of the header (0) or the claims (1) of a token.
pub fn part(token: &str, i: usize) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(i).expect("a part")).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}
