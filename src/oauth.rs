//! What grants and endpoints share of OAuth 2.0: parameters, client authentication, scope and audience, issuing, refusals. Knows nothing
//! of HTTP, nor of any one grant.

pub mod audience;
pub mod client_authentication;
pub mod issue;
pub mod params;
pub mod refusal;
pub mod requested;
pub mod scope;

pub use client_authentication::{Credentials, PresentedClient, authenticate};
pub use issue::{Issued, IssuedDevice, IssuedRefresh, issue};
pub use params::Params;
pub use refusal::{InvalidGrant, Refusal, snapshot, throttled};
pub use requested::{Granted, Requested};
