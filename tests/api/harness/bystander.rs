//! A session that stands by while something is tried, with its tokens or without, and must lose nothing by it.

use tokend::clock::UnixTime;
use tokend::domain::{Revocation, SecretHash, SessionId};

use super::{Answer, TestServer};

/// All that an exchange, a use or a revocation would change.
#[derive(Debug, PartialEq)]
struct Row {
    generation: i64,
    current_hash: SecretHash,
    parent_hash: Option<SecretHash>,
    rotated_at: UnixTime,
    last_used_at: UnixTime,
    idle_expires_at: UnixTime,
    revoked: Option<Revocation>,
}

/// A signed-in user and the tokens of the session.
pub struct Bystander {
    pub access: String,
    pub refresh: String,
    pub session: SessionId,
    credentials: Option<(&'static str, &'static str)>,
    row: Row,
}

impl TestServer {
    /// Alice, signed in on the first-party public client.
    pub async fn bystander(&self) -> Bystander {
        let answer = self.login().await;
        self.stand_by(&answer, None).await
    }

    /// Alice, signed in on a confidential client.
    pub async fn bystander_on(&self, client: (&'static str, &'static str)) -> Bystander {
        let answer = self.login_as(client).await;
        self.stand_by(&answer, Some(client)).await
    }

    async fn stand_by(&self, answer: &Answer, credentials: Option<(&'static str, &'static str)>) -> Bystander {
        let (access, refresh) = (answer.access_token(), answer.refresh_token());
        let session = self.session_of(&access).await;
        let row = self.row(session).await;
        Bystander { access, refresh, session, credentials, row }
    }

    /// Nothing has happened to the session, and its access token is alive.
    pub async fn assert_untouched(&self, bystander: &Bystander, after: &str) {
        assert_eq!(self.row(bystander.session).await, bystander.row, "after {after}");
        assert_eq!(self.introspect(&bystander.access).await.json()["active"], true, "after {after}");
    }

    /// Nothing has happened to the session, its access token is alive, and its refresh token is exchanged.
    pub async fn assert_lost_nothing(&self, bystander: Bystander) {
        self.assert_untouched(&bystander, "everything").await;
        let answer = match bystander.credentials {
            None => self.refresh(&bystander.refresh).await,
            Some(client) => self.exchange_as(client, &bystander.refresh).await,
        };
        assert_eq!((answer.ok().header("refresh-verdict"), answer.status), ("rotate", 200));
        assert_eq!(self.generation(bystander.session).await, bystander.row.generation + 1);
        self.introspect(&answer.access_token()).await.active();
    }

    async fn row(&self, session: SessionId) -> Row {
        let found = self.app.store.sessions().find(session).await.expect("the store answers");
        let session = found.expect("the session is there").session;
        Row {
            generation: session.generation,
            current_hash: session.current_hash,
            parent_hash: session.parent_hash,
            rotated_at: session.rotated_at,
            last_used_at: session.last_used_at,
            idle_expires_at: session.idle_expires_at,
            revoked: session.revoked,
        }
    }
}
