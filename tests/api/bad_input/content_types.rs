//! Bodies that say they are something else than what they are, or nothing.

use super::valid::Cast;
use crate::harness::{Engine, PASSWORD, TestServer, on_both_databases};

const FORM: &str = "application/x-www-form-urlencoded";

async fn another_content_type_is_an_invalid_request(engine: Engine) {
    let server = TestServer::start(engine).await;
    let cast = Cast::of(&server).await;
    for request in cast.requests() {
        let body = request.encoded();
        for content_type in [
            "",
            "text/plain",
            "text/plain; charset=utf-8",
            "text/html",
            "multipart/form-data; boundary=x",
            "application/octet-stream",
            "application/xml",
            "application/*",
            "*/*",
            "application/x-www-form-urlencoded; charset=utf-16",
            "application/x-www-form-urlencoded; charset=utf-7",
            "application/x-www-form-urlencoded; charset=iso-8859-5",
            "application/x-www-form-urlencoded; charset=utf-8; charset=utf-16",
            "application/x-www-form-urlencoded; boundary=x",
            "application/x-www-form-urlencoded, application/json",
            "application/x-www-form-urlencodedx",
            "x-www-form-urlencoded",
            "application/json; charset=utf-16",
            "application/jsonp",
            "application/jwt",
            "\u{e9}",
        ] {
            let sent = request.request(&server).header("content-type", content_type.as_bytes()).body(body.clone());
            let answer = server.send(sent).await;
            assert_eq!(answer.status, 400, "{} as {content_type:?}: {answer:?}", request.path);
            answer.refused(400, "invalid_request");
        }
        let untyped = request.request(&server).body(body.clone());
        server.send(untyped).await.refused(400, "invalid_request");
        let twice = request.request(&server).header("content-type", FORM).header("content-type", FORM);
        server.send(twice.body(body)).await.refused(400, "invalid_request");
    }
    cast.assert_lost_nothing(&server).await;
}

/// The standard endpoints take forms only (RFC 6749 §3.2, RFC 7009 §2.1, RFC 7662 §2.1).
async fn json_is_refused_where_the_standards_ask_for_a_form(engine: Engine) {
    let server = TestServer::start(engine).await;
    let cast = Cast::of(&server).await;
    for request in cast.requests().iter().filter(|request| ["/token", "/revoke", "/introspect"].contains(&request.path))
    {
        let json: serde_json::Map<_, _> =
            request.form.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        let json = serde_json::Value::Object(json).to_string();
        for content_type in ["application/json", "application/json; charset=utf-8", FORM] {
            let sent = request.request(&server).header("content-type", content_type).body(json.clone());
            let answer = server.send(sent).await;
            assert!([400, 401].contains(&answer.status), "{} as {content_type}: {answer:?}", request.path);
            if content_type != FORM {
                answer.refused(400, "invalid_request");
            }
        }
    }
    cast.assert_lost_nothing(&server).await;
}

/// A form sent as JSON, or the other way round, is neither.
async fn a_body_is_read_as_what_it_says_it_is(engine: Engine) {
    let server = TestServer::start(engine).await;
    let cast = Cast::of(&server).await;
    for request in cast.requests().iter().filter(|request| ["/login", "/refresh", "/logout"].contains(&request.path)) {
        let sent = request.request(&server).header("content-type", "application/json").body(request.encoded());
        server.send(sent).await.refused(400, "invalid_request");
    }
    cast.assert_lost_nothing(&server).await;
}

/// Nothing is unpacked: a bomb stays as small as it came.
async fn a_compressed_body_is_refused(engine: Engine) {
    let server = TestServer::start(engine).await;
    let cast = Cast::of(&server).await;
    let gzip = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b, 0xd4, 0x31, 0xb4, 0, 0, 0x3c, 0x9f, 0xbc, 0x9c, 5, 0, 0, 0];
    for request in cast.requests() {
        for encoding in ["gzip", "deflate", "br", "gzip, gzip"] {
            let sent = request.request(&server).header("content-type", FORM).header("content-encoding", encoding);
            server.send(sent.body(gzip.to_vec())).await.refused(400, "invalid_request");
        }
    }
    cast.assert_lost_nothing(&server).await;
}

async fn the_spelling_of_a_content_type_does_not_matter(engine: Engine) {
    let server = TestServer::start(engine).await;
    let cast = Cast::of(&server).await;
    for content_type in [
        FORM,
        "Application/X-WWW-Form-URLEncoded",
        "application/x-www-form-urlencoded;charset=UTF-8",
        "application/x-www-form-urlencoded ; charset=\"utf-8\"",
        "application/x-www-form-urlencoded;",
        "application/x-www-form-urlencoded; charset=utf8",
        "application/x-www-form-urlencoded; charset=ISO-8859-1",
        "application/x-www-form-urlencoded; charset='us-ascii'",
    ] {
        for request in cast.requests().iter().filter(|request| request.path == "/introspect") {
            let sent = request.request(&server).header("content-type", content_type).body(request.encoded());
            server.send(sent).await.active();
        }
    }
    cast.assert_lost_nothing(&server).await;
}

/// Another character set says the same as UTF-8 in ASCII, and nowhere else.
async fn a_form_in_latin_1_is_ascii_or_refused(engine: Engine) {
    let server = TestServer::start(engine).await;
    let latin1 = "application/x-www-form-urlencoded; charset=iso-8859-1";
    for name in ["alic%C3%A9", "alic%E9", "alic\u{e9}"] {
        let body = format!("username={name}&password=wrong");
        server.post_text("/login", latin1, body).await.refused(400, "invalid_request");
    }
    server.post_text("/login", latin1, "username=alice&password=wrong").await.refused(401, "invalid_grant");
    let form = format!("\u{feff}username=alice&password={}\r\n", PASSWORD.replace(' ', "+"));
    server.post_text("/login", FORM, form).await.ok();
}

on_both_databases!(
    another_content_type_is_an_invalid_request,
    json_is_refused_where_the_standards_ask_for_a_form,
    a_body_is_read_as_what_it_says_it_is,
    a_compressed_body_is_refused,
    the_spelling_of_a_content_type_does_not_matter,
    a_form_in_latin_1_is_ascii_or_refused,
);
