//! What is kept: one file a table. SQL lives here and nowhere else; nothing here decides, it stores what was decided.

mod absence;
pub mod audit_events;
mod audit_keys;
mod batch;
pub mod clients;
mod db;
mod error;
mod gate;
mod journal;
mod kept;
mod migrations;
mod postgres;
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

pub use db::{Connection, Store};
pub use error::{CopyError, StartError, StoreError};
pub use journal::Restoration;
pub use migrations::MigrationState;
pub use postgres::PoolSize;
pub use within::within;
