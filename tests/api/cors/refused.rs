//! What an operator reads of pages that are refused: one warning for each origin, which names it and the setting.

use reqwest::Method;
use tokend::domain::Client;

use super::preflight;
use crate::harness::{Engine, Logs, PASSWORD, TestServer, public};

/// The warnings that name `origin`.
fn warnings(logs: &Logs, origin: &str) -> Vec<String> {
    let text = logs.text();
    let is_one = |line: &&str| line.contains("WARN") && line.contains("a page was refused") && line.contains(origin);
    text.lines().filter(is_one).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_first_refusal_of_each_origin_is_a_warning() {
    let logs = Logs::capture();
    let server = TestServer::start(Engine::Sqlite).await;
    let (one, two) = ("https://one.example", "https://two.example");
    for _ in 0..3 {
        preflight(&server, "/login", one).await.refused(405, "invalid_request");
        let login = server.request(Method::POST, "/login").header("origin", two);
        let login = login.form(&[("username", "alice"), ("password", PASSWORD)]);
        server.send(login).await.refused(403, "invalid_request");
    }
    for origin in [one, two] {
        let told = warnings(&logs, origin);
        assert!(told.len() == 1 && told[0].contains("http.allowed_origins"), "{told:?}");
        assert!(told[0].contains("--allowed-origin"), "{told:?}");
    }
    // Where no page has business, nothing is refused.
    preflight(&server, "/introspect", "https://three.example").await;
    assert_eq!(warnings(&logs, "three.example"), Vec::<String>::new());
}

/// It may speak for some client, and not for this one.
#[tokio::test]
async fn the_client_that_a_page_may_not_speak_for_is_named() {
    let logs = Logs::capture();
    let server = TestServer::start(Engine::Sqlite).await;
    server.add_client(Client { allowed_origins: vec!["https://shop.example".to_owned()], ..public("shop") }).await;
    for path in ["/login", "/refresh"] {
        let form = [("username", "alice"), ("password", PASSWORD), ("client_id", "app")];
        let request = server.request(Method::POST, path).header("origin", "https://shop.example").form(&form);
        server.send(request).await.refused(403, "invalid_request");
    }
    let told = warnings(&logs, "https://shop.example");
    assert!(told.len() == 1 && told[0].contains("client=\"app\""), "{told:?}");
}

/// An `Origin` is what anybody writes: it is escaped, cut, and of 65 origins one is not told of.
#[tokio::test]
async fn an_origin_in_a_warning_is_bounded() {
    let logs = Logs::capture();
    let server = TestServer::start(Engine::Sqlite).await;
    let long = format!("https://{}.example", "a".repeat(1000));
    preflight(&server, "/login", &long).await;
    preflight(&server, "/login", "https://\"quoted\" client=x").await;
    let told = warnings(&logs, "aaaa");
    assert!(told.len() == 1 && !told[0].contains(&"a".repeat(300)), "{told:?}");
    assert!(warnings(&logs, "quoted")[0].contains(r#"https://\"quoted\" client=x""#));
    for n in 0..62 {
        preflight(&server, "/login", &format!("https://n{n}.example")).await;
    }
    assert_eq!(warnings(&logs, "https://n61.example").len(), 1, "the 64th");
    preflight(&server, "/login", "https://n62.example").await;
    assert_eq!(warnings(&logs, "https://n62.example").len(), 0, "the 65th");
}
