//! The whole service against the limits of the machine: the real server on loopback, driven by a client in a process of its
//! own, each measurement beside its baseline, alternating, in one run. `docs/performance.md` says what each row means.

mod against;
mod ask;
mod bare;
mod baseline;
mod batches;
mod bound;
mod check;
mod company;
mod costs;
mod failure;
mod http;
mod load;
mod machine;
mod measured;
mod number;
mod options;
mod plot;
mod postgres;
mod process;
mod prototype;
mod raw;
mod report;
mod row;
mod run;
mod scale;
mod script;
mod seed;
mod server;
mod site;
mod table;
mod usage;
mod workload;

use std::process::ExitCode;

use clap::Parser as _;
use tokio::runtime::{Builder, Runtime};

use self::failure::Failure;
use self::options::{Options, Part};

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("service benchmark: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Whether nothing went wrong that was measured.
fn run(options: &Options) -> Result<bool, Failure> {
    match &options.part {
        None => one_thread()?.block_on(unless_stopped(async {
            match &options.against {
                Some(program) => against::run(options, program).await,
                None => run::run(options).await,
            }
        })),
        Some(Part::Load) => one_thread()?.block_on(load::run()).map(|()| true),
        // As many threads as the server has.
        Some(Part::Bare) => all_threads()?.block_on(bare::run()).map(|()| true),
        Some(Part::Prototype { database }) => all_threads()?.block_on(prototype::run(database)).map(|()| true),
        Some(Part::Busy) => {
            company::busy();
            Ok(true)
        }
        Some(Part::Raw { what, seconds, rows }) => {
            one_thread()?.block_on(raw::run(*what, *seconds, *rows)).map(|()| true)
        }
    }
}

fn all_threads() -> std::io::Result<Runtime> {
    Builder::new_multi_thread().enable_all().build()
}

fn one_thread() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Whoever stops the benchmark stops what it started too: the work is dropped, and with it servers and files.
async fn unless_stopped(work: impl Future<Output = Result<bool, Failure>>) -> Result<bool, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        done = work => done,
        _ = interrupt.recv() => Err("interrupted".into()),
        _ = terminate.recv() => Err("terminated".into()),
    }
}
