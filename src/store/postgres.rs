//! The pool of connections to PostgreSQL: what is asked of each connection, and how a dead one is noticed.

use std::io;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, PgPool};
use tokio::time::timeout;

use super::StartError;
use super::kept::BELIEVED;
use super::sessions::OWN_LANES;

/// How long a connection that is believed to live may take to show it. The other side may have vanished without a word,
/// and the operating system would wait for it for a quarter of an hour. Short beside the time that a request waits for a
/// connection, which may meet several of them.
const PING: Duration = Duration::from_millis(500);

/// A statement that waits for somebody's lock gives up, before such statements take up every connection. Every statement
/// reaches its rows by an index, so a plan is made once and kept: no plan that is made while a table is small may be one
/// that reads all of it, and none needs the values at hand or a compiler.
const SET_UP: &str = "SELECT set_config('lock_timeout', '2s', false), set_config('enable_seqscan', 'off', false), \
     set_config('plan_cache_mode', 'force_generic_plan', false), set_config('jit', 'off', false)";

/// Outside of a transaction a ROLLBACK alone would be a warning in PostgreSQL's log.
const LEAVE_TRANSACTIONS: &str = "BEGIN; ROLLBACK";

const IS_STANDBY: &str = "SELECT pg_is_in_recovery()";

/// How many connections to keep to PostgreSQL, and how long to wait for a free one.
#[derive(Clone, Copy, Debug)]
pub struct PoolSize {
    /// The most connections at once.
    pub max_connections: u32,
    /// After this long a statement fails as unavailable.
    pub acquire_timeout: Duration,
}

/// As many connections as everything needs that isn't one thread's own.
const SHARED_CONNECTIONS: u32 = 12;

impl PoolSize {
    /// What is left for all together when each of so many threads has connections of its own, and for how many of them that
    /// leaves enough; the others have to share.
    pub fn shared_by(self, threads: usize) -> (Self, usize) {
        let threads = u32::try_from(threads).unwrap_or(u32::MAX);
        let served = threads.min(self.max_connections.saturating_sub(SHARED_CONNECTIONS) / OWN_LANES);
        let max_connections = self.max_connections - served * OWN_LANES;
        (Self { max_connections, ..self }, usize::try_from(served).unwrap_or(usize::MAX))
    }
}

/// Connects. The first connection is made outside the pool, which would only say that it has none.
pub(super) async fn open(url: &str, size: PoolSize) -> Result<PgPool, StartError> {
    let unreachable = |name: String| move |cause| StartError::Unreachable { name, cause };
    let options = PgConnectOptions::from_str(url).map_err(unreachable("postgres".to_owned()))?;
    let options = options.application_name("tokend").disable_statement_logging();
    let first = timeout(size.acquire_timeout, async {
        let mut connection = PgConnection::connect_with(&options).await?;
        set_up(&mut connection).await?;
        connection.close().await
    });
    let first = first.await.unwrap_or(Err(sqlx::Error::PoolTimedOut));
    first.map_err(|error| without_socket(&options, error)).map_err(unreachable(name(&options)))?;
    Ok(PgPoolOptions::new()
        .max_connections(size.max_connections)
        .acquire_timeout(size.acquire_timeout)
        .after_connect(|connection, _| Box::pin(set_up(connection)))
        .test_before_acquire(false)
        .before_acquire(|connection, idle| Box::pin(ping_if_idle(connection, idle.idle_for)))
        .after_release(|connection, _| Box::pin(leave_transactions(connection)))
        .connect_lazy_with(options))
}

/// The database without its credentials.
fn name(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_else(|| options.get_username());
    format!("{database} on {}:{}", options.get_host(), options.get_port())
}

/// PostgreSQL makes its socket when it starts, so a missing one is a server that isn't there yet. The driver reports a missing
/// certificate file in the same way.
fn without_socket(options: &PgConnectOptions, error: sqlx::Error) -> sqlx::Error {
    let is_socket = options.get_socket().is_some() || options.get_host().starts_with('/');
    match error {
        sqlx::Error::Io(error) if is_socket && error.kind() == io::ErrorKind::NotFound => {
            io::Error::new(io::ErrorKind::ConnectionRefused, error).into()
        }
        error => error,
    }
}

/// What makes a standby unfit.
#[derive(Debug, thiserror::Error)]
#[error("this PostgreSQL is a standby; tokend needs the primary")]
pub(super) struct Standby;

/// Refuses a standby, which answers with yesterday's sessions and stores nothing.
async fn set_up(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let (is_standby,): (bool,) = sqlx::query_as(IS_STANDBY).fetch_one(&mut *connection).await?;
    if is_standby {
        return Err(sqlx::Error::Configuration(Standby.into()));
    }
    sqlx::query(SET_UP).execute(connection).await.map(drop)
}

async fn ping_if_idle(connection: &mut PgConnection, idle_for: Duration) -> Result<bool, sqlx::Error> {
    if idle_for >= BELIEVED {
        ping(connection).await?;
    }
    Ok(true)
}

/// Whoever goes away while a transaction begins leaves a connection in it, and the driver doesn't know: what comes next would be
/// answered as done, and never be committed. An error closes the connection.
async fn leave_transactions(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let left = timeout(PING, sqlx::raw_sql(LEAVE_TRANSACTIONS).execute(connection)).await;
    left.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map(|_| true)
}

/// An error closes the connection at once, as is right for one that doesn't answer.
pub(super) async fn ping(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    timeout(PING, connection.ping()).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_threads_are_taken_from_those_of_all_and_leave_enough() {
        let split = |max_connections, threads| {
            let (all, served) = PoolSize { max_connections, acquire_timeout: PING }.shared_by(threads);
            (all.max_connections, served)
        };
        assert_eq!([split(16, 0), split(16, 2), split(20, 4), split(20, 64)], [(16, 0), (12, 2), (12, 4), (12, 4)]);
        assert_eq!([split(1, 2), split(12, 2), split(13, 2), split(14, 2)], [(1, 0), (12, 0), (13, 0), (12, 1)]);
        assert_eq!(split(u32::MAX, usize::MAX).0, 13);
    }
}
