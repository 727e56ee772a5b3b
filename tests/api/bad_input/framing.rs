//! Requests that a proxy in front could cut or address differently from us: each is refused, and is the last on its
//! connection. And what is accepted although RFC 9112 lets a server refuse it; docs/SECURITY.md lists it.

use crate::harness::{Bystander, Engine, TestServer, on_both_databases};

const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";

/// What follows such a request on its connection is not answered.
const NEXT: &str = "GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

const CHUNKED: &str = "transfer-encoding: chunked\r\n";

/// One refusal of `request`, also behind two others on the same connection, and nothing else that happens.
async fn assert_refused(server: &TestServer, bystander: &Bystander, request: &str, description: &str) {
    let before = format!("POST /token HTTP/1.1\r\nhost: x\r\n{FORM}{CHUNKED}\r\n3\r\na=#\r\n0\r\n\r\n");
    let also = format!("POST /token HTTP/1.1\r\nhost: x\r\n{FORM}content-length: 3\r\n\r\nb=#");
    for first in [String::new(), before + &also] {
        let answers = server.raw(format!("{first}{request}{NEXT}")).await;
        assert_eq!(answers.len(), 1 + first.matches("POST").count(), "{request}: {answers:?}");
        let answer = answers.last().unwrap().refused(400, "invalid_request");
        assert_eq!(answer.header("connection"), "close", "{request}");
        assert_eq!(answer.json()["error_description"], description, "{request}");
    }
    server.assert_untouched(bystander, request).await;
}

async fn a_body_with_two_lengths_is_refused(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    let form = format!("refresh_token={}", bystander.refresh);
    let (length, size) = (form.len(), format!("{:x}", form.len()));
    let chunks = format!("{size}\r\n{form}\r\n0\r\n\r\n");
    for (fields, body) in [
        (format!("content-length: {}\r\n{CHUNKED}", chunks.len()), &chunks),
        (format!("{CHUNKED}content-length: {}\r\n", chunks.len()), &chunks),
        ("Content-Length:0\r\nx: y\r\nTransfer-Encoding:chunked\r\n".to_owned(), &chunks),
        (format!("{CHUNKED}content-length: {length}\r\n"), &chunks),
        (format!("content-length: {length}\n{CHUNKED}"), &chunks),
        (format!("content-length: {length}\r\n{CHUNKED}content-length: {length}\r\n"), &chunks),
    ] {
        let request = format!("POST /logout HTTP/1.1\r\nhost: x\r\n{FORM}{fields}\r\n{body}");
        assert_refused(&server, &bystander, &request, "The request has both Content-Length and Transfer-Encoding.")
            .await;
    }
    server.assert_lost_nothing(bystander).await;
}

async fn a_transfer_coding_but_chunked_is_refused(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    let form = format!("refresh_token={}", bystander.refresh);
    let chunks = format!("{:x}\r\n{form}\r\n0\r\n\r\n", form.len());
    for codings in [
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: identity, chunked\r\n",
        "transfer-encoding: chunked, chunked\r\n",
        "transfer-encoding: ,chunked\r\n",
        "transfer-encoding: x=\"a,chunked\r\n",
        "transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
    ] {
        let request = format!("POST /logout HTTP/1.1\r\nhost: x\r\n{FORM}{codings}\r\n{chunks}");
        assert_refused(&server, &bystander, &request, "The Transfer-Encoding of the request is not chunked.").await;
    }
    server.assert_lost_nothing(bystander).await;
}

async fn a_fragment_in_the_target_is_refused(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    let form = format!("refresh_token={}", bystander.refresh);
    for target in ["/logout#", "/logout#/health/live", "/logout?a=b#c", "/#/logout", "http://x/logout#a"] {
        let length = form.len();
        let request = format!("POST {target} HTTP/1.1\r\nhost: x\r\n{FORM}content-length: {length}\r\n\r\n{form}");
        assert_refused(&server, &bystander, &request, "The request target has a fragment.").await;
    }
    server.assert_lost_nothing(bystander).await;
}

async fn a_request_without_exactly_one_host_is_refused(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    let form = format!("refresh_token={}", bystander.refresh);
    for (target, hosts) in [
        ("/logout", ""),
        ("http://x/logout", ""),
        ("/logout", "host: x\r\nhost: x\r\n"),
        ("/logout", "host: x\r\nHost: y\r\n"),
        ("/logout", "host: \r\n"),
        ("/logout", "host: x y\r\n"),
        ("/logout", "host: x, y:1, z\r\n"),
        ("/logout", "host: user@x\r\n"),
        ("/logout", "host: x/y\r\n"),
        ("/logout", "host: x:port\r\n"),
        ("/logout", "host: x:65536\r\n"),
        ("/logout", "host: [::1\r\n"),
        ("/logout", "host: http://x\r\n"),
        ("http://user@x/logout", "host: x\r\n"),
    ] {
        let length = form.len();
        let request = format!("POST {target} HTTP/1.1\r\n{hosts}{FORM}content-length: {length}\r\n\r\n{form}");
        assert_refused(&server, &bystander, &request, "The request must name exactly one valid Host.").await;
    }
    server.assert_lost_nothing(bystander).await;
}

/// docs/SECURITY.md, "HTTP/1.1".
async fn what_is_accepted_beyond_the_letter_is_documented(engine: Engine) {
    let server = TestServer::start(engine).await;
    let form = "grant_type=x";
    let chunks = format!("00c;name=\"value\" \r\n{form}\r\n0\r\nx-trailer: y\r\n\r\n");
    for request in [
        "POST /token HTTP/1.1\nhost: x\nconnection: close\ncontent-type: application/x-www-form-urlencoded\n\
         content-length: 12\n\ngrant_type=x"
            .to_owned(),
        format!(
            "\r\n\n\r\nPOST /token HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{FORM}content-length: 12\r\n\r\n{form}"
        ),
        format!(
            "POST /token HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{FORM}content-length: 12\r\ncontent-length: 012\r\n\r\n{form}"
        ),
        format!("POST /token HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{FORM}{CHUNKED}\r\n{chunks}"),
        format!(
            "POST /token HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{FORM}Transfer-Encoding: CHUNKED\r\n\r\n{chunks}"
        ),
        format!(
            "POST http://y/token HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{FORM}content-length: 12\r\n\r\n{form}"
        ),
        format!("POST /token HTTP/1.0\r\n{FORM}content-length: 12\r\n\r\n{form}"),
    ] {
        let answers = server.raw(request.clone()).await;
        let [answer] = &answers[..] else { panic!("{request}: {answers:?}") };
        // The body was read: without a grant_type it would be 400.
        answer.refused(401, "invalid_client");
    }
    // A bare line feed ends no line of a chunk, a bare carriage return no line at all, and no line is folded.
    for request in [
        format!("POST /token HTTP/1.1\r\nhost: x\r\n{FORM}{CHUNKED}\r\nc\n{form}\n0\n\n"),
        format!("POST /token HTTP/1.1\rhost: x\r{FORM}content-length: 12\r\r{form}"),
        format!("POST /token HTTP/1.1\r\nhost: x\r\nx: y\r\n z\r\n{FORM}content-length: 12\r\n\r\n{form}"),
        format!("POST /token  HTTP/1.1\r\nhost: x\r\n{FORM}content-length: 12\r\n\r\n{form}"),
        format!("POST /token HTTP/1.1\r\nhost : x\r\n{FORM}content-length: 12\r\n\r\n{form}"),
        format!("POST /token HTTP/1.1\r\nhost: x\r\n{FORM}content-length: 12, 12\r\n\r\n{form}"),
    ] {
        let answers = server.raw(request.clone()).await;
        assert!(answers.iter().all(|answer| answer.status == 400), "{request}: {answers:?}");
        assert!(answers.iter().all(|answer| !answer.text.contains("invalid_client")), "{request}: {answers:?}");
    }
}

on_both_databases!(
    a_body_with_two_lengths_is_refused,
    a_transfer_coding_but_chunked_is_refused,
    a_fragment_in_the_target_is_refused,
    a_request_without_exactly_one_host_is_refused,
    what_is_accepted_beyond_the_letter_is_documented,
);
