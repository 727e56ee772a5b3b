//! The pool of connections to PostgreSQL: how each connection is set up, and how a dead one is noticed.

use std::io;
use std::str::FromStr as _;
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnectionMetadata;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, FromRow as _, PgConnection, PgPool};
use tokio::time::timeout;

use super::condition::{BELIEVED, Condition};
use super::from_row::from_row;
use super::pool_size::PoolSize;
use super::start_error::{Standby, StartError};

/// How long a connection that is believed to live may take to show it. The other side may have vanished without a word,
/// and the operating system would wait for it for a quarter of an hour. Short beside the time that a request waits for a
/// connection, which may meet several of them.
const PING: Duration = Duration::from_millis(500);

/// Makes a connection as it has to be and says whether it is fit, in one round trip: when it is opened, and again whenever it comes
/// back, since a pooler or a statement may have changed it.
///
/// Outside of a transaction a ROLLBACK alone would be a warning in PostgreSQL's log. A statement that waits for somebody's lock
/// gives up, before such statements take up every connection. Every statement reaches its rows by an index, so a plan is made once
/// and kept: no plan that is made while a table is small may be one that reads all of it, and none needs the values at hand or a
/// compiler. What is answered is on the disk; a stricter `synchronous_commit` stays.
const MAKE_FIT: &str = "BEGIN; ROLLBACK; RESET ROLE; RESET ALL; SELECT pg_is_in_recovery() AS is_standby, \
     current_setting('transaction_read_only') = 'on' AS is_read_only, CAST(current_database() AS TEXT) AS database, \
     set_config('lock_timeout', '2s', false), set_config('enable_seqscan', 'off', false), \
     set_config('plan_cache_mode', 'force_generic_plan', false), set_config('jit', 'off', false), \
     set_config('default_transaction_isolation', 'read committed', false), set_config('synchronous_commit', \
     CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)";

/// Connects. The first connection is made outside the pool, which would only say that it has none.
pub(in crate::store) async fn open(url: &str, size: PoolSize, condition: &Condition) -> Result<PgPool, StartError> {
    let unreachable = |name: String| move |cause| StartError::Unreachable { name, cause };
    let options = PgConnectOptions::from_str(url).map_err(unreachable("postgres".to_owned()))?;
    let options = options.application_name("tokend").disable_statement_logging();
    let first = timeout(size.acquire_timeout, async {
        let mut connection = PgConnection::connect_with(&options).await?;
        set_up(&mut connection, condition).await?;
        connection.close().await
    });
    let first = first.await.unwrap_or(Err(sqlx::Error::PoolTimedOut));
    first.map_err(|error| without_socket(&options, error)).map_err(unreachable(name(&options)))?;
    let [opened, idle, released] = [(); 3].map(|()| condition.clone());
    Ok(PgPoolOptions::new()
        .max_connections(size.max_connections)
        .acquire_timeout(size.acquire_timeout)
        .after_connect(move |connection, _| {
            let condition = opened.clone();
            Box::pin(async move { set_up(connection, &condition).await })
        })
        .test_before_acquire(false)
        .before_acquire(move |connection, of| {
            let condition = idle.clone();
            Box::pin(async move { may_be_used(connection, &of, &condition).await })
        })
        .after_release(move |connection, of| {
            let condition = released.clone();
            Box::pin(async move { may_stay(connection, &of, &condition).await })
        })
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

/// Refuses a standby, which answers with yesterday's sessions and stores nothing, and another database than the first connection
/// reached. One that is read-only has current sessions to read.
async fn set_up(connection: &mut PgConnection, condition: &Condition) -> Result<(), sqlx::Error> {
    let fitness = ask_fitness(connection).await?;
    if fitness.is_standby {
        return Err(sqlx::Error::Configuration(Standby.into()));
    }
    if !condition.is_of(&fitness.database) {
        let other = format!("another database answers than before: {}", fitness.database);
        return Err(sqlx::Error::Configuration(other.into()));
    }
    Ok(())
}

/// Whether a connection may be taken from the pool. It is checked if it was idle for long, or if another one was lost
/// since.
async fn may_be_used(
    connection: &mut PgConnection,
    of: &PoolConnectionMetadata,
    condition: &Condition,
) -> Result<bool, sqlx::Error> {
    let now = Instant::now();
    let before = |length| now.checked_sub(length).unwrap_or(now);
    if condition.is_outdated(before(of.age)) {
        return Ok(false);
    }
    if of.idle_for < BELIEVED && !condition.is_doubtful(before(of.idle_for)) {
        return Ok(true);
    }
    Ok(make_fit(connection).await?.may_write(condition))
}

/// Whether a connection may go back into the pool. A caller that is cancelled during BEGIN leaves the connection in a
/// transaction that the driver doesn't know of: later statements would seem to succeed and never be committed. An error
/// closes the connection.
async fn may_stay(
    connection: &mut PgConnection,
    of: &PoolConnectionMetadata,
    condition: &Condition,
) -> Result<bool, sqlx::Error> {
    let opened = Instant::now().checked_sub(of.age);
    if opened.is_some_and(|opened| condition.is_outdated(opened)) {
        return Ok(false);
    }
    Ok(make_fit(connection).await?.may_write(condition))
}

from_row! {
    /// What a connection says of itself.
    pub(in crate::store) struct Fitness {
        is_standby: bool,
        is_read_only: bool,
        database: String,
    }
}

impl Fitness {
    /// A standby may have outdated sessions; a read-only primary has current ones.
    pub(in crate::store) fn may_read(&self, condition: &Condition) -> bool {
        !self.is_standby && condition.is_of(&self.database)
    }

    fn may_write(&self, condition: &Condition) -> bool {
        self.may_read(condition) && !self.is_read_only
    }
}

async fn ask_fitness(connection: &mut PgConnection) -> Result<Fitness, sqlx::Error> {
    let row = sqlx::raw_sql(MAKE_FIT).fetch_all(connection).await?.pop().ok_or(sqlx::Error::RowNotFound)?;
    Fitness::from_row(&row)
}

/// Sets a connection up again and asks what it is. An error closes it at once, as is right for one that doesn't answer.
pub(in crate::store) async fn make_fit(connection: &mut PgConnection) -> Result<Fitness, sqlx::Error> {
    timeout(PING, ask_fitness(connection)).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}
