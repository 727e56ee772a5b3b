//! A connection while it is used, a transaction on it, and the macro that runs one SQL text on either database.

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres, Sqlite, SqliteConnection, Transaction};

use super::condition::Condition;
use super::error::StoreError;
use super::postgres;

/// Runs one SQL text with one bind list on a [`Connection`] or [`Unit`] of either database.
///
/// `sql!(connection, execute, SQL, binds..)` gives the number of rows, `sql!(connection, optional Row, SQL, binds..)` an
/// `Option<Row>`, and `all Row` a `Vec<Row>`. `value i64` and `values i64` do the same for statements with one column.
macro_rules! sql {
    ($on:expr, execute, $sql:expr $(, $bind:expr)* $(,)?) => {
        match $on.handle() {
            $crate::store::engine::Handle::Postgres(on) =>
                sqlx::query($sql)$(.bind($bind))*.execute(on).await.map(|done| done.rows_affected()),
            $crate::store::engine::Handle::Sqlite(on) =>
                sqlx::query($sql)$(.bind($bind))*.execute(on).await.map(|done| done.rows_affected()),
        }
        .map_err($crate::store::StoreError::from)
    };
    ($on:expr, optional $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        $crate::store::engine::sql!(@rows $on, query_as, fetch_optional, $row, $sql $(, $bind)*)
    };
    ($on:expr, all $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        $crate::store::engine::sql!(@rows $on, query_as, fetch_all, $row, $sql $(, $bind)*)
    };
    ($on:expr, value $type:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        $crate::store::engine::sql!(@rows $on, query_scalar, fetch_optional, $type, $sql $(, $bind)*)
    };
    ($on:expr, values $type:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        $crate::store::engine::sql!(@rows $on, query_scalar, fetch_all, $type, $sql $(, $bind)*)
    };
    (@rows $on:expr, $query:ident, $fetch:ident, $row:ty, $sql:expr $(, $bind:expr)*) => {
        match $on.handle() {
            $crate::store::engine::Handle::Postgres(on) =>
                sqlx::$query::<_, $row>($sql)$(.bind($bind))*.$fetch(on).await,
            $crate::store::engine::Handle::Sqlite(on) =>
                sqlx::$query::<_, $row>($sql)$(.bind($bind))*.$fetch(on).await,
        }
        .map_err($crate::store::StoreError::from)
    };
}
pub(in crate::store) use sql;

/// A connection of either database, taken from its pool.
#[derive(Debug)]
pub(in crate::store) enum Connection {
    Postgres(PoolConnection<Postgres>),
    Sqlite(PoolConnection<Sqlite>),
}

/// A transaction. It is rolled back when it is dropped without [`Unit::commit`].
pub(in crate::store) enum Unit {
    Postgres(Transaction<'static, Postgres>),
    Sqlite(Transaction<'static, Sqlite>),
}

/// What a statement runs on.
pub(in crate::store) enum Handle<'a> {
    Postgres(&'a mut PgConnection),
    Sqlite(&'a mut SqliteConnection),
}

impl Handle<'_> {
    pub(in crate::store) fn handle(&mut self) -> Handle<'_> {
        match self {
            Self::Postgres(connection) => Handle::Postgres(connection),
            Self::Sqlite(connection) => Handle::Sqlite(connection),
        }
    }
}

impl Connection {
    /// Whether it answers and may be read from. If not, it is closed instead of going back to the pool. SQLite's always
    /// may.
    pub(in crate::store) async fn lives(&mut self, condition: &Condition) -> bool {
        let Self::Postgres(connection) = self else { return true };
        let lives = postgres::make_fit(connection).await.is_ok_and(|fitness| fitness.may_read(condition));
        if !lives {
            connection.close_on_drop();
        }
        lives
    }

    pub(in crate::store) fn handle(&mut self) -> Handle<'_> {
        match self {
            Self::Postgres(connection) => Handle::Postgres(connection),
            Self::Sqlite(connection) => Handle::Sqlite(connection),
        }
    }
}

impl Unit {
    pub(in crate::store) fn handle(&mut self) -> Handle<'_> {
        match self {
            Self::Postgres(transaction) => Handle::Postgres(transaction),
            Self::Sqlite(transaction) => Handle::Sqlite(transaction),
        }
    }

    pub(in crate::store) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Postgres(transaction) => transaction.commit().await?,
            Self::Sqlite(transaction) => transaction.commit().await?,
        }
        Ok(())
    }
}
