//! `grant_type=password`, RFC 6749 §4.3, and `/login`: for first-party clients only (RFC 9700 §2.4).

use super::TokenRequest;
use crate::app::App;
use crate::domain::{Client, Grant};
use crate::metrics;
use crate::oauth::{Issued, Refusal, Requested};
use crate::session::{self, Beginning};
use crate::sign_in;
use crate::sign_in::password::TypedPassword;

pub(super) async fn carry_out(app: &App, request: TokenRequest<'_>) -> Result<Issued, Refusal> {
    let typed = TypedPassword::read(request.params, request.request_context)?;
    let typed = typed.or_device_tokens(request.device_cookies);
    grant(app, request.client, &request.requested, typed).await
}

/// Signs a user in, and counts how that ended. `client` is authenticated.
pub async fn grant(
    app: &App,
    client: &Client,
    requested: &Requested<'_>,
    typed: TypedPassword<'_>,
) -> Result<Issued, Refusal> {
    let outcome = sign_in_on(app, client, requested, typed).await;
    if let Some(ended) = counted_as(&outcome) {
        app.metrics.sign_ins.count(ended);
    }
    outcome
}

/// What can't be granted is refused before the password is looked at.
async fn sign_in_on(
    app: &App,
    client: &Client,
    requested: &Requested<'_>,
    typed: TypedPassword<'_>,
) -> Result<Issued, Refusal> {
    client.require_grant(Grant::Password)?;
    requested.grant(client, &app.config)?;
    let request_context = typed.request_context;
    let authenticated = sign_in::password::authenticate(app, &client.id, typed).await?;
    let beginning =
        Beginning { grant: Grant::Password, client, authenticated: &authenticated, requested, request_context };
    session::begin(app, &beginning).await
}

fn counted_as(outcome: &Result<Issued, Refusal>) -> Option<metrics::SignIn> {
    match outcome {
        Ok(_) => Some(metrics::SignIn::Ok),
        Err(Refusal::InvalidGrant(_)) => Some(metrics::SignIn::Failed),
        Err(Refusal::Throttled { .. }) => Some(metrics::SignIn::Throttled),
        Err(Refusal::Busy { .. }) => Some(metrics::SignIn::Busy),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::InvalidGrant;
    use crate::throttle::Failures;

    #[test]
    fn a_sign_in_is_counted_by_how_it_ended_and_an_outage_is_none() {
        let what = Failures::Account;
        for (refusal, counted) in [
            (InvalidGrant::WrongPassword.into(), Some(metrics::SignIn::Failed)),
            (Refusal::Throttled { what, retry_after: 1 }, Some(metrics::SignIn::Throttled)),
            (Refusal::Busy { retry_after: 1 }, Some(metrics::SignIn::Busy)),
            (Refusal::Unavailable(String::new()), None),
            (Refusal::InvalidScope, None),
        ] {
            assert_eq!(counted_as(&Err(refusal)), counted);
        }
    }
}
