//! Where a living token is good: for which clients at `/introspect`, and whether at `/userinfo`.

use crate::app::{App, Snapshot};
use crate::domain::{Client, ClientId, Scope};
use crate::introspection::{may_ask, sees_access, sees_refresh};
use crate::session::{Unfit, fit};
use crate::token_state::LiveAccess;

/// The clients that are answered `active: true` for an access token.
pub(super) fn who_sees_access(registry: &Snapshot, access: &LiveAccess) -> Vec<String> {
    let claims = &access.claims;
    who(registry, |caller| sees_access(caller, &claims.client_id, &claims.aud).is_ok())
}

/// The clients that are answered `active: true` for a refresh token of a client.
pub(super) fn who_sees_refresh(registry: &Snapshot, issued_to: &ClientId) -> Vec<String> {
    who(registry, |caller| sees_refresh(caller, issued_to).is_ok())
}

fn who(registry: &Snapshot, sees: impl Fn(&Client) -> bool) -> Vec<String> {
    let seeing = registry.clients().filter(|caller| may_ask(caller).is_ok() && sees(caller));
    let mut ids: Vec<String> = seeing.map(|caller| caller.id.to_string()).collect();
    ids.sort_unstable();
    ids
}

/// Whether `/userinfo` takes an access token that lives.
pub(super) fn at_userinfo(app: &App, access: &LiveAccess) -> &'static str {
    match fit(&access.claims, Scope::OPENID, app.config.issuer.as_str()) {
        Err(Unfit::Scope) => "refused: its scope lacks openid",
        Err(Unfit::Audience) => "refused: it is for other servers only",
        Ok(()) if access.user.is_none() => "refused: it is a client's own token, without a user",
        Ok(()) => "accepted",
    }
}
