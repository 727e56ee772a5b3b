//! Logs: to standard error, for people on a terminal, as JSON otherwise. A separate thread writes them, and everything else that the
//! server prints there, so that a reader that stands still doesn't block the threads that serve.

mod queue;
mod writer;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fs::File;
use std::io::{self, IsTerminal as _, stderr};
use std::os::fd::AsFd as _;
use std::panic::{self, PanicHookInfo};
use std::sync::OnceLock;

use tracing::subscriber::NoSubscriber;
use tracing::{Dispatch, Level, dispatcher};
use tracing_subscriber::EnvFilter;

use super::output::escaped;
use super::{Failure, PATIENCE};
use crate::config::{Log, LogFormat};
use writer::Lines;

/// The process has one standard error, so one thread writes to it.
static LINES: OnceLock<Lines> = OnceLock::new();

/// Waits for the writing thread when it is dropped, also by a panic. At most [`PATIENCE`].
#[derive(Debug)]
pub struct Finish;

impl Drop for Finish {
    fn drop(&mut self) {
        finish();
    }
}

/// Starts the thread that writes to standard error, and sends panics to it. The second call gives the same thread.
pub fn take_over() -> io::Result<&'static Lines> {
    if let Some(lines) = LINES.get() {
        return Ok(lines);
    }
    // The library's handle holds a lock while a write blocks, so this writes through a duplicate.
    let lines = Lines::start(File::from(stderr().as_fd().try_clone_to_owned()?))?;
    panic::set_hook(Box::new(tell_panic));
    Ok(LINES.get_or_init(|| lines))
}

/// Begins to log as configured.
pub fn start(log: &Log) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(without_driver(&log.filter)).map_err(|error| format!("log.filter: {error}"))?;
    let lines = take_over()?.clone();
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines).with_target(false);
    // Saying that standard error can't be written would be written there, and break the request off that was to be logged.
    let subscriber = subscriber.log_internal_errors(false);
    let for_people = match log.format {
        LogFormat::Human => true,
        LogFormat::Json => false,
        LogFormat::Auto => stderr().is_terminal(),
    };
    if for_people {
        subscriber.with_ansi(stderr().is_terminal()).try_init()
    } else {
        subscriber.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
    }
}

/// The database's driver warns of each connection that is lost, in its own words. What follows from that is logged by us; whoever
/// looks at level debug, or names the driver, gets both.
fn without_driver(filter: &str) -> String {
    let lower = filter.to_ascii_lowercase();
    let wants_it = ["sqlx", "debug", "trace"].iter().any(|word| lower.contains(word));
    if wants_it { filter.to_owned() } else { format!("{filter},sqlx=off") }
}

/// Prints a line that is no log line, after all lines that were logged before.
pub fn complain(line: &str) {
    match LINES.get() {
        Some(lines) => lines.push(Level::ERROR, format!("{line}\n").as_bytes()),
        None => eprintln!("{line}"),
    }
}

/// Waits until everything that was logged is written. At most [`PATIENCE`].
pub fn finish() {
    if let Some(lines) = LINES.get() {
        lines.finish(PATIENCE);
    }
}

/// Logs a panic. Its text may hold anything, so it goes nowhere else.
fn tell_panic(panic: &PanicHookInfo<'_>) {
    let text = panic.payload_as_str().unwrap_or("a panic without a text");
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    // There is no subscriber before logging starts, nor within another event.
    if dispatcher::get_default(Dispatch::is::<NoSubscriber>) {
        return complain(&format!("tokend: panicked at {location}: {}", escaped(text)));
    }
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    tracing::error!(location, text, backtrace, "panicked");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_driver_is_heard_only_where_somebody_looks_for_it() {
        for filter in ["info", "WARN", "off", "warn,tokend=info"] {
            assert_eq!(without_driver(filter), format!("{filter},sqlx=off"));
            assert!(EnvFilter::try_new(without_driver(filter)).is_ok());
        }
        for filter in ["debug", "TRACE", "info,sqlx=warn", "warn,tokend=debug"] {
            assert_eq!(without_driver(filter), filter);
        }
    }
}
