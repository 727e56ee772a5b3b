//! `tokend check` and `tokend migrate`, and what `tokend serve` says when it can't start.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use rustix::process::getuid;

use super::rig::{Rig, SECRET, program_on};
use crate::harness::{Database, Engine, Program, make_pipe, on_both_databases, run_sql, url_of};

/// Every file and directory below `directory`.
fn files(directory: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        found.insert(entry.path().display().to_string());
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        }
    }
    found
}

/// Makes it seem that a later version has migrated the database.
pub async fn make_newer(database: &Database) {
    database
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'later', true, '', 0)",
        )
        .await;
}

/// A PostgreSQL database with nothing in it.
async fn empty_postgres() -> String {
    let name = format!("empty_{}", uuid::Uuid::new_v4().simple());
    run_sql(format!("CREATE DATABASE {name}")).await;
    url_of(&name)
}

async fn a_sound_set_up_is_described_without_its_secrets(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    rig.alice().await;
    let shown = rig.run(&["check"]).stdout;
    for expected in [
        "issuer",
        "https://auth.example.com",
        "tokens.access_lifetime",
        "15m",
        "365d",
        "migrations     up to date",
        "users          1",
        "clients        1",
        "master secret  opens every signing key",
        &format!("{} (ES256) signs", rig.kid),
        "password grant app may handle passwords",
        if engine == Engine::Sqlite { "SQLite 3" } else { "PostgreSQL 1" },
    ] {
        assert!(shown.contains(expected), "{expected:?} is not in {shown}");
    }
    assert!(!shown.contains(SECRET), "{shown}");
    let noted = rig.program.run(&["client", "remove", "app", "--yes"]);
    noted.ok();
    rig.run(&["client", "add", "other", "--name", "Other", "--public"]);
    assert!(rig.run(&["check"]).stderr.contains("login.client: there is no client app"));
}

/// What an older version registered, and what gives no right.
async fn registrations_that_seem_to_give_a_right_are_listed(engine: Engine) {
    let rig = Rig::new(engine).await;
    let service = |id| vec!["client", "add", id, "--name", "X", "--confidential", "--scope"];
    let added = rig.run(&[service("reader"), vec!["read introspect"]].concat());
    let note = "the scope introspect gives no right without --may-introspect";
    assert!(added.stderr.contains(note), "{added:?}");
    rig.run(&[service("api"), vec!["introspect", "--may-introspect"]].concat());
    rig.run(&[service("boss"), vec!["admin:users", "--admin"]].concat());
    rig.database.execute("UPDATE clients SET admin = false WHERE id = 'boss'").await;
    let checked = rig.run(&["check"]).stderr;
    assert!(checked.contains(&format!("client reader: {note}")), "{checked}");
    assert!(
        checked.contains("client boss: a scope that begins with admin: is not granted without --admin"),
        "{checked}"
    );
    assert!(!checked.contains("client api:"), "{checked}");
}

/// The program itself, in the environment of a container beside others.
async fn variables_of_a_platform_are_no_settings(engine: Engine) {
    let rig = Rig::new(engine).await;
    let mut program = program_on(&rig.database);
    for (name, value) in [
        ("TOKEND_POSTGRES_SERVICE_HOST", "10.0.0.1"),
        ("TOKEND_POSTGRES_SERVICE_PORT", "5432"),
        ("TOKEND_POSTGRES_SERVICE_PORT_SQL", "5432"),
        ("TOKEND_POSTGRES_PORT", "tcp://10.0.0.1:5432"),
        ("TOKEND_POSTGRES_PORT_5432_TCP", "tcp://10.0.0.1:5432"),
        ("TOKEND_POSTGRES_PORT_5432_TCP_ADDR", "10.0.0.1"),
        ("TOKEND_DB_NAME", "/web/db"),
        ("TOKEND_DB_ENV_PGDATA", "/var/lib/postgresql/data"),
        ("TOKEND_ISSUER", "\"https://auth.example.com\"\r\n"),
        ("TOKEND_DATABASE__UNSAFE_DURABILITY", "TRUE"),
        ("TOKEND_HTTP__ALLOWED_ORIGINS", "https://App.example.com/"),
    ] {
        program = program.set(name, value);
    }
    let shown = program.run(&["check"]);
    assert!(shown.ok().stdout.contains("https://app.example.com\n"), "{shown:?}");
    program.set("TOKEND_POSTGRES_PORTS", "5432").run(&["check"]).refused("TOKEND_POSTGRES_PORTS");
}

async fn another_master_secret_is_named_as_the_problem(engine: Engine) {
    let rig = Rig::new(engine).await;
    let wrong = program_on(&rig.database).set("TOKEND_SECRET", "another-master-secret-which-is-long-enough");
    for command in ["check", "serve"] {
        let reason = format!("the master secret does not open signing key {}", rig.kid);
        wrong.run(&[command]).refused(&reason);
    }
    let missing = wrong.set("TOKEND_SECRET", "").set("TOKEND_SECRET_FILE", "not/there");
    for command in ["check", "serve"] {
        missing.run(&[command]).refused("the master secret not/there is missing");
    }
    assert_eq!(files(missing.directory()), BTreeSet::new(), "and none was made in its place");
}

async fn a_check_leaves_no_trace(engine: Engine) {
    let rig = Rig::new(engine).await;
    let directory = rig.database.url.strip_prefix("sqlite:").map(|path| Path::new(path).parent().unwrap().to_owned());
    let before = directory.as_deref().map(files);
    let version = rig.node.app.store.registry().state().await.unwrap().version;
    rig.run(&["check"]);
    rig.run(&["migrate", "--dry-run"]).said("the database is up to date");
    assert_eq!(directory.as_deref().map(files), before);
    assert_eq!(rig.node.app.store.registry().state().await.unwrap().version, version);
    assert_eq!(files(rig.program.directory()), BTreeSet::new());
}

on_both_databases!(
    registrations_that_seem_to_give_a_right_are_listed,
    variables_of_a_platform_are_no_settings,
    a_sound_set_up_is_described_without_its_secrets,
    another_master_secret_is_named_as_the_problem,
    a_check_leaves_no_trace,
);

/// How many migrations there are.
fn migrations(engine: &str) -> usize {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
    directory.read_dir().unwrap().count()
}

#[test]
fn before_the_first_start_nothing_is_there_and_nothing_is_made() {
    let program = Program::new();
    let shown = program.run(&["check"]);
    let stdout = &shown.ok().stdout;
    assert!(
        stdout.contains("database       not there yet") && stdout.contains("master secret  not there yet"),
        "{stdout}"
    );
    let all = migrations("sqlite");
    program.run(&["migrate", "--dry-run"]).said(&format!("{all} migrations would be applied"));
    assert_eq!(files(program.directory()), BTreeSet::new());
    program.run(&["migrate"]).said(&format!("{all} migrations applied"));
    program.run(&["migrate"]).said("the database is up to date");
    let mode = |path: &str| program.directory().join(path).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("data"), mode("data/tokend.db")), (0o700, 0o600));
    let before = files(program.directory());
    let shown = program.run(&["check"]).ok().stdout.clone();
    assert!(
        shown.contains("migrations     up to date\nusers          0\n") && shown.contains("the next start makes one"),
        "{shown}"
    );
    assert_eq!(files(program.directory()), before);
}

#[test]
fn a_secret_that_others_can_read_is_refused() {
    let program = Program::new();
    let path = program.directory().join("master.secret");
    std::fs::write(&path, SECRET).unwrap();
    // Where only root can write, others may read what is root's.
    std::fs::set_permissions(program.directory(), Permissions::from_mode(0o777)).unwrap();
    let program = program.set("TOKEND_SECRET_FILE", "master.secret").set("TOKEND_LISTEN", "127.0.0.1:0");
    for mode in [0o644, 0o444, 0o604, 0o620] {
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        for command in ["check", "serve"] {
            program.run(&[command]).refused("chmod 600");
        }
    }
}

/// As Docker Swarm and Kubernetes mount it.
#[test]
fn a_secret_of_root_may_be_read_by_others_where_only_root_writes() {
    let program = Program::new();
    let directory = program.directory().join("..2026");
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(directory.join("secret"), SECRET).unwrap();
    symlink("..2026", program.directory().join("..data")).unwrap();
    symlink("..data/secret", program.directory().join("secret")).unwrap();
    std::fs::set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
    let program = program.set("TOKEND_SECRET_FILE", "secret");
    for mode in [0o444, 0o644] {
        std::fs::set_permissions(directory.join("secret"), Permissions::from_mode(mode)).unwrap();
        let outcome = program.run(&["check"]);
        if getuid().is_root() {
            outcome.ok()
        } else {
            outcome.refused("chmod 600")
        };
    }
    std::fs::set_permissions(&directory, Permissions::from_mode(0o775)).unwrap();
    program.run(&["check"]).refused("chmod 600");
}

/// A pipe would be waited for.
#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    for settings in [
        &[("TOKEND_SECRET_FILE", "pipe")][..],
        &[("TOKEND_DATABASE_FILE", "pipe")],
        &[("TOKEND_HTTP__TLS_CERTIFICATE", "pipe"), ("TOKEND_HTTP__TLS_KEY", "tls.key")],
    ] {
        let program = settings.iter().fold(Program::new(), |program, (name, value)| program.set(name, value));
        make_pipe(&program.directory().join("pipe"));
        for command in ["check", "serve"] {
            program.run(&[command]).refused("it is a pipe, not a regular file");
        }
    }
    for (path, what) in [(".", "a directory"), ("/dev/zero", "a device")] {
        let program = Program::new().set("TOKEND_SECRET_FILE", path);
        program.run(&["check"]).refused(&format!("it is {what}, not a regular file"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_url_of_the_database_may_be_in_a_file() {
    let database = Database::new(Engine::Postgres).await;
    let program = program_on(&database);
    let path = program.directory().join("url");
    std::fs::write(&path, format!("\u{feff}{}\r\n", database.url)).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let program = program.set("TOKEND_DATABASE_FILE", "url");
    program.run(&["check"]).refused("TOKEND_DATABASE: database is set too");
    let program = program.set("TOKEND_DATABASE", "");
    let shown = program.run(&["check"]).ok().stdout.clone();
    assert!(shown.contains("database_file") && shown.contains("migrations     up to date"), "{shown}");
    program.run(&["user", "add", "alice", "--no-password"]).ok();
    std::fs::set_permissions(&path, Permissions::from_mode(0o622)).unwrap();
    program.run(&["check"]).refused("holds a password, and others may use it");
}

#[test]
fn what_is_unusual_is_noted() {
    let program = Program::new()
        .set("TOKEND_HTTP__TRUSTED_PROXIES", "0.0.0.0/0,10.0.0.1/8")
        .set("TOKEND_HTTP__TLS_CERTIFICATE", "tls.crt")
        .set("TOKEND_HTTP__TLS_KEY", "tls.key");
    crate::hangups::issue(program.directory());
    program.run(&["migrate"]).ok();
    let notes = |expected: &[&str]| {
        let shown = program.run(&["check"]);
        assert_eq!(shown.ok().stderr.lines().count(), expected.len(), "{shown:?}");
        for (line, text) in shown.stderr.lines().zip(expected) {
            assert!(line.starts_with("tokend: note: ") && line.contains(text), "{line}");
        }
    };
    let everybody = "http.trusted_proxies: 0.0.0.0/0 trusts everybody";
    let network = "http.trusted_proxies: 10.0.0.1/8 is read as 10.0.0.0/8";
    notes(&[everybody, network]);
    let set = |path: &str, mode| {
        std::fs::set_permissions(program.directory().join(path), Permissions::from_mode(mode)).unwrap();
    };
    set("tls.key", 0o644);
    set("data/tokend.db", 0o640);
    set("data", 0o770);
    let [file, directory, key] = ["tokend.db: chmod 600", "data: chmod go-w", "everybody can read the TLS key tls.key"];
    notes(&[everybody, network, file, directory, key]);
}

#[test]
fn a_broken_configuration_is_named_by_file_line_and_key() {
    let program = Program::new();
    let file = program.directory().join("mine.toml");
    std::fs::write(&file, "[tokens]\naccess_lifetime = 'soon'\n[session]\nidle_lifetime = '1d'\n").unwrap();
    for command in [&["check"][..], &["serve"], &["user", "list"], &[]] {
        let outcome = program.run(&[&["--config", "mine.toml"], command].concat());
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{outcome:?}");
        let lines: Vec<_> = outcome.stderr.lines().collect();
        assert_eq!(lines.len(), 2, "every problem at once: {outcome:?}");
        let first = lines.iter().find(|line| line.contains("tokens.access_lifetime")).unwrap();
        assert!(first.starts_with("tokend: mine.toml:2: ") && first.contains("from 1s to 1d"), "{first}");
        let unknown = "mine.toml:3: [session]: unknown; the nearest known ones are [sessions]";
        assert!(lines.iter().any(|line| line.contains(unknown)), "{outcome:?}");
    }
    let outcome = program.set("TOKEND_TOKENS__ACCESS_LIFETIME", "0s");
    let refused = outcome.run(&["check"]);
    refused
        .refused("TOKEND_TOKENS__ACCESS_LIFETIME: tokens.access_lifetime = 0s: must be a length of time from 1s to 1d");
    outcome.set("TOKEND_CONFIG", "not-there.toml").run(&["check"]).refused("not-there.toml: ");
}

#[test]
fn what_is_no_database_is_named() {
    let program = Program::new();
    std::fs::write(program.directory().join("notes.txt"), "this is no database, but a rather long text".repeat(100))
        .unwrap();
    let program = program.set("TOKEND_DATABASE", "sqlite:notes.txt").set("TOKEND_LISTEN", "127.0.0.1:0");
    for command in [&["check"][..], &["serve"], &["migrate"], &["user", "list"]] {
        program.run(command).refused("notes.txt");
    }
    let program = program.set("TOKEND_DATABASE", "sqlite:notes.txt/below/tokend.db");
    for command in [&["serve"][..], &["migrate"]] {
        program.run(command).refused("cannot make the directory notes.txt/below for the database");
    }
}

#[test]
fn a_certificate_that_is_not_there_is_found_before_the_start() {
    let program = Program::new().set("TOKEND_HTTP__TLS_CERTIFICATE", "tls.crt").set("TOKEND_HTTP__TLS_KEY", "tls.key");
    for command in ["check", "serve"] {
        program.run(&[command]).refused("can't read the TLS file tls.crt");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_does_not_answer_is_named() {
    let base = Program::new().set("TOKEND_SECRET", SECRET).set("TOKEND_POSTGRES__ACQUIRE_TIMEOUT", "500ms");
    let base = base.set("TOKEND_DATABASE__WAIT", "0s").set("TOKEND_LISTEN", "127.0.0.1:0");
    let program = base.set("TOKEND_DATABASE", "postgres://tokend:hunter2@127.0.0.1:1/sso");
    for command in [&["check"][..], &["serve"], &["migrate"], &["user", "list"]] {
        let outcome = program.run(command);
        outcome.refused("cannot open the database sso on 127.0.0.1:1: ").refused("connection refused");
        assert!(!format!("{outcome:?}").contains("hunter2"), "{outcome:?}");
    }
    let mut unknown = url::Url::parse(&url_of("there_is_no_such_database")).unwrap();
    unknown.set_query(Some("application_name=x"));
    let program = program.set("TOKEND_DATABASE", unknown.as_str());
    program.run(&["check"]).refused("there_is_no_such_database");
}

#[test]
fn what_postgres_would_be_told_wrongly_is_refused_before_it_is_asked() {
    let program = Program::new().set("TOKEND_SECRET", SECRET);
    for (parameter, said) in [("sslmod=verify-full", "sslmode"), ("sslmode=bogus", "must be disable, allow")] {
        let program = Program::new().set("TOKEND_SECRET", SECRET);
        let program = program.set("TOKEND_DATABASE", &format!("postgres://u:hunter2@127.0.0.1:1/sso?{parameter}"));
        for command in [&["check"][..], &["serve"], &["user", "list"]] {
            let outcome = program.run(command);
            outcome.refused("TOKEND_DATABASE: database: its parameter sslmod").refused(said);
            assert!(!format!("{outcome:?}").contains("hunter2"), "{outcome:?}");
        }
    }
    std::fs::write(program.directory().join("t.toml"), "database = 'postgres://h/d?sslmod=require'").unwrap();
    program.run(&["--config", "t.toml", "check"]).refused("t.toml:1: database: its parameter sslmod: unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_migrated_when_it_may_be() {
    let program = Program::new().set("TOKEND_SECRET", SECRET).set("TOKEND_DATABASE", &empty_postgres().await);
    let program = program.set("TOKEND_LISTEN", "127.0.0.1:0");
    let all = migrations("postgres");
    program
        .run(&["serve", "--no-migrate"])
        .refused(&format!("the database lacks {all} migration(s): run `tokend migrate`"));
    program.run(&["user", "list"]).refused(&format!("the database lacks {all} migration(s)"));
    assert!(program.run(&["check"]).ok().stdout.contains(&format!("migrations     {all} migrations missing")));
    program.run(&["migrate", "--dry-run"]).said(&format!("{all} migrations would be applied"));
    program.run(&["user", "list"]).refused(&format!("the database lacks {all} migration(s)"));
    program.run(&["migrate"]).said(&format!("{all} migrations applied"));
    program.run(&["user", "list"]).ok();
    program.run(&["migrate", "--dry-run"]).said("the database is up to date");
    assert!(program.run(&["check"]).ok().stdout.contains("migrations     up to date"));
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_needs_a_master_secret_from_outside() {
    let program = Program::new().set("TOKEND_DATABASE", &empty_postgres().await).set("TOKEND_LISTEN", "127.0.0.1:0");
    for command in ["check", "serve"] {
        program.run(&[command]).refused("TOKEND_SECRET or secret_file must be set");
    }
    let program = program.set("TOKEND_SECRET_FILE", "not/there");
    for command in ["check", "serve"] {
        program.run(&[command]).refused("there is no master secret file not/there");
    }
    assert_eq!(files(program.directory()), BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_is_no_database_to_serve_from() {
    let database = Database::new(Engine::Postgres).await;
    let name = database.url.rsplit('/').next().unwrap();
    run_sql(format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
    program_on(&database).run(&["check"]).refused("read-only transaction");
}
