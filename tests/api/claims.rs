//! User claims in access tokens, up to the most that a token can hold.

use serde_json::json;

use crate::harness::{C1, Engine, Logs, Settings, TestServer, on_both_databases};

/// The longest token that we, and the proxies in front of resource servers, accept.
const LONGEST: usize = 8 * 1024;

async fn with_two_claims(engine: Engine) -> TestServer {
    let server = TestServer::start_with(engine, Settings::with("[claims]\naccess_token = ['groups', 'roles']")).await;
    let audience = |name| format!("https://{name}.example.com/{}", "a".repeat(500));
    server.change_client(C1.0, |client| client.audience.extend(["one", "two", "three"].map(audience))).await;
    server.set_groups(1_000).await;
    server
}

impl TestServer {
    async fn set_groups(&self, length: usize) {
        self.change_user(self.alice, |user| {
            drop(user.profile.claims.insert("groups".to_owned(), json!("g".repeat(length))));
        })
        .await;
    }

    /// How long the claim has to be for a token that is as long as one may be.
    async fn longest_groups(&self) -> usize {
        let token = self.login_as(C1).await.access_token();
        let parts: Vec<usize> = token.split('.').map(str::len).collect();
        let payload = LONGEST - (parts[0] + parts[2] + 2);
        1_000 + payload * 3 / 4 - parts[1] * 3 / 4
    }
}

/// Whoever has more claims than a token can hold signs in and refreshes all the same: the largest claim is left out, as a whole.
async fn what_does_not_fit_is_left_out_of_the_token_and_the_user_is_in(engine: Engine) {
    let server = with_two_claims(engine).await;
    let longest = server.longest_groups().await;
    let mut refresh_token = server.login_as(C1).await.refresh_token();
    for (length, fits) in [(longest, true), (longest + 1, false), (20_000, false)] {
        server.set_groups(length).await;
        server.clock.advance(60);
        let refreshed = server.exchange_as(C1, &refresh_token).await;
        for answer in [&server.login_as(C1).await, &refreshed] {
            let claims = answer.claims();
            assert!(answer.access_token().len() <= LONGEST);
            assert_eq!((claims.get("groups").is_some(), &claims["roles"]), (fits, &json!(["tester"])), "{length}");
            server.introspect(&answer.access_token()).await.active();
        }
        refresh_token = refreshed.refresh_token();
    }
    server.set_groups(10).await;
    assert_eq!(server.exchange_as(C1, &refresh_token).await.claims()["groups"], "g".repeat(10));
}

#[tokio::test]
async fn what_is_left_out_is_told() {
    let logs = Logs::capture();
    let server = with_two_claims(Engine::Sqlite).await;
    server.set_groups(20_000).await;
    server.login_as(C1).await.ok();
    let text = logs.text();
    let is_told = |line: &&str| line.contains("WARN") && line.contains("groups") && line.contains("left out");
    assert_eq!(text.lines().filter(is_told).count(), 1, "{text}");
}

on_both_databases!(what_does_not_fit_is_left_out_of_the_token_and_the_user_is_in);
