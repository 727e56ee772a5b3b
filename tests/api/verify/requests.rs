//! How a gateway may ask: with any method, at any path below, with or without the body of the request that it holds back.

use reqwest::Method;

use crate::harness::{API, Engine, Logs, P1, PASSWORD, Settings, TestServer, on_both_databases};
use crate::verify::assert_challenged;

const METHODS: [&str; 10] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"];
const MISSING: &str = r#"Bearer realm="tokend""#;

async fn any_method_is_taken_at_any_path_below(engine: Engine) {
    for issuer in ["https://auth.example.com", "https://api.example.com/v1/auth"] {
        let server = TestServer::start_with(engine, Settings::default().with_issuer(issuer)).await;
        let token = server.login().await.access_token();
        for path in ["/verify", "/verify/", "/verify/orders/7", "/verify//x", "/verify/%ff%2f", "/verify/login"] {
            for method in METHODS {
                let asked = || server.request(method.parse().unwrap(), &format!("{path}?audience={API}"));
                server.send(asked().bearer_auth(&token)).await.no_content();
                let refused = server.send(asked()).await;
                assert_eq!((refused.status, refused.header("www-authenticate")), (401, MISSING), "{method} {path}");
            }
        }
    }
}

async fn nothing_beside_it_is_taken_for_it(engine: Engine) {
    let server = TestServer::start_with(engine, Settings::default().with_issuer("https://example.com/auth")).await;
    let token = server.login().await.access_token();
    for path in ["/verifyx", "/Verify", "/verify;x", "//verify", "/%76erify", "/verif", "/x/verify", "/auth/verify"] {
        server.get_with(&format!("{path}?audience=*"), &token).await.refused(404, "invalid_request");
    }
    for path in ["/verify?audience=*", "/verify/orders?audience=*", "/authverify?audience=*"] {
        let at_root = server.request_at_root(Method::GET, path).bearer_auth(&token);
        server.send(at_root).await.refused(404, "invalid_request");
    }
}

async fn a_request_without_a_token_is_told_so_and_nothing_of_errors(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.access_token();
    assert_challenged(&server.verify_without_token("").await, 401, "invalid_token", MISSING);
    let in_query = server.verify_without_token(&format!("&access_token={token}")).await;
    assert_challenged(&in_query, 401, "invalid_token", MISSING);
    let ask = |method| server.request(method, &format!("/verify?audience={API}"));
    let in_body = server.send(ask(Method::POST).form(&[("access_token", &token), ("token", &token)])).await;
    assert_challenged(&in_body, 401, "invalid_token", MISSING);
    let in_cookie = server.send(ask(Method::GET).header("cookie", format!("access_token={token}"))).await;
    assert_challenged(&in_cookie, 401, "invalid_token", MISSING);
    let by_password = server.send(ask(Method::GET).basic_auth("alice", Some(PASSWORD))).await;
    assert_challenged(&by_password, 401, "invalid_token", MISSING);
}

/// Whichever of two an API would read, the other one may be meant for the gateway.
async fn two_tokens_are_none(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.access_token();
    let ask = || server.request(Method::GET, &format!("/verify?audience={API}")).bearer_auth(&token);
    for other in [format!("Bearer {token}"), "Bearer x".to_owned(), "Basic YTpi".to_owned(), String::new()] {
        server.send(ask().header("authorization", other)).await.refused(401, "invalid_token");
    }
    server.send(ask().header("x-auth-subject", "admin")).await.no_content();
}

/// nginx sends the length of a body that it keeps to itself, unless told otherwise.
async fn a_body_is_not_waited_for(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.access_token();
    let head = format!("POST /verify?audience={API} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n");
    for fields in [
        "content-length: 10\r\n",
        "content-length: 10000000\r\ncontent-type: application/json\r\n",
        "transfer-encoding: chunked\r\n",
        "content-length: 10\r\nexpect: 100-continue\r\n",
    ] {
        let answers = server.raw(format!("{head}{fields}\r\n")).await;
        let [answer] = &answers[..] else { panic!("{fields}: {answers:?}") };
        assert_eq!((answer.status, answer.header("connection")), (204, "close"), "{fields}");
    }
}

async fn a_connection_is_kept_for_the_next_question(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.access_token();
    let ask = |method: &str, token: &str, last: &str| {
        format!("{method} /verify?audience={API} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n{last}\r\n")
    };
    let questions = [
        ask("GET", &token, ""),
        ask("POST", "bad", "content-length: 0\r\n"),
        ask("PUT", &token, ""),
        ask("GET", &token, "connection: close\r\n"),
    ];
    let answers = server.raw(questions.concat()).await;
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [204, 401, 204, 204]);
}

async fn all_paths_have_one_label(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login_on(P1).await.access_token();
    let moved = server.moved(async || {
        server.verify_for_api(&token).await.no_content();
        server.get_with("/verify/orders/7?audience=*", &token).await.no_content();
        server.get_with("/verify/?audience=*", &token).await.no_content();
        server.get("/verify/{*path}?audience=*").await.refused(401, "invalid_token");
        server.get("/verify/secret").await.refused(400, "invalid_request");
    });
    let series = |status| format!("tokend_requests_total{{endpoint=\"/verify\",status=\"{status}\"}}");
    assert_eq!(moved.await, [(series("2xx"), 3), (series("4xx"), 2)]);
}

on_both_databases!(
    any_method_is_taken_at_any_path_below,
    nothing_beside_it_is_taken_for_it,
    a_request_without_a_token_is_told_so_and_nothing_of_errors,
    two_tokens_are_none,
    a_body_is_not_waited_for,
    a_connection_is_kept_for_the_next_question,
    all_paths_have_one_label,
);

/// What comes after it is the address of somebody else's resource, which may say whose.
#[tokio::test]
async fn the_log_has_the_template_of_the_path() {
    let logs = Logs::capture();
    let server = TestServer::start(Engine::Sqlite).await;
    server.get("/verify/patients/4711?audience=*&q=diagnosis").await.refused(401, "invalid_token");
    let text = logs.text();
    let line = text.lines().find(|line| line.contains("route=")).expect("a line for the request");
    assert!(line.contains("route=\"/verify/{*path}\""), "{line}");
    assert!(!line.contains("4711") && !line.contains("diagnosis"), "{line}");
}
