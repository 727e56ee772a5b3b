//! The preconditions of the guarantees that lie in the database: checked by `check`, `migrate`, the start, and while the server runs.

use std::time::Duration;

use super::rig::program_on;
use crate::harness::{Database, Engine, Outcome, Program, TestServer, new_database, run_sql, run_sql_in};

const COMMANDS: [&str; 3] = ["check", "migrate", "serve"];

/// How a test's database comes to be unsound, what is said of it, and how it is mended.
const UNSOUND: [(&str, &str, &str); 6] = [
    (
        "ALTER TABLE revoked_tokens SET UNLOGGED",
        "SET LOGGED for revoked_tokens",
        "ALTER TABLE revoked_tokens SET LOGGED",
    ),
    (
        "ALTER TABLE users DROP CONSTRAINT users_username_key",
        "users (username)",
        "ALTER TABLE users ADD CONSTRAINT users_username_key UNIQUE (username)",
    ),
    (
        "ALTER TABLE sessions DROP CONSTRAINT sessions_pkey",
        "sessions (id)",
        // An index serves as well.
        "CREATE UNIQUE INDEX sessions_pkey ON sessions (id)",
    ),
    (
        "ALTER TABLE sessions DROP CONSTRAINT sessions_user_id_fkey",
        "sessions (user_id)",
        "ALTER TABLE sessions ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE",
    ),
    ("ALTER TABLE users DISABLE TRIGGER ALL", "sessions (user_id)", "ALTER TABLE users ENABLE TRIGGER ALL"),
    (
        "ALTER TABLE sessions DROP CONSTRAINT sessions_client_id_fkey, ADD CONSTRAINT sessions_client_id_fkey \
         FOREIGN KEY (client_id) REFERENCES clients (id) ON DELETE CASCADE NOT VALID",
        "sessions (client_id)",
        "ALTER TABLE sessions VALIDATE CONSTRAINT sessions_client_id_fkey",
    ),
];

fn name_of(database: &Database) -> &str {
    database.url.rsplit('/').next().expect("a name")
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_on_which_a_promise_is_false_are_refused_until_they_are_mended() {
    let database = Database::new(Engine::Postgres).await;
    let program = program_on(&database);
    program.run(&["check"]).ok();
    for (unsound, said, mended) in UNSOUND {
        database.execute(unsound).await;
        for command in COMMANDS {
            program.run(&[command]).refused(said);
        }
        database.execute(mended).await;
        program.run(&["check"]).ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_on_which_a_promise_is_false_is_refused() {
    let database = Database::new(Engine::Postgres).await;
    run_sql(format!("ALTER DATABASE {} SET session_replication_role = replica", name_of(&database))).await;
    for command in COMMANDS {
        program_on(&database).run(&[command]).refused("session_replication_role is replica");
    }
    let latin = new_database("ENCODING 'LATIN1' TEMPLATE template0").await;
    for command in ["check", "migrate"] {
        let program = Program::new().set("TOKEND_SECRET", super::rig::SECRET).set("TOKEND_DATABASE", &latin);
        program.run(&[command]).refused("the database's encoding is LATIN1");
    }
}

/// Superusers see every row, whatever the policies are.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_hidden_are_refused() {
    let database = Database::new(Engine::Postgres).await;
    let role = format!("role_{}", uuid::Uuid::new_v4().simple());
    let statements = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}; \
         ALTER TABLE sessions ENABLE ROW LEVEL SECURITY"
    );
    run_sql_in(&database.url, statements).await;
    let mut url = url::Url::parse(&database.url).expect("an address");
    url.set_username(&role).expect("it has a user");
    url.set_password(Some("x")).expect("it has a password");
    let program = program_on(&database).set("TOKEND_DATABASE", url.as_str());
    for command in COMMANDS {
        program.run(&[command]).refused("row security hides rows of sessions");
    }
}

fn said(outcome: &Outcome, texts: [&str; 2]) {
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(texts.iter().all(|text| outcome.stderr.contains(text)), "{outcome:?}");
}

/// The cluster of the tests doesn't wait for the disk.
#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_loses_commits_in_a_crash_is_refused_unless_the_operator_accepts_it() {
    let database = Database::new(Engine::Postgres).await;
    let program = program_on(&database).set("TOKEND_DATABASE__UNSAFE_DURABILITY", "false");
    for command in COMMANDS {
        said(&program.run(&[command]), ["set fsync = on", "database.unsafe_durability = true"]);
    }
    let accepted = program_on(&database).run(&["check"]);
    assert!(accepted.ok().stdout.contains("warning        PostgreSQL's fsync is off"), "{accepted:?}");
}

/// A session may set it, so it is set.
#[tokio::test(flavor = "multi_thread")]
async fn synchronous_commit_is_on_whatever_the_default_is_and_never_lowered() {
    for (default, is_in_force) in [("off", "on"), ("on", "on"), ("local", "local"), ("remote_apply", "remote_apply")] {
        let database = Database::new(Engine::Postgres).await;
        let name = name_of(&database);
        run_sql(format!("ALTER DATABASE {name} SET synchronous_commit = {default}")).await;
        run_sql(format!("ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")).await;
        program_on(&database).run(&["check"]).ok();
        // A trigger sees the settings of the connection that it runs on.
        let noted = "CREATE TABLE noted (setting TEXT); CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS \
             $$BEGIN INSERT INTO noted VALUES (current_setting('synchronous_commit') || ' ' || \
             current_setting('transaction_isolation')); RETURN NEW; END$$; \
             CREATE TRIGGER note BEFORE INSERT ON revoked_tokens FOR EACH ROW EXECUTE FUNCTION note()";
        run_sql_in(&database.url, noted.to_owned()).await;
        let store = database.open_again().await;
        // On a connection that is new, and on one that was back in the pool.
        for _ in 0..2 {
            store.probe().await.expect("it is stored");
        }
        let seen = database.ask_texts("SELECT DISTINCT setting FROM noted").await;
        assert_eq!(seen, [format!("{is_in_force} read committed")]);
    }
}

/// It may change while the server runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_runs_is_not_ready_until_its_tables_are_mended() {
    let server = TestServer::start(Engine::Postgres).await;
    server.get("/health/ready").await.ok();
    let (unsound, _, mended) = UNSOUND[1];
    server.database.execute(unsound).await;
    let becomes = async |status| {
        let changes = async {
            while server.get("/health/ready").await.status != status {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(40), changes).await.expect("it is noticed");
    };
    becomes(503).await;
    server.database.execute(mended).await;
    becomes(200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_database_without_its_keys_is_refused() {
    let database = Database::new(Engine::Sqlite).await;
    program_on(&database).run(&["check"]).ok();
    database
        .execute(
            "PRAGMA foreign_keys = OFF; CREATE TABLE copy AS SELECT * FROM users; DROP TABLE users; \
             ALTER TABLE copy RENAME TO users",
        )
        .await;
    for command in COMMANDS {
        program_on(&database).run(&[command]).refused("users (username)");
    }
}

/// What is in memory is lost with its machine. A temporary file system stands for the network ones, which can't be had here.
#[cfg(target_os = "linux")]
#[test]
fn a_database_in_memory_is_warned_of() {
    let memory = tempfile::tempdir_in("/dev/shm").expect("Linux has a file system in memory there");
    let at = |directory: &std::path::Path| format!("sqlite:{}", directory.join("tokend.db").display());
    let check = |url: &str| Program::new().set("TOKEND_SECRET", super::rig::SECRET).set("TOKEND_DATABASE", url);
    let program = check(&at(memory.path()));
    program.run(&["migrate"]).ok();
    let said = program.run(&["check"]);
    assert!(said.ok().stdout.contains("warning        the database is on tmpfs, which is memory"), "{said:?}");
}
