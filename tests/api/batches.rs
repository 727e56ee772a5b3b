//! Requests whose statements go out together: none of them is worse off for its neighbours.

use sqlx::{Connection as _, PgConnection};
use tokend::domain::{SessionId, UserId};
use tokend::store::audit_events::AuditFilter;
use tokend::store::sessions::SessionFilter;
use tokio::task::JoinSet;

use crate::harness::{Answer, BOBS_PASSWORD, C1, Engine, P1, PASSWORD, START, TestServer, on_both_databases};

/// How often PostgreSQL is asked who waits. It answers in a fraction of a millisecond, and a lock is waited for for 2 s.
const LOOKS: usize = 20_000;

/// What a text that is put together from others would break at.
const HOSTILE: &str = "\"],[\\\"}{ \u{2028}'’🦀 $1 ?";

async fn a_session_reads_the_same_alone_in_a_batch_and_in_a_list(engine: Engine) {
    let server = TestServer::start(engine).await;
    server
        .change_user(server.alice, |user| {
            user.profile.email = Some(HOSTILE.to_owned());
            user.profile
                .claims
                .insert(HOSTILE.to_owned(), serde_json::json!([HOSTILE, null, 1.5, {"a": "\u{0}\u{1}"}]));
        })
        .await;
    let first = server.login_asking(&[("device_name", HOSTILE)]).await;
    server.clock.advance(100);
    let second = server.refresh(&first.refresh_token()).await;
    let id = server.session_of(&second.access_token()).await;

    let store = &server.app.store;
    let alone = store.sessions().find(id).await.expect("it is read").expect("it is there");
    assert_eq!(alone.session.device.name.as_deref(), Some(HOSTILE));
    assert!(alone.session.parent_hash.is_some() && alone.session.anchor.is_some());
    let mut reads = JoinSet::new();
    for _ in 0..20 {
        let store = store.clone();
        reads.spawn(async move { store.sessions().find(id).await.expect("it is read").expect("it is there") });
    }
    let mut others = reads.join_all().await;
    let listed = store.sessions().list_signed_in(&SessionFilter::default(), START, 10).await.expect("they are read");
    others.extend(listed);
    assert_eq!(others.len(), 21);
    for other in others {
        assert_eq!(format!("{other:?}"), format!("{alone:?}"));
        assert_eq!(other.session.current_hash, alone.session.current_hash);
        assert_eq!(other.session.parent_hash, alone.session.parent_hash);
    }
}

/// What one wants to know of a session is no answer to another, nor what is said of one of its tokens.
async fn tokens_of_one_session_are_told_apart_in_a_batch(engine: Engine) {
    let server = TestServer::start(engine).await;
    let revoked = server.login().await;
    let living = server.refresh(&revoked.refresh_token()).await;
    server.post("/revoke", &[("token", &revoked.access_token()), ("client_id", P1)]).await.ok();
    let id = server.session_of(&living.access_token()).await;
    let jti = |answer: &Answer| answer.claims()["jti"].as_str().expect("an id").parse().expect("a UUID");
    let (sessions, nobodys) = (server.app.store.sessions(), SessionId::generate(START));
    // The first may go out alone; those that wait for it go out together.
    let (_, revoked, living, nobodys) = tokio::join!(
        sessions.find_of_token(id, jti(&revoked), false),
        sessions.find_of_token(id, jti(&revoked), false),
        sessions.find_of_token(id, jti(&living), true),
        sessions.find_of_token(nobodys, jti(&living), true),
    );
    let (revoked, living) = (revoked.expect("it is read").expect("it is there"), living.expect("it is read"));
    let living = living.expect("it is there");
    assert!(revoked.token_revoked && !living.token_revoked);
    assert_eq!(living.user.read().expect("it is read").map(|user| user.id), Some(server.alice));
    assert!(nobodys.expect("it is read").is_none());
}

async fn each_filter_lists_its_sessions_and_no_others(engine: Engine) {
    let server = TestServer::start(engine).await;
    let last = [server.login().await, server.login().await, server.login_as(C1).await, server.bobs_login().await];
    server.post("/logout", &[("refresh_token", &last[0].refresh_token())]).await.no_content();
    let (alice, app) = (Some(server.alice), Some(P1.parse().expect("a client id")));
    for (user, client, alive, all) in
        [(None, None, 3, 4), (alice, None, 2, 3), (None, app.clone(), 2, 3), (alice, app, 1, 2)]
    {
        for (ended, number) in [(false, alive), (true, all)] {
            let filter = SessionFilter { user, client: client.clone(), ended };
            let listed = server.app.store.sessions().list(&filter, START, 10).await.expect("they are read");
            assert_eq!(listed.len(), number, "{filter:?}");
            let counted = server.app.store.sessions().count(&filter, START).await.expect("they are counted");
            assert_eq!(usize::try_from(counted), Ok(number), "{filter:?}");
            assert!(listed.iter().all(|session| user.is_none_or(|user| session.user_id == user)));
        }
    }
}

on_both_databases!(
    a_session_reads_the_same_alone_in_a_batch_and_in_a_list,
    tokens_of_one_session_are_told_apart_in_a_batch,
    each_filter_lists_its_sessions_and_no_others,
);

/// Somebody who holds rows of a database.
struct Holder(PgConnection);

impl Holder {
    async fn of(server: &TestServer, rows: &'static str) -> Self {
        let mut connection = PgConnection::connect(&server.database.url).await.expect("the database answers");
        sqlx::raw_sql("BEGIN").execute(&mut connection).await.expect("it begins");
        sqlx::raw_sql(rows).execute(&mut connection).await.expect("they are held");
        Self(connection)
    }

    /// Who waits for a lock at this moment, and since which statement.
    async fn who_waits(&mut self) -> Vec<String> {
        const WAITING: &str = "SELECT pid || ' since ' || query_start || ' in ' || left(query, 20) FROM pg_stat_activity \
             WHERE datname = current_database() AND wait_event_type = 'Lock' ORDER BY pid";
        // Within a transaction the statistics would stand still.
        sqlx::raw_sql("SELECT pg_stat_clear_snapshot()").execute(&mut self.0).await.expect("it looks again");
        sqlx::query_scalar(WAITING).fetch_all(&mut self.0).await.expect("their names")
    }

    /// Returns when so many wait for what is held.
    async fn wait_for(&mut self, waiting: usize) {
        for _ in 0..LOOKS {
            if self.who_waits().await.len() == waiting {
                return;
            }
        }
        panic!("there are never {waiting} that wait");
    }

    /// Returns when one statement waits that begins so.
    async fn wait_for_statement(&mut self, beginning: &str) {
        for _ in 0..LOOKS {
            if matches!(&self.who_waits().await[..], [one] if one.contains(beginning)) {
                return;
            }
        }
        panic!("no statement waits that begins with {beginning}");
    }

    async fn let_go(mut self) {
        sqlx::raw_sql("ROLLBACK").execute(&mut self.0).await.expect("it ends");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_waits_for_whoever_changes_its_user_and_nobody_waits_with_it() {
    let server = TestServer::start(Engine::Postgres).await;
    server.bobs_login().await.ok();
    let mut holder = Holder::of(&server, "SELECT 1 FROM users WHERE username = 'alice' FOR UPDATE").await;
    let form = [("username", "alice"), ("password", PASSWORD)];
    let alice = tokio::spawn(server.request(reqwest::Method::POST, "/login").form(&form).send());
    holder.wait_for(1).await;
    for _ in 0..3 {
        server.post("/login", &[("username", "bob"), ("password", BOBS_PASSWORD)]).await.ok();
    }
    holder.wait_for(1).await;
    holder.let_go().await;
    Answer::read(alice.await.expect("it ends").expect("the server answers")).await.ok();

    let events = server.app.store.audit().list(AuditFilter::All, 0, 100).await.expect("they are read");
    let ids = |user: UserId, session: SessionId| (user.0, session.0);
    let mut told: Vec<_> = events.iter().filter_map(|event| Some(ids(event.user_id?, event.session_id?))).collect();
    let sessions = server.app.store.sessions().list(&SessionFilter::default(), START, 10).await.expect("they are read");
    let mut stored: Vec<_> = sessions.iter().map(|session| ids(session.user_id, session.id)).collect();
    told.sort_unstable();
    stored.sort_unstable();
    assert_eq!((events.len(), stored.len()), (5, 5));
    assert_eq!(told, stored, "each of them is told once");
    let verified = server.app.store.audit().verify().await.expect("it is read").expect("the keys are known");
    assert_eq!(verified.findings, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_somebody_holds_fails_alone() {
    let server = TestServer::start(Engine::Postgres).await;
    let (mut held, mut free) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        held.push(server.login().await.refresh_token());
    }
    for _ in 0..10 {
        free.push(server.bobs_login().await.refresh_token());
    }
    let alices = "SELECT 1 FROM sessions WHERE user_id = (SELECT id FROM users WHERE username = 'alice') FOR UPDATE";
    let mut holder = Holder::of(&server, alices).await;
    let mut waiting = JoinSet::new();
    let refresh = |token: &String| server.request(reqwest::Method::POST, "/refresh").form(&[("refresh_token", token)]);
    // The first two keep both lanes busy, so that all others go out together.
    for (token, lanes) in held.iter().zip([1, 2, 2]) {
        waiting.spawn(refresh(token).send());
        holder.wait_for(lanes).await;
    }
    let mut others = JoinSet::new();
    for token in &free {
        others.spawn(refresh(token).send());
    }
    for answer in others.join_all().await {
        assert_eq!(Answer::read(answer.expect("the server answers")).await.ok().header("refresh-verdict"), "rotate");
    }
    for answer in waiting.join_all().await {
        Answer::read(answer.expect("the server answers")).await.refused(503, "temporarily_unavailable");
    }
    holder.let_go().await;
    for token in &held {
        assert_eq!(server.refresh(token).await.ok().header("refresh-verdict"), "rotate");
    }
}

/// At `/token`, where all sessions are exchanged by one statement at a time, nobody waits until somebody else's lock is let go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_somebody_holds_keeps_no_other_from_being_rotated() {
    let server = TestServer::start(Engine::Postgres).await;
    let held = server.login().await.refresh_token();
    let mut holder = Holder::of(&server, "SELECT 1 FROM sessions FOR UPDATE").await;
    let free = server.bobs_login().await.refresh_token();
    let refresh = |token: &str| {
        let form = [("grant_type", "refresh_token"), ("client_id", P1), ("refresh_token", token)];
        server.request(reqwest::Method::POST, "/token").form(&form)
    };
    let waiting = tokio::spawn(refresh(&held).send());
    // The lane of all gives up soon, and the session is judged by itself.
    holder.wait_for_statement("in UPDATE sessions").await;
    let waits = holder.who_waits().await;
    let rotated = Answer::read(refresh(&free).send().await.expect("the server answers")).await;
    assert_eq!(rotated.ok().header("refresh-verdict"), "rotate");
    assert_eq!(holder.who_waits().await, waits, "nobody had to wait until it gave up");
    holder.let_go().await;
    let waited = Answer::read(waiting.await.expect("it ends").expect("the server answers")).await;
    assert_eq!(waited.ok().header("refresh-verdict"), "rotate");
}

/// Whoever waits for a lock has a connection for as long, and there are few.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_somebody_holds_takes_no_more_than_two_connections() {
    let server = TestServer::start(Engine::Postgres).await;
    server.login().await.ok();
    let mut holder = Holder::of(&server, "SELECT 1 FROM clients FOR UPDATE").await;
    let form = [("username", "alice"), ("password", PASSWORD)];
    let mut logins: JoinSet<_> =
        (0..6).map(|_| server.request(reqwest::Method::POST, "/login").form(&form).send()).collect();
    let mut most = 0;
    while !logins.is_empty() {
        most = most.max(holder.who_waits().await.len());
        while let Some(answer) = logins.try_join_next() {
            let answer = Answer::read(answer.expect("it ends").expect("the server answers")).await;
            answer.refused(503, "temporarily_unavailable");
        }
    }
    assert_eq!(most, 2);
    holder.let_go().await;
    server.login().await.ok();
}
