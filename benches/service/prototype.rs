//! A bare prototype of the server: what axum, tokio-postgres, ES256 and one lane to PostgreSQL leave for a server that checks
//! nothing but what its statements compare. It answers the same requests as the server, from a narrow table of its own.

mod answer;
mod fill;
mod lane;
mod rows;
mod serve;
mod token;

pub use self::fill::fill;
pub use self::serve::run;
