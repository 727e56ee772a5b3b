//! Who is there: clients, users, and a database full of sessions whose refresh tokens are known.

use sqlx::types::Uuid;
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use tokend::app::sealing_keys;
use tokend::audit::{Actor, AuditContext, AuditKeys};
use tokend::clock::{Clock, NEVER, UnixTime};
use tokend::domain::{
    Client, ClientAuthentication, Grant, Grants, PlainSecret, Profile, Recovery, SessionId, User, UserId,
};
use tokend::keys::MasterSecrets;
use tokend::password::{HashParameters, Hasher, PlainPassword};
use tokend::store::Store;
use tokend::token::refresh::{RefreshKey, RefreshKeys, RefreshToken};

use crate::failure::Failure;
use crate::number::spread;

/// The server's name, on which its refresh tokens depend.
pub const ISSUER: &str = "https://auth.example.com";
/// The server's master secret.
pub const MASTER_SECRET: &str = "the-master-secret-of-the-benchmark-and-of-nothing-else";
/// The users' client: public, and each of its refresh tokens is good exactly once.
pub const APP: &str = "app";
/// A client that gets tokens for itself, and its secret.
pub const MACHINE: (&str, &str) = ("machine", "a-secret-of-the-benchmark-and-of-nothing-else");
/// A client that may introspect, and its secret.
pub const RESOURCE_SERVER: (&str, &str) = ("api", "another-secret-of-the-benchmark-alone");
/// The user who signs in.
pub const USERNAME: &str = "alice";
/// The password of [`USERNAME`].
pub const PASSWORD: &str = "correct-horse-battery-staple";

/// How long a refresh token is.
pub const REFRESH_TOKEN_BYTES: usize = 114;
/// A refresh token.
pub type Token = [u8; REFRESH_TOKEN_BYTES];

/// Where the data directory has the access tokens, one a line.
pub const ACCESS_TOKENS: &str = "access-tokens";

/// Where the data directory has the refresh tokens: one after the other, nothing between.
pub const REFRESH_TOKENS: &str = "refresh-tokens";

const AUDIENCE: &str = "https://api.example.com";
/// What the sessions are for, as the store has it: `/userinfo` is the server's own resource.
const AUDIENCES: &str = "https://api.example.com https://auth.example.com";
const SCOPE: &str = "openid profile email";
const CLAIMS: &str = r#"{"name":"Alice Example","email_verified":true,"roles":["member"]}"#;
const USER_AGENT: &str = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0";

/// In how many seconds before the benchmark the sessions began: none is near its end.
const AGES: i64 = 10 * 86_400;
const IDLE_LIFETIME: i64 = 30 * 86_400;
/// Access tokens outlive the benchmark.
const ACCESS_LIFETIME: i64 = 86_400;
const SESSIONS_OF_A_USER: usize = 4;
const ROWS_AT_ONCE: usize = 10_000;
/// From so many sessions on, a fill says how far it is.
const LONG: u64 = 500_000;

/// Registers the clients and the user who signs in.
pub async fn register(store: &Store) -> Result<(), Failure> {
    let now = Clock::System.now();
    let confidential = |(id, secret): (&str, &str)| -> Result<Client, Failure> {
        let secret = ClientAuthentication::Secret(PlainSecret::new(secret.to_owned()).hash());
        Ok(Client::without_rights(id.parse()?, secret, now))
    };
    let app = Client {
        grants: Grants::from([Grant::Password, Grant::RefreshToken]),
        scope: SCOPE.parse()?,
        audience: vec![AUDIENCE.to_owned(), ISSUER.to_owned()],
        first_party: true,
        access_lifetime: Some(ACCESS_LIFETIME),
        reuse_window: Some(0),
        recovery: Recovery::On,
        ..Client::without_rights(APP.parse()?, ClientAuthentication::Public, now)
    };
    let machine = Client {
        grants: Grants::from([Grant::ClientCredentials]),
        scope: "read write".parse()?,
        audience: vec![AUDIENCE.to_owned()],
        ..confidential(MACHINE)?
    };
    let resource_server =
        Client { may_introspect: true, serves: vec![AUDIENCE.to_owned()], ..confidential(RESOURCE_SERVER)? };
    let store = store.by(AuditContext { actor: Actor::Server, at: now, request_context: None });
    for client in [app, machine, resource_server] {
        store.clients().insert(&client).await?;
    }
    let hasher = Hasher::start(HashParameters::default(), 1, std::time::Duration::from_secs(10), 0)?;
    let hash = hasher.hash(PlainPassword::chosen(PASSWORD)?).await?;
    let user = User {
        id: UserId::generate(),
        username: USERNAME.parse()?,
        profile: Profile::new(Some("alice@example.com".to_owned()), serde_json::from_str(CLAIMS)?),
        credentials_version: 1,
        created_at: now,
        disabled_at: None,
    };
    Ok(store.users().insert(&user, Some(hash.as_str())).await?)
}

/// A part of the rows, column by column as they are bound.
#[derive(Default)]
struct Rows {
    users: Vec<Uuid>,
    usernames: Vec<String>,
    ids: Vec<Uuid>,
    user_ids: Vec<Uuid>,
    hashes: Vec<Vec<u8>>,
    times: Vec<UnixTime>,
}

/// Where the rows go.
pub enum Target {
    /// All of a part in one statement.
    Postgres(PgConnection),
    /// A part in one transaction.
    Sqlite(SqliteConnection),
}

macro_rules! insert_users {
    ($from:literal) => {
        concat!(
            "INSERT INTO users (id, username, email, claims, credentials_version, created_at) \
             SELECT id, username, username || '@example.com', $3, 1, $4 FROM ",
            $from
        )
    };
}

macro_rules! insert_sessions {
    ($from:literal) => {
        concat!(
            "INSERT INTO sessions (id, user_id, client_id, scope, audience, generation, current_hash, rotated_at, \
             created_at, auth_time, last_used_at, idle_expires_at, expires_at, device_name, user_agent, ip) \
             SELECT id, user_id, $5, $6, $7, 1, hash, at, at, at, at, at + $8, $9, 'Pixel 9', $10, '192.0.2.1' FROM ",
            $from
        )
    };
}

const USERS_POSTGRES: &str = insert_users!("unnest($1, $2) AS u (id, username)");
const USERS_SQLITE: &str = insert_users!("(SELECT $1 AS id, $2 AS username) AS u");
const SESSIONS_POSTGRES: &str = insert_sessions!("unnest($1, $2, $3, $4) AS s (id, user_id, hash, at)");
const SESSIONS_SQLITE: &str = insert_sessions!("(SELECT $1 AS id, $2 AS user_id, $3 AS hash, $4 AS at) AS s");

fn master_secrets() -> Result<MasterSecrets, Failure> {
    Ok(MasterSecrets::new(&[PlainSecret::new(MASTER_SECRET.to_owned())])?)
}

/// The keys that seal the server's audit trail.
pub fn trail_keys() -> Result<AuditKeys, Failure> {
    Ok(sealing_keys(&master_secrets()?, &[]))
}

/// Fills the database with sessions as sign-ins would have left them, the oldest first. Their refresh tokens, in an order
/// that has nothing to do with that of the rows.
pub async fn fill(target: &mut Target, sessions: u32) -> Result<Vec<Token>, Failure> {
    let (derived, _) = master_secrets()?.refresh_keys(ISSUER);
    let key = RefreshKey::new(derived.key_id, &derived.tag_key, &derived.next_key);
    let keys = RefreshKeys::new(key, Vec::new());
    let begin = Clock::System.now() - AGES;
    let mut tokens = Vec::new();
    let numbers: Vec<u32> = (0..sessions).collect();
    for part in numbers.chunks(ROWS_AT_ONCE) {
        let mut rows = Rows::default();
        for (place, number) in part.iter().enumerate() {
            let at = begin + spread(*number, sessions, AGES);
            let token = RefreshToken::first(SessionId::generate(at), at, tokend::random::bytes());
            let text = keys.seal(&token);
            tokens.push(Token::try_from(text.reveal().as_bytes())?);
            if place % SESSIONS_OF_A_USER == 0 {
                rows.users.push(UserId::generate().0);
                rows.usernames.push(format!("user-{number}"));
            }
            rows.ids.push(token.session_id.0);
            rows.user_ids.extend(rows.users.last());
            rows.hashes.push(text.hash().as_bytes().to_vec());
            rows.times.push(at);
        }
        target.insert(rows).await?;
        progress(tokens.len(), sessions);
    }
    // A token ends in a part of a MAC, so that backwards they sort at random.
    tokens.sort_unstable_by(|one, other| one.iter().rev().cmp(other.iter().rev()));
    Ok(tokens)
}

/// Says how far a long fill has come, a hundred times.
fn progress(done: usize, sessions: u32) {
    let (done, all) = (done as u64, u64::from(sessions));
    if all >= LONG && done * 100 / all > done.saturating_sub(ROWS_AT_ONCE as u64) * 100 / all {
        eprint!("\r{:>3} %, {done} of {all} sessions", done * 100 / all);
        if done == all {
            eprintln!();
        }
    }
}

impl Target {
    async fn insert(&mut self, rows: Rows) -> Result<(), Failure> {
        let now = Clock::System.now();
        let Rows { users, usernames, ids, user_ids, hashes, times } = rows;
        match self {
            Self::Postgres(connection) => {
                let insert = sqlx::query(USERS_POSTGRES).bind(users).bind(usernames).bind(CLAIMS).bind(now);
                insert.execute(&mut *connection).await?;
                let insert = sqlx::query(SESSIONS_POSTGRES).bind(ids).bind(user_ids).bind(hashes).bind(times);
                let insert = insert.bind(APP).bind(SCOPE).bind(AUDIENCES).bind(IDLE_LIFETIME).bind(NEVER);
                insert.bind(USER_AGENT).execute(connection).await?;
            }
            Self::Sqlite(connection) => {
                let mut transaction = connection.begin().await?;
                for (id, username) in users.into_iter().zip(usernames) {
                    let insert = sqlx::query(USERS_SQLITE).bind(id).bind(username).bind(CLAIMS).bind(now);
                    insert.execute(&mut *transaction).await?;
                }
                for (((id, user), hash), at) in ids.into_iter().zip(user_ids).zip(hashes).zip(times) {
                    let insert = sqlx::query(SESSIONS_SQLITE).bind(id).bind(user).bind(hash).bind(at);
                    let insert = insert.bind(APP).bind(SCOPE).bind(AUDIENCES).bind(IDLE_LIFETIME).bind(NEVER);
                    insert.bind(USER_AGENT).execute(&mut *transaction).await?;
                }
                transaction.commit().await?;
            }
        }
        Ok(())
    }

    /// Leaves nothing for the database to catch up with while it is measured.
    pub async fn settle(self) -> Result<(), Failure> {
        match self {
            Self::Postgres(mut connection) => {
                sqlx::raw_sql("VACUUM (ANALYZE)").execute(&mut connection).await?;
                sqlx::raw_sql("CHECKPOINT").execute(&mut connection).await?;
                Ok(connection.close().await?)
            }
            Self::Sqlite(mut connection) => {
                sqlx::raw_sql("ANALYZE; PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await?;
                Ok(connection.close().await?)
            }
        }
    }
}
