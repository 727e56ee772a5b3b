//! PostgreSQL closed all its connections, as a restart does: the first request of each kind after that succeeds.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use tokend::store::PoolSize;

use crate::harness::{ADMIN, Answer, C1, Engine, P1, Proxy, RS1, Settings, TestServer};

/// Connections are opened anew while the machine may be busy with other tests.
const ACQUIRE: Duration = Duration::from_secs(10);

/// Everything that asks the database.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Login,
    Token,
    Refresh,
    Rotate,
    IntrospectAccess,
    IntrospectRefresh,
    IntrospectOwn,
    Userinfo,
    Revoke,
    RevokeAccess,
    RevokeUser,
    RevokeSession,
    RevokeName,
    RevokeClient,
    Logout,
    LogoutAll,
    LogoutAccess,
}

const KINDS: [Kind; 17] = [
    Kind::Login,
    Kind::Token,
    Kind::Refresh,
    Kind::Rotate,
    Kind::IntrospectAccess,
    Kind::IntrospectRefresh,
    Kind::IntrospectOwn,
    Kind::Userinfo,
    Kind::Revoke,
    Kind::RevokeAccess,
    Kind::RevokeUser,
    Kind::RevokeSession,
    Kind::RevokeName,
    Kind::RevokeClient,
    Kind::Logout,
    Kind::LogoutAll,
    Kind::LogoutAccess,
];

/// What a request needs, made before.
struct Ready {
    public: Answer,
    confidential: Answer,
    own: String,
    session: String,
}

async fn ready(server: &TestServer) -> Ready {
    let public = server.login().await;
    let session = server.session_of(&public.access_token()).await.to_string();
    let own = server.own_token(C1, &[]).await.access_token();
    Ready { public, confidential: server.login_as(C1).await, own, session }
}

async fn ask(server: &TestServer, kind: Kind, ready: &Ready) -> Answer {
    let (access, refresh) = (ready.public.access_token(), ready.public.refresh_token());
    let bulk = async |name: &str, value: &str| server.post_as(ADMIN, "/revoke", &[(name, value)]).await;
    match kind {
        Kind::Login => server.login().await,
        Kind::Token => server.login_as(C1).await,
        Kind::Refresh => server.refresh(&refresh).await,
        Kind::Rotate => server.exchange_as(C1, &ready.confidential.refresh_token()).await,
        Kind::IntrospectAccess => server.introspect(&access).await,
        Kind::IntrospectRefresh => server.introspect(&refresh).await,
        Kind::IntrospectOwn => server.post_as(RS1, "/introspect", &[("token", &ready.own)]).await,
        Kind::Userinfo => server.get_with("/userinfo", &access).await,
        Kind::Revoke => server.post("/revoke", &[("client_id", P1), ("token", &refresh)]).await,
        Kind::RevokeAccess => server.post("/revoke", &[("client_id", P1), ("token", &access)]).await,
        Kind::RevokeUser => bulk("sub", &server.bob.to_string()).await,
        Kind::RevokeSession => bulk("sid", &ready.session).await,
        Kind::RevokeName => bulk("username", "bob").await,
        Kind::RevokeClient => bulk("of_client", C1.0).await,
        Kind::Logout => server.post("/logout", &[("refresh_token", &refresh)]).await,
        Kind::LogoutAll => server.post("/logout", &[("refresh_token", &refresh), ("all", "true")]).await,
        Kind::LogoutAccess => server.send(server.request(Method::POST, "/logout").bearer_auth(&access)).await,
    }
}

/// A pool that is large enough for lanes to keep connections, or one that is too small for that.
async fn first_requests_succeed(connections: u32, settings: &str) {
    let direct = TestServer::start(Engine::Postgres).await;
    let (proxy, url) = Proxy::to_postgres(&direct.database.url).await;
    let pool = PoolSize { max_connections: connections, acquire_timeout: ACQUIRE };
    let node = direct.another_node_at(&url, pool, &Settings::with(settings)).await;
    let server = direct.at(&node);
    for kind in KINDS {
        // So that every connection there is has answered a moment ago, the idle ones too. What revokes much comes last.
        join_all((0..8).map(|_| server.login())).await;
        let (warm, cold) = (ready(&server).await, ready(&server).await);
        if !matches!(kind, Kind::RevokeClient | Kind::LogoutAll) {
            ask(&server, kind, &warm).await;
        }
        direct.clock.advance(2);
        proxy.cut();
        let answer = ask(&server, kind, &cold).await;
        assert!([200, 204].contains(&answer.status), "{kind:?}: {answer:?}");
        server.get("/health/ready").await.ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_request_of_each_kind_succeeds() {
    first_requests_succeed(16, "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_request_of_each_kind_succeeds_with_a_small_pool_and_throttling() {
    first_requests_succeed(4, "[throttle]\nenabled = true").await;
}

/// Nor is anything lost of what the audit trail is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_sign_in_is_told_after_a_cut() {
    let direct = TestServer::start(Engine::Postgres).await;
    let (proxy, url) = Proxy::to_postgres(&direct.database.url).await;
    let pool = PoolSize { max_connections: 16, acquire_timeout: ACQUIRE };
    let node = direct.another_node_at(&url, pool, &Settings::with("[throttle]\nenabled = true")).await;
    let server = direct.at(&node);
    let wrong = [("username", "alice"), ("password", "a guess"), ("client_id", P1)];
    server.post("/login", &wrong).await.refused(401, "invalid_grant");
    server.clock.advance(2);
    proxy.cut();
    server.post("/login", &wrong).await.refused(401, "invalid_grant");
    let told = "SELECT CAST(sum(count) AS TEXT) FROM audit_events WHERE kind = 'sign_in.failed'";
    server.app.record_repeats(true).await;
    assert_eq!(direct.database.ask_texts(told).await, ["2"]);
}
