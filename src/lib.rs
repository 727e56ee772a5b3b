//! tokend: a standalone OAuth 2.0 authorization server. This is the map of the crate.
//!
//! Data flows one way: [`http`] -> [`grant`] -> [`token`], [`password`], [`keys`] -> [`store`]. Nothing below knows what is
//! above it. [`domain`] holds the words that all of them speak; [`token`], [`throttle`], [`audit`] and
//! [`metrics`] do no I/O.

pub mod app;
pub mod audit;
pub mod cli;
pub mod clock;
pub mod config;
mod crypto;
mod current_request;
pub mod domain;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzzing;
pub mod grant;
pub mod http;
pub mod keys;
pub mod metrics;
pub mod password;
pub mod private_file;
pub mod random;
pub mod store;
mod strict_json;
pub mod threads;
pub mod throttle;
pub mod token;

/// The unit tests run with the program's allocator.
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
