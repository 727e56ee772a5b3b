//! Its table, full of sessions.

use sqlx::types::Uuid;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokend::clock::Clock;
use tokend::domain::SessionId;

use super::token::{hash, refresh_token};
use crate::failure::Failure;
use crate::seed::Token;

/// What a refresh compares and sets, and nothing else. Its pages have as much room as those of the server's sessions.
const CREATE: &str = "CREATE TABLE sessions (id UUID PRIMARY KEY, generation BIGINT NOT NULL, hash BYTEA NOT NULL, \
     rotated_at BIGINT NOT NULL, idle_expires_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, ended_at BIGINT) \
     WITH (fillfactor = 75)";

const FILL: &str = "INSERT INTO sessions (id, generation, hash, rotated_at, idle_expires_at, expires_at) \
     SELECT id, 1, hash, $3, $3 + 2592000, $3 + 31536000 FROM unnest($1, $2) AS s (id, hash)";

const ROWS_AT_ONCE: usize = 10_000;

/// Makes the database of this name on the PostgreSQL of `url`, which tells the address of a database by its name. The refresh
/// tokens of its sessions, in an order that has nothing to do with that of the rows.
pub async fn fill(url: impl Fn(&str) -> String, name: &str, sessions: u32) -> Result<Vec<Token>, Failure> {
    let mut connection = PgConnection::connect(&url("postgres")).await?;
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await?;
    connection.close().await?;
    let mut connection = PgConnection::connect(&url(name)).await?;
    sqlx::raw_sql(CREATE).execute(&mut connection).await?;
    let now = Clock::System.now();
    let mut tokens = Vec::new();
    let numbers: Vec<u32> = (0..sessions).collect();
    for part in numbers.chunks(ROWS_AT_ONCE) {
        let ids: Vec<Uuid> = part.iter().map(|_| SessionId::generate(now).0).collect();
        let mut hashes = Vec::with_capacity(ids.len());
        for id in &ids {
            let token = refresh_token(*id);
            hashes.push(hash(&token));
            tokens.push(Token::try_from(token.as_bytes())?);
        }
        sqlx::query(FILL).bind(ids).bind(hashes).bind(now).execute(&mut connection).await?;
    }
    sqlx::raw_sql("VACUUM (ANALYZE)").execute(&mut connection).await?;
    sqlx::raw_sql("CHECKPOINT").execute(&mut connection).await?;
    connection.close().await?;
    // A token ends at random.
    tokens.sort_unstable_by(|one, other| one.iter().rev().cmp(other.iter().rev()));
    Ok(tokens)
}
