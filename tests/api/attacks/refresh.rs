//! C: refresh tokens that are replayed, stolen, raced, or presented by somebody who may not.

mod replay;
mod subject;

use crate::harness::{Bystander, C2, P1, STRICT, TestServer};

impl TestServer {
    /// Everyone else presents a confidential client's refresh token, on every path. Nobody gets anything for it.
    async fn assert_nobody_else_can_use(&self, bystander: &Bystander, token: &str) {
        self.refresh(token).await.refused(401, "invalid_grant");
        let json = serde_json::json!({ "refresh_token": token }).to_string();
        self.post_text("/refresh", "application/json", json).await.refused(401, "invalid_grant");
        self.exchange_as(C2, token).await.refused(400, "invalid_grant");
        self.post_as(C2, "/refresh", &[("refresh_token", token)]).await.refused(401, "invalid_grant");
        for public in [P1, STRICT] {
            let form = [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", public)];
            self.post("/token", &form).await.refused(400, "invalid_grant");
            self.post("/refresh", &form[1..]).await.refused(401, "invalid_grant");
            assert_eq!(self.post("/logout", &form[1..]).await.status, 204);
            self.post("/revoke", &[("token", token), ("client_id", public)]).await.ok();
        }
        self.post("/logout", &[("refresh_token", token), ("all", "true")]).await.refused(401, "invalid_client");
        assert_eq!(self.post_as(C2, "/logout", &[("refresh_token", token), ("all", "true")]).await.status, 204);
        self.post_as(C2, "/revoke", &[("token", token)]).await.ok();
        self.post_as(C2, "/revoke", &[("token", &bystander.access)]).await.ok();
    }
}
