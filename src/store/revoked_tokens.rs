//! The `revoked_tokens` table: access tokens that were revoked one by one, until they would have expired.

use uuid::Uuid;

use super::db::sql;
use super::{Store, StoreError};
use crate::clock::{Seconds, UnixTime};
use crate::domain::ClientId;

/// How long a revocation is kept after its token has expired: a node whose clock is behind would believe it again.
const CLOCK_SLACK: Seconds = 60;

#[derive(sqlx::FromRow)]
struct ClientTokenRow {
    tokens_revoked_at: i64,
    token_revoked: bool,
}

const REVOKE: &str = "INSERT INTO revoked_tokens (jti, expires_at) VALUES ($1, $2) ON CONFLICT (jti) DO NOTHING";

const CLIENT_TOKEN: &str = "SELECT tokens_revoked_at, EXISTS (SELECT 1 FROM revoked_tokens WHERE jti = $2) AS token_revoked \
     FROM clients WHERE id = $1 AND disabled_at IS NULL";

const PURGE: &str = "DELETE FROM revoked_tokens WHERE expires_at <= $1";

impl Store {
    /// Revokes one access token for the rest of its life.
    pub async fn revoke_token(&self, jti: Uuid, expires_at: UnixTime) -> Result<(), StoreError> {
        sql!(self.write().await?, execute, REVOKE, jti, expires_at)?;
        Ok(())
    }

    /// Whether an access token without a session is alive: its client is, and neither it nor all were revoked.
    pub async fn client_token_lives(
        &self,
        client: &ClientId,
        jti: Uuid,
        issued_at: UnixTime,
    ) -> Result<bool, StoreError> {
        let row = sql!(self.read().await?, optional ClientTokenRow, CLIENT_TOKEN, client.as_str(), jti)?;
        Ok(row.is_some_and(|row| !row.token_revoked && issued_at > row.tokens_revoked_at))
    }

    /// Forgets tokens that have expired by every node's clock. How many.
    pub async fn purge_revoked_tokens(&self, now: UnixTime) -> Result<u64, StoreError> {
        sql!(self.write().await?, execute, PURGE, now.saturating_sub(CLOCK_SLACK))
    }
}
