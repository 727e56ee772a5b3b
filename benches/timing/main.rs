//! What can be told from how long an answer takes? Pairs of requests that must not be told apart, sent alternately in random
//! order to the real server, and compared by Welch's t-test as dudect does it: beyond 4.5 there is a difference.
//!
//! `cargo bench --bench timing [-- SAMPLES]`. Nothing fails: a noisy machine shows differences that aren't there.

#[path = "../service/failure.rs"]
mod failure;
#[expect(dead_code, reason = "the service benchmark uses all of it")]
#[path = "../service/http.rs"]
mod http;
mod pair;
mod people;
#[expect(dead_code, reason = "the service benchmark uses all of it")]
#[path = "../service/process.rs"]
mod process;
mod statistic;
mod target;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;

use self::failure::Failure;
use self::http::Connection;
use self::pair::Pair;
use self::statistic::{Sample, welch};
use self::target::Target;

/// How many answers of each kind are taken, where a password is hashed and where none is.
const LOGINS: usize = 300;
const OTHERS: usize = 10_000;

/// From here on the answers differ, dudect's threshold.
const DIFFERENT: f64 = 4.5;

fn main() -> ExitCode {
    // Cargo says --bench.
    let samples = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let measured = Builder::new_current_thread().enable_all().build().map_err(Failure::from);
    match measured.and_then(|runtime| runtime.block_on(measure(samples))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("timing benchmark: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(samples: Option<usize>) -> Result<(), Failure> {
    let target = Target::start().await?;
    let mut connection = Connection::open(target.address).await?;
    println!("{:<46} {:>8} {:>12} {:>12} {:>9} {:>8}", "pair", "samples", "median 1", "median 2", "Δ floor", "t");
    for pair in target.pairs() {
        let number = samples.unwrap_or(if pair.hashes { LOGINS } else { OTHERS });
        let [one, two] = taken(&mut connection, &pair, number).await?;
        let t = welch(&one, &two);
        let floor = one.floor() - two.floor();
        let verdict = if t.abs() < DIFFERENT { "" } else { "  DIFFERENT" };
        println!(
            "{:<46} {number:>8} {:>9.1} µs {:>9.1} µs {floor:>6.1} µs {t:>8.2}{verdict}",
            pair.name,
            one.median(),
            two.median(),
        );
    }
    Ok(())
}

/// As many answers of each kind, in random order, after some that don't count.
async fn taken(connection: &mut Connection, pair: &Pair, number: usize) -> Result<[Sample; 2], Failure> {
    let [mut one, mut two] = [Vec::with_capacity(number), Vec::with_capacity(number)];
    for _ in 0..number.div_ceil(20) {
        for request in &pair.requests {
            once(connection, request, pair.status).await?;
        }
    }
    while one.len() < number || two.len() < number {
        let [coin] = tokend::random::bytes();
        let [first, second] = &pair.requests;
        let (request, times) = if coin.is_multiple_of(2) { (first, &mut one) } else { (second, &mut two) };
        if times.len() < number {
            times.push(once(connection, request, pair.status).await?);
        }
    }
    Ok([Sample::new(one), Sample::new(two)])
}

async fn once(connection: &mut Connection, request: &[u8], status: u16) -> Result<Duration, Failure> {
    let begun = Instant::now();
    let answer = connection.exchange(request).await?;
    let took = begun.elapsed();
    if answer.status != status {
        return Err(format!("{} instead of {status}: {}", answer.status, String::from_utf8_lossy(answer.body)).into());
    }
    Ok(took)
}
