//! Black-box tests: the real server, over HTTP, on both databases.

mod cli;
mod first_start;
mod harness;
mod login;
mod nodes;
mod races;
mod refresh;
