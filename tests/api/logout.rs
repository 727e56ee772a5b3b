//! `POST /logout`.

use reqwest::Method;

use crate::harness::{API, Answer, C1, C2, Engine, P1, STRICT, TestServer, on_both_databases};

/// Signs out by access token.
async fn logout_with(server: &TestServer, token: &str, form: &[(&str, &str)]) -> Answer {
    server.send(server.request(Method::POST, "/logout").bearer_auth(token).form(form)).await
}

async fn a_refresh_token_ends_its_session_and_no_other(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (here, there, bobs) = (server.login().await, server.login().await, server.bobs_login().await);
    let answer = server.post("/logout", &[("refresh_token", &here.refresh_token())]).await;
    assert_eq!(answer.no_content().header("cache-control"), "no-store");
    server.assert_dead(&here.access_token(), &[&here.refresh_token()]).await;
    for other in [&there, &bobs] {
        server.introspect(&other.access_token()).await.active();
        server.refresh(&other.refresh_token()).await.ok();
    }
}

async fn an_access_token_ends_its_session_and_no_other(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (here, there) = (server.login().await, server.login().await);
    let second = server.refresh(&here.refresh_token()).await;
    server.send(server.request(Method::POST, "/logout").bearer_auth(here.access_token())).await.no_content();
    for dead in [&here, &second] {
        server.assert_dead(&dead.access_token(), &[&dead.refresh_token()]).await;
    }
    server.refresh(&there.refresh_token()).await.ok();
}

async fn json_and_form_are_the_same(engine: Engine) {
    let server = TestServer::start(engine).await;
    for all in ["true", "\"true\"", "false", "null"] {
        let answer = server.login().await;
        let body = format!(r#"{{"refresh_token":"{}","all":{all}}}"#, answer.refresh_token());
        server.post_text("/logout", "application/json", body).await.no_content();
        server.assert_dead(&answer.access_token(), &[&answer.refresh_token()]).await;
    }
}

async fn all_ends_every_session_of_the_user(engine: Engine) {
    let server = TestServer::start(engine).await;
    for by_refresh_token in [true, false] {
        let (here, there) = (server.login().await, server.login_on(STRICT).await);
        let (confidential, bobs) = (server.login_as(C1).await, server.bobs_login().await);
        let all = [("refresh_token", here.refresh_token()), ("all", "true".to_owned())];
        let all = all.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = if by_refresh_token {
            server.post("/logout", &all).await
        } else {
            logout_with(&server, &here.access_token(), &all[1..]).await
        };
        answer.no_content();
        for dead in [&here, &there, &confidential] {
            server.assert_dead(&dead.access_token(), &[&dead.refresh_token()]).await;
        }
        server.exchange_as(C1, &confidential.refresh_token()).await.refused(400, "invalid_grant");
        server.refresh(&bobs.refresh_token()).await.ok();
    }
}

async fn what_is_gone_already_is_204(engine: Engine) {
    let server = TestServer::start(engine).await;
    let answer = server.login().await;
    let by_refresh_token = [("refresh_token", answer.refresh_token())];
    for _ in 0..2 {
        server.post("/logout", &[("refresh_token", &by_refresh_token[0].1)]).await.no_content();
        logout_with(&server, &answer.access_token(), &[]).await.no_content();
    }
    server.post("/logout", &[("refresh_token", "no token of anybody")]).await.no_content();
}

async fn a_session_that_ended_by_itself_is_gone_already(engine: Engine) {
    let server = TestServer::start(engine).await;
    let answer = server.login().await;
    // Lowered afterwards, or the access token would have ended with it.
    server.change_client(P1, |client| client.idle_lifetime = Some(300)).await;
    server.clock.advance(300);
    logout_with(&server, &answer.access_token(), &[]).await.no_content();
    server.post("/logout", &[("refresh_token", &answer.refresh_token())]).await.no_content();
}

async fn a_token_that_is_no_good_ends_nothing(engine: Engine) {
    let server = TestServer::start(engine).await;
    let revoked = server.login().await;
    server.post("/revoke", &[("token", &revoked.access_token()), ("client_id", P1)]).await.ok();
    let own = server.own_token(C1, &[]).await.access_token();
    for bad in [revoked.access_token(), own.clone(), revoked.refresh_token(), "x".to_owned()] {
        logout_with(&server, &bad, &[]).await.refused(401, "invalid_token");
        logout_with(&server, &bad, &[("all", "true")]).await.refused(401, "invalid_token");
    }
    server.introspect(&own).await.active();
    let second = server.refresh(&revoked.refresh_token()).await;
    server.clock.advance(900);
    logout_with(&server, &second.access_token(), &[]).await.refused(401, "invalid_token");
    server.refresh(&second.refresh_token()).await.ok();
}

/// RFC 9068 §4: or whoever is sent a user's token could sign the user out everywhere.
async fn a_token_that_is_for_others_alone_signs_nobody_out(engine: Engine) {
    let server = TestServer::start(engine).await;
    let other = server.login().await;
    for asking in [&[("resource", API)][..], &[("scope", "read")]] {
        let answer = server.login_asking(asking).await;
        let token = answer.access_token();
        assert_eq!(answer.claims()["aud"], API);
        for form in [&[][..], &[("all", "true")]] {
            logout_with(&server, &token, form).await.refused(401, "invalid_token");
        }
        server.introspect(&token).await.active();
        server.post("/logout", &[("refresh_token", &answer.refresh_token())]).await.no_content();
        logout_with(&server, &token, &[]).await.refused(401, "invalid_token");
    }
    server.refresh(&other.refresh_token()).await.ok();
}

async fn nobody_signs_out_the_user_of_another_client(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (confidential, public) = (server.login_as(C1).await, server.login().await);
    let token = confidential.refresh_token();
    server.post("/logout", &[("refresh_token", &token)]).await.refused(401, "invalid_client");
    server.post("/logout", &[("refresh_token", &token), ("client_id", C1.0)]).await.refused(401, "invalid_client");
    server.post_as(C2, "/logout", &[("refresh_token", &token)]).await.no_content();
    server.post("/logout", &[("refresh_token", &token), ("client_id", P1)]).await.no_content();
    server.post_as(C2, "/logout", &[("refresh_token", &public.refresh_token()), ("all", "true")]).await.no_content();
    server.introspect(&confidential.access_token()).await.active();
    server.refresh(&public.refresh_token()).await.ok();
    server.post_as(C1, "/logout", &[("refresh_token", &token)]).await.no_content();
    server.assert_dead(&confidential.access_token(), &[&token]).await;
}

async fn an_old_refresh_token_ends_its_own_session_at_most_and_says_so(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (old, other) = (server.login().await.refresh_token(), server.login().await);
    let second = server.refresh(&old).await.refresh_token();
    let third = server.refresh(&second).await;
    server.clock.advance(60);
    let all = [("refresh_token", old.as_str()), ("all", "true")];
    server.post("/logout", &all).await.refused(401, "invalid_grant");
    server.assert_dead(&third.access_token(), &[&third.refresh_token()]).await;
    server.refresh(&other.refresh_token()).await.ok();
    server.post("/logout", &all[..1]).await.no_content();
}

async fn all_is_done_only_if_no_session_is_left(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (gone, other, bobs) = (server.login().await, server.login().await, server.bobs_login().await);
    let (token, all) = (gone.refresh_token(), ("all", "true"));
    server.post("/logout", &[("refresh_token", &token)]).await.no_content();
    server.post("/logout", &[("refresh_token", &token), all]).await.refused(401, "invalid_grant");
    logout_with(&server, &gone.access_token(), &[all]).await.refused(401, "invalid_token");
    server.introspect(&other.access_token()).await.active();
    logout_with(&server, &other.access_token(), &[all]).await.no_content();
    server.post("/logout", &[("refresh_token", &token), all]).await.no_content();
    logout_with(&server, &gone.access_token(), &[all]).await.no_content();
    server.refresh(&bobs.refresh_token()).await.ok();
}

async fn a_token_of_a_disabled_client_does_not_hide_that_others_are_left(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (gone, other) = (server.login().await, server.login_on(STRICT).await);
    server.change_client(P1, |client| client.disabled_at = Some(client.created_at)).await;
    let token = gone.refresh_token();
    let all = [("refresh_token", token.as_str()), ("all", "true")];
    server.post("/logout", &all).await.refused(401, "invalid_grant");
    server.introspect(&other.access_token()).await.active();
    server.post("/logout", &all[..1]).await.no_content();
    server.post("/logout", &[("refresh_token", &other.refresh_token())]).await.no_content();
    server.post("/logout", &all).await.no_content();
}

async fn what_is_missing_or_malformed_is_invalid_request(engine: Engine) {
    let server = TestServer::start(engine).await;
    let answer = server.login().await;
    server.post("/logout", &[]).await.refused(400, "invalid_request");
    server.send(server.request(Method::POST, "/logout")).await.refused(400, "invalid_request");
    let token = answer.refresh_token();
    for all in ["yes", "1", "TRUE"] {
        server.post("/logout", &[("refresh_token", &token), ("all", all)]).await.refused(400, "invalid_request");
        logout_with(&server, &answer.access_token(), &[("all", all)]).await.refused(400, "invalid_request");
    }
    server.refresh(&token).await.ok();
}

async fn a_sign_out_that_is_not_stored_is_503(engine: Engine) {
    let server = TestServer::start(engine).await;
    let answer = server.login().await;
    server.app.store.close().await;
    let by_refresh_token = server.post("/logout", &[("refresh_token", &answer.refresh_token())]).await;
    let by_bearer = logout_with(&server, &answer.access_token(), &[("all", "true")]).await;
    for answer in [by_refresh_token, by_bearer] {
        assert_eq!(answer.refused(503, "temporarily_unavailable").header("retry-after"), "1");
    }
}

on_both_databases!(
    a_refresh_token_ends_its_session_and_no_other,
    an_access_token_ends_its_session_and_no_other,
    json_and_form_are_the_same,
    all_ends_every_session_of_the_user,
    what_is_gone_already_is_204,
    a_session_that_ended_by_itself_is_gone_already,
    a_token_that_is_no_good_ends_nothing,
    a_token_that_is_for_others_alone_signs_nobody_out,
    nobody_signs_out_the_user_of_another_client,
    an_old_refresh_token_ends_its_own_session_at_most_and_says_so,
    all_is_done_only_if_no_session_is_left,
    a_token_of_a_disabled_client_does_not_hide_that_others_are_left,
    what_is_missing_or_malformed_is_invalid_request,
    a_sign_out_that_is_not_stored_is_503,
);
