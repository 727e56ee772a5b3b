//! What `tests/fuzz` feeds with any bytes: the readers of what strangers send and of what a stolen database may hold. Each
//! lives beside what it tests, and holds a property beside "doesn't panic". Not part of the program.

#[cfg(test)]
mod tests;

pub use crate::http::fuzzing::{basic, form, json};
pub use crate::password::fuzzing::phc;
pub use crate::token::fuzzing::{jwt, refresh_token};
