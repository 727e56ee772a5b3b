//! Black-box tests: the real server, over HTTP, on both databases.

mod attacks;
mod bad_input;
mod conformance;
mod cookies;
mod cors;
mod harness;
mod health;
mod histories;
mod introspect;
mod jwks;
mod login;
mod logout;
mod metadata;
mod nodes;
mod paths;
mod races;
mod refresh;
mod resources;
mod revoke;
mod token;
mod userinfo;
