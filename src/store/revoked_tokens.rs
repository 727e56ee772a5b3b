//! The `revoked_tokens` table: access tokens that were revoked one by one, until they would have expired.

pub(super) mod living;

use uuid::Uuid;

use self::living::ClientToken;
use super::StoreError;
use super::engine::sql;
use super::journal::entries::Revoked;
use super::table::table;
use crate::audit::{AuditEvent, EventKind};
use crate::clock::{Seconds, UnixTime};
use crate::domain::{ClientId, RevokedReason};

/// How long a revocation is kept after its token has expired, for nodes whose clock is behind.
pub(super) const CLOCK_SLACK: Seconds = 60;

table!(revoked_tokens: RevokedTokens, ActingRevokedTokens);

const REVOKE: &str = "INSERT INTO revoked_tokens (jti, expires_at) VALUES ($1, $2) ON CONFLICT (jti) DO NOTHING";

const PURGE: &str = "DELETE FROM revoked_tokens WHERE expires_at <= $1";

impl RevokedTokens<'_> {
    /// Whether an access token without a session is alive: its client is, and neither it nor all were revoked.
    pub async fn client_token_lives(
        self,
        client: &ClientId,
        jti: Uuid,
        issued_at: UnixTime,
    ) -> Result<bool, StoreError> {
        self.store.lanes.client_tokens.ask(ClientToken { client: client.clone(), jti, issued_at }).await
    }

    /// Forgets tokens that have expired by every node's clock. How many.
    pub async fn purge(self, now: UnixTime) -> Result<u64, StoreError> {
        let before = now.saturating_sub(CLOCK_SLACK);
        self.store.db.again(|| async { sql!(self.store.db.write().await?, execute, PURGE, before) }).await
    }
}

impl ActingRevokedTokens<'_> {
    /// Revokes one access token for the rest of its life.
    pub async fn revoke(self, jti: Uuid, expires_at: UnixTime, now: UnixTime) -> Result<(), StoreError> {
        let revoked = self.store.db.again(|| async move {
            let mut unit = self.store.db.begin().await?;
            let revoked = sql!(unit, execute, REVOKE, jti, expires_at)?;
            let event = AuditEvent { jti: Some(jti), ..self.acting.event(EventKind::TokenRevoked) };
            self.store.commit(unit, (revoked == 1).then_some(event)).await
        });
        revoked.await?;
        self.store.note_revoked(Revoked::Token { jti, expires_at }, RevokedReason::Other, now);
        Ok(())
    }
}
