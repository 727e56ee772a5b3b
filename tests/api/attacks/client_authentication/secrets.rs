//! Secrets that are missing, empty, wrong, doubled or misspelt.

use tokend::domain::{Client, ClientAuthentication, Grant, Grants, PlainSecret};

use super::{assert_invalid_client, basic, request, requests};
use crate::harness::{C1, C2, Engine, P1, RS1, START, TestServer, clients, on_both_databases};

/// RFC 6749 §2.3: one method a request.
async fn two_ways_to_authenticate_at_once(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander_on(C1).await;
    for (path, form) in requests(&bystander) {
        for (header, more) in [
            (basic(C1.0, C1.1), vec![("client_id", C1.0), ("client_secret", C1.1)]),
            (basic(C1.0, C1.1), vec![("client_secret", C1.1)]),
            (basic(C1.0, C1.1), vec![("client_secret", "wrong")]),
            (basic(C1.0, "wrong"), vec![("client_id", C1.0), ("client_secret", C1.1)]),
            (basic(C1.0, C1.1), vec![("client_id", C2.0), ("client_secret", C2.1)]),
            (basic(C1.0, C1.1), vec![("client_id", C2.0)]),
            (basic(C1.0, C1.1), vec![("client_id", P1)]),
            ("Bearer x".to_owned(), vec![("client_id", C1.0), ("client_secret", C1.1)]),
            (basic(C1.0, C1.1), vec![("client_assertion", "x")]),
            (basic(C1.0, C1.1), vec![("client_assertion_type", "x")]),
            (
                basic(C1.0, "wrong"),
                vec![("client_id", C1.0), ("client_assertion", "x"), ("client_assertion_type", "x")],
            ),
            ("Bearer x".to_owned(), vec![("client_assertion", "x"), ("client_assertion_type", "x")]),
        ] {
            if path == "/logout" && header == "Bearer x" {
                continue;
            }
            let form = [form.clone(), more].concat();
            server.send(request(&server, path, &form, Some(&header))).await.refused(400, "invalid_request");
        }
        for name in ["client_assertion", "client_assertion_type"] {
            let form = [form.clone(), vec![("client_id", C1.0), ("client_secret", C1.1), (name, "x")]].concat();
            server.send(request(&server, path, &form, None)).await.refused(400, "invalid_request");
        }
        let twice = request(&server, path, &form, Some(&basic(C1.0, C1.1))).header("authorization", basic(C1.0, C1.1));
        assert_invalid_client(&server.send(twice).await, path);
    }
    server.assert_lost_nothing(bystander).await;
}

/// RFC 6749 §2.3.1: both halves are form-urlencoded.
async fn the_spelling_of_basic(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander_on(C1).await;
    let (id, secret) = ("a:b c%", "p+w%2F and more than thirty-two bytes");
    let hash = PlainSecret::new(secret.to_owned()).hash();
    let odd = Client {
        grants: Grants::from([Grant::ClientCredentials]),
        ..Client::without_rights(id.parse().unwrap(), ClientAuthentication::Secret(hash), START)
    };
    server.operator().clients().insert(&odd).await.unwrap();
    server.app.registry.refresh().await.unwrap();
    let form = [("grant_type", "client_credentials")];
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let right = basic(&encode(id), &encode(secret));
    server.send(request(&server, "/token", &form, Some(&right))).await.ok();
    for scheme in ["basic", "BASIC", "Basic  ", "Basic\t"] {
        let spelt = right.replacen("Basic", scheme, 1);
        server.send(request(&server, "/token", &form, Some(&spelt))).await.ok();
    }
    let (c1, encoded) = (basic(C1.0, C1.1), basic(C1.0, C1.1)["Basic ".len()..].to_owned());
    let latin1: Vec<u8> = [b"Basic ".as_slice(), b"\xe9:x"].concat();
    let large = basic("c1", &"x".repeat(5_000));
    for (path, form) in requests(&bystander) {
        for bad in [
            basic(id, secret),
            basic("c1", "%ZZ"),
            basic("c1", "%2"),
            basic("c1", "%FF"),
            basic("c1", "a%00b"),
            basic("%00c1", C1.1),
            basic("", ""),
            basic("", C1.1),
            "Basic".to_owned(),
            "Basic ".to_owned(),
            "Basic !!!".to_owned(),
            format!("Basic {}", crate::harness::encode("no colon")),
            "Basic /zphOg==".to_owned(),
            c1.trim_end_matches('=').to_owned() + "====",
            format!("{c1} {c1}"),
            format!("{c1}, {c1}"),
            format!("Basic realm=x, {c1}"),
            format!("Basic{encoded}"),
            format!("Digest {encoded}"),
            format!("Negotiate {encoded}"),
            encoded.clone(),
            large.clone(),
            basic(&C1.0.to_uppercase(), C1.1),
        ] {
            assert_invalid_client(
                &server.send(request(&server, path, &form, Some(&bad))).await,
                &format!("{path} {bad:.80}"),
            );
        }
        let request = request(&server, path, &form, None).header("authorization", latin1.as_slice());
        assert_invalid_client(&server.send(request).await, path);
    }
    server.assert_lost_nothing(bystander).await;
}

/// 10 KB of Basic is as wrong as any other, as long as the head as a whole is not too large.
async fn a_giant_basic(engine: Engine) {
    let server = TestServer::start(engine).await;
    let form = [("grant_type", "client_credentials")];
    let giant = basic("c1", &"x".repeat(7_500));
    assert!(giant.len() > 10_000);
    assert_invalid_client(&server.send(request(&server, "/token", &form, Some(&giant))).await, "10 KB");
}

/// SA-2022-002, CVE-2026-53512, mcp python-sdk#2709. A confidential client without its secret is nobody,
/// whatever it asks for.
async fn a_missing_empty_or_wrong_secret(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander_on(C1).await;
    for (path, form) in requests(&bystander) {
        for (header, more) in [
            (None, vec![("client_id", C1.0)]),
            (None, vec![("client_id", C1.0), ("client_secret", "")]),
            (None, vec![("client_id", C1.0), ("client_secret", "wrong")]),
            (None, vec![("client_id", C1.0), ("client_secret", C2.1)]),
            (None, vec![("client_id", "C1"), ("client_secret", C1.1)]),
            (Some(basic(C1.0, "")), vec![]),
            (Some(basic(C1.0, "wrong")), vec![]),
            (Some(basic(C1.0, C2.1)), vec![]),
            (Some(basic(C1.0, &C1.1[1..])), vec![]),
            (Some(basic(C1.0, &C1.1.to_uppercase())), vec![]),
            (Some(basic(C2.0, C1.1)), vec![]),
        ] {
            let form = [form.clone(), more].concat();
            let answer = server.send(request(&server, path, &form, header.as_deref())).await;
            assert_invalid_client(&answer, &format!("{path} {header:?} {form:?}"));
        }
        let form = [form.clone(), vec![("client_secret", C1.1)]].concat();
        server.send(request(&server, path, &form, None)).await.refused(400, "invalid_request");
    }
    // Nobody at all. The app's own screens need not say which app they are; its tokens are still another client's.
    for (path, form) in requests(&bystander) {
        let answer = server.send(request(&server, path, &form, None)).await;
        match path {
            "/login" => drop(answer.access_token()),
            "/refresh" => drop(answer.refused(401, "invalid_grant").clone()),
            _ => assert_invalid_client(&answer, path),
        }
    }
    server.assert_lost_nothing(bystander).await;
}

/// Who may not introspect learns nothing of the token, be it good or not.
async fn a_public_client_may_not_introspect(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    for token in [bystander.access.as_str(), bystander.refresh.as_str(), "nonsense"] {
        let public = server.post("/introspect", &[("client_id", P1), ("token", token)]).await;
        assert_invalid_client(&public, "public");
        let nobody = server.post("/introspect", &[("token", token)]).await;
        assert_eq!(nobody.text, public.text);
        assert_invalid_client(&nobody, "nobody");
    }
    server.assert_lost_nothing(bystander).await;
}

/// Authentik#11616.
async fn a_public_client_with_a_secret(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    for (path, form) in requests(&bystander) {
        for secret in ["x", C1.1, "null", "undefined"] {
            let posted = [form.clone(), vec![("client_id", P1), ("client_secret", secret)]].concat();
            assert_invalid_client(&server.send(request(&server, path, &posted, None)).await, path);
            assert_invalid_client(&server.send(request(&server, path, &form, Some(&basic(P1, secret)))).await, path);
        }
        assert_invalid_client(&server.send(request(&server, path, &form, Some(&basic(P1, "")))).await, path);
    }
    server.assert_lost_nothing(bystander).await;
}

/// In bytes: who guesses can't tell a client that exists from one that doesn't.
async fn an_unknown_client_is_answered_as_a_wrong_secret(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander_on(C1).await;
    let long = "c".repeat(200);
    for (path, form) in requests(&bystander) {
        let mut seen = Vec::new();
        for id in [C1.0, RS1.0, "nobody", "67e55044-10b1-426f-9247-bb680e5fe0c8", &long, "\u{e9}"] {
            let header = basic(&url::form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>(), "wrong");
            seen.push(server.send(request(&server, path, &form, Some(&header))).await);
            let posted = [form.clone(), vec![("client_id", id), ("client_secret", "wrong")]].concat();
            seen.push(server.send(request(&server, path, &posted, None)).await);
        }
        for answer in &seen {
            assert_invalid_client(answer, path);
            assert_eq!(answer.without_the_incidental(), seen[0].without_the_incidental(), "{path}");
        }
    }
    let public: Vec<_> = clients().into_iter().filter(Client::is_public).collect();
    assert!(!public.is_empty());
    for client in public {
        let header = basic(client.id.as_str(), "wrong");
        let answer = server.send(request(&server, "/token", &[("grant_type", "password")], Some(&header))).await;
        let unknown =
            server.send(request(&server, "/token", &[("grant_type", "password")], Some(&basic("x", "y")))).await;
        assert_eq!(answer.without_the_incidental(), unknown.without_the_incidental());
    }
    server.assert_lost_nothing(bystander).await;
}

on_both_databases!(
    two_ways_to_authenticate_at_once,
    the_spelling_of_basic,
    a_giant_basic,
    a_missing_empty_or_wrong_secret,
    a_public_client_may_not_introspect,
    a_public_client_with_a_secret,
    an_unknown_client_is_answered_as_a_wrong_secret,
);
