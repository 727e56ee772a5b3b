//! The `sessions` table: one row a session, one compare-and-swap a refresh (docs/design.md#exchange).

pub(super) mod endings;
pub(super) mod exchanges;
pub(super) mod inserts;
mod listing;
pub(super) mod reads;
pub(super) mod rotations;
pub(super) mod row;
mod slices;
mod table;
pub(super) mod tokens;

pub use self::inserts::DecidedOn;
pub use self::listing::SessionFilter;
pub use self::rotations::Rotated;
pub use self::row::SignedIn;
pub use self::slices::SessionCounts;
pub use self::table::{ActingSessions, Sessions};
pub use self::tokens::SessionOfToken;
