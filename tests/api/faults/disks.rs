//! A disk that is full, or can be read only: what can't be stored is 503 and not done, what can be read is answered, and all
//! is as before when there is room again, without a restart.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::load::{CLIENTS, Load, Rules, Site, base_in, furnish, send};
use super::number;
use crate::harness::{Answer, Database, Engine, PASSWORD, Program, Random};

/// How often the disk is full, unless `TOKEND_TEST_FULL_DISKS` says otherwise.
const TIMES: usize = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_loses_anything_by_a_full_disk() {
    let times = number("TOKEND_TEST_FULL_DISKS", TIMES);
    let seed = Random::seed();
    println!("TOKEND_TEST_SEED={seed}");
    let mut random = Random::new(seed);
    let database = Database::new(Engine::Sqlite).await;
    furnish(&database.store).await;
    database.store.close().await;
    let site = Arc::new(Site::start(&database.url, 1, Rules::default()));
    let load = Load::on(&site, seed);
    let log = database.url.trim_start_matches("sqlite:").to_owned() + "-wal";
    for _ in 0..times {
        load.answers(4 * CLIENTS).await;
        // A little more than there is, so that some commit is written half.
        let length = fs::metadata(&log).expect("the log is there").len();
        site.limit_files(0, Some(length + random.below(20_000) as u64));
        load.calls(4 * CLIENTS).await;
        site.limit_files(0, Some(4096));
        load.failures(2 * CLIENTS).await;
        site.limit_files(0, None);
    }
    load.answers(10 * CLIENTS).await;
    let history = load.stop().await.go_on_once().await.history();
    println!("RESULT full-disk times={times} {}", history.summary());
    history.must_hold("full-disk");
}

/// Whatever the disk has no room for, a page or the last one of a commit: when there is room again, the next sign-in succeeds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_full_disk_breaks_off_leaves_nothing_behind() {
    let database = Database::new(Engine::Sqlite).await;
    furnish(&database.store).await;
    database.store.close().await;
    let site = Site::start(&database.url, 1, Rules::default());
    let log = database.url.trim_start_matches("sqlite:").to_owned() + "-wal";
    let http = reqwest::Client::new();
    let sign_in = async || {
        let form = [("username", "user-0"), ("password", PASSWORD)];
        Answer::read(http.post(format!("{}/login", site.base(0))).form(&form).send().await.expect("an answer")).await
    };
    for room in (0..40_000).step_by(2_000) {
        sign_in().await.ok();
        let length = fs::metadata(&log).expect("the log is there").len();
        site.limit_files(0, Some(length + room));
        let mut refused = 0;
        for answer in join_all((0..20).map(|_| sign_in())).await {
            if answer.status != 200 {
                answer.refused(503, "temporarily_unavailable");
                refused += 1;
            }
        }
        assert!(refused > 0 || room > 20_000, "the disk was never full");
        site.limit_files(0, None);
    }
    sign_in().await.ok();
}

/// A log on a full disk is lost, and nothing else: not the start, and no request that there is something to say of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_can_not_be_written_breaks_off_nothing() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = free.local_addr().expect("it has an address").to_string();
    drop(free);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let program = Program::new().set("TOKEND_LISTEN", &address);
    let _running = program.start_logging_to(&["serve"], full);
    let http = reqwest::Client::new();
    let answer =
        async |path: &str, form: &[(&str, &str)]| http.post(format!("http://{address}{path}")).form(form).send().await;
    // It listens before it has its database; from then on this path doesn't take the method.
    let serves = async {
        while answer("/health/ready", &[]).await.map_or(true, |answer| answer.status() == 503) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), serves).await.expect("it starts");
    for _ in 0..5 {
        let refused = answer("/login", &[("username", "nobody"), ("password", "a guess")]).await.expect("an answer");
        Answer::read(refused).await.refused(401, "invalid_grant");
    }
}

/// What only reads is answered while nothing can be written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_stops_nothing_that_only_reads() {
    let database = Database::new(Engine::Sqlite).await;
    furnish(&database.store).await;
    database.store.close().await;
    let site = Arc::new(Site::start(&database.url, 1, Rules { is_peaceful: true, ..Rules::default() }));
    let load = Load::on(&site, 1);
    load.answers(10 * CLIENTS).await;
    let mut stopped = load.stop().await;
    site.limit_files(0, Some(4096));
    stopped.introspections_are_answered().await;
    site.limit_files(0, None);
    assert_eq!(stopped.try_to_go_on().await, 0);
    stopped.history().must_hold("full-disk-reads");
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the mode is set");
}

fn lock(program: &Program, is_locked: bool) {
    let data = program.directory().join("data");
    for file in fs::read_dir(&data).expect("the directory").map(|file| file.expect("a file").path()) {
        set_mode(&file, if is_locked { 0o400 } else { 0o600 });
    }
    set_mode(&data, if is_locked { 0o500 } else { 0o700 });
}

/// A server that finds its files read-only says which, and starts when they aren't any more.
#[test]
fn read_only_files_are_named_at_the_start() {
    let program = Program::new().unprivileged().set("TOKEND_LISTEN", "127.0.0.1:0");
    program.start(&["serve"]).wait_for_log("\"listening\"");
    lock(&program, true);
    let outcome = program.run(&["serve"]);
    outcome.refused("data/tokend.db: it is read-only");
    lock(&program, false);
    program.start(&["serve"]).wait_for_log("\"listening\"");
}

#[test]
fn a_directory_that_is_read_only_is_named_at_the_start() {
    let program = Program::new().unprivileged().set("TOKEND_LISTEN", "127.0.0.1:0");
    set_mode(program.directory(), 0o500);
    let outcome = program.run(&["serve"]);
    set_mode(program.directory(), 0o700);
    outcome.refused("cannot make the directory data for the database");
    program.start(&["serve"]).wait_for_log("\"listening\"");
}

/// The files become read-only while the server has them open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_become_read_only_stop_nobody() {
    let program = Program::new().unprivileged().set("TOKEND_LISTEN", "127.0.0.1:0");
    let server = program.start(&["serve"]);
    let printed = server.stdout_until("export B=");
    let password = printed.last().and_then(|line| line.split([' ', '=']).nth(4)).expect("a password");
    let base = base_in(&server.wait_for_log("\"listening\""));
    let http = reqwest::Client::new();
    let mut tokens = send(&http, &base, "/login", &[("username", "alice"), ("password", password)]).await;
    for round in 0..20 {
        match round {
            5 => lock(&program, true),
            15 => lock(&program, false),
            _ => {}
        }
        let token = tokens.text("refresh_token");
        // More at once than there are connections yet, so that some are opened meanwhile.
        let form = [("refresh_token", token.as_str())];
        let asked = (0..16).map(|_| send(&http, &base, "/refresh", &form));
        let answers = join_all(asked).await;
        assert!(answers.iter().all(|answer| answer.status == 200), "round {round}");
        tokens = answers.into_iter().next().expect("an answer");
    }
}
