//! Logs to standard error: text on a terminal, JSON otherwise. A separate thread writes them, and everything else that the server
//! prints there, so that a slow reader doesn't block the threads that serve.

mod line;
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
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{fmt, registry};

use super::failure::{Failure, PATIENCE};
use super::output::escaped;
use crate::config::{Log, LogFormat};
pub use line::WithRequestId;
use writer::Lines;

/// The process has one standard error, so one thread writes to it.
static LINES: OnceLock<Lines> = OnceLock::new();

/// Waits for the writing thread when it is dropped, also by a panic. At most one second.
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
    panic::set_hook(Box::new(log_panic));
    Ok(LINES.get_or_init(|| lines))
}

/// Begins to log as configured.
pub fn start(log: &Log) -> Result<(), Failure> {
    let filter: Targets = without_driver(&log.filter).parse().map_err(|error| format!("log.filter: {error}"))?;
    let lines = fmt::layer().with_writer(take_over()?.clone());
    // An error about standard error would go there too, and its panic would end the request that was to be logged.
    let lines = lines.log_internal_errors(false);
    let for_people = match log.format {
        LogFormat::Human => true,
        LogFormat::Json => false,
        LogFormat::Auto => stderr().is_terminal(),
    };
    if for_people {
        let format = fmt::format().with_ansi(stderr().is_terminal()).with_target(false);
        Ok(registry().with(lines.event_format(WithRequestId::human(format))).with(filter).try_init()?)
    } else {
        let format = fmt::format().json().flatten_event(true).with_current_span(false).with_span_list(false);
        let lines = lines.fmt_fields(JsonFields::new());
        Ok(registry()
            .with(lines.event_format(WithRequestId::json(format.with_target(false))))
            .with(filter)
            .try_init()?)
    }
}

/// The filter without the database driver, which warns of each lost connection in its own words. tokend logs the outage itself. A
/// filter at level debug or trace, or one that names the driver, stays as it is.
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

/// Waits until everything that was logged is written. At most one second.
pub fn finish() {
    if let Some(lines) = LINES.get() {
        lines.finish(PATIENCE);
    }
}

/// Logs a panic. Its text may hold secrets, so it goes nowhere else.
fn log_panic(panic: &PanicHookInfo<'_>) {
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
    use std::process::Command;

    use super::*;

    /// What tells the second process of a test that it is that.
    const PANICS: &str = "TOKEND_TEST_PANICS";

    /// What a process prints to standard error when a thread of it panics, which is logged as `format` says.
    fn printed(test: &str, format: &str) -> String {
        let tests = std::env::current_exe().unwrap();
        let mut second = Command::new(tests);
        second.args(["--exact", test, "--nocapture"]).env(PANICS, format).env_remove("RUST_BACKTRACE");
        String::from_utf8(second.output().unwrap().stderr).unwrap()
    }

    fn panic_logging(format: LogFormat) {
        let _finish = Finish;
        take_over().unwrap();
        start(&Log { format, filter: "info".to_owned() }).unwrap();
        let _ = std::thread::spawn(|| panic!("two\nlines \u{1b}[31m")).join();
    }

    #[test]
    fn a_panic_is_one_log_line_and_nothing_else() {
        match std::env::var(PANICS).as_deref() {
            Ok("json") => return panic_logging(LogFormat::Json),
            Ok(_) => return panic_logging(LogFormat::Human),
            Err(_) => {}
        }
        let test = "cli::logging::tests::a_panic_is_one_log_line_and_nothing_else";
        let json = printed(test, "json");
        let line: serde_json::Value = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
        assert_eq!((&line["level"], &line["message"]), (&"ERROR".into(), &"panicked".into()), "{json}");
        assert_eq!(line["text"], "two\nlines \u{1b}[31m");
        assert!(line["location"].as_str().is_some_and(|location| location.contains("logging.rs:")), "{json}");
        let human = printed(test, "human");
        assert_eq!(human.lines().count(), 1, "{human}");
        assert!(human.contains("panicked") && !human.contains('\u{1b}'), "{human}");
    }

    #[test]
    fn a_panic_before_logging_starts_is_one_line() {
        if std::env::var_os(PANICS).is_some() {
            let _finish = Finish;
            take_over().unwrap();
            let _ = std::thread::spawn(|| panic!("two\nlines \u{1b}[31m")).join();
            return;
        }
        let text = printed("cli::logging::tests::a_panic_before_logging_starts_is_one_line", "");
        assert!(text.starts_with("tokend: panicked at ") && text.contains("two\\u{a}lines"), "{text}");
        assert_eq!((text.lines().count(), text.contains('\u{1b}')), (1, false), "{text}");
    }

    #[test]
    fn the_driver_is_heard_only_where_somebody_looks_for_it() {
        for filter in ["info", "WARN", "off", "warn,tokend=info"] {
            assert_eq!(without_driver(filter), format!("{filter},sqlx=off"));
            assert!(without_driver(filter).parse::<Targets>().is_ok());
        }
        for filter in ["debug", "TRACE", "info,sqlx=warn", "warn,tokend=debug"] {
            assert_eq!(without_driver(filter), filter);
        }
    }
}
