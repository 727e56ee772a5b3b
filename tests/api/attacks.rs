//! How servers like this one were broken, as tests: the classes of ATTACKS.md, in its order and with its numbers.

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
