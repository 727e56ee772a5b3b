//! What the machine does without a server: each prints how often a second.

use std::num::NonZero;
use std::thread;
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use tokend::password::HashParameters;

use crate::failure::Failure;
use crate::number::rate;
use crate::options::Raw;

/// About as long as an access token without its signature.
const SIGNED_BYTES: usize = 500;

const CREATE_SQLITE: &str =
    "CREATE TABLE bench_rows (id INTEGER PRIMARY KEY, hash BLOB NOT NULL, n INTEGER NOT NULL, padding TEXT NOT NULL)";

const FILL_SQLITE: &str = "WITH RECURSIVE numbers (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM numbers WHERE id < $1) \
     INSERT INTO bench_rows SELECT id, randomblob(32), 1, hex(zeroblob(150)) FROM numbers";

/// Transactions that go to the thread of the database together: a thread that works on its own waits for nobody.
const AT_ONCE: usize = 32;

/// Measures and prints the rate.
pub async fn run(what: Raw, seconds: u64, rows: u32) -> Result<(), Failure> {
    let time = Duration::from_secs(seconds);
    let rate = match what {
        Raw::Sqlite => sqlite(time, rows).await?,
        Raw::Sign => on_all_cores(time, signer)?,
        Raw::Argon2 => on_all_cores(time, hasher)?,
    };
    println!("{rate}");
    Ok(())
}

/// Transactions of one row, by key and at random, each on the disk before the next, as durable as the server's.
async fn sqlite(time: Duration, rows: u32) -> Result<f64, Failure> {
    let directory = tempfile::Builder::new().prefix("tokend-bench.").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let options = SqliteConnectOptions::new().filename(directory.path().join("rows.db")).create_if_missing(true);
    let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    let mut connection = options.connect().await?;
    sqlx::query(CREATE_SQLITE).execute(&mut connection).await?;
    sqlx::query(FILL_SQLITE).bind(rows).execute(&mut connection).await?;
    // The log keeps its length, as in a database that has been in use: a file that grows makes each transaction slower.
    sqlx::raw_sql("PRAGMA wal_checkpoint(RESTART)").execute(&mut connection).await?;
    let updates: String = (1..=AT_ONCE).map(update_sqlite).collect();
    let (begin, mut count) = (Instant::now(), 0);
    while begin.elapsed() < time {
        let mut statement = sqlx::query(AssertSqlSafe(updates.as_str()));
        for _ in 0..AT_ONCE {
            let random: [u8; 32] = tokend::random::bytes();
            let [a, b, c, d, ..] = random;
            let id = u32::from_be_bytes([a, b, c, d]) % rows + 1;
            statement = statement.bind(random.to_vec()).bind(id);
        }
        let done = statement.execute(&mut connection).await?.rows_affected();
        if done != AT_ONCE as u64 {
            return Err("SQLite updated another number of rows".into());
        }
        count += AT_ONCE;
    }
    let rate = rate(count, begin.elapsed());
    connection.close().await?;
    Ok(rate)
}

/// One transaction, the `number`th of those that go together.
fn update_sqlite(number: usize) -> String {
    format!("UPDATE bench_rows SET hash = ${}, n = n + 1 WHERE id = ${};", 2 * number - 1, 2 * number)
}

/// Something that is done over and over.
type Work = Box<dyn FnMut() -> Result<(), Failure>>;

/// What all cores do together: two threads of one core share what it has, so that one alone would promise too much.
fn on_all_cores(time: Duration, work: fn() -> Result<Work, Failure>) -> Result<f64, Failure> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let alone = || -> Result<f64, Failure> {
        let mut work = work()?;
        work()?;
        let (begin, mut count) = (Instant::now(), 0);
        while begin.elapsed() < time {
            work()?;
            count += 1;
        }
        Ok(rate(count, begin.elapsed()))
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(alone)).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| "a thread failed")?).sum()
    })
}

/// ES256 with a key that is parsed once.
fn signer() -> Result<Work, Failure> {
    let (random, message) = (SystemRandom::new(), [b'x'; SIGNED_BYTES]);
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)?;
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref())?;
    Ok(Box::new(move || {
        std::hint::black_box(key.sign(&random, &message)?);
        Ok(())
    }))
}

/// argon2id with the server's default parameters, in memory that is kept.
fn hasher() -> Result<Work, Failure> {
    let HashParameters { memory_kib, iterations, parallelism } = HashParameters::default();
    let params = Params::new(memory_kib, iterations, parallelism, Some(32))?;
    let mut memory = vec![Block::new(); params.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    Ok(Box::new(move || {
        let mut output = [0; 32];
        argon2.hash_password_into_with_memory(b"correct-horse-battery-staple", &[7; 16], &mut output, &mut memory)?;
        std::hint::black_box(output);
        Ok(())
    }))
}
