//! `GET /jwks.json` as caches ask for it; the keys themselves are in `conformance`.

use reqwest::Method;
use tokend::domain::SigningAlgorithm;

use crate::harness::{Answer, C1, Engine, START, Settings, TestServer, on_both_databases};

const METADATA: [&str; 2] = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];

async fn get_if_changed(server: &TestServer, path: &str, tags: &str) -> Answer {
    server.send(server.request(Method::GET, path).header("if-none-match", tags)).await
}

async fn who_has_it_is_told_so(engine: Engine) {
    let server = TestServer::start(engine).await;
    for path in ["/jwks.json", METADATA[0], METADATA[1]] {
        let tag = server.get(path).await.ok().header("etag").to_owned();
        for tags in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
            let answer = get_if_changed(&server, path, &tags).await;
            assert_eq!((answer.status, answer.text.as_str()), (304, ""), "{tags}");
            assert_eq!((answer.header("etag"), answer.header("cache-control")), (tag.as_str(), "public, max-age=300"));
        }
        for tags in ["\"other\"", "", &tag[1..], &format!("x{tag}")] {
            assert_eq!(get_if_changed(&server, path, tags).await.ok().header("etag"), tag, "{tags}");
        }
    }
}

async fn a_new_key_or_scope_is_a_new_document(engine: Engine) {
    let server = TestServer::start(engine).await;
    let tag = server.get("/jwks.json").await.header("etag").to_owned();
    server.add_key(SigningAlgorithm::EdDsa, START + 3600).await;
    assert_eq!(get_if_changed(&server, "/jwks.json", &tag).await.ok().json()["keys"].as_array().unwrap().len(), 2);
    let tag = server.get(METADATA[0]).await.header("etag").to_owned();
    server.change_client("app", |client| client.scope = "brand-new".parse().unwrap()).await;
    assert!(get_if_changed(&server, METADATA[0], &tag).await.ok().text.contains("brand-new"));
}

async fn a_head_is_the_same_without_the_body(engine: Engine) {
    let server = TestServer::start(engine).await;
    let get = server.get("/jwks.json").await;
    let head = server.send(server.request(Method::HEAD, "/jwks.json")).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    for name in ["etag", "cache-control", "content-type", "content-length"] {
        assert_eq!(head.header(name), get.header(name));
    }
}

async fn every_node_has_the_same_document(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.add_key(SigningAlgorithm::EdDsa, START + 3600).await;
    let other = server.another_node().await;
    for path in ["/jwks.json", METADATA[0], METADATA[1]] {
        let (here, elsewhere) = (server.get(path).await, server.at(&other).get(path).await);
        assert_eq!((&here.text, here.header("etag")), (&elsewhere.text, elsewhere.header("etag")));
    }
}

/// Whoever shortens lifetimes shortens those of new tokens: what has been signed lives on, and so does the key that signed it.
async fn a_key_stays_until_its_last_token_is_dead_whatever_lifetimes_are_by_then(engine: Engine) {
    let lifetime = |length| Settings::with(&format!("[tokens]\naccess_lifetime = '{length}'"));
    let server = TestServer::start_with(engine, lifetime("1d")).await;
    server.change_client(C1.0, |client| client.access_lifetime = Some(86_400)).await;
    let (own, users) = (server.own_token(C1, &[]).await.access_token(), server.login().await.access_token());
    server.add_key(SigningAlgorithm::EdDsa, START + 1).await;
    server.change_client(C1.0, |client| client.access_lifetime = Some(60)).await;
    let node = server.another_node_with(&lifetime("1m")).await;
    let kids = async || server.at(&node).get("/jwks.json").await.json()["keys"].as_array().unwrap().len();
    server.clock.advance(86_399);
    for token in [&own, &users] {
        server.at(&node).introspect(token).await.active();
    }
    assert_eq!(kids().await, 2);
    server.clock.advance(1);
    for token in [&own, &users] {
        server.at(&node).introspect(token).await.inactive();
    }
    server.clock.advance(61);
    assert_eq!(kids().await, 1);
}

on_both_databases!(
    who_has_it_is_told_so,
    a_new_key_or_scope_is_a_new_document,
    a_head_is_the_same_without_the_body,
    every_node_has_the_same_document,
    a_key_stays_until_its_last_token_is_dead_whatever_lifetimes_are_by_then,
);
