//! Black-box tests: the real server, over HTTP, on both databases.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking; what the lints allow in tests ends where a test calls another function"
)]

mod attacks;
mod audit;
mod bad_input;
mod batches;
mod canary;
mod claims;
mod cli;
mod conformance;
mod cookies;
mod cors;
mod draining;
mod faults;
mod first_start;
mod hangups;
mod harness;
mod health;
mod histories;
mod introspect;
mod journal;
mod jwks;
mod key_rotation;
mod log_reader;
mod logging;
mod login;
mod logout;
mod metadata;
mod metrics;
mod migrations;
mod model;
mod nodes;
mod pages;
mod paths;
mod plans;
mod races;
mod refresh;
mod resources;
mod revoke;
mod rotations;
mod scopes;
mod spelling;
mod starting;
mod threads;
mod token;
mod token_typ;
mod userinfo;
mod verify;
