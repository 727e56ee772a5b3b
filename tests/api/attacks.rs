//! How servers like this one were broken, as tests: one file for each kind of attack.

mod client_authentication;
mod http;
mod introspection;
mod jwt;
mod login;
mod process;
mod refresh;
mod revocation;
mod storage;
mod throttling;
