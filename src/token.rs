//! What tokens are: refresh tokens and access tokens. Pure: no I/O; time and randomness are parameters.

pub mod access;
pub mod device;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzzing;
pub mod judge;
pub mod jws;
pub mod refresh;

#[cfg(test)]
mod fixture;
