//! What a grant is given.

use std::sync::Arc;

use crate::domain::{Client, RequestContext};
use crate::oauth::{Params, Requested};

/// A request at `/token`.
pub struct TokenRequest<'a> {
    /// The client, authenticated.
    pub client: &'a Arc<Client>,
    /// The parameters, of which each grant reads its own.
    pub params: &'a Params,
    /// What it asks for.
    pub requested: Requested<'a>,
    /// The device tokens in the cookies of a page that may speak for the client.
    pub device_cookies: Vec<String>,
    /// Where it comes from.
    pub request_context: &'a RequestContext,
}
