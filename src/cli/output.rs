//! What commands print: views as a table, as a block of lines or as JSON.

use std::io::{ErrorKind, IsTerminal as _, Write as _, stdout};

use clap::Args;
use rustix::termios::tcgetwinsize;
use serde::Serialize;

pub use super::escape::escaped;
use super::escape::escaped_json;
use super::failure::Failure;
use super::record::Record;
use crate::domain::PlainSecret;

#[derive(Args, Clone, Copy, Debug)]
pub struct Format {
    /// Print JSON, with times in Unix seconds and lengths of time in seconds.
    #[arg(long)]
    json: bool,
}

impl Format {
    /// Prints a listing: a table of these `columns`, or a JSON array of whole views.
    pub fn list(self, views: &[impl Serialize], columns: &[&str]) -> Result<(), Failure> {
        if self.json { json(&views) } else { print(&table(views, columns)?) }
    }

    /// Prints one view: a line for each member, or a JSON object.
    pub fn show(self, view: &impl Serialize) -> Result<(), Failure> {
        if self.json { json(view) } else { print(&aligned(&Record::of(view)?.lines())) }
    }

    pub fn is_json(self) -> bool {
        self.json
    }
}

/// Prints to standard output. A reader that has seen enough (`| head`) is no failure.
pub fn print(text: &str) -> Result<(), Failure> {
    print_unless_closed(text).map(drop)
}

/// As [`print`]; false when the reader has seen enough.
pub fn print_unless_closed(text: &str) -> Result<bool, Failure> {
    match write(text) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        done => done.map(|()| true).map_err(|error| cannot_print(&error)),
    }
}

/// How many characters a line of the terminal has; `None` when the output isn't one.
pub fn terminal_width() -> Option<usize> {
    let size = stdout().is_terminal().then(|| tcgetwinsize(stdout()).ok()).flatten()?;
    // One that says nothing of its width is as wide as the first ones were.
    Some(if size.ws_col == 0 { 80 } else { usize::from(size.ws_col) })
}

/// Prints a secret that is shown this once: alone on standard output, for `SECRET=$(tokend ..)`; what it is goes to
/// standard error.
pub fn print_secret(what: &str, secret: &PlainSecret) -> Result<(), Failure> {
    let place = if stdout().is_terminal() { ":" } else { ", is on standard output" };
    eprintln!("{what}, shown this once{place}");
    write(&format!("{}\n", secret.reveal())).map_err(|error| cannot_print(&error))
}

/// Says on standard error what was done as asked, but should be known.
pub fn note(text: &str) {
    eprintln!("tokend: note: {}", escaped(text));
}

/// `1 session`, `2 sessions`.
pub fn sessions(number: u64) -> String {
    if number == 1 { "1 session".to_owned() } else { format!("{number} sessions") }
}

/// Lines whose columns begin under each other. The last column isn't padded.
pub fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for line in lines {
        let padded: Vec<_> = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(padded.join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn table(views: &[impl Serialize], columns: &[&str]) -> Result<String, Failure> {
    let header = columns.iter().map(|column| column.to_uppercase().replace('_', " ")).collect();
    let mut lines: Vec<Vec<String>> = vec![header];
    for view in views {
        let record = Record::of(view)?;
        lines.push(columns.iter().map(|column| record.cell(column)).collect());
    }
    Ok(aligned(&lines))
}

/// A view as one line of JSON.
pub fn json_line(view: &impl Serialize) -> Result<String, Failure> {
    Ok(format!("{}\n", escaped_json(&serde_json::to_string(view)?)))
}

fn json(value: &impl Serialize) -> Result<(), Failure> {
    print(&format!("{}\n", escaped_json(&serde_json::to_string_pretty(value)?)))
}

fn write(text: &str) -> std::io::Result<()> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush())
}

fn cannot_print(error: &std::io::Error) -> Failure {
    format!("can't write to standard output: {error}").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixTime;

    #[derive(Serialize)]
    struct View {
        id: &'static str,
        access_lifetime: i64,
        last_used_at: Option<UnixTime>,
        ends_at: Option<UnixTime>,
        admin: bool,
    }

    #[test]
    fn a_table_is_aligned_and_says_nothing_as_a_dash() {
        let view = |id, seen, ends_at| View { id, access_lifetime: 900, last_used_at: seen, ends_at, admin: true };
        let views = [view("a", Some(1_800_000_000), Some(0)), view("longer", None, None)];
        let expected = "\
ID      ACCESS LIFETIME  LAST USED AT          ENDS AT               ADMIN
a       15m              2027-01-15T08:00:00Z  1970-01-01T00:00:00Z  yes
longer  15m              -                     never                 yes
";
        let columns = ["id", "access_lifetime", "last_used_at", "ends_at", "admin"];
        assert_eq!(table(&views, &columns).unwrap(), expected);
    }
}
