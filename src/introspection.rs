//! The answer that a client gets about a token at `/introspect`: one decision for the endpoint and for `tokend explain --for`, so that the two
//! can't disagree.

use uuid::Uuid;

use crate::app::App;
use crate::domain::{Client, ClientId, SessionId};
use crate::oauth::{Refusal, snapshot};
use crate::session::Dead;
use crate::token::refresh;
use crate::token_state::{self, LiveAccess, LiveRefresh};

/// A token that is active for the client that asks.
#[derive(Debug)]
pub enum Active {
    /// An access token.
    Access(LiveAccess),
    /// A refresh token.
    Refresh(Box<LiveRefresh>),
}

/// Why a token is inactive for the client that asks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Inactive {
    /// It is for everybody.
    #[error("{0}")]
    Dead(#[from] Dead),
    /// An access token that was issued to another client, for other resource servers.
    #[error("the client serves none of its audiences, and it was issued to another client")]
    NotServed {
        /// Whom it is for.
        audience: Vec<String>,
    },
    /// A refresh token that was issued to another client.
    #[error("it is a refresh token of another client, and the client is no administrator")]
    OthersRefreshToken {
        /// Whose it is.
        owner: ClientId,
    },
}

/// Why a client gets no answer at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MayNotAsk {
    /// 401 `invalid_client`.
    #[error("a public client can't authenticate, and only clients that do may introspect")]
    Public,
    /// 403 `unauthorized_client`.
    #[error("the client may not introspect")]
    NoRight,
}

/// Whether a client that has authenticated may introspect.
pub fn may_ask(client: &Client) -> Result<(), MayNotAsk> {
    match () {
        () if client.is_public() => Err(MayNotAsk::Public),
        () if !client.may_introspect => Err(MayNotAsk::NoRight),
        () => Ok(()),
    }
}

/// Whether an access token that lives is active for `caller`: its own, and those for an audience that it serves.
pub fn sees_access(caller: &Client, issued_to: &ClientId, audience: &[String]) -> Result<(), Inactive> {
    if caller.id == *issued_to || audience.iter().any(|name| caller.serves.contains(name)) {
        Ok(())
    } else {
        Err(Inactive::NotServed { audience: audience.to_vec() })
    }
}

/// Whether a refresh token that lives is active for `caller`. A resource server that is sent one must not take it for an access
/// token, and some don't look at `token_type`. So it is active for its own client and for administrators only.
pub fn sees_refresh(caller: &Client, issued_to: &ClientId) -> Result<(), Inactive> {
    if caller.id == *issued_to || caller.is_admin() {
        Ok(())
    } else {
        Err(Inactive::OthersRefreshToken { owner: issued_to.clone() })
    }
}

/// The token, as far as it is active for `caller`, who may ask. At level debug the log says why it isn't.
pub async fn introspect(app: &App, caller: &Client, text: &str) -> Result<Result<Active, Inactive>, Refusal> {
    let answer = decide(app, caller, text).await?;
    if let Err(reason) = &answer
        && tracing::enabled!(tracing::Level::DEBUG)
    {
        let (session, jti) = ids(app, text)?;
        let text = |id: Option<Uuid>| id.map(|id| id.to_string());
        let (session, jti) = (text(session.map(|id| id.0)), text(jti));
        tracing::debug!(client = %caller.id, session, jti, %reason, "introspection answers that a token is inactive");
    }
    Ok(answer)
}

/// A text with the prefix of refresh tokens is no JWS, and no other text is a refresh token.
async fn decide(app: &App, caller: &Client, text: &str) -> Result<Result<Active, Inactive>, Refusal> {
    if text.starts_with(refresh::PREFIX) {
        let refresh = token_state::refresh_token(app, text).await?;
        return Ok(refresh.map_err(Inactive::from).and_then(|refresh| {
            sees_refresh(caller, &refresh.signed_in.session.client_id)?;
            Ok(Active::Refresh(Box::new(refresh)))
        }));
    }
    let access = token_state::access_token(app, text).await?;
    Ok(access.map_err(Inactive::from).and_then(|access| {
        sees_access(caller, &access.claims.client_id, &access.claims.aud)?;
        Ok(Active::Access(access))
    }))
}

/// What may be logged of a token that we signed and that hasn't expired.
fn ids(app: &App, text: &str) -> Result<(Option<SessionId>, Option<Uuid>), Refusal> {
    if let Ok(token) = app.refresh_keys.open(text) {
        return Ok((Some(token.session_id), None));
    }
    let claims = token_state::verify_with_reason(app, &*snapshot(app)?, text, app.clock.now()).ok();
    Ok(claims.map_or((None, None), |claims| (claims.sid, Some(claims.jti))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ClientAuthentication, PlainSecret};

    const API: &str = "https://api.example.com";

    fn client(id: &str) -> Client {
        let secret = ClientAuthentication::Secret(PlainSecret::generate().hash());
        Client { may_introspect: true, ..Client::without_rights(id.parse().unwrap(), secret, 0) }
    }

    #[test]
    fn only_a_confidential_client_with_the_right_may_ask() {
        let orders = client("orders");
        assert_eq!(may_ask(&orders), Ok(()));
        assert_eq!(may_ask(&Client { may_introspect: false, ..orders.clone() }), Err(MayNotAsk::NoRight));
        for may_introspect in [true, false] {
            let public = Client { authentication: ClientAuthentication::Public, may_introspect, ..orders.clone() };
            assert_eq!(may_ask(&public), Err(MayNotAsk::Public));
        }
    }

    #[test]
    fn an_access_token_is_active_for_its_client_and_for_who_serves_one_of_its_audiences() {
        let (orders, web) = (client("orders"), client("web"));
        let serving =
            |names: &[&str]| Client { serves: names.iter().map(|&name| name.to_owned()).collect(), ..orders.clone() };
        let audience = [API.to_owned(), "https://auth.example.com".to_owned()];
        let not_served = Err(Inactive::NotServed { audience: audience.to_vec() });
        for (caller, seen) in [
            (serving(&[API]), Ok(())),
            (serving(&["https://other.example.com", API]), Ok(())),
            (web.clone(), Ok(())),
            (serving(&[]), not_served.clone()),
            (serving(&["https://other.example.com"]), not_served.clone()),
            (serving(&["https://api.example.com/"]), not_served.clone()),
            (Client { admin: true, ..orders.clone() }, not_served),
        ] {
            assert_eq!(sees_access(&caller, &web.id, &audience), seen, "{caller:?}");
        }
    }

    #[test]
    fn a_refresh_token_is_active_for_its_client_and_for_administrators() {
        let (orders, web) = (client("orders"), client("web"));
        let refused = Err(Inactive::OthersRefreshToken { owner: web.id.clone() });
        assert_eq!(sees_refresh(&web, &web.id), Ok(()));
        assert_eq!(sees_refresh(&Client { admin: true, ..orders.clone() }, &web.id), Ok(()));
        assert_eq!(sees_refresh(&Client { serves: vec![API.to_owned()], ..orders.clone() }, &web.id), refused);
        let public = Client { authentication: ClientAuthentication::Public, admin: true, ..orders };
        assert_eq!(sees_refresh(&public, &web.id), refused);
    }
}
