//! Parameters that are repeated, missing, empty, oversized or no text.

use super::valid::{By, Cast, Valid};
use crate::harness::{Answer, C1, Engine, PASSWORD, RS1, TestServer, on_both_databases};

fn text_of(request: &Valid<'_>, name: &str) -> String {
    format!("{} by {:?}, {name}", request.path, request.by)
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, code: &str, what: &str) {
    assert_eq!((answer.status, answer.json()["error"].as_str()), (status, Some(code)), "{what}: {answer:?}");
    answer.refused(status, code);
}

/// RFC 6749 §3.2: parameters MUST NOT be included more than once, however they are spelt. The answer names the one.
async fn a_repeated_parameter_is_an_invalid_request(engine: Engine) {
    let server = TestServer::start(engine).await;
    let cast = Cast::of(&server).await;
    for request in cast.requests() {
        let form = request.encoded();
        for (name, value) in request.read() {
            let escaped = format!("%{:02x}{}", name.as_bytes()[0], &name[1..]);
            let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
            for body in [
                format!("{form}&{name}={value}"),
                format!("{name}={value}&{form}"),
                format!("{form}&{name}=another"),
                format!("{form}&{name}="),
                format!("{name}&{form}"),
                format!("{form}&{escaped}={value}"),
            ] {
                let answer = request.send(&server, body).await;
                assert_refused(&answer, 400, "invalid_request", &text_of(&request, name));
                assert_eq!(answer.text_at("error_description"), format!("The parameter {name} is repeated."));
            }
        }
    }
    cast.assert_lost_nothing(&server).await;
}

/// RFC 6749 §3.2: an empty parameter counts as omitted.
async fn a_missing_or_empty_parameter_is_an_invalid_request(engine: Engine) {
    let server = TestServer::start(engine).await;
    let cast = Cast::of(&server).await;
    for request in cast.requests() {
        for name in request.required {
            let rest = request.encoded_without(name);
            let upper = name.to_uppercase();
            for body in [rest.clone(), format!("{rest}&{name}="), format!("{rest}&{name}"), format!("{rest}&{upper}=x")]
            {
                assert_refused(&request.send(&server, body).await, 400, "invalid_request", &text_of(&request, name));
            }
        }
    }
    cast.assert_lost_nothing(&server).await;
}

async fn a_form_without_parameters_is_refused(engine: Engine) {
    let server = TestServer::start(engine).await;
    let cast = Cast::of(&server).await;
    for request in cast.requests().iter().filter(|request| !request.required.is_empty()) {
        let needs_client = matches!(request.by, By::Nobody) && ["/revoke", "/introspect"].contains(&request.path);
        let (status, code) = if needs_client { (401, "invalid_client") } else { (400, "invalid_request") };
        for body in ["", "&", "&&&&", "=", "=x", "&=&", "%20=1"] {
            assert_refused(&request.send(&server, body).await, status, code, &text_of(request, body));
        }
    }
    cast.assert_lost_nothing(&server).await;
}

/// Bytes that are no UTF-8 and escapes that are none, in values and in names: such a form is none at all.
async fn what_is_no_text_is_an_invalid_request(engine: Engine) {
    let server = TestServer::start(engine).await;
    let cast = Cast::of(&server).await;
    let bad: [&[u8]; 10] =
        [b"%FF", b"\xff", b"%C3%28", b"%C0%AF", b"%ED%A0%80", b"%F4%90%80%80", b"abc%", b"abc%2", b"%ZZ", b"%u0041"];
    for request in cast.requests() {
        for (name, _) in &request.form {
            for value in bad {
                let mut body = format!("{}&{name}=", request.encoded_without(name)).into_bytes();
                body.extend_from_slice(value);
                let what = format!("{} {:?}", text_of(&request, name), String::from_utf8_lossy(value));
                assert_refused(&request.send(&server, body).await, 400, "invalid_request", &what);
            }
        }
        for name in bad {
            let body = [request.encoded().as_bytes(), b"&", name, b"=1"].concat();
            assert_refused(&request.send(&server, body).await, 400, "invalid_request", &text_of(&request, "a name"));
        }
    }
    cast.assert_lost_nothing(&server).await;
}

async fn nul_in_a_parameter_is_an_invalid_request(engine: Engine) {
    let server = TestServer::start(engine).await;
    let cast = Cast::of(&server).await;
    for request in cast.requests() {
        for (name, _) in request.read() {
            for value in [&b"a%00b"[..], b"a\0b", b"%00"] {
                let body = [request.encoded_without(name).as_bytes(), b"&", name.as_bytes(), b"=", value].concat();
                let answer = request.send(&server, body).await;
                assert_refused(&answer, 400, "invalid_request", &text_of(&request, name));
                assert_eq!(answer.text_at("error_description"), format!("The parameter {name} holds a NUL character."));
            }
        }
    }
    cast.assert_lost_nothing(&server).await;
}

/// Each as large as a body may be: refused for what it is, never for being more than somebody thought of.
async fn an_oversized_parameter_is_refused_for_what_it_is(engine: Engine) {
    let server = TestServer::start(engine).await;
    let cast = Cast::of(&server).await;
    for request in cast.requests() {
        let large = "a".repeat(if request.path == "/login" { 3_000 } else { 15_000 });
        for (name, _) in &request.form {
            let Some((status, code)) = oversized(request.path, name) else { continue };
            let body = format!("{}&{name}={large}", request.encoded_without(name));
            let answer = request.send(&server, body).await;
            let what = text_of(&request, name);
            if code.is_empty() {
                assert_eq!(answer.status, status, "{what}");
            } else {
                assert_refused(&answer, status, code, &what);
            }
        }
    }
    cast.assert_lost_nothing(&server).await;
}

/// The answer to a giant value; `None` where it is ignored and the request would succeed.
fn oversized(path: &str, name: &str) -> Option<(u16, &'static str)> {
    let first_party = if path == "/token" { 400 } else { 401 };
    Some(match (path, name) {
        (_, "client_id" | "client_secret") => (401, "invalid_client"),
        (_, "scope") => (400, "invalid_scope"),
        (_, "grant_type") => (400, "unsupported_grant_type"),
        ("/logout", "refresh_token") => (204, ""),
        (_, "username" | "refresh_token") => (first_party, "invalid_grant"),
        ("/revoke" | "/introspect", "token") => (200, ""),
        (_, "password" | "device_name" | "cookie" | "all") => (400, "invalid_request"),
        _ => return None,
    })
}

/// Whatever it is: repeated, with NUL in its value or in its name.
async fn an_unknown_parameter_is_ignored(engine: Engine) {
    let server = TestServer::start(engine).await;
    let cast = Cast::of(&server).await;
    for request in cast.requests().iter().filter(|request| ["/introspect", "/userinfo"].contains(&request.path)) {
        for more in ["state=1&nonce=&audience=2&=3", "x=1&x=2", "x=%00", "x%00=1", "TOKEN=1&TOKEN=2", "=&="] {
            let answer = request.send(&server, format!("{}&{more}", request.encoded())).await;
            assert_eq!(answer.status, 200, "{} {more}", text_of(request, "unknown"));
        }
    }
    cast.assert_lost_nothing(&server).await;
}

/// What one endpoint reads is none of another's business, and what one grant reads none of another's.
async fn a_parameter_of_another_request_is_ignored(engine: Engine) {
    let server = TestServer::start(engine).await;
    let form = "application/x-www-form-urlencoded";
    let machine = format!("grant_type=client_credentials&client_id={}&client_secret={}", C1.0, C1.1);
    for more in
        ["username=a&username=b", "password=%00", "cookie=maybe", "device_name=%0A", "refresh_token=1&refresh_token=2"]
    {
        server.post_text("/token", form, format!("{machine}&{more}")).await.ok();
    }
    let token = server.login().await.access_token();
    let introspection = format!("token={token}&client_id={}&client_secret={}", RS1.0, RS1.1);
    for more in
        ["grant_type=a&grant_type=b", "scope=%22", "token_type_hint=a&token_type_hint=b", "sub=a&sub=b", "all=x"]
    {
        server.post_text("/introspect", form, format!("{introspection}&{more}")).await.active();
    }
    let login = format!("username=alice&password={}", PASSWORD.replace(' ', "+"));
    for more in ["grant_type=1&grant_type=2", "token=%00", "all=perhaps", "refresh_token=1&refresh_token=2"] {
        server.post_text("/login", form, format!("{login}&{more}")).await.ok();
    }
}

on_both_databases!(
    a_repeated_parameter_is_an_invalid_request,
    a_missing_or_empty_parameter_is_an_invalid_request,
    a_form_without_parameters_is_refused,
    what_is_no_text_is_an_invalid_request,
    nul_in_a_parameter_is_an_invalid_request,
    an_oversized_parameter_is_refused_for_what_it_is,
    an_unknown_parameter_is_ignored,
    a_parameter_of_another_request_is_ignored,
);
