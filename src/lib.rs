//! tokend: a standalone OAuth 2.0 authorization server. This is the map of the crate.
//!
//! Data flows one way: [`cli`], [`http`] -> [`admin`], [`grant`], [`revocation`], [`introspection`], [`explain`] -> [`token_state`],
//! [`session`], [`sign_in`] -> [`oauth`] -> [`app`] -> [`token`], [`password`], [`keys`] -> [`store`]. Nothing below knows what is above it.
//! [`domain`] holds the words that all of them speak; [`token`], [`throttle`], [`audit`] and [`metrics`] do no I/O. `docs/design.md#rooms` says more.

pub mod admin;
pub mod app;
pub mod audit;
pub mod cli;
pub mod clock;
pub mod config;
mod crypto;
mod current_request;
pub mod domain;
pub mod explain;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzzing;
pub mod grant;
pub mod http;
pub mod introspection;
pub mod keys;
#[cfg(test)]
mod log_text;
pub mod metrics;
pub mod oauth;
pub mod password;
pub mod private_file;
pub mod random;
pub mod revocation;
pub mod session;
pub mod sign_in;
pub mod store;
mod strict_json;
pub mod threads;
pub mod throttle;
pub mod token;
pub mod token_state;
mod words;

/// The unit tests run with the program's allocator.
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
