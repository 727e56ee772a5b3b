//! Whether access tokens without a session are alive, many at a time.

use sqlx::Sqlite;
use sqlx::query::QueryScalar;
use uuid::Uuid;

use crate::clock::UnixTime;
use crate::domain::ClientId;
use crate::store::engine::{Connection, Handle, Read, StoreError, Values};

/// An access token without a session.
#[derive(Clone, Debug)]
pub(in crate::store) struct ClientToken {
    pub(super) client: ClientId,
    pub(super) jti: Uuid,
    pub(super) issued_at: UnixTime,
}

/// The positions of those that live.
const LIVING_POSTGRES: &str = "SELECT k.position FROM unnest($1, $2, $3) WITH ORDINALITY \
     AS k (client_id, jti, issued_at, position) JOIN clients c ON c.id = k.client_id AND c.disabled_at IS NULL \
     AND c.tokens_revoked_at < k.issued_at LEFT JOIN revoked_tokens r ON r.jti = k.jti WHERE r.jti IS NULL";

pub(in crate::store) static LIVING_SQLITE: Values = Values::new(
    "SELECT k.column4 FROM (",
    4,
    ") AS k CROSS JOIN clients c ON c.id = k.column1 AND c.disabled_at IS NULL AND c.tokens_revoked_at < k.column3 \
     WHERE NOT EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.jti = k.column2)",
);

pub(in crate::store) struct LivingTokens;

impl Read for LivingTokens {
    type Item = ClientToken;
    type Outcome = bool;

    async fn read(connection: &mut Connection, tokens: &[ClientToken]) -> Result<Vec<bool>, StoreError> {
        let mut lives = vec![false; tokens.len()];
        for position in living(connection, tokens).await? {
            let place = usize::try_from(position - 1).ok().and_then(|index| lives.get_mut(index));
            *place.ok_or(StoreError::Unreadable("position"))? = true;
        }
        Ok(lives)
    }
}

async fn living(connection: &mut Connection, tokens: &[ClientToken]) -> Result<Vec<i64>, StoreError> {
    Ok(match connection.handle() {
        Handle::Postgres(on) => {
            let clients = tokens.iter().map(|token| token.client.to_string()).collect::<Vec<_>>();
            let jtis = tokens.iter().map(|token| token.jti).collect::<Vec<_>>();
            let times = tokens.iter().map(|token| token.issued_at).collect::<Vec<_>>();
            sqlx::query_scalar(LIVING_POSTGRES).bind(clients).bind(jtis).bind(times).fetch_all(on).await?
        }
        Handle::Sqlite(on) => {
            let bind = |query: QueryScalar<'static, Sqlite, i64, _>, (token, position): (&ClientToken, i64)| {
                query.bind(token.client.to_string()).bind(token.jti).bind(token.issued_at).bind(position)
            };
            let all = sqlx::query_scalar(LIVING_SQLITE.of(tokens.len()));
            tokens.iter().zip(1_i64..).fold(all, bind).fetch_all(on).await?
        }
    })
}
