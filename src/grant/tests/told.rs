//! A grant for tests: the user is whoever the parameter `user` names. It shows what a grant that begins a session takes.

use super::super::TokenRequest;
use crate::app::App;
use crate::domain::{Device, Grant, Username};
use crate::oauth::{InvalidGrant, Issued, Refusal};
use crate::session::{self, Beginning};
use crate::sign_in::Authenticated;

/// How long ago the user was authenticated, in seconds.
pub(super) const AGO: i64 = 60;

pub(in super::super) async fn carry_out(app: &App, request: TokenRequest<'_>) -> Result<Issued, Refusal> {
    let name = request.params.require("user", "the user is missing")?;
    let name = name.parse::<Username>().map_err(|_| InvalidGrant::UnknownUser)?;
    let found = app.store.users().find_credentials(&name).await?.ok_or(InvalidGrant::UnknownUser)?;
    let at = app.clock.now() - AGO;
    let authenticated =
        Authenticated { user: found.user, at, amr: &["otp", "mfa"], device: Device::default(), device_id: None };
    let beginning = Beginning {
        grant: Grant::Told,
        client: request.client,
        authenticated: &authenticated,
        requested: &request.requested,
        request_context: request.request_context,
    };
    session::begin(app, &beginning).await
}
