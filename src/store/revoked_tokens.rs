//! The `revoked_tokens` table: access tokens that were revoked one by one, until they would have expired.

use sqlx::Sqlite;
use sqlx::query::QueryAs;
use uuid::Uuid;

use super::db::{Connection, Handle, sql};
use super::journal::Revoked;
use super::kept::Read;
use super::values::Values;
use super::{ActingStore, Store, StoreError};
use crate::audit::{AuditEvent, EventKind};
use crate::clock::{Seconds, UnixTime};
use crate::domain::{ClientId, RevokedReason};

/// How long a revocation is kept after its token has expired: a node whose clock is behind would believe it again.
pub(super) const CLOCK_SLACK: Seconds = 60;

/// An access token without a session.
#[derive(Clone, Debug)]
pub(super) struct ClientToken {
    client: ClientId,
    jti: Uuid,
    issued_at: UnixTime,
}

const REVOKE: &str = "INSERT INTO revoked_tokens (jti, expires_at) VALUES ($1, $2) ON CONFLICT (jti) DO NOTHING";

/// The positions of those that live.
const LIVING_POSTGRES: &str = "SELECT k.position FROM unnest($1, $2, $3) WITH ORDINALITY \
     AS k (client_id, jti, issued_at, position) JOIN clients c ON c.id = k.client_id AND c.disabled_at IS NULL \
     AND c.tokens_revoked_at < k.issued_at LEFT JOIN revoked_tokens r ON r.jti = k.jti WHERE r.jti IS NULL";

pub(super) static LIVING_SQLITE: Values = Values::new(
    "SELECT k.column4 FROM (",
    4,
    ") AS k CROSS JOIN clients c ON c.id = k.column1 AND c.disabled_at IS NULL AND c.tokens_revoked_at < k.column3 \
     WHERE NOT EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.jti = k.column2)",
);

const PURGE: &str = "DELETE FROM revoked_tokens WHERE expires_at <= $1";

impl Store {
    /// Whether an access token without a session is alive: its client is, and neither it nor all were revoked.
    pub async fn client_token_lives(
        &self,
        client: &ClientId,
        jti: Uuid,
        issued_at: UnixTime,
    ) -> Result<bool, StoreError> {
        self.hot.client_tokens.ask(ClientToken { client: client.clone(), jti, issued_at }).await
    }

    /// Forgets tokens that have expired by every node's clock. How many.
    pub async fn purge_revoked_tokens(&self, now: UnixTime) -> Result<u64, StoreError> {
        self.again(|| async { sql!(self.write().await?, execute, PURGE, now.saturating_sub(CLOCK_SLACK)) }).await
    }
}

impl ActingStore {
    /// Revokes one access token for the rest of its life.
    pub async fn revoke_token(&self, jti: Uuid, expires_at: UnixTime, now: UnixTime) -> Result<(), StoreError> {
        let revoked = self.again(|| async move {
            let mut unit = self.begin().await?;
            let revoked = sql!(unit, execute, REVOKE, jti, expires_at)?;
            let event = AuditEvent { jti: Some(jti), ..self.event(EventKind::TokenRevoked) };
            self.commit(unit, (revoked == 1).then_some(event)).await
        });
        revoked.await?;
        self.journal.note(&self.db, Revoked::Token { jti, expires_at }, RevokedReason::Other, now);
        Ok(())
    }
}

/// Reads whether tokens without a session are alive.
pub(super) struct LivingTokens;

impl Read for LivingTokens {
    type Item = ClientToken;
    type Outcome = bool;

    async fn read(connection: &mut Connection, tokens: &[ClientToken]) -> Result<Vec<bool>, StoreError> {
        let mut lives = vec![false; tokens.len()];
        for (position,) in living(connection, tokens).await? {
            let place = usize::try_from(position - 1).ok().and_then(|index| lives.get_mut(index));
            *place.ok_or(StoreError::Unreadable("position"))? = true;
        }
        Ok(lives)
    }
}

async fn living(connection: &mut Connection, tokens: &[ClientToken]) -> Result<Vec<(i64,)>, StoreError> {
    Ok(match connection.handle() {
        Handle::Postgres(on) => {
            let clients = tokens.iter().map(|token| token.client.to_string()).collect::<Vec<_>>();
            let jtis = tokens.iter().map(|token| token.jti).collect::<Vec<_>>();
            let times = tokens.iter().map(|token| token.issued_at).collect::<Vec<_>>();
            sqlx::query_as(LIVING_POSTGRES).bind(clients).bind(jtis).bind(times).fetch_all(on).await?
        }
        Handle::Sqlite(on) => {
            let bind = |query: QueryAs<'static, Sqlite, (i64,), _>, (token, position): (&ClientToken, i64)| {
                query.bind(token.client.to_string()).bind(token.jti).bind(token.issued_at).bind(position)
            };
            let all = sqlx::query_as(LIVING_SQLITE.of(tokens.len()));
            tokens.iter().zip(1_i64..).fold(all, bind).fetch_all(on).await?
        }
    })
}
