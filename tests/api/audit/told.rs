//! What is told of each thing that happens, over HTTP.

use futures_util::future::join_all;
use reqwest::Method;
use tokend::domain::{SessionId, User, UserId};
use uuid::Uuid;

use crate::harness::{ADMIN, BOBS_PASSWORD, C1, Engine, P1, PASSWORD, STRICT, Settings, TestServer, on_both_databases};

async fn server(engine: Engine) -> TestServer {
    TestServer::start_with(engine, Settings::with("[http]\ntrusted_proxies = ['127.0.0.1']")).await
}

async fn a_sign_in_is_told_with_who_where_and_which_session(engine: Engine) {
    let server = server(engine).await;
    let request = server.request(Method::POST, "/login").form(&[("username", "Alice"), ("password", PASSWORD)]);
    let request = request.header("x-forwarded-for", "192.0.2.7").header("user-agent", "the app/1");
    let answer = server.send(request).await;
    let event = server.event("sign_in.ok").await;
    assert_eq!((event.at, event.count), (server.clock.now(), 1));
    assert_eq!(event.actor, format!("user:{}", server.alice));
    assert_eq!((event.user_id, event.client_id.as_deref()), (Some(server.alice), Some(P1)));
    assert_eq!(event.session_id.map(|id| id.to_string()), Some(answer.claims()["sid"].as_str().unwrap().to_owned()));
    assert_eq!((event.address.as_deref(), event.user_agent.as_deref()), (Some("192.0.2.7"), Some("the app/1")));
    assert_eq!(event.request_id.as_deref(), Some(answer.header("x-request-id")));
    server.assert_whole().await;
}

async fn a_failed_sign_in_is_told_with_its_reason(engine: Engine) {
    let server = server(engine).await;
    let login = async |name: &str| server.post("/login", &[("username", name), ("password", "a guess")]).await;
    for name in ["alice", "nobody", "hunter2-typed-into-the-wrong-field"] {
        login(name).await.refused(401, "invalid_grant");
    }
    server.operator().users().disable(server.bob, server.clock.now()).await.unwrap();
    login("bob").await.refused(401, "invalid_grant");
    let alice = server.app.store.users().list("", 1).await.unwrap().remove(0);
    let carol = User { id: UserId::generate(), username: "carol".parse().unwrap(), ..alice };
    server.operator().users().insert(&carol, None).await.unwrap();
    login("carol").await.refused(401, "invalid_grant");
    let events = server.events_of("sign_in.failed").await;
    assert!(events.iter().all(|event| event.client_id.as_deref() == Some(P1)), "{events:?}");
    let mut told: Vec<_> =
        events.iter().map(|event| (event.reason.as_deref().unwrap(), event.user_id, event.target.is_some())).collect();
    told.sort_by_key(|(reason, ..)| *reason);
    assert_eq!(
        told,
        [
            ("the user has no password", Some(carol.id), false),
            ("the user is disabled", Some(server.bob), false),
            ("unknown user", None, true),
            ("unknown user", None, true),
            ("wrong password", Some(server.alice), false),
        ]
    );
    // A name that nobody has may be a password: it is told as a digest.
    assert!(!format!("{events:?}").contains("hunter2") && !format!("{events:?}").contains("nobody"), "{events:?}");
}

/// The same failure a thousand times is two events.
async fn repeated_failures_are_one_event_with_their_number(engine: Engine) {
    let server = server(engine).await;
    for _ in 0..40 {
        server.post("/login", &[("username", "alice"), ("password", "a guess")]).await.refused(401, "invalid_grant");
    }
    let events = server.events_of("sign_in.failed").await;
    assert_eq!(events.iter().map(|event| event.count).sum::<i64>(), 40);
    assert_eq!(events.len(), 2, "{events:?}");
    server.assert_whole().await;
}

async fn what_is_refused_for_failures_is_told(engine: Engine) {
    let settings = "[throttle]\nenabled = true\naccount_failures = 1\nclient_secrets = '1/1m'\nrefresh_tokens = '1/1m'\n\
                    introspections = '1/1m'";
    let server = TestServer::start_with(engine, Settings::with(settings)).await;
    for _ in 0..3 {
        server.post("/login", &[("username", "alice"), ("password", "a guess")]).await;
        server.own_token(("c1", "wrong-0123456789abcdefghijklmnopqrstuvwxyz"), &[]).await;
        server.refresh("garbage").await;
        server.introspect("garbage").await;
    }
    let mut events = server.events_of("throttled").await;
    events.sort_by(|one, other| one.reason.cmp(&other.reason));
    events.dedup_by(|one, other| one.reason == other.reason);
    let reasons: Vec<_> = events.iter().filter_map(|event| event.reason.as_deref()).collect();
    assert_eq!(
        reasons,
        [
            "client secrets from this address",
            "introspections of tokens that were never made",
            "refresh tokens from this address",
            "sign-ins to this account",
        ]
    );
    assert_eq!(events.last().unwrap().user_id, Some(server.alice));
}

/// Rotation isn't told: it is what happens all day. What may be theft is.
async fn a_refresh_is_told_when_something_is_odd_about_it(engine: Engine) {
    let server = server(engine).await;
    let first = server.login_on(STRICT).await;
    let session = server.session_of(&first.access_token()).await;
    server.refresh(&first.refresh_token()).await.ok();
    assert_eq!(server.events().await.len(), 1, "the sign-in only");
    server.refresh(&first.refresh_token()).await.refused(401, "invalid_grant");
    let reused = server.event("refresh.reused").await;
    assert_eq!((reused.session_id, reused.user_id), (Some(session), Some(server.alice)));
    assert_eq!((reused.client_id.as_deref(), reused.actor.as_str()), (Some(STRICT), "client:strict"));

    let lost = server.login().await;
    server.refresh(&lost.refresh_token()).await.ok();
    server.clock.advance(60);
    assert_eq!(server.refresh(&lost.refresh_token()).await.header("refresh-verdict"), "recover");
    let recovered = server.event("refresh.recovered").await;
    assert_eq!(recovered.session_id, Some(server.session_of(&lost.access_token()).await));
    server.assert_whole().await;
}

async fn the_end_of_sessions_is_told_with_who_ended_how_many(engine: Engine) {
    let server = server(engine).await;
    let (one, two) = (server.login().await, server.login().await);
    server.login().await.ok();
    server.post("/logout", &[("refresh_token", &one.refresh_token())]).await;
    let out = server.event("sign_out").await;
    assert_eq!((out.actor, out.count), (format!("user:{}", server.alice), 1));
    assert_eq!(out.session_id.map(|id| id.to_string()).as_deref(), one.claims()["sid"].as_str());
    // Once more ends nothing, and is nothing to tell.
    server.post("/logout", &[("refresh_token", &one.refresh_token())]).await;
    server.event("sign_out").await;

    server.post("/revoke", &[("token", &two.access_token()), ("client_id", P1)]).await.ok();
    let token = server.event("token.revoked").await;
    assert_eq!(token.jti, two.claims()["jti"].as_str().map(|jti| jti.parse::<Uuid>().unwrap()));
    assert_eq!(token.actor, "client:app");

    server.post_as(ADMIN, "/revoke", &[("username", "alice")]).await.ok();
    let bulk = server.event("sessions.revoked").await;
    assert_eq!((bulk.actor.as_str(), bulk.count, bulk.user_id), ("client:admin-cli", 2, Some(server.alice)));

    let (by_client, by_admin) = (server.login().await.refresh_token(), server.login().await.refresh_token());
    server.post("/revoke", &[("token", &by_client), ("client_id", P1)]).await.ok();
    server.post_as(ADMIN, "/revoke", &[("token", &by_admin)]).await.ok();
    let events = server.events_of("sessions.revoked").await;
    let told: Vec<_> = events.iter().skip(1).map(|event| (event.actor.as_str(), event.reason.as_deref())).collect();
    assert_eq!(told, [("client:app", Some("client")), ("client:admin-cli", Some("admin"))]);
    server.assert_whole().await;
}

/// Told with the change itself: what was stored is told, and what wasn't isn't.
async fn an_event_is_stored_with_its_change_or_not_at_all(engine: Engine) {
    let server = server(engine).await;
    let logins = join_all((0..30).map(|n| {
        let server = &server;
        async move {
            if n == 15 {
                server.operator().users().disable(server.alice, server.clock.now()).await.unwrap();
            }
            if n % 2 == 0 { server.login().await } else { server.bobs_login().await }
        }
    }));
    let stored: Vec<SessionId> = logins
        .await
        .iter()
        .filter(|answer| answer.status == 200)
        .map(|answer| answer.claims()["sid"].as_str().unwrap().parse().unwrap())
        .collect();
    let mut told: Vec<_> =
        server.events_of("sign_in.ok").await.iter().map(|event| event.session_id.unwrap().0).collect();
    let mut stored: Vec<_> = stored.iter().map(|id| id.0).collect();
    told.sort_unstable();
    stored.sort_unstable();
    assert_eq!(told, stored);
    assert!(!stored.is_empty());
    server.assert_whole().await;
}

/// No secret is in it, whatever was sent.
async fn nothing_secret_is_told(engine: Engine) {
    let server = server(engine).await;
    let tokens = server.login().await;
    let next = server.refresh(&tokens.refresh_token()).await;
    server.post("/login", &[("username", "alice"), ("password", "a-wrong-password")]).await;
    server.post("/login", &[("username", BOBS_PASSWORD), ("password", "x")]).await;
    server.own_token(C1, &[]).await.ok();
    server.post_as(ADMIN, "/revoke", &[("token", &next.access_token())]).await.ok();
    server.post("/logout", &[("refresh_token", &next.refresh_token())]).await;
    let told = format!("{:?}", server.events().await);
    for secret in [
        PASSWORD,
        BOBS_PASSWORD,
        "a-wrong-password",
        C1.1,
        ADMIN.1,
        &tokens.access_token(),
        &tokens.refresh_token(),
        &next.refresh_token(),
        &tokens.text_at("device_token"),
    ] {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
}

on_both_databases!(
    a_sign_in_is_told_with_who_where_and_which_session,
    a_failed_sign_in_is_told_with_its_reason,
    repeated_failures_are_one_event_with_their_number,
    what_is_refused_for_failures_is_told,
    a_refresh_is_told_when_something_is_odd_about_it,
    the_end_of_sessions_is_told_with_who_ended_how_many,
    an_event_is_stored_with_its_change_or_not_at_all,
    nothing_secret_is_told,
);
