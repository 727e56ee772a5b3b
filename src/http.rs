//! The wire: what requests look like and what is answered. Nothing below knows of it.

mod authorization;
mod basic;
mod bearer;
mod cacheable;
mod client_address;
mod content_type;
mod cookies;
mod device;
mod edge;
mod error;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzzing;
mod health;
mod introspect;
mod json;
mod jwks;
mod late_router;
mod layers;
mod login;
mod logout;
mod metadata;
mod metrics;
mod page;
mod presented_token;
mod refresh;
mod refresh_cookie;
mod revoke;
mod router;
mod routes;
pub mod server;
mod submitted;
mod token;
mod token_response;
mod userinfo;
mod verify;

pub use health::{LIVE, READY};
pub use late_router::LateRouter;
pub use layers::Layers;
pub use router::router;

/// The largest body of a request, in bytes.
const BODY_LIMIT: usize = 16 * 1024;

/// The largest body of a sign-in, in bytes: a name, a password and little else.
const LOGIN_BODY_LIMIT: usize = 4 * 1024;
