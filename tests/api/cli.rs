//! The command line: every command by what it brings about on a server.

mod audit;
mod audit_list;
mod backup;
mod check;
mod client;
mod health;
mod key;
mod misuse;
mod outage;
mod preconditions;
mod recovery;
mod rig;
mod session;
mod trail;
mod user;
