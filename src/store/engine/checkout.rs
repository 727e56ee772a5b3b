//! A connection that a lane keeps between its statements. Taking one from the pool and giving it back costs three round
//! trips, since the pool checks it.

use std::marker::PhantomData;
use std::time::{Duration, Instant};

use super::batch::Statement;
use super::condition::{BELIEVED, Condition};
use super::connection::Connection;
use super::db::{Db, Pools};
use super::error::StoreError;

/// How long a lane keeps a connection. After that the pool gets it back and closes it if it is old.
const KEPT: Duration = Duration::from_mins(1);

/// Connections for one lane, one at a time: to PostgreSQL, or to read from SQLite.
#[derive(Debug)]
pub(in crate::store) struct PinnedConnection {
    db: Db,
    connection: Option<Checkout>,
}

/// A connection in use. When a statement fails or is cancelled, dropping this gives it back to the pool, which checks
/// it.
#[derive(Debug)]
pub(in crate::store) struct Checkout {
    pub(in crate::store) connection: Connection,
    since: Instant,
    answered_at: Instant,
}

impl PinnedConnection {
    pub(in crate::store) fn new(db: &Db) -> Self {
        Self { db: db.clone(), connection: None }
    }

    /// The kept connection, if it still lives, or another one.
    pub(in crate::store) async fn take(&mut self) -> Result<Checkout, StoreError> {
        let condition = &self.db.condition;
        condition.require_present()?;
        if let Some(mut kept) = self.connection.take()
            && !condition.is_outdated(kept.since)
            && (is_believed(condition, &kept) || kept.connection.lives(condition).await)
        {
            return Ok(kept);
        }
        self.another().await
    }

    /// Another connection than the one that is kept, or was.
    pub(in crate::store) async fn another(&mut self) -> Result<Checkout, StoreError> {
        let connection = self.db.read_surely().await?;
        let since = Instant::now();
        Ok(Checkout { connection, since, answered_at: since })
    }

    /// Runs `work`, each statement of which is a transaction. SQLite's one writer is shared, so it is never kept.
    pub(in crate::store) async fn write<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let written = async {
            if let Pools::Sqlite { .. } = self.db.pools {
                return work(&mut self.db.write().await?).await;
            }
            let mut checkout = self.take().await?;
            let written = work(&mut checkout.connection).await?;
            self.keep(checkout);
            Ok(written)
        };
        written.await.inspect_err(|error| self.db.condition.note_asked(error))
    }

    /// Keeps a connection that has answered, unless the pool has too few.
    pub(in crate::store) fn keep(&mut self, mut checkout: Checkout) {
        checkout.answered_at = Instant::now();
        self.connection = Some(checkout).filter(|checkout| self.db.may_pin && checkout.since.elapsed() < KEPT);
    }
}

/// Whether a connection is taken for alive without being asked.
fn is_believed(condition: &Condition, kept: &Checkout) -> bool {
    kept.answered_at.elapsed() < BELIEVED && !condition.is_doubtful(kept.answered_at)
}

/// A statement that only reads.
pub(in crate::store) trait Read: 'static {
    type Item: Send + Sync + 'static;
    type Outcome: Send + 'static;

    fn read(
        connection: &mut Connection,
        items: &[Self::Item],
    ) -> impl Future<Output = Result<Vec<Self::Outcome>, StoreError>> + Send;
}

/// A lane of reads.
pub(in crate::store) struct ReadLane<R> {
    pinned: PinnedConnection,
    read: PhantomData<fn() -> R>,
}

impl<R: Read> ReadLane<R> {
    pub(in crate::store) fn new(db: &Db) -> Self {
        Self { pinned: PinnedConnection::new(db), read: PhantomData }
    }

    async fn read_once(&mut self, items: &[R::Item]) -> Result<Vec<R::Outcome>, StoreError> {
        let checkout = self.pinned.take().await?;
        match self.read_on(checkout, items).await {
            // The connection may have died since it last answered. Reading twice does no harm.
            Err(error) if error.is_of_connection() => {
                self.pinned.db.condition.note(&error);
                let other = self.pinned.another().await?;
                self.read_on(other, items).await
            }
            outcome => outcome,
        }
    }

    async fn read_on(&mut self, mut checkout: Checkout, items: &[R::Item]) -> Result<Vec<R::Outcome>, StoreError> {
        let outcomes = R::read(&mut checkout.connection, items).await?;
        self.pinned.keep(checkout);
        Ok(outcomes)
    }
}

impl<R: Read> Statement for ReadLane<R> {
    type Item = R::Item;
    type Outcome = R::Outcome;

    async fn run(&mut self, items: &[R::Item]) -> Result<Vec<R::Outcome>, StoreError> {
        let outcome = self.read_once(items).await;
        outcome.inspect_err(|error| self.pinned.db.condition.note_final(error))
    }
}
