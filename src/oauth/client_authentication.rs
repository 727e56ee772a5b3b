//! Client authentication, RFC 6749 §2.3.

use std::sync::Arc;

use super::refusal::{Refusal, throttled};
use crate::app::{App, Snapshot};
use crate::domain::{Client, ClientAuthentication, PlainSecret, RequestContext, SecretHash};
use crate::throttle::Failures;

/// The client that a request presents, by at most one method.
#[derive(Debug)]
pub enum PresentedClient {
    /// No client credentials.
    Absent,
    /// By its identifier only, which proves nothing.
    Named {
        /// The identifier as it was sent.
        id: String,
    },
    /// By its identifier and a secret: each way to read what was sent, at least one.
    WithSecret(Vec<Credentials>),
}

/// An identifier and a secret as they were sent.
#[derive(Debug)]
pub struct Credentials {
    /// The identifier.
    pub id: String,
    /// The secret.
    pub secret: PlainSecret,
}

/// As `identify`. Wrong secrets are counted, and too many from one address get 429. The right one always passes, so that a
/// client can't be locked out.
pub async fn authenticate(
    app: &App,
    snapshot: &Snapshot,
    presented: &PresentedClient,
    request_context: &RequestContext,
) -> Result<Arc<Client>, Refusal> {
    let identified = identify(snapshot, presented);
    if let (Err(Refusal::InvalidClient(_)), PresentedClient::WithSecret(_), Some(throttle)) =
        (&identified, presented, &app.throttle)
        && let Err(refused) = throttle.wrong_client_secret(request_context.address, app.clock.now())
    {
        return Err(throttled(app, Failures::ClientSecrets, refused, request_context).await);
    }
    identified
}

/// The client, if it shows what its registration asks for: a secret from a confidential one, none from a public one.
///
/// An unknown client costs the same and is answered the same as a wrong secret.
fn identify(snapshot: &Snapshot, presented: &PresentedClient) -> Result<Arc<Client>, Refusal> {
    match presented {
        PresentedClient::Absent => Err(Refusal::InvalidClient("no client credentials")),
        PresentedClient::Named { id } => match snapshot.client(id) {
            Some(client) if client.is_public() => Ok(Arc::clone(client)),
            Some(_) => Err(Refusal::InvalidClient("a confidential client without its secret")),
            None => Err(Refusal::InvalidClient("unknown client")),
        },
        PresentedClient::WithSecret(readings) => {
            // All of them, so that it takes no less time when the first one is right.
            let matching: Vec<_> = readings.iter().filter_map(|reading| matching(snapshot, reading)).collect();
            let wrong = || Refusal::InvalidClient("unknown client or wrong secret");
            matching.first().map(|client| Arc::clone(client)).ok_or_else(wrong)
        }
    }
}

fn matching<'a>(snapshot: &'a Snapshot, Credentials { id, secret }: &Credentials) -> Option<&'a Arc<Client>> {
    let nobodys = SecretHash::of(b"");
    let client = snapshot.client(id);
    let expected = match client.map(|client| &client.authentication) {
        Some(ClientAuthentication::Secret(hash)) => Some(hash),
        Some(ClientAuthentication::Public) | None => None,
    };
    let matches = secret.hash() == *expected.unwrap_or(&nobodys);
    client.filter(|_| matches && expected.is_some())
}
