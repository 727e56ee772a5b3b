//! The clock is stepped by an hour, forth and back: tokens that are over or not yet begun are refused as such, nobody is
//! logged out, and nothing that has ended lives again.

use crate::harness::{Answer, C1, Engine, P1, TestServer, on_both_databases};

const HOUR: i64 = 3600;

/// A client, and what it has.
struct Honest<'a> {
    server: &'a TestServer,
    tokens: Answer,
}

impl Honest<'_> {
    /// Goes on as a client does whose access token is refused. The answer to a retry is the same.
    async fn goes_on(&mut self) {
        let presented = self.tokens.refresh_token();
        let next = self.server.refresh(&presented).await;
        assert_eq!(next.ok().header("refresh-verdict"), "rotate");
        let retry = self.server.refresh(&presented).await;
        assert_eq!((retry.refresh_token(), retry.header("refresh-verdict")), (next.refresh_token(), "replay"));
        self.server.introspect(&next.access_token()).await.active();
        self.server.introspect(&next.refresh_token()).await.active();
        self.server.get_with("/userinfo", &next.access_token()).await.ok();
        self.tokens = next;
    }

    /// Its access token isn't from this time.
    async fn is_out_of_time(&self) {
        self.server.introspect(&self.tokens.access_token()).await.inactive();
        self.server.get_with("/userinfo", &self.tokens.access_token()).await.refused(401, "invalid_token");
    }
}

async fn steps(engine: Engine, steps: &[i64]) {
    let server = TestServer::start(engine).await;
    let mut honest = Honest { server: &server, tokens: server.login().await };
    let confidential = server.login_as(C1).await;
    let (revoked, stolen) = (server.login().await, server.login().await);
    server.post("/revoke", &[("client_id", P1), ("token", &revoked.refresh_token())]).await.ok();
    let one = server.refresh(&stolen.refresh_token()).await;
    server.refresh(&one.refresh_token()).await.ok();
    server.clock.advance(60);
    server.refresh(&stolen.refresh_token()).await.refused(401, "invalid_grant");
    for step in steps {
        honest.goes_on().await;
        server.clock.advance(*step);
        honest.is_out_of_time().await;
        honest.goes_on().await;
        server.assert_dead(&revoked.access_token(), &[&revoked.refresh_token()]).await;
        server.assert_dead(&one.access_token(), &[&stolen.refresh_token(), &one.refresh_token()]).await;
        server.introspect(&server.login().await.access_token()).await.active();
        server.get("/health/ready").await.ok();
    }
    server.exchange_as(C1, &confidential.refresh_token()).await.ok();
}

async fn a_clock_that_is_put_on_and_back_logs_nobody_out(engine: Engine) {
    steps(engine, &[HOUR, -HOUR]).await;
}

async fn a_clock_that_is_put_back_and_on_logs_nobody_out(engine: Engine) {
    steps(engine, &[-HOUR, HOUR]).await;
}

/// An answer was lost before the clock was stepped.
async fn an_answer_that_was_lost_before_a_step_is_made_good(engine: Engine) {
    for step in [HOUR, -HOUR] {
        let server = TestServer::start(engine).await;
        let first = server.login().await.refresh_token();
        let lost = server.refresh(&first).await.refresh_token();
        server.clock.advance(step);
        let retry = server.refresh(&first).await.refresh_token();
        let next = server.refresh(&retry).await;
        assert_eq!(next.ok().header("refresh-verdict"), "rotate");
        assert_ne!(server.refresh(&lost).await.header("refresh-verdict"), "rotate", "two live successors");
    }
}

on_both_databases!(
    a_clock_that_is_put_on_and_back_logs_nobody_out,
    a_clock_that_is_put_back_and_on_logs_nobody_out,
    an_answer_that_was_lost_before_a_step_is_made_good,
);
