//! What the standards demand, a test a requirement; a file a standard, a name that begins with the requirement's number.

mod oidc;
mod rfc6749;
mod rfc6750;
mod rfc7009;
mod rfc7517;
mod rfc7662;
mod rfc8414;
mod rfc9068;
mod rfc9700;
