//! The page of what the standards demand: written from the comments above the tests that prove it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::sources::Sources;

/// What stands above the tables.
const HEAD: &str = "# What the standards demand

Each line is a requirement of a standard and the test that proves it, over HTTP. MUST, SHOULD and MAY are the standards' words (RFC 2119).
This page is written from the comments in `tests/api/conformance`, and a test compares it with them.

`tests/run.sh TEST` runs one of them, `tests/run.sh conformance::` all. Each runs on SQLite, as it is named here, and on PostgreSQL:
`sqlite` in its name is `postgres` there.
";

/// The page as it should be.
pub fn page(root: &Path) -> String {
    let sources = Sources::below(&root.join("tests/api/conformance"));
    let mut files: Vec<(&Path, String)> = sources.texts().collect();
    files.sort();
    let mut page = HEAD.to_owned();
    for (file, text) in files {
        let name = file.file_stem().unwrap().to_str().unwrap();
        write!(page, "\n## {}\n\n| Section | Requirement | Test |\n|---|---|---|\n", title(&text)).unwrap();
        for (demand, test) in tests(&text) {
            let (section, requirement) = demand.split_once(": ").unwrap_or_else(|| panic!("{test}: {demand:?}"));
            let requirement = capitalized(requirement);
            writeln!(page, "| {section} | {requirement} | `conformance::{name}::sqlite::{test}` |").unwrap();
        }
    }
    page
}

/// Where the page is.
pub fn path(root: &Path) -> PathBuf {
    root.join("docs/conformance.md")
}

/// The first line of a file, without its full stop.
fn title(text: &str) -> &str {
    let line = text.lines().next().and_then(|line| line.strip_prefix("//! ")).unwrap();
    line.trim_end_matches('.')
}

/// The tests of a file, each after its comment.
fn tests(text: &str) -> Vec<(String, &str)> {
    let mut found = Vec::new();
    let mut comment = Vec::new();
    for line in text.lines() {
        if let Some(words) = line.strip_prefix("/// ") {
            comment.push(words);
            continue;
        }
        let function = line.strip_prefix("async fn ");
        if let Some(test) = function.and_then(|line| line.strip_suffix("(engine: Engine) {")) {
            found.push((comment.join(" "), test));
        }
        comment.clear();
    }
    found
}

fn capitalized(sentence: &str) -> String {
    let (first, rest) = sentence.split_at(1);
    first.to_ascii_uppercase() + rest
}
