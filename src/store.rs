//! What is kept: one file a table. SQL lives here and nowhere else; nothing here decides, it stores what was decided.
//!
//! `engine` runs statements and knows no table. The rows and the batched statements of each table are built on it, `lanes` on those,
//! [`Store`] on the lanes, and the tables' methods on [`Store`]. Imports go that way only.

mod acting;
pub mod audit_events;
mod audit_keys;
pub mod clients;
mod column;
mod engine;
mod facade;
mod journal;
mod lanes;
mod migrations;
mod preconditions;
mod probe;
pub mod registry;
pub mod revoked_tokens;
pub mod sessions;
pub mod sign_in_attempts;
pub mod signing_keys;
pub mod survey;
mod table;
mod usage;
pub mod users;

pub use acting::ActingStore;
pub use engine::{CopyError, Missing, PoolSize, StartError, StoreError, Unfit, within};
pub use facade::Store;
pub use journal::Restoration;
pub use migrations::MigrationState;
pub use preconditions::Finding;
pub use sessions::SessionCounts;
