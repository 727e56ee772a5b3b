//! What a node has acknowledged as revoked stays revoked when the database that it was told to is gone, and another has taken
//! over that lacks it. The loss is made by hand here; a standby that is really promoted is among the faults.

use sqlx::{Connection as _, PgConnection};
use tokend::domain::SessionId;

use crate::harness::{ADMIN, Answer, C1, Engine, P1, TestServer};

const FORGET_SESSIONS: &str = "UPDATE sessions SET revoked_at = NULL, revoked_reason = NULL";

async fn lose_everything_revoked(server: &TestServer) {
    server.database.execute(FORGET_SESSIONS).await;
    server.database.execute("DELETE FROM revoked_tokens").await;
    server.database.execute("UPDATE clients SET tokens_revoked_at = 0, version = version + 1").await;
    server.database.execute("UPDATE registry SET version = version + 1").await;
    server.app.registry.refresh().await.unwrap();
}

impl TestServer {
    /// How many revocations the database had lost that this node puts back.
    async fn restore(&self) -> u64 {
        let mut lost = self.app.store.acknowledged_revocations();
        self.app.store.restore_revocations(&mut lost).await.expect("the database answers");
        lost.restored()
    }

    async fn is_active(&self, token: &str) -> bool {
        self.introspect(token).await.ok().json()["active"] == true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revocations_are_put_back_after_a_failover() {
    let server = TestServer::start(Engine::Postgres).await;
    let [out, revoked, alone, bulk, kept] = [
        server.login().await,
        server.login().await,
        server.login().await,
        server.bobs_login().await,
        server.login().await,
    ];
    let own = server.own_token(C1, &[]).await;
    server.clock.advance(1);
    server.post("/logout", &[("refresh_token", &out.refresh_token())]).await;
    server.post("/revoke", &[("token", &revoked.refresh_token()), ("client_id", P1)]).await.ok();
    server.post("/revoke", &[("token", &alone.access_token()), ("client_id", P1)]).await.ok();
    server.post_as(ADMIN, "/revoke", &[("username", "bob")]).await.ok();
    server.post_as(ADMIN, "/revoke", &[("of_client", "c1")]).await.ok();
    let dead = [&out, &revoked, &alone, &bulk, &own].map(Answer::access_token);
    for token in &dead {
        assert!(!server.is_active(token).await);
    }
    lose_everything_revoked(&server).await;
    // Bob signs in again on the database as it is.
    server.clock.advance(1);
    let again = server.bobs_login().await;
    for token in &dead {
        assert!(server.is_active(token).await, "the loss is a real one");
    }

    assert_eq!(server.restore().await, 5);
    server.app.registry.refresh().await.unwrap();
    for token in &dead {
        assert!(!server.is_active(token).await);
    }
    assert!(server.is_active(&kept.access_token()).await && server.is_active(&again.access_token()).await);
    assert_eq!(server.restore().await, 0, "nothing is lost any more");
}

/// Within one second a token may be dated after one revocation and before the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_two_revocations_of_one_second_is_put_back() {
    let server = TestServer::start(Engine::Postgres).await;
    server.post_as(ADMIN, "/revoke", &[("of_client", C1.0)]).await.ok();
    let between = server.own_token(C1, &[]).await.access_token();
    server.post_as(ADMIN, "/revoke", &[("of_client", C1.0)]).await.ok();
    assert!(!server.is_active(&between).await);
    lose_everything_revoked(&server).await;
    assert!(server.is_active(&between).await, "the loss is a real one");
    server.restore().await;
    assert!(!server.is_active(&between).await);
}

/// A node that has just started has acknowledged nothing, and old revocations are no standby's loss.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_a_node_has_acknowledged_lately_is_put_back() {
    let server = TestServer::start(Engine::Postgres).await;
    let (old, new) = (server.login().await, server.bobs_login().await);
    server.post("/logout", &[("refresh_token", &old.refresh_token())]).await;
    server.clock.advance(3_601);
    server.post("/logout", &[("refresh_token", &new.refresh_token())]).await;
    server.database.execute(FORGET_SESSIONS).await;
    let node = server.another_node().await;
    assert_eq!(server.at(&node).restore().await, 0);
    assert_eq!(server.restore().await, 1);
    server.refresh(&new.refresh_token()).await.refused(401, "invalid_grant");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_knows_its_timeline_and_sqlite_has_none() {
    let server = TestServer::start(Engine::Postgres).await;
    let timeline = server.app.store.timeline().await.expect("the tests' cluster is a primary");
    assert!(timeline.len() == 8 && timeline.bytes().all(|b| b.is_ascii_hexdigit()), "{timeline}");
    assert_eq!(TestServer::start(Engine::Sqlite).await.app.store.timeline().await, None);
}

/// The newest are the ones that are lost. Whatever can't be put back for now keeps no other from being.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_that_can_not_be_put_back_yet_is_tried_again_after_the_others() {
    let server = TestServer::start(Engine::Postgres).await;
    let (mut sessions, mut tokens) = (Vec::new(), Vec::new());
    for _ in 0..8 {
        let login = server.login().await;
        sessions.push(server.session_of(&login.access_token()).await);
        server.post("/logout", &[("refresh_token", &login.refresh_token())]).await.no_content();
        tokens.push(login.access_token());
    }
    server.database.execute(FORGET_SESSIONS).await;
    // As many as it takes to leave the rest for the next time, and then the newest alone.
    let mut holder = PgConnection::connect(&server.database.url).await.unwrap();
    sqlx::raw_sql("BEGIN").execute(&mut holder).await.unwrap();
    hold(&mut holder, &sessions[7..]).await;
    sqlx::raw_sql("SAVEPOINT newest").execute(&mut holder).await.unwrap();
    hold(&mut holder, &sessions[4..7]).await;
    let mut lost = server.app.store.acknowledged_revocations();
    server.app.store.restore_revocations(&mut lost).await.unwrap_err();
    assert_eq!((lost.restored(), lost.left()), (0, 8), "the newest come first");
    sqlx::raw_sql("ROLLBACK TO newest").execute(&mut holder).await.unwrap();
    server.app.store.restore_revocations(&mut lost).await.unwrap_err();
    assert_eq!((lost.restored(), lost.left()), (7, 1));
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();
    server.app.store.restore_revocations(&mut lost).await.unwrap();
    assert_eq!((lost.restored(), lost.left()), (8, 0));
    for token in &tokens {
        assert!(!server.is_active(token).await);
    }
}

async fn hold(holder: &mut PgConnection, sessions: &[SessionId]) {
    for session in sessions {
        let row = sqlx::query("SELECT 1 FROM sessions WHERE id = $1 FOR UPDATE").bind(session.0);
        row.execute(&mut *holder).await.expect("nobody else holds it");
    }
}
