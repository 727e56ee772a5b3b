//! SQLite's write-ahead log, cut at random bytes past the last acknowledged commit, as when the power fails: what was
//! acknowledged is there, and the rest is whole or not there.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;
use tokend::store::Store;

use super::history::{History, Moment};
use super::load::{CLIENTS, Load, Rules, Site, Stopped, furnish};
use super::number;
use crate::harness::{Database, Engine, Random, trail_keys};

/// How many copies are cut, unless `TOKEND_TEST_CUTS` says otherwise.
const CUTS: usize = 6;

/// Clients may be asked to go on from tokens that are a little old by then.
const RULES: Rules = Rules { window: 3600, is_peaceful: false };

/// The files of a database under load, and what had been acknowledged before they were copied.
struct Copied {
    known: Moment,
    /// When they had been copied.
    until: Moment,
    database: Vec<u8>,
    log: Vec<u8>,
    /// Where the log ended when nothing of what is known had been acknowledged, but what was may be in the database already.
    began: usize,
    /// Where the log ended when all that is known had been acknowledged.
    acknowledged: usize,
}

fn log_of(database: &Path) -> PathBuf {
    database.with_extension("db-wal")
}

fn be(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes.try_into().expect("four bytes"))
}

/// How many bytes of a log belong to it; what comes after them is from before it was begun again.
/// A header of 32 bytes, then pages, each after 24 bytes; the header's salt is in each.
fn end_of(log: &[u8]) -> usize {
    let frame = frame_of(log);
    32 + frame * log[32..].chunks_exact(frame).take_while(|page| page[8..16] == log[16..24]).count()
}

fn frame_of(log: &[u8]) -> usize {
    24 + be(&log[8..12]) as usize
}

/// Where a log that was copied twice ended the first time. What was being written just then is not all there yet.
fn end_of_first(before: &[u8], log: &[u8]) -> usize {
    assert_eq!(log[..32], before[..32], "the log only grows");
    let (frame, end) = (frame_of(log), end_of(before));
    let pages = before[32..end].chunks_exact(frame).zip(log[32..].chunks_exact(frame));
    32 + frame * pages.take_while(|(before, after)| before == after).count()
}

/// Copies the files while somebody reads, so that the log isn't begun again meanwhile, and no page that was written
/// later can be in the database.
async fn copied(path: &Path, load: &Load, random: &mut Random) -> Copied {
    let mut reader = SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.expect("it opens");
    sqlx::raw_sql("BEGIN; SELECT count(*) FROM sessions").execute(&mut reader).await.expect("it is read");
    let began = end_of(&fs::read(log_of(path)).expect("the log"));
    load.answers(2 * CLIENTS).await;
    let known = load.now();
    let before = fs::read(log_of(path)).expect("the log");
    load.answers(random.below(2 * CLIENTS)).await;
    let (database, log) = (fs::read(path).expect("the database"), fs::read(log_of(path)).expect("the log"));
    sqlx::raw_sql("ROLLBACK").execute(&mut reader).await.expect("it was read");
    let acknowledged = end_of_first(&before, &log);
    Copied { known, until: load.now(), database, log, began, acknowledged }
}

/// What a copy with this log comes to: it is opened by a server, and the clients go on from what they knew.
async fn reopened(copied: &Copied, log: &[u8], stopped: &Stopped) -> History {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path().join("tokend.db");
    fs::write(&path, &copied.database).expect("the database is written");
    fs::write(log_of(&path), log).expect("the log is written");
    let url = format!("sqlite:{}", path.display());
    let site = Arc::new(Site::start(&url, 1, RULES));
    let later = stopped.as_of(copied.known, &site).go_on_once().await.history();
    let mut connection = SqliteConnection::connect(&url).await.expect("it opens");
    let sound: String =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await.expect("it is checked");
    assert_eq!(sound, "ok");
    let mut history = stopped.history().known_at(copied.known, copied.until);
    history.calls.extend(later.calls);
    history
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_log_that_is_cut() {
    let cuts = number("TOKEND_TEST_CUTS", CUTS);
    let seed = Random::seed();
    println!("TOKEND_TEST_SEED={seed}");
    let mut random = Random::new(seed);
    let database = Database::new(Engine::Sqlite).await;
    furnish(&database.store).await;
    database.store.close().await;
    let path = Path::new(database.url.strip_prefix("sqlite:").expect("a file"));
    let site = Arc::new(Site::start(&database.url, 1, RULES));
    let load = Load::on(&site, seed);
    load.answers(10 * CLIENTS).await;
    let mut copies: Vec<Copied> = Vec::new();
    for _ in 0..cuts.div_ceil(3) {
        copies.push(copied(path, &load, &mut random).await);
    }
    let stopped = load.stop().await;
    let (mut bytes, mut calls) = (0, 0);
    for number in 0..cuts {
        let copy = &copies[number / 3];
        let end = end_of(&copy.log);
        let cut = copy.acknowledged + random.below(end - copy.acknowledged + 1);
        let rest = end - cut;
        // What was not written: nothing, zeros, or whatever was on the disk there.
        let tail: Vec<u8> = match number % 3 {
            0 => Vec::new(),
            1 => vec![0; rest],
            _ => (0..rest).map(|_| u8::try_from(random.below(256)).expect("a byte")).collect(),
        };
        let history = reopened(copy, &[&copy.log[..cut], &tail].concat(), &stopped).await;
        history.must_hold("cut-log");
        bytes += rest;
        calls += history.calls.len();
    }
    println!("RESULT cut-logs seed={seed} cuts={cuts} bytes={bytes} calls={calls}");
    // The same with what was acknowledged cut off too: if that goes unnoticed, so does everything.
    let copy = copies.last().expect("a copy");
    assert!(!reopened(copy, &copy.log[..copy.began], &stopped).await.holds(), "nobody noticed the loss");
}

/// The copies are read as SQLite reads them, or the cuts are in the wrong place.
#[tokio::test]
async fn the_end_of_a_log_is_where_its_salt_changes() {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path().join("tokend.db");
    let store = Store::open_sqlite(&path).await.expect("SQLite opens");
    store.migrate(&trail_keys()).await.expect("SQLite migrates");
    let log = fs::read(log_of(&path)).expect("the log");
    assert_eq!(end_of(&log), log.len());
    let mut other = log.clone();
    let frame = 24 + be(&log[8..12]) as usize;
    other[32 + frame + 8] ^= 1;
    assert_eq!(end_of(&other), 32 + frame);
}
