//! Black-box tests: the real server, over HTTP, on both databases.

mod attacks;
mod bad_input;
mod harness;
mod login;
mod nodes;
mod races;
mod refresh;
