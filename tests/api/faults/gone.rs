//! Callers that go away in the middle of a transaction, as a request does whose client hangs up: what comes after them on the
//! same connection must not become a part of it.

use std::time::Duration;

use tokend::audit::AuditKeys;
use tokend::domain::{RevokedReason, UserId};
use tokend::store::audit_events::Keeping;
use tokend::store::{PoolSize, Store};

use crate::harness::{Engine, START, TestServer, on_both_databases, operator};

/// More often than any of them has to be asked until it is done.
const LONGEST: usize = 10_000;

/// Asks a future so many times whether it is done, and then goes away. Whether it was.
async fn asked(future: impl Future, times: usize) -> bool {
    let patience = async {
        for _ in 1..times {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        _ = future => true,
        () = patience => false,
    }
}

/// Goes away at each moment of `work`, and after each time stores something that nobody may lose.
async fn goes_away<F: Future>(engine: Engine, work: impl Fn(Store) -> F) {
    let server = TestServer::start(engine).await;
    let store = match engine {
        // What comes next has the same connection.
        Engine::Postgres => {
            let one = PoolSize { max_connections: 1, acquire_timeout: Duration::from_secs(5) };
            Store::open_postgres(&server.database.url, one).await.expect("PostgreSQL opens")
        }
        Engine::Sqlite => server.app.store.clone(),
    };
    store.audit().keep(AuditKeys::new([&[7; 32]]), Keeping::default());
    let bob = "bob".parse().expect("a name");
    let stored =
        async || server.app.store.users().find_credentials(&bob).await.expect("it is read").expect("he is there");
    let mut done = 0;
    for times in 1..LONGEST {
        done += usize::from(asked(work(store.clone()), times).await);
        let (old, new) = (stored().await.password_hash.expect("a hash"), format!("hash {times}"));
        assert!(store.users().rehash_password(server.bob, &old, &new).await.expect("it is stored"), "{times}");
        assert_eq!(stored().await.password_hash, Some(new), "stored is what others can read, {times}");
        // Some more, since how often it has to be asked is never quite the same.
        if done == 20 {
            return;
        }
    }
    panic!("it is never done");
}

async fn from_the_end_of_sessions(engine: Engine) {
    goes_away(engine, |store| async move {
        store.by(operator()).sessions().revoke_of_user(UserId(uuid::Uuid::nil()), RevokedReason::Admin, START).await
    })
    .await;
}

async fn from_what_only_reads(engine: Engine) {
    goes_away(engine, |store| async move { store.audit().verify().await }).await;
}

on_both_databases!(from_the_end_of_sessions, from_what_only_reads);
