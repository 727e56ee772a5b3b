//! Passwords: what may be one, how one is kept, and the pool of threads that bounds what hashing them costs.
//!
//! A hash takes tens of milliseconds and tens of megabytes on purpose, so here is where an attacker would aim. All of it
//! runs on [`Hasher`]'s threads; nothing else in the crate computes a password hash. This knows no user and no store:
//! it is handed a password and a stored hash, and hands back a verdict.

mod arena;
mod argon;
mod error;
mod foreign;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzzing;
mod hasher;
mod pace;
mod parameters;
mod phc;
mod plain;
mod pool;
mod stored;

pub use error::ImportError;
pub use hasher::{Hasher, StartError, Verification};
pub use parameters::HashParameters;
pub use plain::{PasswordRule, PlainPassword};
pub use pool::Busy;
pub use stored::StoredHash;
