//! D: who may ask about tokens, what they learn, and that it is the truth.

mod outage;

use reqwest::Method;

use crate::harness::{
    ADMIN, Answer, Bystander, C1, C2, Engine, Forge, Node, P1, RS1, RS2, TestServer, on_both_databases,
};

async fn introspect_at(server: &TestServer, base: &str, caller: (&str, &str), token: &str) -> Answer {
    let request = reqwest::Client::new().post(format!("{base}/introspect")).basic_auth(caller.0, Some(caller.1));
    server.send(request.form(&[("token", token)])).await
}

/// Every token of a session is inactive on every node, as soon as what ended it was answered.
async fn assert_inactive_everywhere(server: &TestServer, nodes: &[&Node], tokens: &[&str]) {
    for token in tokens {
        server.introspect(token).await.inactive();
        for node in nodes {
            introspect_at(server, &node.base, RS1, token).await.inactive();
        }
    }
}

/// GHSA-9xx5-cv6j-x533.
async fn who_may_not_ask(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    for token in [bystander.access.as_str(), bystander.refresh.as_str(), "garbage"] {
        let form = [("token", token)];
        server.post("/introspect", &form).await.refused(401, "invalid_client");
        for client in [C1, ADMIN] {
            server.post_as(client, "/introspect", &form).await.refused(403, "unauthorized_client");
        }
        // A user's own token is no right to ask about it.
        let request = server.request(Method::POST, "/introspect").bearer_auth(&bystander.access).form(&form);
        let answer = server.send(request).await;
        answer.refused(403, "insufficient_scope");
        assert!(answer.header("www-authenticate").contains("scope=\"introspect\""), "{answer:?}");
    }
    server.assert_lost_nothing(bystander).await;
}

/// CVE-2026-37979, CVE-2026-58425. By audience, or as the client itself; all else is nobody's token.
async fn a_token_for_somebody_else(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (public, confidential) = (server.bystander().await, server.bystander_on(C1).await);
    let machine = server.post_as(C2, "/token", &[("grant_type", "client_credentials")]).await.access_token();
    let own = server.post_as(RS2, "/token", &[("grant_type", "client_credentials")]).await.access_token();
    for token in [&public.access, &public.refresh, &confidential.access, &confidential.refresh, &machine] {
        server.introspect(token).await.active();
        server.post_as(RS2, "/introspect", &[("token", token)]).await.inactive();
        let request = server.request(Method::POST, "/introspect").bearer_auth(&own).form(&[("token", token)]);
        server.send(request).await.inactive();
        // Naming somebody who would see it lends nothing of theirs.
        let request = server.request(Method::POST, "/introspect").bearer_auth(&own);
        server.send(request.form(&[("token", token.as_str()), ("client_id", RS1.0)])).await.inactive();
    }
    server.post_as(RS2, "/introspect", &[("token", &own)]).await.active();
    server.introspect(&own).await.inactive();
    server.assert_lost_nothing(public).await;
    server.assert_lost_nothing(confidential).await;
}

/// CVE-2026-68481, CVE-2026-3583, wso2#5060, gravitee#6305.
async fn a_revoked_token_is_inactive_everywhere_at_once(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (one, two) = (server.another_node().await, server.another_node().await);
    let nodes = [&one, &two];
    let end_by_revocation = server.bystander().await;
    let end_by_logout = server.bystander().await;
    let end_by_admin = server.bystander_on(C1).await;
    let kept = server.bystander().await;
    for bystander in [&end_by_revocation, &end_by_logout, &end_by_admin, &kept] {
        for node in nodes {
            introspect_at(&server, &node.base, RS1, &bystander.access).await.active();
        }
    }
    let tokens = |of: &Bystander| [of.access.clone(), of.refresh.clone()];
    server.post("/revoke", &[("client_id", P1), ("token", &end_by_revocation.refresh)]).await.ok();
    let [access, refresh] = tokens(&end_by_revocation);
    assert_inactive_everywhere(&server, &nodes, &[&access, &refresh]).await;
    let [access, refresh] = tokens(&end_by_logout);
    let logout = server.request(Method::POST, "/logout").bearer_auth(&access);
    assert_eq!(server.send(logout).await.status, 204);
    assert_inactive_everywhere(&server, &nodes, &[&access, &refresh]).await;
    server.post_as(ADMIN, "/revoke", &[("sid", &end_by_admin.session.to_string())]).await.ok();
    let [access, refresh] = tokens(&end_by_admin);
    assert_inactive_everywhere(&server, &nodes, &[&access, &refresh]).await;
    // One access token alone, and a machine's.
    let machine = server.post_as(C1, "/token", &[("grant_type", "client_credentials")]).await.access_token();
    server.post_as(C1, "/revoke", &[("token", &machine)]).await.ok();
    assert_inactive_everywhere(&server, &nodes, &[&machine]).await;
    server.assert_lost_nothing(kept).await;
}

/// CVE-2026-9097.
async fn a_token_of_a_disabled_user_is_inactive_everywhere(engine: Engine) {
    let server = TestServer::start(engine).await;
    let node = server.another_node().await;
    let (public, confidential) = (server.bystander().await, server.bystander_on(C1).await);
    server.operator().users().disable(server.alice, server.clock.now()).await.unwrap().expect("she was enabled");
    let tokens = [&public.access, &public.refresh, &confidential.access, &confidential.refresh].map(String::as_str);
    assert_inactive_everywhere(&server, &[&node], &tokens).await;
}

/// What is in an address ends up in logs and histories.
async fn a_token_in_the_address(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    let path = format!("/introspect?token={}", bystander.access);
    for by in [RS1, C1] {
        let get = server.request(Method::GET, &path).basic_auth(by.0, Some(by.1));
        server.send(get).await.refused(405, "invalid_request");
        for form in [vec![], vec![("token", bystander.access.as_str())]] {
            server.post_as(by, &path, &form).await.refused(400, "invalid_request");
        }
    }
    for query in ["client_secret=x", "access_token=x", "x", "=", "&", "%ff"] {
        let answer = server.post_as(RS1, &format!("/introspect?{query}"), &[("token", &bystander.access)]).await;
        answer.refused(400, "invalid_request");
    }
    for query in ["access_token=", "x=1&access_token=x", "%61ccess_token=x", "access%5ftoken=x"] {
        let answer = server.get_with(&format!("/userinfo?{query}"), &bystander.access).await;
        answer.refused(400, "invalid_request");
        assert!(answer.header("www-authenticate").contains("error=\"invalid_request\""), "{query}: {answer:?}");
        let post = server.request(Method::POST, &format!("/userinfo?{query}")).bearer_auth(&bystander.access);
        assert_eq!(server.send(post).await.without_the_incidental(), answer.without_the_incidental());
    }
    server.assert_lost_nothing(bystander).await;
}

/// RFC 7662 §2.2: an inactive token is the same text and the same header fields, whatever was wrong.
async fn nothing_tells_one_inactive_token_from_another(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (revoked, expired) = (server.bystander().await, server.bystander().await);
    server.post("/revoke", &[("client_id", P1), ("token", &revoked.refresh)]).await.ok();
    server.clock.advance(900);
    let other = server.post_as(RS2, "/token", &[("grant_type", "client_credentials")]).await.access_token();
    let reference = server.introspect("garbage").await;
    assert_eq!(reference.header("cache-control"), "no-store");
    for token in [&revoked.access, &revoked.refresh, &expired.access, &other, &expired.refresh.replace("tkr_", "tkr_A")]
    {
        let answer = server.introspect(token).await;
        assert_eq!(answer.without_the_incidental(), reference.without_the_incidental());
    }
    let active = server.introspect(&expired.refresh).await;
    assert_eq!((active.active().header("cache-control"), active.header("pragma")), ("no-store", "no-cache"));
}

/// A user's claim can't pose as one of the answer's own members.
async fn a_claim_can_not_pose_as_a_member_of_the_answer(engine: Engine) {
    for name in ["username", "active", "token_type"] {
        let refused = tokend::config::Config::from_toml(&format!("[claims]\naccess_token = ['{name}']"));
        assert!(refused.unwrap_err().to_string().contains("is a claim that only the server sets"), "{name}");
    }
    let server = TestServer::start(engine).await;
    let forge = Forge::of(&server).await;
    let token = forge.with_claims(&server.login().await.access_token(), |claims| {
        claims["username"] = "root".into();
        claims["active"] = false.into();
        claims["token_type"] = "x".into();
        claims["roles"] = serde_json::json!(["a"]);
    });
    let text = server.introspect(&token).await.text;
    for member in ["\"username\":", "\"active\":", "\"token_type\":"] {
        assert_eq!(text.matches(member).count(), 1, "{text}");
    }
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((json["username"].as_str(), json["active"].as_bool()), (Some("alice"), Some(true)), "{text}");
    assert_eq!((json["token_type"].as_str(), &json["roles"]), (Some("Bearer"), &serde_json::json!(["a"])), "{text}");
}

on_both_databases!(
    who_may_not_ask,
    a_token_for_somebody_else,
    a_revoked_token_is_inactive_everywhere_at_once,
    a_token_of_a_disabled_user_is_inactive_everywhere,
    a_token_in_the_address,
    nothing_tells_one_inactive_token_from_another,
    a_claim_can_not_pose_as_a_member_of_the_answer,
);
