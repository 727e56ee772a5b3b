//! Master secrets, and the signing keys and their life. May not know of HTTP, grants or the store.

pub mod master;
pub mod master_file;
pub mod ring;
pub mod signing;
pub mod trail;

pub use master::{DerivedRefreshKey, MasterSecretError, MasterSecrets};
pub use ring::{KeyRing, KeyState};
pub use signing::{KeyError, SigningKey};
