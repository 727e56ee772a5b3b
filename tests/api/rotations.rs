//! The refresh that one statement carries out is the refresh that the judge would have decided on.

use serde_json::json;
use tokend::domain::{PlainSecret, Rotation, Session};
use tokend::token::judge::{Exchange, Presented, apply};

use crate::harness::{API, Answer, C1, Engine, P1, STRICT, Settings, TestServer, UNROTATED, on_both_databases};

/// A public client refreshes at `/token`, where it is known before its session is.
async fn refresh(server: &TestServer, token: &str) -> Answer {
    let form = [("grant_type", "refresh_token"), ("client_id", P1), ("refresh_token", token)];
    server.post("/token", &form).await
}

async fn session_of(server: &TestServer, token: &str) -> Session {
    let opened = server.app.refresh_keys.open(token).expect("a token of ours");
    server.app.store.sessions().find(opened.session_id).await.expect("it is read").expect("it is there").session
}

fn presented(server: &TestServer, token: &str) -> Presented {
    let opened = server.app.refresh_keys.open(token).expect("a token of ours");
    Presented::new(&opened, PlainSecret::new(token.to_owned()).hash())
}

/// What a refresh of the current token has to leave behind, and what it has to answer.
fn judged(server: &TestServer, token: &str, session: &Session) -> (Session, PlainSecret) {
    let client = server.app.registry.snapshot().expect("it is current").client(P1).expect("it is there").clone();
    let (now, policy) = (server.clock.now(), server.app.refresh_policy(&client));
    let opened = server.app.refresh_keys.open(token).expect("a token of ours");
    let keys = &server.app.refresh_keys;
    let (exchange, answer) = Exchange::plan(keys, &opened, &presented(server, token), session, now, &policy);
    (apply(session, &exchange).expect("it is the current token"), answer)
}

/// The rotation of a current token, and the token that follows.
fn planned(server: &TestServer, token: &str) -> (Rotation, PlainSecret) {
    let opened = server.app.refresh_keys.open(token).expect("a token of ours");
    let client = server.app.registry.snapshot().expect("it is current").client(P1).expect("it is there").clone();
    let (now, policy) = (server.clock.now(), server.app.refresh_policy(&client));
    Rotation::plan(&server.app.refresh_keys, &opened, &presented(server, token), &client.id, now, &policy)
}

/// Quick ones, slow ones, ones at the very end of the window, and a clock that is set back.
async fn it_leaves_the_session_as_the_judge_would(engine: Engine) {
    let server = TestServer::start(engine).await;
    let mut token = server.login().await.refresh_token();
    for pause in [0, 3, 9, 10, 1, 11, 0, 25, 10_000, -50, 2, 60] {
        server.clock.advance(pause);
        let before = session_of(&server, &token).await;
        let (expected, successor) = judged(&server, &token, &before);
        let answer = refresh(&server, &token).await;
        assert_eq!(answer.ok().header("refresh-verdict"), "rotate");
        assert_eq!(answer.refresh_token(), successor.reveal(), "after {pause} s");
        let after = session_of(&server, successor.reveal()).await;
        assert_eq!(format!("{after:?}"), format!("{expected:?}"), "after {pause} s");
        assert_eq!((after.current_hash, after.parent_hash), (expected.current_hash, expected.parent_hash));
        server.introspect(&answer.access_token()).await.active();
        token = successor.reveal().to_owned();
    }
}

/// One thing after the other that a rotation asks for doesn't hold; then it changes nothing at all.
async fn it_changes_nothing_unless_everything_holds(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.refresh_token();
    let before = session_of(&server, &token).await;
    let (rotation, successor) = planned(&server, &token);
    let now = server.clock.now();
    let good = || rotation.clone();
    let end = before.idle_expires_at;
    for bad in [
        Rotation { presented: successor.hash(), ..good() },
        Rotation { client_id: C1.0.parse().expect("a client id"), ..good() },
        Rotation { session_id: tokend::domain::SessionId::generate(now), ..good() },
        Rotation { now: end, ..good() },
        Rotation { used_after: before.last_used_at, ..good() },
        Rotation { began_after: before.created_at, ..good() },
    ] {
        assert!(server.app.store.sessions().rotate(bad.clone()).await.expect("it is answered").is_none(), "{bad:?}");
    }
    for (state, back) in [
        ("UPDATE sessions SET revoked_at = 1", "UPDATE sessions SET revoked_at = NULL"),
        ("UPDATE sessions SET expires_at = 1", "UPDATE sessions SET expires_at = 9223372036854775807"),
    ] {
        server.database.execute(state).await;
        assert!(server.app.store.sessions().rotate(good()).await.expect("it is answered").is_none(), "{state}");
        server.database.execute(back).await;
    }
    assert_eq!(format!("{:?}", session_of(&server, &token).await), format!("{before:?}"));
    let last_moment = Rotation { now: end - 1, ..good() };
    let rotated =
        server.app.store.sessions().rotate(last_moment).await.expect("it is answered").expect("all of it holds");
    assert_eq!((rotated.session_id, rotated.user_id), (before.id, before.user_id));
    assert!(
        server.app.store.sessions().rotate(good()).await.expect("it is answered").is_none(),
        "once and never again"
    );
}

/// Within a second a token has one successor, which is current already when the token comes again.
async fn a_token_that_comes_again_at_once_is_worth_nothing_to_others_nor_after_its_end(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (first, _) = planned(&server, &server.login().await.refresh_token());
    let mut free = server.bobs_login().await.refresh_token();
    let sessions = server.app.store.sessions();
    sessions.rotate(first.clone()).await.expect("it is answered").expect("it was current");
    let of_another = Rotation { client_id: C1.0.parse().expect("a client id"), ..first.clone() };
    for (again, state) in [
        (of_another, "SELECT 1"),
        (first, "UPDATE sessions SET revoked_at = 1 WHERE user_id = (SELECT id FROM users WHERE username = 'alice')"),
    ] {
        server.database.execute(state).await;
        // They queue up behind one another, and go out together.
        for _ in 0..8 {
            let (rotation, next) = planned(&server, &free);
            let (rotated, again) = tokio::join!(sessions.rotate(rotation), sessions.rotate(again.clone()));
            assert!(rotated.expect("it is answered").is_some(), "{state}");
            assert!(again.expect("it is answered").is_none(), "{state}");
            next.reveal().clone_into(&mut free);
        }
    }
}

/// What access tokens say, and that none outlives its session, holds on this way as well.
async fn it_issues_what_any_other_refresh_would(engine: Engine) {
    let server = TestServer::start_with(engine, Settings::with("[sessions]\nabsolute_lifetime = '2h'")).await;
    let first = server.login().await.refresh_token();
    server.change_user(server.alice, |user| user.profile.claims["roles"] = json!(["admin"])).await;
    server.clock.advance(60);
    let second = refresh(&server, &first).await;
    assert_eq!(second.claims()["roles"], json!(["admin"]));
    server.clock.advance(2 * 3600 - 61);
    let last = refresh(&server, &second.refresh_token()).await;
    assert_eq!(last.ok().json()["expires_in"], 1);
}

/// Who may use a token only once gets its access token signed before it is used up; who keeps a token keeps it.
async fn it_is_not_for_everybody(engine: Engine) {
    let server = TestServer::start(engine).await;
    let at_token = async |client: &str, token: &str| {
        server.post("/token", &[("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", token)]).await
    };
    let kept = server.login_on(UNROTATED).await.refresh_token();
    server.clock.advance(60);
    assert_eq!(at_token(UNROTATED, &kept).await.refresh_token(), kept);

    let once = server.login_on(STRICT).await.refresh_token();
    let too_long = "a".repeat(9_000);
    server.change_client(STRICT, |client| client.audience.push(too_long.clone())).await;
    server.database.execute(&format!("UPDATE sessions SET audience = '{too_long}'")).await;
    at_token(STRICT, &once).await.refused(500, "server_error");
    server.database.execute(&format!("UPDATE sessions SET audience = '{API}'")).await;
    assert_eq!(at_token(STRICT, &once).await.ok().header("refresh-verdict"), "rotate");
}

on_both_databases!(
    it_leaves_the_session_as_the_judge_would,
    it_changes_nothing_unless_everything_holds,
    a_token_that_comes_again_at_once_is_worth_nothing_to_others_nor_after_its_end,
    it_issues_what_any_other_refresh_would,
    it_is_not_for_everybody,
);
