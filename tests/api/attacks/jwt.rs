//! A: hostile JWTs. What is validly signed is signed with the server's own key; what isn't, with an attacker's.

mod claims;
mod header;
mod keys;

use reqwest::Method;

use crate::harness::{P1, TestServer};

/// Presents `token` wherever an access token is taken, and where none is. It must be worth nothing anywhere.
async fn assert_worthless(server: &TestServer, token: &str, what: &str) {
    server.assert_inactive(token, what).await;
    assert_eq!(server.get_with("/userinfo", token).await.status, 401, "{what}");
    server.get_with("/userinfo", token).await.refused(401, "invalid_token");
    let caller = server.request(Method::POST, "/introspect").bearer_auth(token).form(&[("token", token)]);
    server.send(caller).await.refused(401, "invalid_token");
    let logout = server.request(Method::POST, "/logout").bearer_auth(token).form(&[("all", "true")]);
    server.send(logout).await.refused(401, "invalid_token");
    server.refresh(token).await.refused(401, "invalid_grant");
    let form = [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", P1)];
    server.post("/token", &form).await.refused(400, "invalid_grant");
    // It may have the `jti` of a good token, which must not be revoked by it.
    server.post("/revoke", &[("client_id", P1), ("token", token)]).await.ok();
}

impl TestServer {
    async fn assert_inactive(&self, token: &str, what: &str) {
        let answer = self.introspect(token).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, r#"{"active":false}"#), "{what}: {token:.300}");
    }
}
