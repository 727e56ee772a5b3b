//! Requests that meet: parallel exchanges of one token, and exchanges and sign-ins that race with what ends them.

use std::collections::BTreeSet;

use sqlx::{Connection as _, PgConnection};
use tokend::password::PlainPassword;
use tokio::task::JoinSet;

use crate::harness::{ADMIN, Answer, Engine, P1, PASSWORD, Random, TestServer, on_both_databases};

/// How many interleavings are tried on each database.
const INTERLEAVINGS: u64 = 1_000;

async fn sixty_four_parallel_exchanges_yield_one_successor(engine: Engine) {
    let server = TestServer::start(engine).await;
    let first = server.login().await;
    let (token, session) = (first.refresh_token(), server.session_of(&first.access_token()).await);
    let mut exchanges = JoinSet::new();
    for number in 0..64 {
        let request = exchange(&server, number % 2 == 0, &token);
        exchanges.spawn(async move { Answer::read(request.send().await.expect("an answer")).await });
    }
    let answers = exchanges.join_all().await;
    let successors: BTreeSet<String> = answers.iter().map(Answer::refresh_token).collect();
    let access_tokens: BTreeSet<String> = answers.iter().map(Answer::access_token).collect();
    assert_eq!((successors.len(), access_tokens.len()), (1, 64));
    assert_eq!(server.generation(session).await, 2);
    assert_eq!(answers.iter().filter(|answer| answer.header("refresh-verdict") == "rotate").count(), 1);
    server.refresh(successors.first().expect("one")).await.ok();
}

/// At `/token` the client is known before its session is, at `/refresh` it isn't: these are two statements.
fn exchange(server: &TestServer, is_named: bool, token: &str) -> reqwest::RequestBuilder {
    let form = [("refresh_token", token), ("grant_type", "refresh_token"), ("client_id", P1)];
    let (path, form) = if is_named { ("/token", &form[..]) } else { ("/refresh", &form[..1]) };
    server.request(reqwest::Method::POST, path).form(form)
}

/// What ends sessions while others use them.
#[derive(Clone, Copy, Debug)]
enum End {
    Revocation,
    Disabling,
    NewPassword,
    LogoutOfAll,
}

async fn nothing_live_survives_a_race_with_its_end(engine: Engine) {
    let server = TestServer::start(engine).await;
    let seed = Random::seed();
    println!("TOKEND_TEST_SEED={seed}");
    for round in 0..INTERLEAVINGS {
        let mut random = Random::new(seed.wrapping_add(round));
        let end = [End::Revocation, End::Disabling, End::NewPassword, End::LogoutOfAll][random.below(4)];
        race(&server, &mut random, end).await;
    }
}

async fn race(server: &TestServer, random: &mut Random, end: End) {
    let before = server.login().await;
    let (access, refresh) = (before.access_token(), before.refresh_token());
    let mut requests = JoinSet::new();
    for _ in 0..=random.below(2) {
        let request = exchange(server, random.below(2) == 0, &refresh);
        spawn(&mut requests, request, random.below(40));
    }
    // A sign-in may come after a revocation and then is a new session, but never survive the end of its user or password.
    if matches!(end, End::Disabling | End::NewPassword) {
        let form = [("username", "alice"), ("password", PASSWORD), ("client_id", P1)];
        spawn(&mut requests, server.request(reqwest::Method::POST, "/login").form(&form), random.below(40));
    }
    for _ in 0..random.below(40) {
        tokio::task::yield_now().await;
    }
    carry_out(server, end, &access).await;
    let answers = requests.join_all().await;
    let issued = answers.iter().filter(|answer| answer.status == 200).chain([&before]);
    for answer in issued {
        server.introspect(&answer.access_token()).await.inactive();
        server.introspect(&answer.refresh_token()).await.inactive();
    }
    make_good(server, end).await;
}

fn spawn(requests: &mut JoinSet<Answer>, request: reqwest::RequestBuilder, yields: usize) {
    requests.spawn(async move {
        for _ in 0..yields {
            tokio::task::yield_now().await;
        }
        Answer::read(request.send().await.expect("an answer")).await
    });
}

async fn carry_out(server: &TestServer, end: End, access: &str) {
    let now = server.clock.now();
    match end {
        End::Revocation => {
            server.post_as(ADMIN, "/revoke", &[("sub", &server.alice.to_string())]).await.ok();
        }
        End::Disabling => {
            server.operator().users().disable(server.alice, now).await.unwrap().expect("alice was enabled");
        }
        End::NewPassword => set_password(server, "quite another password").await,
        End::LogoutOfAll => {
            let request = server.request(reqwest::Method::POST, "/logout").bearer_auth(access).form(&[("all", "true")]);
            assert_eq!(server.send(request).await.status, 204);
        }
    }
}

async fn make_good(server: &TestServer, end: End) {
    match end {
        End::Disabling => assert!(server.operator().users().enable(server.alice).await.unwrap()),
        End::NewPassword => set_password(server, PASSWORD).await,
        End::Revocation | End::LogoutOfAll => {}
    }
}

async fn set_password(server: &TestServer, password: &str) {
    let hash = server.app.hasher.hash(PlainPassword::chosen(password).unwrap()).await.unwrap();
    let ended = server.operator().users().set_password(server.alice, hash.as_str(), server.clock.now()).await.unwrap();
    assert!(ended.is_some());
}

/// How often all sessions of a user are ended while each of them is refreshed, and how many there are.
const ENDINGS: usize = 40;
const SESSIONS: usize = 32;

/// Statements that lock many sessions lock them in one order, so neither side waits for the other in a circle: PostgreSQL would
/// end one of the two.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refreshes_and_the_end_of_their_sessions_never_deadlock() {
    let server = TestServer::start(Engine::Postgres).await;
    for _ in 0..ENDINGS {
        // The tokens of a client can be revoked once a second.
        server.clock.advance(2);
        let mut logins = JoinSet::new();
        for _ in 0..SESSIONS {
            let form = [("username", "alice"), ("password", PASSWORD), ("client_id", P1)];
            spawn(&mut logins, server.request(reqwest::Method::POST, "/login").form(&form), 0);
        }
        let tokens: Vec<_> = logins.join_all().await.iter().map(Answer::refresh_token).collect();
        let (mut refreshes, mut revocations) = (JoinSet::new(), JoinSet::new());
        for (number, token) in tokens.iter().enumerate() {
            spawn(&mut refreshes, exchange(&server, number % 2 == 0, token), 0);
        }
        for whose in [("sub", server.alice.to_string()), ("of_client", P1.to_owned())] {
            let revoke = server.request(reqwest::Method::POST, "/revoke").basic_auth(ADMIN.0, Some(ADMIN.1));
            spawn(&mut revocations, revoke.form(&[whose]), 20);
        }
        for answer in revocations.join_all().await {
            answer.ok();
        }
        for answer in refreshes.join_all().await {
            assert!(answer.status < 500, "{answer:?}");
        }
    }
    assert_eq!(deadlocks(&server).await, 0);
}

/// How many deadlocks PostgreSQL has met in the server's database. A connection tells what it has met when it ends.
async fn deadlocks(server: &TestServer) -> i64 {
    let mut connection = PgConnection::connect(&server.database.url).await.expect("the database answers");
    let end_others = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()";
    sqlx::raw_sql(end_others).execute(&mut connection).await.expect("they end");
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    sqlx::query_scalar(deadlocks).fetch_one(&mut connection).await.expect("a number")
}

on_both_databases!(sixty_four_parallel_exchanges_yield_one_successor, nothing_live_survives_a_race_with_its_end);
