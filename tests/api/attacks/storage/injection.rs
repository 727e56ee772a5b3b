//! SQL in every field. It finds nothing, changes nothing, breaks nothing, and is kept as the text that it is.

use reqwest::Method;

use crate::harness::{ADMIN, Answer, C1, Engine, Forge, P1, PASSWORD, RS1, TestServer, on_both_databases};

const CORPUS: [&str; 22] = [
    "' OR '1'='1",
    "' OR 1=1--",
    "' OR 1=1#",
    "' OR 1=1/*",
    "\" OR \"\"=\"",
    "') OR ('1'='1",
    "alice'--",
    "alice' AND '1'='1",
    "alice'/**/OR/**/'1'='1",
    "'; DROP TABLE sessions;--",
    "'; UPDATE users SET disabled_at = NULL;--",
    "' UNION SELECT NULL, NULL, NULL--",
    "'||(SELECT password_hash FROM users LIMIT 1)||'",
    "1; SELECT pg_sleep(10)--",
    "'; ATTACH DATABASE '/tmp/x' AS x;--",
    "$1",
    "?1",
    ":name",
    "%",
    "_____",
    "\\'; --",
    "\u{2bc} OR 1=1--",
];

#[track_caller]
fn assert_harmless(answer: &Answer, what: &str) {
    assert!((200..500).contains(&answer.status), "{what}: {answer:?}");
    for leak in ["SQL", "sqlite", "postgres", "syntax", "argon2", "relation", "access_token"] {
        assert!(!answer.text.contains(leak), "{what}: {answer:?}");
    }
}

/// A path, the client that authenticates, the form, and which of its fields are attacked.
type Request<'a> = (&'a str, Option<(&'a str, &'a str)>, &'a [(&'a str, &'a str)], &'a [&'a str]);

async fn sql_in_every_parameter(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (public, confidential) = (server.bystander().await, server.bystander_on(C1).await);
    for text in CORPUS {
        let first = [("username", "alice"), ("password", "wrong password")];
        let refresh = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", P1)];
        let requests: [Request<'_>; 8] = [
            (
                "/login",
                None,
                &first,
                &["username", "password", "client_id", "scope", "resource", "device_name", "cookie"],
            ),
            (
                "/token",
                None,
                &refresh,
                &["grant_type", "refresh_token", "client_id", "client_secret", "scope", "resource"],
            ),
            (
                "/token",
                Some(C1),
                &[("grant_type", "password"), first[0], first[1]],
                &["username", "password", "scope", "device_name"],
            ),
            ("/token", Some(C1), &[("grant_type", "client_credentials")], &["scope", "resource"]),
            ("/refresh", None, &[], &["refresh_token"]),
            ("/revoke", None, &[("client_id", P1)], &["token"]),
            ("/introspect", Some(RS1), &[], &["token"]),
            ("/logout", None, &[], &["refresh_token"]),
        ];
        for (path, by, form, names) in requests {
            for name in names {
                let mut form: Vec<_> = form.iter().filter(|(other, _)| other != name).copied().collect();
                form.push((name, text));
                let answer = match by {
                    Some(client) => server.post_as(client, path, &form).await,
                    None => server.post(path, &form).await,
                };
                assert_harmless(&answer, &format!("{path} {name}={text}"));
            }
        }
        for name in ["sid", "sub", "username", "of_client"] {
            assert_eq!(
                server.post_as(ADMIN, "/revoke", &[(name, text)]).await.ok().text,
                r#"{"revoked":0}"#,
                "{name}={text}"
            );
        }
        assert_harmless(&server.post_as((text, text), "/introspect", &[("token", "x")]).await, text);
        let json = serde_json::json!({ "username": text, "password": text, "client_id": P1 }).to_string();
        assert_harmless(&server.post_text("/login", "application/json", json).await, text);
    }
    server.assert_lost_nothing(public).await;
    server.assert_lost_nothing(confidential).await;
}

/// In header fields, and in what a properly signed token names.
async fn sql_in_header_fields_and_tokens(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (forge, bystander) = (Forge::of(&server).await, server.bystander().await);
    for text in CORPUS.into_iter().filter(|text| text.is_ascii()) {
        for field in ["user-agent", "x-forwarded-for", "x-request-id", "origin", "cookie", "authorization", "referer"] {
            let request = server.request(Method::POST, "/refresh").header(field, text).form(&[("refresh_token", "x")]);
            assert_harmless(&server.send(request).await, &format!("{field}: {text}"));
        }
        let cookie = server.request(Method::POST, "/refresh").header("origin", "https://app.example.com");
        let cookie = cookie.header("cookie", format!("__Host-tokend-refresh={text}"));
        server.send(cookie).await.refused(401, "invalid_grant");
        for name in ["sid", "sub", "client_id", "jti", "iss", "aud", "scope"] {
            let token = forge.with_claims(&bystander.access, |claims| claims[name] = text.into());
            let answer = server.get_with("/userinfo", &token).await;
            assert!([401, 403].contains(&answer.status), "{name} {text}: {answer:?}");
        }
        let token = forge.with_header(&bystander.access, |header| header["kid"] = text.into());
        server.introspect(&token).await.inactive();
    }
    server.assert_lost_nothing(bystander).await;
}

/// What may be any text is stored as it is.
async fn sql_is_kept_as_text(engine: Engine) {
    let server = TestServer::start(engine).await;
    for text in CORPUS.into_iter().filter(|text| text.is_ascii()) {
        let form = [("username", "alice"), ("password", PASSWORD), ("device_name", text)];
        let request = server.request(Method::POST, "/login").header("user-agent", text).form(&form);
        let session = server.session_of(&server.send(request).await.access_token()).await;
        let device = server.app.store.sessions().find(session).await.unwrap().unwrap().session.device;
        assert_eq!((device.name.as_deref(), device.user_agent.as_deref()), (Some(text), Some(text)));
    }
}

on_both_databases!(sql_in_every_parameter, sql_in_header_fields_and_tokens, sql_is_kept_as_text);
