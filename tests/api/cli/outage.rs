//! What is logged and printed while the database doesn't answer.

use super::rig::program_on;
use crate::harness::{Database, Engine, Proxy};

/// What the driver says of it.
const DRIVERS_WORDS: [&str; 4] =
    ["error communicating with database", "pool timed out", "error returned from database", "sqlx"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_is_told_in_plain_words_with_the_setting_to_look_at() {
    let database = Database::new(Engine::Postgres).await;
    let (proxy, through) = Proxy::to_postgres(&database.url).await;
    let program = program_on(&database).set("TOKEND_DATABASE", &through);
    let program = program.set("TOKEND_POSTGRES__ACQUIRE_TIMEOUT", "1s").set("TOKEND_DATABASE__WAIT", "0s");
    let server = program.start(&[]);
    server.wait_for_log("\"listening\"");
    proxy.refuse(true);
    proxy.cut();
    for told in ["the registry can't be read", "sign-ins and revocations can't be stored"] {
        let lines = server.log_until(told);
        let last = lines.last().unwrap();
        assert!(last.contains("the database doesn't answer") && last.contains("(setting: database)"), "{last}");
        for words in DRIVERS_WORDS {
            assert!(!lines.concat().contains(words), "{lines:?}");
        }
    }
    for command in [&["user", "list"][..], &["audit", "list"], &["key", "rotate"], &["migrate"], &["serve"]] {
        let outcome = program.run(command);
        outcome
            .refused("tokend: cannot open the database ")
            .refused(": it doesn't answer")
            .refused("(setting: database)");
        assert!(DRIVERS_WORDS.iter().all(|words| !outcome.stderr.contains(words)), "{outcome:?}");
    }
    proxy.refuse(false);
    server.wait_for_log("sign-ins and revocations can be stored again");
}

/// Somebody who looks for a defect needs them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_drivers_own_words_are_told_at_debug() {
    let database = Database::new(Engine::Postgres).await;
    let (proxy, through) = Proxy::to_postgres(&database.url).await;
    let program = program_on(&database).set("TOKEND_DATABASE", &through).set("TOKEND_LOG__FILTER", "debug");
    let server = program.set("TOKEND_POSTGRES__ACQUIRE_TIMEOUT", "1s").start(&[]);
    server.wait_for_log("\"listening\"");
    proxy.refuse(true);
    proxy.cut();
    let line = server.wait_for_log("the database's driver reports an error");
    assert!(line.contains("DEBUG") && line.contains("\"cause\""), "{line}");
}
