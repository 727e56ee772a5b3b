//! PostgreSQL did it, and the server never heard of it. Each test waits until PostgreSQL has said at the proxy that it is
//! done, and throws that away.

use std::time::Duration;

use tokend::domain::PlainSecret;
use tokend::store::PoolSize;

use crate::harness::{ADMIN, Answer, C1, Engine, Fault, Node, P1, PASSWORD, Proxy, STRICT, Settings, TestServer};

/// A node with a proxy between it and PostgreSQL, and a server beside it that has none.
struct Rig {
    direct: TestServer,
    proxied: TestServer,
    proxy: Proxy,
    _node: Node,
}

impl Rig {
    async fn new() -> Self {
        let direct = TestServer::start(Engine::Postgres).await;
        let (proxy, url) = Proxy::to_postgres(&direct.database.url).await;
        let pool = PoolSize { max_connections: 8, acquire_timeout: Duration::from_secs(2) };
        let node = direct.another_node_at(&url, pool, &Settings::default()).await;
        Self { proxied: direct.at(&node), direct, proxy, _node: node }
    }

    /// Runs a request, and lets a fault strike the statement that has `marker` in it.
    async fn struck(&self, fault: Fault, marker: &[u8], request: impl Future<Output = Answer>) -> Answer {
        let struck = self.proxy.strike(fault, marker);
        tokio::join!(request, struck.happened()).0
    }
}

/// What the compare-and-swap of a token's exchange holds, and no other statement.
fn in_exchange_of(token: &str) -> Vec<u8> {
    PlainSecret::new(token.to_owned()).hash().as_bytes().to_vec()
}

/// What ends the transaction of a revocation and of the event that tells of it.
const END: &[u8] = b"COMMIT\0";

async fn exchange(fault: Fault) {
    let rig = Rig::new().await;
    for credentials in [None, Some(C1)] {
        let first = match credentials {
            None => rig.proxied.login().await,
            Some(client) => rig.proxied.login_as(client).await,
        };
        let (zero, session) = (first.refresh_token(), rig.direct.session_of(&first.access_token()).await);
        let exchanged = async || match credentials {
            None => rig.proxied.refresh(&zero).await,
            Some(client) => rig.proxied.exchange_as(client, &zero).await,
        };
        let answer = rig.struck(fault, &in_exchange_of(&zero), exchanged()).await;
        // In the same request, and no second exchange.
        assert_eq!(rig.direct.generation(session).await, 2, "{answer:?}");
        let verdict = if fault == Fault::LoseAnswer { "replay" } else { "rotate" };
        assert_eq!(answer.ok().header("refresh-verdict"), verdict);
        assert_eq!(exchanged().await.refresh_token(), answer.refresh_token());
        rig.direct.introspect(&answer.access_token()).await.active();
        rig.direct.introspect(&answer.refresh_token()).await.active();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exchange_that_was_done_unheard_ends_in_its_successor() {
    exchange(Fault::LoseAnswer).await;
}

/// The server's repetition is no second use by the client.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_without_a_window_survives_an_exchange_that_was_done_unheard() {
    let rig = Rig::new().await;
    let zero = rig.proxied.login_on(STRICT).await.refresh_token();
    let answer = rig.struck(Fault::LoseAnswer, &in_exchange_of(&zero), rig.proxied.refresh(&zero)).await;
    assert_eq!(answer.ok().header("refresh-verdict"), "replay");
    rig.direct.refresh(&answer.refresh_token()).await.ok();
    rig.direct.refresh(&zero).await.refused(401, "invalid_grant");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exchange_that_never_arrived_is_done() {
    exchange(Fault::LoseRequest).await;
}

/// Of many clients whose exchanges go out as one statement each gets its own successor.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_was_done_unheard_ends_in_successors() {
    let rig = Rig::new().await;
    let mut tokens = Vec::new();
    for _ in 0..16 {
        tokens.push(rig.proxied.login().await.refresh_token());
    }
    let struck = rig.proxy.strike(Fault::LoseAnswer, &in_exchange_of(&tokens[7]));
    let refreshed = tokens.iter().map(|token| rig.proxied.refresh(token));
    let (answers, _) = tokio::join!(futures_util::future::join_all(refreshed), struck.happened());
    for (token, answer) in tokens.iter().zip(answers) {
        assert_eq!(rig.direct.refresh(token).await.refresh_token(), answer.refresh_token());
    }
}

/// 503 or 200, and when it is 200 it holds.
async fn revocation(fault: Fault) {
    let rig = Rig::new().await;
    for (path, name) in [("/revoke", "token"), ("/logout", "refresh_token")] {
        let tokens = rig.proxied.login().await;
        let (access, refresh) = (tokens.access_token(), tokens.refresh_token());
        let form = [("client_id", P1), (name, &refresh)];
        let answer = rig.struck(fault, END, rig.proxied.post(path, &form)).await;
        if fault == Fault::LoseRequest && answer.status == 503 {
            rig.direct.introspect(&access).await.active();
        } else {
            // It was done, whatever the client has been told.
            rig.direct.assert_dead(&access, &[&refresh]).await;
        }
        assert!([200, 204].contains(&answer.status) || answer.refused(503, "temporarily_unavailable").status == 503);
        let again = rig.proxied.post(path, &form).await;
        assert!([200, 204].contains(&again.status), "{again:?}");
        rig.direct.assert_dead(&access, &[&refresh]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_that_was_done_unheard_is_never_denied() {
    revocation(Fault::LoseAnswer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_that_never_arrived_is_never_confirmed() {
    revocation(Fault::LoseRequest).await;
}

/// A revocation in bulk is a transaction: the answer to its COMMIT is lost, or the COMMIT itself. It does no harm to do it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bulk_revocation_whose_commit_is_lost_is_repeated() {
    for fault in [Fault::LoseAnswer, Fault::LoseRequest] {
        for form in [("of_client", P1), ("username", "alice")] {
            let rig = Rig::new().await;
            let tokens = rig.proxied.login().await;
            let (access, refresh) = (tokens.access_token(), tokens.refresh_token());
            rig.struck(fault, END, rig.proxied.post_as(ADMIN, "/revoke", &[form])).await.ok();
            rig.direct.assert_dead(&access, &[&refresh]).await;
        }
    }
}

/// Nobody holds the session of a sign-in that was stored unheard: the user signs in again, or has been signed in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_that_was_stored_unheard_is_503_or_works() {
    for fault in [Fault::LoseAnswer, Fault::LoseRequest] {
        let rig = Rig::new().await;
        let form = [("username", "alice"), ("password", PASSWORD), ("device_name", "lost-and-found")];
        let answer = rig.struck(fault, b"lost-and-found", rig.proxied.post("/login", &form)).await;
        if answer.status != 200 {
            answer.refused(503, "temporarily_unavailable");
        }
        let answer = rig.proxied.post("/login", &form).await;
        rig.direct.refresh(&answer.refresh_token()).await.ok();
    }
}

/// Reuse is proven, the end of the session is stored, and its answer is lost: the thief is refused now or next time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_was_ended_unheard_for_reuse_stays_ended() {
    let rig = Rig::new().await;
    let first = rig.proxied.login().await;
    let zero = first.refresh_token();
    let one = rig.proxied.refresh(&zero).await;
    let two = rig.proxied.refresh(&one.refresh_token()).await;
    rig.direct.clock.advance(60);
    let answer = rig.struck(Fault::LoseAnswer, END, rig.proxied.refresh(&zero)).await;
    assert!([401, 503].contains(&answer.status), "{answer:?}");
    rig.direct.assert_dead(&two.access_token(), &[&zero, &one.refresh_token(), &two.refresh_token()]).await;
}
