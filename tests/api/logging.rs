//! What an operator sees of requests, and at which level.

use futures_util::future::join_all;

use crate::harness::{Answer, Engine, Logs, P1, Program, RS2, STRICT, Serving, Settings, TestServer};

#[tokio::test]
async fn a_request_that_is_refused_is_told_at_info_and_one_that_went_well_at_debug() {
    let logs = Logs::capture();
    let server = TestServer::start(Engine::Sqlite).await;
    server.login().await.ok();
    server.post("/login", &[("username", "alice"), ("password", "wrong")]).await.refused(401, "invalid_grant");
    server.get("/nowhere").await.refused(404, "invalid_request");
    server.app.store.close().await;
    server.login().await.refused(503, "temporarily_unavailable");
    let text = logs.text();
    for (level, route, status) in
        [("DEBUG", "/login", 200), ("INFO", "/login", 401), ("INFO", "(none)", 404), ("WARN", "/login", 503)]
    {
        let (route, status) = (format!("route=\"{route}\""), format!("status={status}"));
        let is_told = |line: &str| line.contains(level) && line.contains(&route) && line.contains(&status);
        assert!(text.lines().any(is_told), "{level} {route} {status}: {text}");
    }
}

/// The answer says nothing of it.
#[tokio::test]
async fn what_failed_too_often_is_told() {
    let logs = Logs::capture();
    let settings = Settings::with("[throttle]\nenabled = true\naccount_failures = 1");
    let server = TestServer::start_with(Engine::Sqlite, settings).await;
    for (status, error) in [(401, "invalid_grant"), (429, "temporarily_unavailable")] {
        server.post("/login", &[("username", "alice"), ("password", "wrong")]).await.refused(status, error);
    }
    let text = logs.text();
    assert!(text.contains("too many failures: sign-ins to this account"), "{text}");
}

/// By ids: a name that was typed may be a password.
#[tokio::test]
async fn a_refused_sign_in_is_told_with_its_client_and_its_user() {
    let logs = Logs::capture();
    let server = TestServer::start(Engine::Sqlite).await;
    let mut ids = Vec::new();
    for name in ["alice", "nobody-of-ours"] {
        let answer = server.post("/login", &[("username", name), ("password", "wrong")]).await;
        ids.push(format!("request_id=\"{}\"", answer.refused(401, "invalid_grant").header("x-request-id")));
    }
    let text = logs.text();
    let lines: Vec<_> = text.lines().filter(|line| line.contains("a sign-in was refused")).collect();
    let user = format!("user=\"{}\"", server.alice);
    assert_eq!(lines.len(), 2, "{text}");
    for (line, id) in lines.iter().zip(&ids) {
        assert!(line.contains("INFO") && line.contains(&format!("client={P1}")) && line.ends_with(id), "{line}");
    }
    assert!(lines[0].contains(&user) && !lines[1].contains("user=") && !text.contains("nobody-of-ours"), "{text}");
}

/// The caller is told `{"active":false}` and no more.
#[tokio::test]
async fn why_introspection_answers_inactive_is_told_at_debug_without_the_token() {
    let logs = Logs::capture();
    let server = TestServer::start(Engine::Sqlite).await;
    let tokens = server.login().await;
    for token in [tokens.access_token(), tokens.refresh_token(), "x".to_owned()] {
        server.post_as(RS2, "/introspect", &[("token", &token)]).await.inactive();
    }
    let text = logs.text();
    let lines: Vec<_> =
        text.lines().filter(|line| line.contains("introspection answers that a token is inactive")).collect();
    let claims = tokens.claims();
    let ids = ["sid", "jti"].map(|name| claims[name].as_str().unwrap());
    for (line, reason) in lines.iter().zip([
        "the client serves none of its audiences, and it was issued to another client",
        "it is a refresh token of another client, and the client is no administrator",
        "it is not a JWS in compact form",
    ]) {
        assert!(line.contains("DEBUG") && line.contains("client=rs2") && line.contains(reason), "{line}");
    }
    assert!(lines.len() == 3 && ids.iter().all(|id| lines[0].contains(id)) && lines[1].contains(ids[0]), "{lines:?}");
    assert!(!text.contains(&tokens.access_token()) && !text.contains(&tokens.refresh_token()));
}

/// An endpoint of ours that takes a Bearer says why it refuses one: in the log.
#[tokio::test]
async fn why_a_bearer_is_refused_is_told() {
    let logs = Logs::capture();
    let server = TestServer::start(Engine::Sqlite).await;
    let tokens = server.login().await;
    server.post("/logout", &[("refresh_token", &tokens.refresh_token())]).await.no_content();
    server.get_with("/userinfo", &tokens.access_token()).await.refused(401, "invalid_token");
    server.clock.advance(900);
    server.get_with("/verify?audience=*", &tokens.access_token()).await.refused(401, "invalid_token");
    for reason in ["its session was ended", "it has expired"] {
        assert!(logs.text().contains(&format!("invalid_token: {reason}")), "{reason}: {}", logs.text());
    }
}

/// What is logged meanwhile on behalf of requests, below `http` too, and the `X-Request-Id` of the answer.
async fn logged_of(logs: &Logs, request: impl Future<Output = Answer>) -> (Vec<String>, String) {
    let before = logs.text().len();
    let id = request.await.header("x-request-id").to_owned();
    let ours = |line: &&str| ["INFO tokend::", "WARN tokend::", "ERROR tokend::"].iter().any(|of| line.contains(of));
    (logs.text()[before..].lines().filter(ours).map(str::to_owned).collect(), id)
}

#[tokio::test]
async fn every_line_of_a_request_has_its_id() {
    let logs = Logs::capture();
    let server = TestServer::start_with(Engine::Sqlite, Settings::with("[throttle]\nenabled = true")).await;
    let token = server.login_on(STRICT).await.refresh_token();
    server.refresh(&token).await.ok();
    let reuse = logged_of(&logs, server.refresh(&token)).await;
    let guess = [("username", "alice"), ("password", "wrong")];
    let break_on = async |what: &str| {
        server
            .database
            .execute(&format!("CREATE TRIGGER broken BEFORE {what} BEGIN SELECT RAISE(ABORT, 'broken'); END"))
            .await;
    };
    break_on("DELETE ON sign_in_attempts").await;
    let refund = logged_of(&logs, server.login()).await;
    server.database.execute("DROP TRIGGER broken").await;
    break_on("INSERT ON audit_events").await;
    let audit = logged_of(&logs, server.post("/login", &guess)).await;
    server.app.store.close().await;
    let outage = logged_of(&logs, server.post("/login", &guess)).await;
    for (what, (lines, id), at_least) in
        [("reuse", reuse, 2), ("refund", refund, 1), ("audit", audit, 2), ("outage", outage, 1)]
    {
        let field = format!(" request_id=\"{id}\"");
        assert!(lines.len() >= at_least, "{what}: {lines:?}");
        assert!(
            lines.iter().all(|line| line.matches("request_id=").count() == 1 && line.ends_with(&field)),
            "{what}: {lines:?}"
        );
    }
}

/// Each has a task of its own on the connection.
#[tokio::test]
async fn requests_at_once_keep_their_ids_apart() {
    let logs = Logs::capture();
    let server = TestServer::start(Engine::Sqlite).await;
    let guess = |name: String| {
        let server = &server;
        async move {
            let answer = server.post("/login", &[("username", &name), ("password", "wrong")]).await;
            answer.header("x-request-id").to_owned()
        }
    };
    let ids = join_all((0..20).map(|n| guess(format!("user{n}")))).await;
    let text = logs.text();
    for id in ids {
        let lines = text.lines().filter(|line| line.contains(&id) && line.contains("route=\"/login\""));
        assert_eq!(lines.count(), 1, "{id}");
    }
}

#[tokio::test]
async fn what_is_refused_before_it_is_routed_has_an_id_and_a_line() {
    let logs = Logs::capture();
    let server = TestServer::start(Engine::Sqlite).await;
    let sized =
        |size: usize| format!("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\npad: {}\r\n\r\n", "x".repeat(size));
    for (request, said) in [
        (sized(17 * 1024), r#"method=GET route="(none)" status=431 address=127.0.0.1"#),
        (sized(64 * 1024), r#"method=(none) route="(none)" status=431 address=127.0.0.1"#),
        ("no HTTP at all\r\n\r\n".to_owned(), r#"method=(none) route="(none)" status=400 address=127.0.0.1"#),
        ("PUT / HTTP/1.1\r\nconnection: close\r\n\r\n".to_owned(), r#"method=PUT route="(none)" status=400"#),
    ] {
        let answer = server.raw(request).await.remove(0);
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let id = format!("request_id=\"{}\"", answer.header("x-request-id"));
        let text = logs.text();
        let lines: Vec<_> = text.lines().filter(|line| line.contains(&id)).collect();
        assert!(lines.len() == 1 && lines[0].contains(said) && lines[0].contains("INFO"), "{said}: {lines:?}");
        assert!(lines[0].contains("cause=\"invalid_request: The "), "{lines:?}");
    }
}

/// As the program logs. What it logs for itself has none.
#[tokio::test]
async fn a_line_in_json_has_the_id_of_its_request() {
    let server = Serving::start(Program::new(), 1, 64);
    let url = format!("http://{}/nowhere/secret", server.address);
    let answer = reqwest::Client::new().get(url).send().await.expect("an answer");
    let line: serde_json::Value = serde_json::from_str(&server.process.wait_for_log("\"request\"")).expect("JSON");
    assert_eq!(line["request_id"], answer.headers()["x-request-id"].to_str().unwrap());
    assert_eq!(
        (&line["route"], &line["status"], &line["cause"]),
        (&"(none)".into(), &404.into(), &"invalid_request: There is no such endpoint.".into())
    );
    assert!(server.log.iter().all(|line| !line.contains("request_id")), "{:?}", server.log);
}
