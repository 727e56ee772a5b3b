//! Each counter moves by exactly what was done, and no other one does.

use futures_util::future::join_all;
use reqwest::Method;

use crate::harness::{BOBS_PASSWORD, Engine, PASSWORD, STRICT, Settings, TestServer, UNROTATED, on_both_databases};
use crate::nodes::lose_commits;

/// As `moved` has them: the name, and what the label beside it says.
#[track_caller]
fn assert_moved(moved: &[(String, u64)], expected: &[(&str, u64)]) {
    let mut expected: Vec<_> = expected.iter().map(|(series, by)| (format!("tokend_{series}"), *by)).collect();
    expected.sort();
    assert_eq!(moved, expected);
}

fn requests(endpoint: &str, status: &str) -> String {
    format!("requests_total{{endpoint=\"{endpoint}\",status=\"{status}\"}}")
}

async fn every_answer_counts_once_for_its_endpoint_and_its_status(engine: Engine) {
    let server = TestServer::start(engine).await;
    let tag = server.get("/jwks.json").await.header("etag").to_owned();
    let moved = server.moved(async || {
        server.get("/jwks.json").await.ok();
        server.send(server.request(Method::HEAD, "/jwks.json")).await.ok();
        server.send(server.request(Method::GET, "/jwks.json").header("if-none-match", tag)).await;
        server.post("/jwks.json", &[]).await.refused(405, "invalid_request");
        server.get("/nowhere").await.refused(404, "invalid_request");
        server.get("/health/ready").await.ok();
        server.get("/.well-known/openid-configuration").await.ok();
        server.get("/.well-known/oauth-authorization-server").await.ok();
        server.post("/revoke", &[]).await.refused(401, "invalid_client");
        server.post("/metrics", &[]).await.refused(405, "invalid_request");
        // A browser's question is answered before any endpoint is asked.
        let preflight = server.request(Method::OPTIONS, "/logout").header("origin", "https://app.example.com");
        server.send(preflight.header("access-control-request-method", "POST")).await.ok();
    });
    let expected = [
        (requests("/jwks.json", "2xx"), 2),
        (requests("/jwks.json", "3xx"), 1),
        (requests("/jwks.json", "4xx"), 1),
        (requests("(none)", "4xx"), 1),
        (requests("/health/ready", "2xx"), 1),
        (requests("/.well-known/openid-configuration", "2xx"), 1),
        (requests("/.well-known/oauth-authorization-server", "2xx"), 1),
        (requests("/revoke", "4xx"), 1),
        (requests("/metrics", "4xx"), 1),
        (requests("/logout", "2xx"), 1),
    ];
    assert_moved(&moved.await, &expected.each_ref().map(|(series, by)| (series.as_str(), *by)));
    server.app.store.close().await;
    let moved = server.moved(async || drop(server.get("/health/ready").await)).await;
    assert_moved(&moved, &[(&requests("/health/ready", "503"), 1)]);
}

/// A refusal by the server itself, and by hyper, which reads heads.
async fn what_is_refused_before_it_is_routed_is_counted(engine: Engine) {
    let server = TestServer::start(engine).await;
    let head = |field: &str| format!("GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{field}\r\n\r\n");
    let sized = |size: usize| head(&format!("pad: {}", "x".repeat(size)));
    for (request, status) in [
        (sized(17 * 1024), 431),
        (sized(64 * 1024), 431),
        ("no HTTP at all\r\n\r\n".to_owned(), 400),
        (head("host: y"), 400),
        (head("transfer-encoding: chunked\r\ncontent-length: 1"), 400),
    ] {
        let moved = server.moved(async || {
            let answers = server.raw(request).await;
            assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [status]);
        });
        assert_moved(&moved.await, &[(&requests("(none)", "4xx"), 1)]);
    }
}

async fn every_verdict_is_counted(engine: Engine) {
    let server = TestServer::start(engine).await;
    let [odd, strict, lossy] =
        [server.login().await, server.login_on(STRICT).await, server.bobs_login().await].map(|it| it.refresh_token());
    let one = server.refresh(&lossy).await.refresh_token();
    let two = server.refresh(&one).await.refresh_token();
    lose_commits(&server, &lossy, &two).await;
    let moved = server.moved(async || {
        server.refresh(&odd).await.ok();
        server.refresh(&odd).await.ok();
        server.refresh(&odd).await.ok();
        server.clock.advance(60);
        assert_eq!(server.refresh(&odd).await.ok().header("refresh-verdict"), "recover");
        server.refresh(&strict).await.ok();
        server.refresh(&strict).await.refused(401, "invalid_grant");
        // Its session has ended; a token that isn't ours has none.
        server.refresh(&strict).await.refused(401, "invalid_grant");
        server.refresh("garbage").await.refused(401, "invalid_grant");
        server.refresh(&two).await.refused(401, "invalid_grant");
    });
    let expected = [
        (r#"refreshes_total{verdict="rotate"}"#, 2),
        (r#"refreshes_total{verdict="replay"}"#, 2),
        (r#"refreshes_total{verdict="recover"}"#, 1),
        (r#"refreshes_total{verdict="reuse"}"#, 1),
        (r#"refreshes_total{verdict="ahead"}"#, 1),
        (r#"requests_total{endpoint="/refresh",status="2xx"}"#, 5),
        (r#"requests_total{endpoint="/refresh",status="4xx"}"#, 4),
    ];
    assert_moved(&moved.await, &expected);

    // Ahead it is, also while it is let pass.
    server.operator().registry().set_recovery(Some(server.clock.now() + 3600)).await.unwrap();
    server.app.registry.refresh().await.unwrap();
    let moved = server.moved(async || drop(server.refresh(&two).await.ok().clone())).await;
    assert_moved(
        &moved,
        &[(r#"refreshes_total{verdict="ahead"}"#, 1), (r#"requests_total{endpoint="/refresh",status="2xx"}"#, 1)],
    );
}

async fn a_client_without_rotation_has_a_verdict_of_its_own(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login_on(UNROTATED).await.refresh_token();
    let moved = server.moved(async || {
        for _ in 0..3 {
            assert_eq!(server.refresh(&token).await.ok().header("refresh-verdict"), "unrotated");
        }
    });
    let expected =
        [(r#"refreshes_total{verdict="unrotated"}"#, 3), (r#"requests_total{endpoint="/refresh",status="2xx"}"#, 3)];
    assert_moved(&moved.await, &expected);
}

/// Those who lose the race are judged again, and counted once all the same.
async fn parallel_exchanges_are_one_rotation(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.refresh_token();
    let moved = server.moved(async || {
        for answer in join_all((0..32).map(|_| server.refresh(&token))).await {
            answer.ok();
        }
    });
    let expected = [
        (r#"refreshes_total{verdict="rotate"}"#, 1),
        (r#"refreshes_total{verdict="replay"}"#, 31),
        (r#"requests_total{endpoint="/refresh",status="2xx"}"#, 32),
    ];
    assert_moved(&moved.await, &expected);
}

async fn sign_ins_are_counted_by_how_they_end(engine: Engine) {
    let settings = Settings::with("[throttle]\nenabled = true\naccount_failures = 2\naddress_failures = '5/1m'");
    let server = TestServer::start_with(engine, settings).await;
    let sign_in = async |username: &str, password: &str| {
        server.post("/login", &[("username", username), ("password", password)]).await
    };
    let moved = server.moved(async || {
        sign_in("alice", PASSWORD).await.ok();
        server.login_as(crate::harness::C1).await.ok();
        sign_in("alice", "a guess").await.refused(401, "invalid_grant");
        sign_in("nobody", PASSWORD).await.refused(401, "invalid_grant");
        server.operator().users().disable(server.bob, server.clock.now()).await.unwrap();
        sign_in("bob", BOBS_PASSWORD).await.refused(401, "invalid_grant");
        sign_in("alice", "a guess").await.refused(401, "invalid_grant");
        sign_in("alice", PASSWORD).await.refused(429, "temporarily_unavailable");
        sign_in("someone", PASSWORD).await.refused(401, "invalid_grant");
        sign_in("somebody", PASSWORD).await.refused(429, "temporarily_unavailable");
        // Neither of these is about a password.
        server.login_asking(&[("scope", "admin")]).await.refused(400, "invalid_scope");
        server.login_on("nobody").await.refused(401, "invalid_client");
    });
    let expected = [
        (r#"sign_ins_total{outcome="ok"}"#, 2),
        (r#"sign_ins_total{outcome="failed"}"#, 5),
        (r#"sign_ins_total{outcome="throttled"}"#, 2),
        (r#"throttled_total{what="account"}"#, 1),
        (r#"throttled_total{what="address"}"#, 1),
        (r#"requests_total{endpoint="/login",status="2xx"}"#, 1),
        (r#"requests_total{endpoint="/login",status="4xx"}"#, 7),
        (r#"requests_total{endpoint="/login",status="429"}"#, 2),
        (r#"requests_total{endpoint="/token",status="2xx"}"#, 1),
    ];
    assert_moved(&moved.await, &expected);
}

async fn who_is_sent_away_is_counted_as_that(engine: Engine) {
    let slow = "[passwords]\nqueue = '1ms'\nthreads = 1\nmemory_kib = 19456\niterations = 2";
    let server = TestServer::start_with(engine, Settings::with("")).await;
    let node = server.another_node_with(&Settings::with(slow)).await;
    let busy = server.at(&node);
    let before = busy.metrics().await;
    let (mut wrong, mut sent_away) = (0, 0);
    for _ in 0..200 {
        for answer in join_all((0..6).map(|_| busy.post("/login", &[("username", "x"), ("password", "y")]))).await {
            match answer.status {
                401 => wrong += 1,
                _ => sent_away += u64::from(answer.refused(503, "temporarily_unavailable").status == 503),
            }
        }
        if wrong > 0 && sent_away > 0 {
            break;
        }
    }
    let expected = [
        (r#"sign_ins_total{outcome="failed"}"#, wrong),
        (r#"sign_ins_total{outcome="busy"}"#, sent_away),
        (r#"requests_total{endpoint="/login",status="4xx"}"#, wrong),
        (r#"requests_total{endpoint="/login",status="503"}"#, sent_away),
    ];
    assert_moved(&busy.metrics().await.since(&before), &expected);
}

async fn what_is_refused_for_failures_is_counted_by_what_failed(engine: Engine) {
    let settings =
        "[throttle]\nenabled = true\nclient_secrets = '1/1m'\nrefresh_tokens = '2/1m'\nintrospections = '3/1m'";
    let server = TestServer::start_with(engine, Settings::with(settings)).await;
    let moved = server.moved(async || {
        for _ in 0..4 {
            server.own_token(("c1", "wrong-0123456789abcdefghijklmnopqrstuvwxyz"), &[]).await;
            server.refresh("garbage").await;
            server.introspect("garbage").await;
        }
    });
    let expected = [
        (r#"throttled_total{what="client_secrets"}"#, 3),
        (r#"throttled_total{what="refresh_tokens"}"#, 2),
        (r#"throttled_total{what="introspections"}"#, 1),
        (r#"requests_total{endpoint="/token",status="4xx"}"#, 1),
        (r#"requests_total{endpoint="/token",status="429"}"#, 3),
        (r#"requests_total{endpoint="/refresh",status="4xx"}"#, 2),
        (r#"requests_total{endpoint="/refresh",status="429"}"#, 2),
        (r#"requests_total{endpoint="/introspect",status="2xx"}"#, 3),
        (r#"requests_total{endpoint="/introspect",status="429"}"#, 1),
    ];
    assert_moved(&moved.await, &expected);
}

/// SQLite has no standby, so nothing is kept for one.
async fn a_failover_and_what_it_lost_is_counted(engine: Engine) {
    let server = TestServer::start(engine).await;
    for login in [server.login().await, server.login().await] {
        server.post("/logout", &[("refresh_token", &login.refresh_token())]).await.no_content();
    }
    server.database.execute("UPDATE sessions SET revoked_at = NULL, revoked_reason = NULL").await;
    let moved = server.moved(async || assert_eq!(server.app.after_failover().await.left(), 0)).await;
    let mut expected = vec![("failovers_total", 1)];
    if matches!(engine, Engine::Postgres) {
        expected.push(("revocations_restored_total", 2));
    }
    assert_moved(&moved, &expected);
    // What couldn't be put back yet isn't counted. SQLite isn't asked for anything.
    server.app.store.close().await;
    let left = if matches!(engine, Engine::Sqlite) { 0 } else { 2 };
    let moved = server.moved(async || assert_eq!(server.app.after_failover().await.left(), left)).await;
    assert_moved(&moved, &[("failovers_total", 1)]);
}

async fn the_version_is_told(engine: Engine) {
    let server = TestServer::start(engine).await;
    let series = format!("tokend_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert!((server.metrics().await.value(&series) - 1.0).abs() < f64::EPSILON);
}

on_both_databases!(
    a_client_without_rotation_has_a_verdict_of_its_own,
    every_answer_counts_once_for_its_endpoint_and_its_status,
    every_verdict_is_counted,
    what_is_refused_before_it_is_routed_is_counted,
    parallel_exchanges_are_one_rotation,
    sign_ins_are_counted_by_how_they_end,
    who_is_sent_away_is_counted_as_that,
    what_is_refused_for_failures_is_counted_by_what_failed,
    a_failover_and_what_it_lost_is_counted,
    the_version_is_told,
);
