//! What no HTTP client would send: broken heads, broken bodies, and requests that two readers could cut differently.

use crate::harness::{Answer, Engine, TestServer, on_both_databases};

const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";

/// Parser errors have a status and no body of anybody's: nothing of the request comes back.
#[track_caller]
fn assert_bare_or_ours(answer: &Answer, what: &str) {
    assert!((400..=431).contains(&answer.status) || answer.status == 505, "{what:.100}: {answer:?}");
    if !answer.text.is_empty() {
        answer.refused(answer.status, "invalid_request");
    }
}

async fn a_broken_head_is_refused_and_the_connection_closed(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    let body = format!("refresh_token={}", bystander.refresh);
    let length = body.len();
    let post = |fields: &str| format!("POST /refresh HTTP/1.1\r\nhost: x\r\n{FORM}{fields}\r\n{body}");
    let heads = [
        "\r\n\r\n\r\nnothing\r\n\r\n".to_owned(),
        "GET\r\n\r\n".to_owned(),
        "GET /health/live\r\n\r\n".to_owned(),
        "GET /health/live HTTP/1.2\r\n\r\n".to_owned(),
        "GET /health/live HTTP/9.9\r\n\r\n".to_owned(),
        "GET /health/live http/1.1\r\n\r\n".to_owned(),
        "GET /health live HTTP/1.1\r\n\r\n".to_owned(),
        "GET\t/health/live\tHTTP/1.1\r\n\r\n".to_owned(),
        "G\0T /health/live HTTP/1.1\r\n\r\n".to_owned(),
        "GET /health/\0live HTTP/1.1\r\n\r\n".to_owned(),
        "\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\r\n\r\n".to_owned(),
        format!("POST /refresh HTTP/1.1\r\nhost : x\r\n{FORM}content-length: {length}\r\n\r\n{body}"),
        post(&format!("content-length : {length}\r\n")),
        post(&format!("content-length: {length}\r\n folded\r\n")),
        post(&format!("content-length: {length}\r\nx: a\r\n\tb\r\n")),
        post(&format!("content-length: {length}\r\nx\r\n")),
        post(&format!("content-length: {length}\r\n: x\r\n")),
        post(&format!("content-length: {length}\r\nx: a\0b\r\n")),
        post(&format!("content-length: {length}\r\nx y: a\r\n")),
        post("content-length: x\r\n"),
        post("content-length: -1\r\n"),
        post(&format!("content-length: +{length}\r\n")),
        post(&format!("content-length: {length}, {}\r\n", length + 1)),
        post("content-length: 99999999999999999999999\r\n"),
        post("content-length: 0x20\r\n"),
    ];
    for head in heads {
        for answer in &server.raw_then_hang_up(head.clone()).await {
            assert_bare_or_ours(answer, &head);
        }
    }
    server.assert_lost_nothing(bystander).await;
}

/// Request smuggling: whatever a proxy in front makes of these, there is one request or none, and then the end.
async fn a_body_has_one_length(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    let inner = "POST /logout HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n";
    let form = format!("refresh_token={}", bystander.refresh);
    let smuggled = format!("{inner}content-length: {}\r\n\r\n{form}", form.len());
    let post = |fields: &str, body: &str| format!("POST /refresh HTTP/1.1\r\nhost: x\r\n{FORM}{fields}\r\n{body}");
    let whole = smuggled.len() + 5;
    for (what, request) in [
        (
            "CL.TE",
            post(
                &format!("content-length: {whole}\r\ntransfer-encoding: chunked\r\n"),
                &format!("0\r\n\r\n{smuggled}"),
            ),
        ),
        (
            "TE.CL",
            post(
                &format!("transfer-encoding: chunked\r\ncontent-length: {whole}\r\n"),
                &format!("0\r\n\r\n{smuggled}"),
            ),
        ),
        ("CL.CL", post(&format!("content-length: 0\r\ncontent-length: {}\r\n", smuggled.len()), &smuggled)),
        ("CL, CL", post(&format!("content-length: 0, {}\r\n", smuggled.len()), &smuggled)),
        (
            "TE identity",
            post(&format!("transfer-encoding: identity\r\ncontent-length: {}\r\n", smuggled.len()), &smuggled),
        ),
        ("TE xchunked", post("transfer-encoding: xchunked\r\n", &format!("0\r\n\r\n{smuggled}"))),
        ("TE chunked, identity", post("transfer-encoding: chunked, identity\r\n", &format!("0\r\n\r\n{smuggled}"))),
        ("TE gzip", post("transfer-encoding: gzip\r\n", &smuggled)),
        (
            "TE twice",
            post("transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n", &format!("0\r\n\r\n{smuggled}")),
        ),
        ("TE with a space", post("transfer-encoding : chunked\r\n", &format!("0\r\n\r\n{smuggled}"))),
        ("TE tab", post("transfer-encoding:\tchunked\r\ncontent-length: 5\r\n", &format!("0\r\n\r\n{smuggled}"))),
        ("TE folded", post("x: y\r\n transfer-encoding: chunked\r\n", &format!("0\r\n\r\n{smuggled}"))),
        (
            "HTTP/1.0 TE",
            post("transfer-encoding: chunked\r\n", &format!("0\r\n\r\n{smuggled}")).replacen("1.1", "1.0", 1),
        ),
        ("no length", post("connection: close\r\n", &smuggled)),
    ] {
        let answers = server.raw(request).await;
        assert!(answers.len() <= 1, "{what}: {answers:?}");
        for answer in &answers {
            assert_bare_or_ours(answer, what);
        }
        server.assert_untouched(&bystander, what).await;
    }
    server.assert_lost_nothing(bystander).await;
}

async fn a_broken_chunk_is_refused(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    let form = format!("refresh_token={}", bystander.refresh);
    let size = format!("{:x}", form.len());
    for body in [
        format!("xyz\r\n{form}\r\n0\r\n\r\n"),
        format!("-1\r\n{form}\r\n0\r\n\r\n"),
        format!("ffffffffffffffffff\r\n{form}\r\n0\r\n\r\n"),
        format!("{size}\r\n{form}0\r\n\r\n"),
        format!("{size}\n{form}\n0\n\n"),
        format!("{size} x\r\n{form}\r\n0\r\n\r\n"),
        format!("\r\n{form}\r\n0\r\n\r\n"),
        format!("{size};{}\r\n{form}\r\n0\r\n\r\n", "e".repeat(20_000)),
    ] {
        let request = format!(
            "POST /refresh HTTP/1.1\r\nhost: x\r\n{FORM}transfer-encoding: chunked\r\nconnection: close\r\n\r\n{body}"
        );
        for answer in &server.raw(request).await {
            assert_bare_or_ours(answer, &body);
        }
        server.assert_untouched(&bystander, &body).await;
    }
    server.assert_lost_nothing(bystander).await;
}

/// A body without an end is cut off where the limit is.
async fn an_endless_body_is_refused(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    for path in ["/login", "/token", "/refresh", "/introspect", "/revoke", "/logout", "/userinfo"] {
        let chunk = format!("1000\r\n{}\r\n", "a".repeat(0x1000));
        let answer =
            server.raw_post(path, &format!("{FORM}transfer-encoding: chunked\r\n"), chunk.repeat(64).as_bytes()).await;
        answer.refused(413, "invalid_request");
        let pairs = "a=1&".repeat(100_000);
        let answer =
            server.raw_post(path, &format!("{FORM}content-length: {}\r\n", pairs.len()), pairs.as_bytes()).await;
        answer.refused(413, "invalid_request");
    }
    server.assert_lost_nothing(bystander).await;
}

/// A client that hangs up in the middle has asked for nothing.
async fn half_a_request_does_nothing(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    let form = format!("refresh_token={}", bystander.refresh);
    for path in ["/refresh", "/logout"] {
        for (fields, body) in [
            (format!("content-length: {}\r\n", form.len() + 1), form.clone()),
            (format!("content-length: {}\r\n", form.len()), form[..form.len() - 1].to_owned()),
            ("transfer-encoding: chunked\r\n".to_owned(), format!("{:x}\r\n{form}\r\n", form.len())),
            ("transfer-encoding: chunked\r\n".to_owned(), format!("{:x}\r\n{form}", form.len())),
        ] {
            let request = format!("POST {path} HTTP/1.1\r\nhost: x\r\n{FORM}{fields}\r\n{body}");
            for answer in &server.raw_then_hang_up(request).await {
                assert_bare_or_ours(answer, path);
            }
        }
    }
    server.assert_lost_nothing(bystander).await;
}

/// Nothing of an answer comes from whom the request says it is addressed to.
async fn the_host_of_a_request_does_not_matter(engine: Engine) {
    let server = TestServer::start(engine).await;
    let expected = server.get("/.well-known/oauth-authorization-server").await.text;
    assert!(expected.contains("https://auth.example.com") && !expected.contains("evil"));
    for (target, fields) in [
        ("", "host: evil.example\r\n"),
        ("", "host: evil.example\r\nhost: auth.example.com\r\n"),
        ("", "host: evil.example:443@auth.example.com\r\n"),
        ("", "host: \r\n"),
        ("", ""),
        ("http://evil.example", "host: auth.example.com\r\n"),
        (
            "",
            "host: x\r\nx-forwarded-host: evil.example\r\nx-forwarded-proto: http\r\nforwarded: host=evil.example\r\n",
        ),
        ("", "host: x\r\nx-original-url: /evil\r\nx-rewrite-url: /evil\r\nx-forwarded-prefix: /evil\r\n"),
    ] {
        let path = "/.well-known/oauth-authorization-server";
        let request = format!("GET {target}{path} HTTP/1.1\r\nconnection: close\r\n{fields}\r\n");
        let answers = server.raw(request).await;
        let [answer] = &answers[..] else { panic!("{fields}: {answers:?}") };
        assert!(answer.status == 400 || answer.text == expected, "{fields}: {answer:?}");
        assert!(answer.headers.iter().all(|(_, value)| !value.to_str().unwrap().contains("evil")), "{answer:?}");
    }
}

async fn odd_but_harmless_requests_are_answered_in_our_words(engine: Engine) {
    let server = TestServer::start(engine).await;
    for (request, status) in [
        ("CONNECT auth.example.com:443 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", 404),
        ("OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", 404),
        ("GET /nothing HTTP/1.0\r\n\r\n", 404),
        ("POST /token HTTP/1.0\r\n\r\n", 400),
        ("POST /token HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", 400),
        ("POST /login HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", 400),
        ("GET /login HTTP/1.1\r\nhost: x\r\nconnection: close\r\nupgrade: websocket\r\n\r\n", 405),
        (
            "POST /login HTTP/1.1\r\nhost: x\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: 5000\r\n\r\n",
            413,
        ),
        ("POST /login HTTP/1.1\r\nhost: x\r\nconnection: close\r\nexpect: nonsense\r\ncontent-length: 0\r\n\r\n", 400),
    ] {
        let answers = server.raw(request).await;
        let [answer] = &answers[..] else { panic!("{request}: {answers:?}") };
        assert_eq!(answer.status, status, "{request}: {answer:?}");
        if status >= 400 {
            answer.refused(status, "invalid_request");
        }
    }
}

/// RFC 9112 §9.6: whoever is answered before the body was read is told that the connection ends by that.
async fn an_answer_before_the_body_was_read_is_the_last(engine: Engine) {
    let server = TestServer::start(engine).await;
    for (request, status) in [
        ("POST /nowhere", 404),
        ("POST /jwks.json", 405),
        ("PUT /login", 405),
        ("POST /login?x=1", 400),
        ("POST /userinfo?access_token=x", 400),
    ] {
        let answers = server.raw(format!("{request} HTTP/1.1\r\nhost: x\r\n{FORM}content-length: 50\r\n\r\n")).await;
        let [answer] = &answers[..] else { panic!("{request}: {answers:?}") };
        assert_eq!(answer.refused(status, "invalid_request").header("connection"), "close", "{request}");
    }
    let head = format!("POST /login HTTP/1.1\r\nhost: x\r\n{FORM}content-length: 50000\r\n\r\n");
    assert_eq!(server.raw(head).await[0].refused(413, "invalid_request").header("connection"), "close");
}

/// Two requests in one packet are two requests, in their order.
async fn pipelined_requests_are_answered_in_order(engine: Engine) {
    let server = TestServer::start(engine).await;
    let first = "POST /token HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";
    let second = "GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let answers = server.raw(format!("{first}{second}{first}")).await;
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [400, 200]);
}

on_both_databases!(
    a_broken_head_is_refused_and_the_connection_closed,
    a_body_has_one_length,
    a_broken_chunk_is_refused,
    an_endless_body_is_refused,
    half_a_request_does_nothing,
    the_host_of_a_request_does_not_matter,
    odd_but_harmless_requests_are_answered_in_our_words,
    an_answer_before_the_body_was_read_is_the_last,
    pipelined_requests_are_answered_in_order,
);
