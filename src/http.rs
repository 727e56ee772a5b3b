//! The wire: what requests look like and what is answered. Nothing below knows of it.

pub mod server;
