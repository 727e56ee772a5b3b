//! A connection that a lane keeps between its statements. To take one from the pool and to give it back costs three round
//! trips, since the pool asks whether it lives.

use std::marker::PhantomData;
use std::time::{Duration, Instant};

use super::StoreError;
use super::batch::Statement;
use super::condition::Condition;
use super::db::{Connection, Db};

/// For how long one connection is kept. The pool then has it again, and ends it when it is old.
const KEPT: Duration = Duration::from_mins(1);

/// For how long a connection that answered is believed to live. Under load none is idle for so long, and none is asked.
pub(super) const BELIEVED: Duration = Duration::from_secs(1);

/// A pool with fewer connections has none to spare: the lanes would keep them from everybody else.
const ENOUGH: u32 = 12;

/// Connections for one lane, one at a time: to PostgreSQL, or to read from SQLite.
#[derive(Debug)]
pub(super) struct Kept {
    db: Db,
    longest: Duration,
    connection: Option<Lent>,
}

/// A connection while it is used. Dropped, when a statement fails or is given up, it goes back to the pool, which looks
/// whether it can be used again.
#[derive(Debug)]
pub(super) struct Lent {
    pub(super) connection: Connection,
    since: Instant,
    answered_at: Instant,
}

impl Kept {
    /// Keeps nothing yet.
    pub(super) fn new(db: &Db) -> Self {
        let is_small = matches!(db, Db::Postgres(db) if db.pool.options().get_max_connections() < ENOUGH);
        Self { longest: if is_small { Duration::ZERO } else { KEPT }, ..Self::of_own(db) }
    }

    /// As [`Kept::new`], from connections that are there for nobody else.
    fn of_own(db: &Db) -> Self {
        Self { db: db.clone(), longest: KEPT, connection: None }
    }

    /// The kept connection, if it still lives, or another one.
    pub(super) async fn take(&mut self) -> Result<Lent, StoreError> {
        let condition = self.db.condition();
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
    pub(super) async fn another(&mut self) -> Result<Lent, StoreError> {
        let connection = self.db.read_surely().await?;
        let since = Instant::now();
        Ok(Lent { connection, since, answered_at: since })
    }

    /// Lets `work` write by statements that are transactions of their own. SQLite's one writer is everybody's, and not kept.
    pub(super) async fn write<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let outcome = self.write_once(work).await;
        outcome.inspect_err(|error| self.db.condition().note_asked(error))
    }

    async fn write_once<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if let Db::Sqlite { .. } = self.db {
            return work(&mut self.db.write().await?).await;
        }
        let mut lent = self.take().await?;
        let written = work(&mut lent.connection).await?;
        self.keep(lent);
        Ok(written)
    }

    /// Keeps a connection that has answered.
    pub(super) fn keep(&mut self, mut lent: Lent) {
        lent.answered_at = Instant::now();
        self.connection = Some(lent).filter(|lent| lent.since.elapsed() < self.longest);
    }
}

/// Whether a connection is taken for alive without being asked.
fn is_believed(condition: &Condition, kept: &Lent) -> bool {
    kept.answered_at.elapsed() < BELIEVED && !condition.is_doubtful(kept.answered_at)
}

/// A statement that only reads.
pub(super) trait Read: 'static {
    /// What a caller hands in.
    type Item: Send + Sync + 'static;
    /// What it is answered.
    type Outcome: Send + 'static;

    /// Answers the items in their order.
    fn read(
        connection: &mut Connection,
        items: &[Self::Item],
    ) -> impl Future<Output = Result<Vec<Self::Outcome>, StoreError>> + Send;
}

/// A lane of reads.
pub(super) struct ReadLane<R> {
    kept: Kept,
    read: PhantomData<fn() -> R>,
}

impl<R: Read> ReadLane<R> {
    pub(super) fn new(db: &Db) -> Self {
        Self { kept: Kept::new(db), read: PhantomData }
    }

    /// As [`ReadLane::new`], from connections that are there for nobody else.
    pub(super) fn keeping(own: &Db) -> Self {
        Self { kept: Kept::of_own(own), read: PhantomData }
    }

    async fn read_once(&mut self, items: &[R::Item]) -> Result<Vec<R::Outcome>, StoreError> {
        let lent = self.kept.take().await?;
        match self.read_on(lent, items).await {
            // The connection may have died since it last answered. Reading twice does no harm.
            Err(error) if error.is_of_connection() => {
                self.kept.db.condition().note(&error);
                let other = self.kept.another().await?;
                self.read_on(other, items).await
            }
            outcome => outcome,
        }
    }

    async fn read_on(&mut self, mut lent: Lent, items: &[R::Item]) -> Result<Vec<R::Outcome>, StoreError> {
        let outcomes = R::read(&mut lent.connection, items).await?;
        self.kept.keep(lent);
        Ok(outcomes)
    }
}

impl<R: Read> Statement for ReadLane<R> {
    type Item = R::Item;
    type Outcome = R::Outcome;

    async fn run(&mut self, items: &[R::Item]) -> Result<Vec<R::Outcome>, StoreError> {
        let outcome = self.read_once(items).await;
        outcome.inspect_err(|error| self.kept.db.condition().note_final(error))
    }
}
