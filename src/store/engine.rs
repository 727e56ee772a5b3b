//! What every table is built on: pools of two databases behind one type, the macro that runs a statement on either, errors, batches.
//! Knows no table, and imports nothing of the rest of the store.

mod again;
mod batch;
mod checkout;
mod condition;
mod connection;
mod db;
mod error;
mod files;
mod from_row;
mod lock_wait_limiter;
mod pool_size;
mod postgres;
mod sqlite;
mod start_error;
mod values;
mod within;

pub use self::condition::Unfit;
pub use self::error::StoreError;
pub use self::files::Missing;
pub use self::pool_size::PoolSize;
pub use self::start_error::{CopyError, StartError};
pub use self::within::within;

pub(super) use self::batch::{Batcher, LaneGroup, Statement};
pub(super) use self::checkout::{PinnedConnection, Read, ReadLane};
pub(super) use self::connection::{Connection, Handle, Unit, sql};
pub(super) use self::db::{Db, Pools};
pub(super) use self::error::is_lock_timeout;
pub(super) use self::from_row::from_row;
pub(super) use self::lock_wait_limiter::LockWaitLimiter;
pub(super) use self::pool_size::THREAD_LANES;
pub(super) use self::values::Values;
