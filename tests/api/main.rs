//! Black-box tests: the real server, over HTTP, on both databases.

mod histories;
