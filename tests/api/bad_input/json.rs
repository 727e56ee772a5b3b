//! JSON that isn't what it should be, at the endpoints that take JSON.

use serde_json::{Value, json};

use crate::harness::{Answer, Bystander, Engine, PASSWORD, TestServer, on_both_databases};

const JSON: &str = "application/json";

/// Bodies that would succeed, by endpoint.
fn valid(bystander: &Bystander) -> [(&'static str, Value); 3] {
    [
        (
            "/login",
            json!({ "username": "alice", "password": PASSWORD, "client_id": "app", "scope": "openid",
                    "device_name": "a phone", "cookie": false }),
        ),
        ("/refresh", json!({ "refresh_token": bystander.refresh, "client_id": "app", "scope": "openid" })),
        ("/logout", json!({ "refresh_token": bystander.refresh, "client_id": "app", "all": true })),
    ]
}

#[track_caller]
fn assert_invalid(answer: &Answer, what: &str) {
    assert_eq!((answer.status, answer.json()["error"].as_str()), (400, Some("invalid_request")), "{what}: {answer:?}");
    answer.refused(400, "invalid_request");
}

async fn a_value_of_the_wrong_type_is_an_invalid_request(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    for (path, body) in valid(&bystander) {
        for (name, right) in body.as_object().expect("an object") {
            let mut wrong = vec![
                json!(1),
                json!(0.5),
                json!(-1),
                json!({}),
                json!([]),
                json!([right]),
                json!([[right]]),
                json!({ "": right }),
            ];
            if right.is_boolean() {
                wrong.extend([json!("yes"), json!("1"), json!("TRUE"), json!(" true")]);
            } else {
                wrong.extend([json!(true), json!(false)]);
            }
            for value in wrong {
                let mut body = body.clone();
                body[name] = value;
                let answer = server.post_text(path, JSON, body.to_string()).await;
                assert_invalid(&answer, &format!("{path} {body}"));
                assert!(answer.text_at("error_description").contains(name.as_str()), "{path} {body}: {answer:?}");
            }
        }
        if path == "/logout" {
            continue;
        }
        let mut body = body.clone();
        for value in [json!(1), json!({ "a": "b" }), json!([1]), json!(["a", 1]), json!(["a", null]), json!([["a"]])] {
            body["resource"] = value;
            assert_invalid(&server.post_text(path, JSON, body.to_string()).await, &format!("{path} {body}"));
        }
    }
    server.assert_lost_nothing(bystander).await;
}

async fn a_required_member_that_is_missing_null_or_empty_is_an_invalid_request(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    for (path, body) in valid(&bystander) {
        for name in ["username", "password", "refresh_token"] {
            let mut body = body.clone();
            if body.as_object_mut().expect("an object").remove(name).is_none() {
                continue;
            }
            for value in [None, Some(Value::Null), Some(json!(""))] {
                if let Some(value) = value {
                    body[name] = value;
                }
                assert_invalid(&server.post_text(path, JSON, body.to_string()).await, &format!("{path} {body}"));
            }
        }
    }
    server.assert_lost_nothing(bystander).await;
}

/// Two readers of one text could see two requests.
async fn a_repeated_member_is_an_invalid_request(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    for (path, mut body) in valid(&bystander) {
        if path != "/logout" {
            body["resource"] = "https://api.example.com".into();
        }
        let text = body.to_string();
        for (name, value) in body.as_object().expect("an object") {
            let escaped = format!("\\u{:04x}{}", u32::from(name.as_bytes()[0]), &name[1..]);
            for again in [
                format!("{},\"{name}\":{value}}}", &text[..text.len() - 1]),
                format!("{},\"{name}\":null}}", &text[..text.len() - 1]),
                format!("{{\"{name}\":\"other\",{}", &text[1..]),
                format!("{},\"{escaped}\":{value}}}", &text[..text.len() - 1]),
            ] {
                assert_invalid(&server.post_text(path, JSON, again.clone()).await, &format!("{path} {again}"));
            }
        }
    }
    server.assert_lost_nothing(bystander).await;
}

/// RFC 6749 §3.2: unknown parameters are ignored. What an app's form library adds is not ours to judge.
async fn a_member_that_nobody_asked_for_is_ignored(engine: Engine) {
    let server = TestServer::start(engine).await;
    for value in [
        json!(true),
        json!(1),
        json!(-0.5),
        json!(null),
        json!({ "a": { "b": [] } }),
        json!(["a", 1, null]),
        json!("\0"),
        json!(""),
    ] {
        let login =
            json!({ "username": "alice", "password": PASSWORD, "rememberMe": value, "tags": value, "all": value });
        let signed_in = server.post_text("/login", JSON, login.to_string()).await;
        let refresh =
            json!({ "refresh_token": signed_in.refresh_token(), "username": value, "tags": value, "a\0": value });
        let refreshed = server.post_text("/refresh", JSON, refresh.to_string()).await;
        let logout = json!({ "refresh_token": refreshed.refresh_token(), "scope": value, "resource": value });
        server.post_text("/logout", JSON, logout.to_string()).await.no_content();
    }
    let twice = format!(r#"{{"username":"alice","x":1,"password":"{PASSWORD}","x":[2]}}"#);
    server.post_text("/login", JSON, twice).await.ok();
}

/// null is nothing, also where a flag or a list is expected.
async fn a_member_that_is_null_counts_as_omitted(engine: Engine) {
    let server = TestServer::start(engine).await;
    let login = json!({ "username": "alice", "password": PASSWORD, "client_id": null, "client_secret": null, "scope": null,
                        "device_name": null, "device_token": null, "cookie": null, "resource": null });
    assert_eq!(
        server.post_text("/login", JSON, login.to_string()).await.ok().text_at("scope"),
        server.login().await.text_at("scope")
    );
}

/// Some editors put a byte order mark before JSON, and some libraries a character set behind its name.
async fn json_is_json_however_it_is_announced(engine: Engine) {
    let server = TestServer::start(engine).await;
    let text = json!({ "username": "alice", "password": PASSWORD }).to_string();
    for content_type in [
        JSON,
        "Application/Json",
        "application/json;charset=UTF8",
        "application/json; charset=utf8",
        "application/json; charset=\"UTF-8\"",
        "application/json; charset=us-ascii",
        "application/json; odata.metadata=minimal",
        "application/vnd.example.v1+json",
    ] {
        server.post_text("/login", content_type, text.clone()).await.ok();
    }
    server.post_text("/login", JSON, format!("\u{feff}{text}\r\n")).await.ok();
    let accented = text.replace("alice", "alic\u{e9}");
    server
        .post_text("/login", "application/json; charset=latin1", accented.clone())
        .await
        .refused(400, "invalid_request");
    server.post_text("/login", JSON, accented).await.refused(401, "invalid_grant");
    for content_type in ["text/plain", "text/json", "application/json; charset=utf-16", "application/json, text/plain"]
    {
        server.post_text("/login", content_type, text.clone()).await.refused(400, "invalid_request");
    }
}

async fn what_is_no_json_object_is_an_invalid_request(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    for (path, body) in valid(&bystander) {
        let text = body.to_string();
        let deep = |open: &str, close: &str, n: usize| format!("{}{}", open.repeat(n), close.repeat(n));
        let inside = |value: &str| format!("{},\"deep\":{value}}}", &text[..text.len() - 1]);
        for bad in [
            String::new(),
            " ".to_owned(),
            "null".to_owned(),
            "true".to_owned(),
            "1".to_owned(),
            "\"a\"".to_owned(),
            format!("[{text}]"),
            format!("\"{}\"", text.replace('"', "\\\"")),
            text[..text.len() - 1].to_owned(),
            text[1..].to_owned(),
            format!("{text}}}"),
            format!("{text}{text}"),
            format!("{text}x"),
            format!("{text},"),
            format!("{text}\0"),
            format!("{text}\n{{}}"),
            format!("// comment\n{text}"),
            format!(")]}}'\n{text}"),
            text.replace('"', "'"),
            text.replace(':', "="),
            format!("{},}}", &text[..text.len() - 1]),
            inside("NaN"),
            inside("01"),
            inside("1e999999"),
            inside("\"\\ud800\""),
            inside("\"\\x41\""),
            inside("\"a\nb\""),
            inside(&deep("[", "]", 1_000)),
            inside(&deep("{\"a\":", "}", 200)),
            deep("[", "]", 2_000),
            deep("{\"a\":[", "]}", 300),
            "[".repeat(4_000),
            "{\"a\":".repeat(700),
        ] {
            assert_invalid(&server.post_text(path, JSON, bad.clone()).await, &format!("{path} {bad:.200}"));
        }
        let mut bytes = text.into_bytes();
        let end = bytes.len() - 2;
        bytes[end] = 0xff;
        assert_invalid(&server.post_text(path, JSON, bytes.clone()).await, "not UTF-8");
        let utf16: Vec<u8> = String::from_utf8_lossy(&bytes).encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_invalid(&server.post_text(path, JSON, utf16).await, "UTF-16");
    }
    server.assert_lost_nothing(bystander).await;
}

async fn nul_in_a_member_is_an_invalid_request(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    for (path, body) in valid(&bystander) {
        for (name, value) in body.as_object().expect("an object") {
            let Some(text) = value.as_str() else { continue };
            let mut body = body.clone();
            body[name] = format!("{text}\0").into();
            assert_invalid(&server.post_text(path, JSON, body.to_string()).await, &format!("{path} {body}"));
        }
    }
    server.assert_lost_nothing(bystander).await;
}

on_both_databases!(
    a_value_of_the_wrong_type_is_an_invalid_request,
    a_required_member_that_is_missing_null_or_empty_is_an_invalid_request,
    a_repeated_member_is_an_invalid_request,
    a_member_that_nobody_asked_for_is_ignored,
    a_member_that_is_null_counts_as_omitted,
    json_is_json_however_it_is_announced,
    what_is_no_json_object_is_an_invalid_request,
    nul_in_a_member_is_an_invalid_request,
);
