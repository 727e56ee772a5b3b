//! What a client is answered about a token at `/introspect`.

use super::explanation::Explanation;
use crate::app::App;
use crate::domain::{Client, ClientId};
use crate::introspection::{Active, Inactive, MayNotAsk, introspect, may_ask};
use crate::oauth::{Refusal, snapshot};

/// What a client is answered at `/introspect`.
#[derive(Clone, Debug)]
pub struct Answered {
    /// `active` of the answer; false too where the answer is an error.
    pub active: bool,
    /// Why, and what to change if that was meant otherwise.
    pub because: String,
}

/// What `client` is answered when it introspects `text`, by the decision that the endpoint makes. `explanation` is that of `text`.
pub async fn answered(
    app: &App,
    text: &str,
    client: &ClientId,
    explanation: &Explanation,
) -> Result<Answered, Refusal> {
    let registry = snapshot(app)?;
    let refused = |because| Ok(Answered { active: false, because });
    let Some(caller) = registry.client(client.as_str()) else {
        return refused(format!("client {client} is disabled: /introspect answers 401 invalid_client"));
    };
    match may_ask(caller) {
        Ok(()) => {}
        Err(MayNotAsk::Public) => {
            return refused(format!(
                "client {client} is public and can't authenticate: /introspect answers 401 invalid_client"
            ));
        }
        Err(MayNotAsk::NoRight) => {
            return refused(format!(
                "client {client} may not introspect: /introspect answers 403 unauthorized_client; to let it, run tokend client \
                 update {client} --may-introspect true"
            ));
        }
    }
    Ok(match introspect(app, caller, text).await? {
        Ok(active) => Answered { active: true, because: why_active(caller, &active) },
        Err(Inactive::Dead(_)) if explanation.accepted == Some(false) => {
            Answered { active: false, because: explanation.because.clone() }
        }
        Err(reason) => Answered { active: false, because: why_inactive(caller, &reason) },
    })
}

fn why_active(caller: &Client, active: &Active) -> String {
    let issued_to = match active {
        Active::Access(access) => &access.claims.client_id,
        Active::Refresh(refresh) => &refresh.signed_in.session.client_id,
    };
    let served = match active {
        Active::Access(access) => access.claims.aud.iter().find(|name| caller.serves.contains(name)),
        Active::Refresh(_) => None,
    };
    match served {
        _ if *issued_to == caller.id => format!("it was issued to client {}", caller.id),
        Some(audience) => format!("it is for {audience}, which client {} serves", caller.id),
        None => format!("client {} is an administrator", caller.id),
    }
}

fn why_inactive(caller: &Client, reason: &Inactive) -> String {
    let id = &caller.id;
    match reason {
        Inactive::Dead(dead) => dead.to_string(),
        Inactive::NotServed { audience } => format!(
            "it is for {}, and client {id} serves {}; to let it serve one more, run tokend client update {id} --serves AUDIENCE, \
             once for each that it is to serve",
            audience.join(" and "),
            if caller.serves.is_empty() {
                "no audience".to_owned()
            } else {
                format!("only {}", caller.serves.join(" and "))
            },
        ),
        Inactive::OthersRefreshToken { owner } => format!(
            "it is a refresh token of client {owner}, and active only for that client and for administrators: an API is sent \
             the access token"
        ),
    }
}
