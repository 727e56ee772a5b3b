//! What commands print: records as a table, as a block of lines or as JSON, each from the same fields.

use std::io::{ErrorKind, IsTerminal as _, Write as _, stdout};
use std::time::{Duration, UNIX_EPOCH};

use clap::Args;
use rustix::termios::tcgetwinsize;
use serde::{Serialize, Serializer};

use super::failure::Failure;
use crate::clock::{NEVER, Seconds, UnixTime, length_for_people};
use crate::domain::{Claims, PlainSecret};

/// The last second of the year 9999: no later moment has a date in RFC 3339.
const LAST_DATE: UnixTime = 253_402_300_799;

/// How a listing or a record is printed.
#[derive(Args, Clone, Copy, Debug)]
pub struct Format {
    /// Print JSON, with times in Unix seconds and lengths of time in seconds.
    #[arg(long)]
    json: bool,
}

/// One value of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A text.
    Text(String),
    /// Several texts.
    List(Vec<String>),
    /// A number.
    Number(i64),
    /// Yes or no.
    Flag(bool),
    /// A moment; [`NEVER`] is null in JSON.
    Time(UnixTime),
    /// A length of time.
    Length(Seconds),
    /// A user's claims.
    Claims(Claims),
    /// Not known: `unknown`, and null in JSON.
    Unknown,
    /// Not set: `-`, and null in JSON.
    Nothing,
}

/// A thing with its fields, in the order in which they are shown. The names are those of the JSON members.
#[derive(Clone, Debug, PartialEq)]
pub struct Record(pub Vec<(&'static str, Cell)>);

impl Format {
    /// Prints a listing: a table of these `columns`, or a JSON array of whole records.
    pub fn list(self, records: &[Record], columns: &[&str]) -> Result<(), Failure> {
        if self.json { json(&records) } else { print(&table(records, columns)) }
    }

    /// Prints one record: a line for each field, or a JSON object.
    pub fn show(self, record: &Record) -> Result<(), Failure> {
        if self.json {
            return json(record);
        }
        let lines: Vec<_> = record.0.iter().map(|(name, cell)| vec![(*name).to_owned(), cell.for_people()]).collect();
        print(&aligned(&lines))
    }

    /// Whether programs read the output.
    pub fn is_json(self) -> bool {
        self.json
    }
}

impl Cell {
    /// A text that may be missing.
    pub fn text(text: Option<&str>) -> Self {
        text.map_or(Self::Nothing, |text| Self::Text(text.to_owned()))
    }

    /// A moment that may be missing.
    pub fn time(time: Option<UnixTime>) -> Self {
        time.map_or(Self::Nothing, Self::Time)
    }

    /// A length of time that may be missing.
    pub fn length(length: Option<Seconds>) -> Self {
        length.map_or(Self::Nothing, Self::Length)
    }

    /// As people read it.
    pub fn for_people(&self) -> String {
        let text = match self {
            Self::Text(text) => escaped(text),
            Self::List(texts) => escaped(&texts.join(" ")),
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
            Self::Time(time) => date(*time),
            Self::Length(length) => duration(*length),
            Self::Claims(claims) if claims.is_empty() => String::new(),
            Self::Claims(claims) => escaped_json(&serde_json::Value::Object(claims.clone()).to_string()),
            Self::Unknown => "unknown".to_owned(),
            Self::Nothing => String::new(),
        };
        if text.is_empty() { "-".to_owned() } else { text }
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => text.serialize(serializer),
            Self::List(texts) => texts.serialize(serializer),
            Self::Number(number) | Self::Length(number) => number.serialize(serializer),
            Self::Flag(flag) => flag.serialize(serializer),
            Self::Nothing | Self::Unknown | Self::Time(NEVER) => serializer.serialize_none(),
            Self::Time(time) => time.serialize(serializer),
            Self::Claims(claims) => claims.serialize(serializer),
        }
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, cell)| (name, cell)))
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
    eprintln!("{what}, shown this once:");
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

/// The text without what a terminal would obey instead of show: control characters, changes of direction, and what has
/// no width.
pub fn escaped(text: &str) -> String {
    replaced(text, |c| c.escape_unicode().to_string())
}

/// A moment as in RFC 3339, UTC.
pub fn date(time: UnixTime) -> String {
    match u64::try_from(time) {
        _ if time == NEVER => "never".to_owned(),
        Ok(seconds) if time <= LAST_DATE => {
            humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
        }
        _ => time.to_string(),
    }
}

fn duration(length: Seconds) -> String {
    length_for_people(Duration::from_secs(length.unsigned_abs()))
}

fn table(records: &[Record], columns: &[&str]) -> String {
    let header = columns.iter().map(|column| column.to_uppercase().replace('_', " ")).collect();
    let cell = |record: &Record, column: &str| {
        record.0.iter().find(|(name, _)| *name == column).map_or_else(String::new, |(_, cell)| cell.for_people())
    };
    let line = |record| columns.iter().map(|column| cell(record, column)).collect();
    let lines: Vec<Vec<String>> = std::iter::once(header).chain(records.iter().map(line)).collect();
    aligned(&lines)
}

/// A record as one line of JSON.
pub fn json_line(record: &Record) -> Result<String, Failure> {
    Ok(format!("{}\n", escaped_json(&serde_json::to_string(record)?)))
}

fn json(value: &impl Serialize) -> Result<(), Failure> {
    print(&format!("{}\n", escaped_json(&serde_json::to_string_pretty(value)?)))
}

/// JSON leaves some of the characters in its texts as they are. All of them fit its escape of four digits.
fn escaped_json(json: &str) -> String {
    let lines = json.split('\n').map(|line| replaced(line, |c| format!("\\u{:04x}", u32::from(c))));
    lines.collect::<Vec<_>>().join("\n")
}

fn replaced(text: &str, escape: impl Fn(char) -> String) -> String {
    let is_obeyed = |c: char| {
        let invisible = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
        c.is_control() || invisible || matches!(c, '\u{ad}' | '\u{61c}' | '\u{feff}')
    };
    text.chars().map(|c| if is_obeyed(c) { escape(c) } else { c.to_string() }).collect()
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

    fn record(name: &str, seen: Option<UnixTime>) -> Record {
        Record(vec![
            ("id", Cell::Text(name.to_owned())),
            ("grants", Cell::List(vec!["a".to_owned(), "b".to_owned()])),
            ("access_lifetime", Cell::Length(900)),
            ("last_used_at", Cell::time(seen)),
            ("admin", Cell::Flag(true)),
        ])
    }

    #[test]
    fn a_table_is_aligned_and_says_nothing_as_a_dash() {
        let records = [record("a", Some(1_800_000_000)), record("longer", None), record("never", Some(NEVER))];
        let expected = "\
ID      ACCESS LIFETIME  LAST USED AT          ADMIN
a       15m              2027-01-15T08:00:00Z  yes
longer  15m              -                     yes
never   15m              never                 yes
";
        assert_eq!(table(&records, &["id", "access_lifetime", "last_used_at", "admin"]), expected);
    }

    #[test]
    fn json_has_the_fields_in_order_and_times_as_seconds() {
        let json = |record| serde_json::to_string(&record).unwrap();
        assert_eq!(
            json(record("a", Some(5))),
            r#"{"id":"a","grants":["a","b"],"access_lifetime":900,"last_used_at":5,"admin":true}"#
        );
        assert!(json(record("a", Some(NEVER))).contains(r#""last_used_at":null"#));
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_printed() {
        let hostile = "a\u{1b}[2J\u{9b}31m\r\n\u{202e}b\u{200b}";
        let shown = escaped(hostile);
        assert_eq!(shown, "a\\u{1b}[2J\\u{9b}31m\\u{d}\\u{a}\\u{202e}b\\u{200b}");
        let json = escaped_json(&serde_json::to_string_pretty(&[hostile]).unwrap());
        assert!(json.chars().all(|c| c == '\n' || c.is_ascii_graphic() || c == ' '), "{json:?}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), [hostile]);
    }

    #[test]
    fn a_moment_without_a_date_is_a_number() {
        assert_eq!(date(LAST_DATE), "9999-12-31T23:59:59Z");
        assert_eq!(date(LAST_DATE + 1), "253402300800");
        assert_eq!(date(-1), "-1");
    }
}
