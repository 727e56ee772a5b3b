//! `tokend explain`, as an operator asks it of a server's tokens.

use tokend::domain::{Grant, RevokedReason};
use tokend::explain::{Answered, Explanation, answered, explain};

use crate::harness::{
    ADMIN, API, AUDITOR, C1, C2, Engine, P1, PASSWORD, RS1, RS2, STRICT, Settings, TestServer, on_both_databases,
};
use crate::nodes::lose_commits;

/// Every client that has a secret.
const CALLERS: [(&str, &str); 6] = [C1, C2, RS1, RS2, ADMIN, AUDITOR];

/// What is told of a history.
fn kinds(explanation: &Explanation) -> Vec<&str> {
    explanation.history.iter().map(|event| &*event.kind).collect()
}

impl TestServer {
    async fn explain(&self, text: &str) -> Explanation {
        explain(&self.app, text, 50).await.unwrap()
    }

    /// What a client is answered, as the command line tells it.
    async fn explain_for(&self, text: &str, client: &str) -> Answered {
        answered(&self.app, text, &client.parse().unwrap(), &self.explain(text).await).await.unwrap()
    }

    /// For each caller the command line and the endpoint must say the same of a token. For how many it is active.
    async fn agrees(&self, text: &str) -> usize {
        let (mut active, explained) = (Vec::new(), self.explain(text).await);
        for caller in CALLERS {
            let answer = self.post_as(caller, "/introspect", &[("token", text)]).await;
            let told = self.explain_for(text, caller.0).await;
            let is_active = answer.status == 200 && answer.json()["active"] == true;
            assert_eq!(told.active, is_active, "{} is answered {} and told {told:?}", caller.0, answer.text);
            if answer.status != 200 {
                let (status, error) = (answer.status.to_string(), answer.json()["error"].as_str().unwrap().to_owned());
                assert!(told.because.contains(&format!("answers {status} {error}")), "{told:?}");
            }
            if is_active {
                active.push(caller.0.to_owned());
            }
        }
        active.sort_unstable();
        assert_eq!(explained.active_for, active, "{explained:?}");
        active.len()
    }

    async fn accepted(&self, text: &str, because: &str) -> Explanation {
        let explanation = self.explain(text).await;
        assert!(explanation.accepted == Some(true) && explanation.because.contains(because), "{explanation:?}");
        explanation
    }

    async fn not_accepted(&self, text: &str, because: &str) -> Explanation {
        let explanation = self.explain(text).await;
        assert!(explanation.accepted == Some(false) && explanation.because.contains(because), "{explanation:?}");
        explanation
    }
}

async fn a_refresh_token_is_explained_by_the_judge(engine: Engine) {
    let server = TestServer::start(engine).await;
    let first = server.login().await.refresh_token();
    server.accepted(&first, "number 1 of the session, the newest is 1; it would be exchanged").await;
    let second = server.refresh(&first).await.refresh_token();
    server.accepted(&first, "counts as a retry").await;
    server.clock.advance(60);
    server.accepted(&first, "its successor was never used").await;
    let third = server.refresh(&second).await.refresh_token();
    server.clock.advance(60);
    server.not_accepted(&first, "somebody has a copy").await;
    // Explaining ends nothing.
    server.accepted(&third, "number 3").await;
    server.refresh(&third).await.ok();
    server.not_accepted("tkr_garbage", "form").await;
    let mut forged = third.into_bytes();
    forged[40] ^= 1;
    server.not_accepted(&String::from_utf8(forged).unwrap(), "").await;
}

/// A retry is answered by deriving the newest token again, which needs the secret that derived it the first time.
async fn a_retry_that_can_not_be_answered_any_more_is_explained(engine: Engine) {
    let server = TestServer::start(engine).await;
    let first = server.login().await.refresh_token();
    let secrets = "another-master-secret-of-the-tests-01, a-master-secret-of-the-tests-long-enough";
    let rotated = server.another_node_with(&Settings::default().with_secret(secrets)).await;
    let rotated = server.at(&rotated);
    rotated.refresh(&first).await.ok();
    rotated.accepted(&first, "counts as a retry").await;
    server.refresh(&first).await.refused(401, "invalid_grant");
    server.not_accepted(&first, "no configured master secret derives the newest one from it").await;
}

async fn the_end_of_a_session_is_explained_with_its_history(engine: Engine) {
    let server = TestServer::start(engine).await;
    let tokens = server.login_on(STRICT).await;
    let next = server.refresh(&tokens.refresh_token()).await;
    // Strangers' guesses would leave no room for what matters.
    server.post("/login", &[("username", "alice"), ("password", "a guess")]).await.refused(401, "invalid_grant");
    server.refresh(&tokens.refresh_token()).await.refused(401, "invalid_grant");
    server.clock.advance(30);
    let sid = next.claims()["sid"].as_str().unwrap().to_owned();
    for text in [next.refresh_token(), next.access_token(), sid.clone()] {
        let explanation = server.not_accepted(&text, "was ended 30 seconds ago: reuse").await;
        assert_eq!(kinds(&explanation), ["refresh.reused", "sign_in.ok"]);
        assert_eq!((explanation.user_id, explanation.client_id.as_deref()), (Some(server.alice), Some(STRICT)));
        assert_eq!(explanation.session_id.map(|id| id.to_string()).as_ref(), Some(&sid));
    }
}

/// What is done to a session and what is done to its user meanwhile, in the order of time.
async fn the_newest_of_a_history_is_told(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.refresh_token();
    server.clock.advance(10);
    let store = server.app.store.by(server.app.own_act());
    store.users().forget_devices(server.alice, server.clock.now()).await.unwrap();
    server.clock.advance(10);
    server.post("/logout", &[("refresh_token", &token)]).await.no_content();
    assert_eq!(kinds(&server.explain(&token).await), ["sign_out", "user.devices_forgotten", "sign_in.ok"]);
    let newest = explain(&server.app, &token, 2).await.unwrap();
    assert_eq!(kinds(&newest), ["sign_out", "user.devices_forgotten"]);
}

/// What is done to an access token alone is a part of it, and of the limit.
async fn an_access_token_has_one_history(engine: Engine) {
    let server = TestServer::start(engine).await;
    let tokens = server.login().await;
    server.clock.advance(10);
    server.post("/revoke", &[("token", &tokens.access_token()), ("client_id", P1)]).await.ok();
    server.clock.advance(10);
    server.post("/logout", &[("refresh_token", &tokens.refresh_token())]).await.no_content();
    let explanation = server.not_accepted(&tokens.access_token(), "it was revoked by itself").await;
    assert_eq!(kinds(&explanation), ["sign_out", "token.revoked", "sign_in.ok"]);
    let newest = explain(&server.app, &tokens.access_token(), 2).await.unwrap();
    assert_eq!(kinds(&newest), ["sign_out", "token.revoked"]);
}

/// The trail outlives the session.
async fn a_session_that_is_gone_is_explained_with_its_history(engine: Engine) {
    let server = TestServer::start(engine).await;
    let tokens = server.login().await;
    server.post("/logout", &[("refresh_token", &tokens.refresh_token())]).await.no_content();
    assert_eq!(server.app.store.sessions().purge(server.clock.now()).await.unwrap(), 1);
    let sid = tokens.claims()["sid"].as_str().unwrap().to_owned();
    let gone = format!("its session {sid} is not there");
    for (text, because) in [(tokens.refresh_token(), &*gone), (sid.clone(), "this session is not there any more")] {
        let mut explanation = server.not_accepted(&text, because).await;
        // They are of one second.
        explanation.history.sort_by(|one, other| one.kind.cmp(&other.kind));
        assert_eq!(kinds(&explanation), ["sign_in.ok", "sign_out"]);
    }
    server.not_accepted(&tokens.access_token(), &gone).await;
}

/// A database that lost commits: what a client has depends on whether the operator lets it go on.
async fn a_token_ahead_of_the_database_is_explained(engine: Engine) {
    let server = TestServer::start(engine).await;
    let zero = server.login().await.refresh_token();
    let one = server.refresh(&zero).await.refresh_token();
    let two = server.refresh(&one).await.refresh_token();
    lose_commits(&server, &zero, &two).await;
    server.not_accepted(&two, "it is ahead of the database, which has lost commits").await;
    server.operator().registry().set_recovery(Some(server.clock.now() + 3600)).await.unwrap();
    server.app.registry.refresh().await.unwrap();
    server.accepted(&two, "it is ahead of the database, and the recovery window is open").await;
}

async fn an_access_token_is_explained(engine: Engine) {
    let server = TestServer::start(engine).await;
    let tokens = server.login().await;
    let token = tokens.access_token();
    server.accepted(&token, "alive").await;
    server.post("/revoke", &[("token", &token), ("client_id", P1)]).await.ok();
    let revoked = server.not_accepted(&token, "it was revoked by itself").await;
    assert_eq!(kinds(&revoked), ["token.revoked", "sign_in.ok"]);
    let jti = tokens.claims()["jti"].as_str().unwrap().to_owned();
    let explanation = server.not_accepted(&jti, "this access token was revoked").await;
    assert_eq!(explanation.history.len(), 1);
    let other = server.login().await;
    let (jti, other) = (other.claims()["jti"].as_str().unwrap().to_owned(), other.access_token());
    for unknown in [jti, uuid::Uuid::new_v4().to_string()] {
        let explanation = server.explain(&unknown).await;
        assert_eq!(explanation.accepted, None);
        assert!(explanation.because.contains("tells only whether it was revoked"), "{explanation:?}");
    }
    server.operator().users().disable(server.alice, server.clock.now()).await.unwrap();
    server.not_accepted(&other, "user_disabled").await;
    server.clock.advance(900);
    server.not_accepted(&other, "expired").await;
    server.not_accepted("eyJhbGciOiJub25lIn0.e30.", "header").await;
}

async fn a_clients_own_token_is_explained(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.own_token(C1, &[]).await.access_token();
    let explanation = server.accepted(&token, "client's own").await;
    assert_eq!((explanation.client_id.as_deref(), explanation.user_id), (Some(C1.0), None));
    server.operator().clients().revoke(&C1.0.parse().unwrap(), server.clock.now()).await.unwrap();
    server.not_accepted(&token, "were revoked").await;
}

async fn an_expired_session_is_explained(engine: Engine) {
    let server = TestServer::start_with(engine, Settings::with("[sessions]\nidle_lifetime = '1h'")).await;
    let tokens = server.login().await;
    server.clock.advance(3_605);
    server.not_accepted(&tokens.refresh_token(), "expired 5 seconds ago").await;
    server.operator().sessions().revoke_of_user(server.alice, RevokedReason::Admin, server.clock.now()).await.unwrap();
    server.not_accepted(&tokens.refresh_token(), "was ended 0 seconds ago").await;
    server.clock.advance(1);
    server.not_accepted(&tokens.refresh_token(), "was ended 1 second ago").await;
}

/// Tokens of each sort in each state, asked by each client.
async fn a_client_is_answered_as_it_is_explained(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.change_client(C1.0, |client| client.may_introspect = true).await;
    let (public, confidential) = (server.login().await, server.login_as(C1).await);
    let own = server.own_token(C1, &[]).await.access_token();
    assert_eq!(server.agrees(&public.access_token()).await, 1, "the resource server of its audience");
    assert_eq!(server.agrees(&confidential.access_token()).await, 2, "that and its own client");
    assert_eq!(server.agrees(&own).await, 2);
    assert_eq!(server.agrees(&public.refresh_token()).await, 1, "an administrator");
    assert_eq!(server.agrees(&confidential.refresh_token()).await, 2, "that and its own client");
    for text in ["x", "a.b.c", "tkr_x", "eyJhbGciOiJub25lIn0.e30."] {
        server.post_as(RS1, "/introspect", &[("token", text)]).await.inactive();
        let told = server.explain_for(text, RS1.0).await;
        assert!(!told.active && told.because == server.explain(text).await.because, "{told:?}");
    }
    // Of each token one way to die.
    server.post("/revoke", &[("token", &public.access_token()), ("client_id", P1)]).await.ok();
    assert_eq!(server.agrees(&public.access_token()).await, 0);
    server.change_client(C1.0, |client| client.scope = "openid".parse().unwrap()).await;
    assert_eq!(server.agrees(&own).await, 0);
    let last = server.login_as(C1).await;
    server.change_client(RS1.0, |client| client.serves.clear()).await;
    assert_eq!(server.agrees(&last.access_token()).await, 1, "its own client");
    server.change_client(C1.0, |client| client.grants.retain(|grant| *grant != Grant::RefreshToken)).await;
    assert_eq!(server.agrees(&last.refresh_token()).await, 0);
    let living = server.login().await;
    server.operator().users().disable(server.alice, server.clock.now()).await.unwrap();
    assert_eq!(server.agrees(&living.access_token()).await + server.agrees(&living.refresh_token()).await, 0);
    server.clock.advance(900);
    assert_eq!(server.agrees(&living.access_token()).await, 0);
}

/// What an operator has to change is said.
async fn a_client_is_told_why_it_is_answered_inactive(engine: Engine) {
    let server = TestServer::start(engine).await;
    let tokens = server.login().await;
    let (access, refresh) = (tokens.access_token(), tokens.refresh_token());
    let issuer = "https://auth.example.com";
    for (token, client, active, because) in [
        (&access, RS1.0, true, format!("it is for {API}, which client rs1 serves")),
        (
            &access,
            RS2.0,
            false,
            format!("it is for {API} and {issuer}, and client rs2 serves only https://other.example.com;"),
        ),
        (&access, AUDITOR.0, false, format!("it is for {API} and {issuer}, and client auditor serves no audience;")),
        (&access, RS2.0, false, "run tokend client update rs2 --serves AUDIENCE".to_owned()),
        (&access, C1.0, false, "run tokend client update c1 --may-introspect true".to_owned()),
        (&access, P1, false, "client app is public and can't authenticate: /introspect answers 401".to_owned()),
        (&refresh, RS1.0, false, "it is a refresh token of client app".to_owned()),
        (&refresh, AUDITOR.0, true, "client auditor is an administrator".to_owned()),
    ] {
        let told = server.explain_for(token, client).await;
        assert!(told.active == active && told.because.contains(&because), "{client}: {told:?}");
    }
    server.post("/introspect", &[("token", &access), ("client_id", P1)]).await.refused(401, "invalid_client");
    server.change_client(RS1.0, |client| client.disabled_at = Some(1)).await;
    assert!(
        server.explain_for(&access, RS1.0).await.because.contains("client rs1 is disabled: /introspect answers 401")
    );
    server.post_as(RS1, "/introspect", &[("token", &access)]).await.refused(401, "invalid_client");
    server.operator().sessions().revoke_of_user(server.alice, RevokedReason::Admin, server.clock.now()).await.unwrap();
    assert_eq!(server.explain_for(&access, RS2.0).await.because, "its session was ended 0 seconds ago: admin");
}

/// Without --for, an explanation says where a token is good.
async fn an_explanation_says_where_a_token_is_good(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.access_token();
    let explained = server.explain(&token).await;
    assert_eq!(explained.audience, [API, "https://auth.example.com"]);
    assert_eq!((explained.active_for.as_slice(), explained.userinfo), (&[RS1.0.to_owned()][..], Some("accepted")));
    assert!(explained.scope.contains("openid"));
    let form = [("username", "alice"), ("password", PASSWORD), ("scope", "read")];
    let narrow = server.post("/login", &form).await.access_token();
    assert_eq!(server.explain(&narrow).await.userinfo, Some("refused: its scope lacks openid"));
    server.get_with("/userinfo", &narrow).await.refused(403, "insufficient_scope");
    let elsewhere = server.own_token(C1, &[("resource", API)]).await.access_token();
    assert_eq!(server.explain(&elsewhere).await.userinfo, Some("refused: it is for other servers only"));
    server.get_with("/userinfo", &elsewhere).await.refused(401, "invalid_token");
    let own = server.own_token(C1, &[]).await.access_token();
    assert_eq!(server.explain(&own).await.userinfo, Some("refused: it is a client's own token, without a user"));
    server.get_with("/userinfo", &own).await.refused(401, "invalid_token");
    server.change_client(RS1.0, |client| client.serves.clear()).await;
    let explained = server.explain(&token).await;
    assert!(explained.accepted == Some(true) && explained.active_for.is_empty(), "{explained:?}");
}

on_both_databases!(
    a_client_is_answered_as_it_is_explained,
    a_client_is_told_why_it_is_answered_inactive,
    an_explanation_says_where_a_token_is_good,
    a_refresh_token_is_explained_by_the_judge,
    a_retry_that_can_not_be_answered_any_more_is_explained,
    the_end_of_a_session_is_explained_with_its_history,
    the_newest_of_a_history_is_told,
    an_access_token_has_one_history,
    a_session_that_is_gone_is_explained_with_its_history,
    a_token_ahead_of_the_database_is_explained,
    an_access_token_is_explained,
    a_clients_own_token_is_explained,
    an_expired_session_is_explained,
);
