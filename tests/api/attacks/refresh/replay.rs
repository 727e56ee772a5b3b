//! Tokens that come back: late, twice, at once, forged, and from others.

use reqwest::Method;
use tokio::task::JoinSet;

use crate::harness::{Answer, C1, Engine, P1, STRICT, TestServer, UNROTATED, on_both_databases};

/// Proven reuse ends everything of the session, at every endpoint, and nothing of any other.
async fn reuse_ends_the_session_and_no_other(engine: Engine) {
    for (client, wait) in [(P1, 20), (STRICT, 0)] {
        let server = TestServer::start(engine).await;
        let others = [server.bystander().await, server.bystander_on(C1).await];
        let zero = server.login_on(client).await;
        let one = server.refresh(&zero.refresh_token()).await;
        let two = server.refresh(&one.refresh_token()).await;
        server.clock.advance(wait);
        let form = [("grant_type", "refresh_token"), ("refresh_token", &zero.refresh_token()), ("client_id", client)];
        server.post("/token", &form).await.refused(400, "invalid_grant");
        for answer in [&zero, &one, &two] {
            server.assert_dead(&answer.access_token(), &[&answer.refresh_token()]).await;
        }
        for other in others {
            server.assert_lost_nothing(other).await;
        }
    }
}

/// Django-oauth-toolkit#1617. Whatever is delayed within the window, there is one live successor and no logout.
async fn retries_within_the_window_lead_to_one_token(engine: Engine) {
    let server = TestServer::start(engine).await;
    let first = server.login().await;
    let session = server.session_of(&first.access_token()).await;
    let mut tokens = vec![first.refresh_token()];
    for _ in 0..5 {
        tokens.push(server.refresh(tokens.last().unwrap()).await.refresh_token());
        server.clock.advance(1);
        let mut access = vec![];
        for token in &tokens[..tokens.len() - 1] {
            let answer = server.refresh(token).await;
            assert_eq!((answer.header("refresh-verdict"), &answer.refresh_token()), ("replay", tokens.last().unwrap()));
            access.push(answer.access_token());
        }
        access.dedup();
        assert_eq!(access.len(), tokens.len() - 1, "each retry has an access token of its own");
    }
    assert_eq!(server.generation(session).await, 6);
    let last = tokens.pop().unwrap();
    server.refresh(&last).await.ok();
}

/// CVE-2026-1035, CVE-2026-50631, CVE-2026-53517, on every path at once.
async fn parallel_uses_on_every_path_have_one_successor(engine: Engine) {
    let server = TestServer::start(engine).await;
    let first = server.login().await;
    let (token, session) = (first.refresh_token(), server.session_of(&first.access_token()).await);
    let mut exchanges = JoinSet::new();
    for i in 0..64 {
        let form = [("grant_type", "refresh_token"), ("refresh_token", &token), ("client_id", P1)];
        let request = match i % 4 {
            0 => server.request(Method::POST, "/refresh").form(&form[1..2]),
            1 => server.request(Method::POST, "/refresh").json(&serde_json::json!({ "refresh_token": token })),
            2 => server.request(Method::POST, "/token").form(&form),
            _ => server
                .request(Method::POST, "/refresh")
                .header("origin", "https://app.example.com")
                .header("cookie", format!("__Host-tokend-refresh={token}"))
                .form(&form[2..]),
        };
        exchanges.spawn(async move { Answer::read(request.send().await.expect("an answer")).await });
    }
    let mut successors: Vec<String> = exchanges
        .join_all()
        .await
        .iter()
        .map(|answer| {
            let is_in_body = answer.ok().json().get("refresh_token").is_some();
            if is_in_body { answer.refresh_token() } else { answer.refresh_token_in_cookie() }
        })
        .collect();
    successors.sort_unstable();
    successors.dedup();
    assert_eq!((successors.len(), server.generation(session).await), (1, 2));
    server.refresh(&successors[0]).await.ok();
}

/// CVE-2026-53512. Current, in the window, and long after: it is of no use to anybody but its own client, and
/// nothing that they do with it harms the session.
async fn another_client_presents_the_token(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander_on(C1).await;
    server.assert_nobody_else_can_use(&bystander, &bystander.refresh).await;
    server.assert_untouched(&bystander, "the current token").await;
    let next = server.exchange_as(C1, &bystander.refresh).await;
    server.assert_nobody_else_can_use(&bystander, &bystander.refresh).await;
    server.assert_nobody_else_can_use(&bystander, &next.refresh_token()).await;
    let third = server.exchange_as(C1, &next.refresh_token()).await;
    server.clock.advance(100);
    // For its own client each of these would be proof of theft.
    server.assert_nobody_else_can_use(&bystander, &bystander.refresh).await;
    assert_eq!(server.generation(bystander.session).await, 3);
    server.introspect(&third.access_token()).await.active();
    server.exchange_as(C1, &third.refresh_token()).await.ok();
}

/// The other way round: a public client's token presented by those who have a secret.
async fn a_confidential_client_presents_a_public_ones_token(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    server.exchange_as(C1, &bystander.refresh).await.refused(400, "invalid_grant");
    server.post_as(C1, "/refresh", &[("refresh_token", &bystander.refresh)]).await.refused(401, "invalid_grant");
    server
        .post("/refresh", &[("refresh_token", &bystander.refresh), ("client_id", STRICT)])
        .await
        .refused(401, "invalid_grant");
    let form = [("grant_type", "refresh_token"), ("refresh_token", &bystander.refresh), ("client_id", STRICT)];
    server.post("/token", &form).await.refused(400, "invalid_grant");
    server.post("/token", &form[..2]).await.refused(401, "invalid_client");
    server.assert_lost_nothing(bystander).await;
}

/// The end of one session is not the end of the others, and its tokens can't make it so.
async fn a_dead_token_harms_no_other_session(engine: Engine) {
    let server = TestServer::start(engine).await;
    let others = [server.bystander().await, server.bystander_on(C1).await];
    let gone = server.login().await;
    let successor = server.refresh(&gone.refresh_token()).await;
    assert_eq!(server.post("/logout", &[("refresh_token", &successor.refresh_token())]).await.status, 204);
    for token in [gone.refresh_token(), successor.refresh_token()] {
        for wait in [0, 100] {
            server.clock.advance(wait);
            server.refresh(&token).await.refused(401, "invalid_grant");
            assert_eq!(server.post("/logout", &[("refresh_token", token.as_str())]).await.status, 204);
            let all = server.post("/logout", &[("refresh_token", token.as_str()), ("all", "true")]).await;
            all.refused(401, "invalid_grant");
            server.post("/revoke", &[("token", token.as_str()), ("client_id", P1)]).await.ok();
        }
    }
    let all = server.request(Method::POST, "/logout").bearer_auth(successor.access_token()).form(&[("all", "true")]);
    server.send(all).await;
    for other in others {
        server.assert_lost_nothing(other).await;
    }
}

/// An old token that was left somewhere ends its own session at most.
async fn an_old_token_does_not_log_out_everywhere(engine: Engine) {
    let server = TestServer::start(engine).await;
    let other = server.bystander().await;
    let zero = server.login().await;
    let one = server.refresh(&zero.refresh_token()).await;
    server.refresh(&one.refresh_token()).await.ok();
    server.clock.advance(100);
    let form = [("refresh_token", zero.refresh_token()), ("all", "true".to_owned())];
    let all = server.send(server.request(Method::POST, "/logout").form(&form)).await;
    all.refused(401, "invalid_grant");
    server.assert_lost_nothing(other).await;
}

/// What isn't ours costs no database call. With the database gone a forged token is still just wrong.
async fn a_forged_token_costs_no_database_call(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (public, access) = (server.bystander().await, server.login().await.access_token());
    server.app.store.close().await;
    let flipped = |token: &str, i: usize| {
        let other = if token.as_bytes()[i] == b'A' { "B" } else { "A" };
        format!("{}{other}{}", &token[..i], &token[i + 1..])
    };
    let forged = flipped(&public.refresh, 60);
    server.refresh(&forged).await.refused(401, "invalid_grant");
    server.introspect(&forged).await.inactive();
    server.post("/revoke", &[("client_id", P1), ("token", &forged)]).await.ok();
    assert_eq!(server.post("/logout", &[("refresh_token", &forged)]).await.status, 204);
    let forged = flipped(&access, access.len() - 20);
    server.introspect(&forged).await.inactive();
    server.get_with("/userinfo", &forged).await.refused(401, "invalid_token");
}

/// Without rotation there is nothing to replay, and still a session to end.
async fn a_token_without_rotation_is_still_its_clients_own(engine: Engine) {
    let server = TestServer::start(engine).await;
    let answer = server.login_on(UNROTATED).await;
    let token = answer.refresh_token();
    let session = server.session_of(&answer.access_token()).await;
    for client in [P1, STRICT] {
        let form = [("grant_type", "refresh_token"), ("refresh_token", &token), ("client_id", client)];
        server.post("/token", &form).await.refused(400, "invalid_grant");
    }
    server.exchange_as(C1, &token).await.refused(400, "invalid_grant");
    assert_eq!(server.refresh(&token).await.refresh_token(), token);
    assert_eq!(server.generation(session).await, 1);
    server.post("/revoke", &[("client_id", UNROTATED), ("token", &token)]).await.ok();
    server.assert_dead(&answer.access_token(), &[&token]).await;
}

on_both_databases!(
    reuse_ends_the_session_and_no_other,
    retries_within_the_window_lead_to_one_token,
    parallel_uses_on_every_path_have_one_successor,
    another_client_presents_the_token,
    a_confidential_client_presents_a_public_ones_token,
    a_dead_token_harms_no_other_session,
    an_old_token_does_not_log_out_everywhere,
    a_forged_token_costs_no_database_call,
    a_token_without_rotation_is_still_its_clients_own,
);
