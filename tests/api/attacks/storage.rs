//! I: the database, its files, and what is written elsewhere.

mod files;
mod injection;
mod secrets;
