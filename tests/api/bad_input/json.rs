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
            }
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
        body["resource"] = "https://api.example.com".into();
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
            format!("\u{feff}{text}"),
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
    what_is_no_json_object_is_an_invalid_request,
    nul_in_a_member_is_an_invalid_request,
);
