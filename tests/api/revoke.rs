//! `POST /revoke` as an administrator uses it; what RFC 7009 asks for is in `conformance`.

use reqwest::Method;
use tokend::domain::Client;

use crate::harness::{
    ADMIN, Answer, C1, C2, Engine, Forge, P1, RS1, START, STRICT, TestServer, on_both_databases, registered,
};

/// An administrator names something.
async fn end(server: &TestServer, name: &str, value: &str) -> Answer {
    server.post_as(ADMIN, "/revoke", &[(name, value)]).await
}

async fn dead(server: &TestServer, answer: &Answer) {
    server.assert_dead(&answer.access_token(), &[&answer.refresh_token()]).await;
}

async fn an_administrator_revokes_any_token(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (one, two) = (server.login().await, server.login_as(C1).await);
    assert_eq!(end(&server, "token", &one.refresh_token()).await.ok().text, "{}");
    dead(&server, &one).await;
    assert_eq!(end(&server, "token", &two.access_token()).await.ok().text, "{}");
    server.introspect(&two.access_token()).await.inactive();
    server.exchange_as(C1, &two.refresh_token()).await.ok();
    let own = server.own_token(C2, &[]).await.access_token();
    end(&server, "token", &own).await.ok();
    server.introspect(&own).await.inactive();
}

async fn one_session_by_its_id(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (one, other) = (server.login().await, server.login().await);
    let sid = one.claims()["sid"].as_str().unwrap().to_owned();
    end(&server, "sid", &sid).await.revoked(1);
    dead(&server, &one).await;
    server.introspect(&other.access_token()).await.active();
    end(&server, "sid", &sid).await.revoked(0);
}

async fn all_sessions_of_a_user_by_subject_or_name(engine: Engine) {
    let server = TestServer::start(engine).await;
    for (name, value) in [("sub", server.alice.to_string()), ("username", "Alice".to_owned())] {
        let alices = [server.login().await, server.login_on(STRICT).await];
        let bobs = server.bobs_login().await;
        end(&server, name, &value).await.revoked(2);
        for answer in &alices {
            dead(&server, answer).await;
        }
        server.refresh(&bobs.refresh_token()).await.ok();
        end(&server, name, &value).await.revoked(0);
        server.login().await.ok();
        end(&server, name, &value).await.revoked(1);
    }
}

async fn all_of_a_client_and_its_own_tokens_with_them(engine: Engine) {
    let server = TestServer::start(engine).await;
    for (name, sessions) in [("of_client", 1), ("of_client", 2)] {
        let (alices, others) = (server.login_as(C1).await, server.login_as(C2).await);
        let (own, others_own) = (server.own_token(C1, &[]).await, server.own_token(C2, &[]).await);
        end(&server, name, C1.0).await.revoked(sessions);
        server.introspect(&alices.access_token()).await.inactive();
        server.exchange_as(C1, &alices.refresh_token()).await.refused(400, "invalid_grant");
        server.introspect(&own.access_token()).await.inactive();
        for token in [others.access_token(), others.refresh_token(), others_own.access_token()] {
            server.introspect(&token).await.active();
        }
        let next = server.own_token(C1, &[]).await.access_token();
        server.introspect(&next).await.active();
        server.login_as(C1).await.ok();
        server.clock.advance(10);
    }
}

/// The subject of a client's own tokens is the client, whose users are many.
async fn a_subject_is_a_user(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (users, own) = (server.login_as(C1).await, server.own_token(C1, &[]).await.access_token());
    for subject in [C1.0, "alice", "x", "c1 "] {
        end(&server, "sub", subject).await.revoked(0);
    }
    server.introspect(&users.access_token()).await.active();
    server.introspect(&own).await.active();
    end(&server, "sub", &format!(" {}\n", server.alice)).await.revoked(1);
    server.introspect(&users.access_token()).await.inactive();
    server.introspect(&own).await.active();
}

async fn a_bearer_whose_client_was_revoked_introspects_no_more(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (caller, token) = (server.own_token(RS1, &[]).await.access_token(), server.login().await.access_token());
    let ask = async || {
        server.send(server.request(Method::POST, "/introspect").bearer_auth(&caller).form(&[("token", &token)])).await
    };
    ask().await.active();
    end(&server, "of_client", RS1.0).await.revoked(0);
    ask().await.refused(401, "invalid_token");
}

async fn what_nobody_has_ends_nothing(engine: Engine) {
    let server = TestServer::start(engine).await;
    let answer = server.login().await;
    for (name, value) in [
        ("sid", "018f0000-0000-7000-8000-000000000000"),
        ("sid", "x"),
        ("sub", "018f0000-0000-7000-8000-000000000000"),
        ("sub", "unknown"),
        ("sub", "é"),
        ("username", "nobody"),
        ("username", "no name"),
        ("of_client", "unknown"),
        ("of_client", "é"),
    ] {
        end(&server, name, value).await.revoked(0);
    }
    server.refresh(&answer.refresh_token()).await.ok();
}

async fn only_an_administrator_names_more_than_a_token(engine: Engine) {
    let server = TestServer::start(engine).await;
    let answer = server.login_as(C1).await;
    let sid = answer.claims()["sid"].as_str().unwrap().to_owned();
    let alice = server.alice.to_string();
    for (name, value) in [("sid", sid.as_str()), ("sub", &alice), ("username", "alice"), ("of_client", C1.0)] {
        server.post_as(C1, "/revoke", &[(name, value)]).await.refused(403, "unauthorized_client");
        server.post("/revoke", &[(name, value), ("client_id", P1)]).await.refused(403, "unauthorized_client");
        server.post("/revoke", &[(name, value), ("client_id", ADMIN.0)]).await.refused(401, "invalid_client");
    }
    server.exchange_as(C1, &answer.refresh_token()).await.ok();
}

async fn one_request_names_one_thing(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (answer, alice) = (server.login().await, server.alice.to_string());
    let token = answer.refresh_token();
    for form in [
        vec![("token", token.as_str()), ("sub", &alice)],
        vec![("sub", &alice), ("username", "bob")],
        vec![("sid", "x"), ("of_client", C1.0), ("token", &token)],
        vec![("sub", "")],
        vec![],
    ] {
        server.post_as(ADMIN, "/revoke", &form).await.refused(400, "invalid_request");
    }
    server.refresh(&token).await.ok();
}

async fn the_own_tokens_of_a_client_die_on_every_node_at_once(engine: Engine) {
    let server = TestServer::start(engine).await;
    let other = server.another_node().await;
    let own = server.own_token(C1, &[]).await.access_token();
    server.at(&other).introspect(&own).await.active();
    end(&server, "of_client", C1.0).await.revoked(0);
    server.at(&other).introspect(&own).await.inactive();
    server.at(&other).get_with("/userinfo", &own).await.refused(401, "invalid_token");
}

/// Whoever made a token of a moment that is yet to come, a node with a fast clock say, it is ours and may be revoked.
async fn a_token_that_is_not_valid_yet_is_revoked_for_good(engine: Engine) {
    let server = TestServer::start(engine).await;
    let forge = Forge::of(&server).await;
    let early = |token: &str| forge.with_claims(token, |claims| claims["iat"] = (START + 60).into());
    let own = early(&server.own_token(C1, &[]).await.access_token());
    let users = early(&server.login_as(C1).await.access_token());
    let kept = early(&server.own_token(C1, &[]).await.access_token());
    server.introspect(&own).await.inactive();
    server.post_as(C1, "/revoke", &[("token", &own)]).await.ok();
    end(&server, "token", &users).await.ok();
    server.post_as(C2, "/revoke", &[("token", &kept)]).await.ok();
    server.clock.advance(60);
    server.introspect(&own).await.inactive();
    server.introspect(&users).await.inactive();
    server.introspect(&kept).await.active();
}

/// What was issued before a revocation is dead for ever, what is asked for after it is alive at once, however many revocations
/// a second has. One that would need a token of a later second is refused instead.
async fn a_burst_of_revocations_dates_no_token_far_ahead(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (mut revoked, mut refused) = (Vec::new(), 0);
    for _ in 0..9 {
        let own = server.own_token(C1, &[]).await;
        server.introspect(&own.access_token()).await.active();
        assert!(own.claims()["iat"].as_i64().unwrap() <= START + 3);
        let session = server.login_as(C1).await;
        let answer = end(&server, "of_client", C1.0).await;
        if answer.status == 200 {
            answer.revoked(1);
            server.introspect(&own.access_token()).await.inactive();
            revoked.push(own.access_token());
        } else {
            answer.refused(503, "temporarily_unavailable");
            assert_eq!(answer.header("retry-after"), "1");
            server.introspect(&own.access_token()).await.active();
            let ended = server.exchange_as(C1, &session.refresh_token()).await;
            ended.ok();
            end(&server, "token", &ended.refresh_token()).await.ok();
            refused += 1;
        }
    }
    assert_eq!((revoked.len(), refused), (2, 7));
    server.clock.advance(1);
    end(&server, "of_client", C1.0).await.revoked(0);
    server.clock.advance(30);
    for token in &revoked {
        server.introspect(token).await.inactive();
    }
    server.introspect(&server.own_token(C1, &[]).await.access_token()).await.active();
}

/// A clock that was ahead may have revoked tokens of moments that are yet to come. Nobody gets a token that is dead.
async fn no_token_is_issued_that_is_not_valid_yet(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.operator().clients().revoke(&C1.0.parse().unwrap(), START + 99).await.unwrap();
    server.app.registry.refresh().await.unwrap();
    let answer = server.own_token(C1, &[]).await;
    answer.refused(503, "temporarily_unavailable");
    assert_eq!(answer.header("retry-after"), "1");
    server.login_as(C1).await.ok();
    server.clock.advance(96);
    server.introspect(&server.own_token(C1, &[]).await.access_token()).await.active();
}

/// Tokens of the client that was may be dated a few seconds ahead, and the client that has its id now may be registered at once.
async fn a_client_that_comes_back_revives_no_token(engine: Engine) {
    let server = TestServer::start(engine).await;
    end(&server, "of_client", C1.0).await.revoked(0);
    end(&server, "of_client", C1.0).await.revoked(0);
    let old = server.own_token(C1, &[]).await.access_token();
    for seconds in [0, 1] {
        server.remove_client(C1.0).await;
        server.clock.advance(seconds);
        server.add_client(Client { tokens_revoked_at: 0, created_at: server.clock.now(), ..registered(C1.0) }).await;
        server.introspect(&old).await.inactive();
        server.introspect(&server.own_token(C1, &[]).await.access_token()).await.active();
    }
    server.clock.advance(30);
    server.introspect(&old).await.inactive();
    assert_eq!(server.own_token(C1, &[]).await.claims()["iat"], server.clock.now());
    assert_eq!(server.app.store.clients().purge_removed(server.clock.now()).await.unwrap(), 0, "clocks differ");
    server.clock.advance(60);
    assert_eq!(server.app.store.clients().purge_removed(server.clock.now()).await.unwrap(), 1);
}

on_both_databases!(
    a_subject_is_a_user,
    an_administrator_revokes_any_token,
    one_session_by_its_id,
    all_sessions_of_a_user_by_subject_or_name,
    all_of_a_client_and_its_own_tokens_with_them,
    a_bearer_whose_client_was_revoked_introspects_no_more,
    what_nobody_has_ends_nothing,
    only_an_administrator_names_more_than_a_token,
    one_request_names_one_thing,
    the_own_tokens_of_a_client_die_on_every_node_at_once,
    a_token_that_is_not_valid_yet_is_revoked_for_good,
    a_burst_of_revocations_dates_no_token_far_ahead,
    no_token_is_issued_that_is_not_valid_yet,
    a_client_that_comes_back_revives_no_token,
);
