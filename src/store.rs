//! What is kept: one file a table. SQL lives here and nowhere else; nothing here decides, it stores what was decided.

mod again;
pub mod audit_events;
mod audit_keys;
mod batch;
pub mod clients;
mod condition;
mod db;
mod error;
mod files;
mod gate;
mod journal;
mod kept;
mod migrations;
mod postgres;
mod preconditions;
mod probe;
pub mod registry;
pub mod revoked_tokens;
mod row;
pub mod sessions;
pub mod sign_in_attempts;
pub mod signing_keys;
mod sqlite;
pub mod survey;
pub mod users;
mod values;
mod within;

pub use condition::Unfit;
pub use db::{Connection, Store};
pub use error::{CopyError, StartError, StoreError};
pub use files::Missing;
pub use journal::Restoration;
pub use migrations::MigrationState;
pub use postgres::PoolSize;
pub use preconditions::Finding;
pub use within::within;
