//! The page of what the standards demand: written from the names of the tests that prove it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::TokenTree;

use crate::sources::{Module, Sources, is_word};

/// What stands above the tables.
const HEAD: &str = "# What the standards demand

Each line is a requirement of a standard and the test that proves it, over HTTP, on SQLite and on PostgreSQL. This page is written from
the names of the tests in `tests/api/conformance`, and a test compares it with them.

Run one of them with `tests/run.sh NAME`, all of them with `tests/run.sh conformance::`.
";

/// The page as it should be.
pub fn page(root: &Path) -> String {
    let sources = Sources::below(&root.join("tests/api/conformance"));
    let mut modules: Vec<&Module> = sources.modules().collect();
    modules.sort_by(|one, other| one.path.cmp(&other.path));
    let mut page = HEAD.to_owned();
    for module in modules {
        let file = module.path.join("/");
        let title = title(&root.join("tests/api/conformance").join(&file).with_extension("rs"));
        write!(page, "\n## {title}\n\n| Section | Requirement | Test |\n|---|---|---|\n").unwrap();
        for test in tests(module) {
            let (section, requirement) = described(&test);
            writeln!(page, "| {section} | {requirement} | `{file}::{test}` |").unwrap();
        }
    }
    page
}

/// Where the page is.
pub fn path(root: &Path) -> PathBuf {
    root.join("docs/conformance.md")
}

/// The first line of a file, without its full stop.
fn title(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let line = text.lines().next().and_then(|line| line.strip_prefix("//! ")).unwrap();
    line.trim_end_matches('.').to_owned()
}

/// The functions that run on both databases: those that are listed at the end of a file for that.
fn tests(module: &Module) -> Vec<String> {
    let listed = module.tokens.windows(3).filter_map(|tokens| match tokens {
        [name, _, TokenTree::Group(list)] if is_word(name, "on_both_databases") => Some(list.stream()),
        _ => None,
    });
    let names = listed.flatten().filter(|token| matches!(token, TokenTree::Ident(_)));
    names.map(|name| name.to_string()).collect()
}

/// The section that a name begins with, and the rest of it as a sentence: `r5_2_a_an_error_is_400` is of section 5.2.
fn described(test: &str) -> (String, String) {
    let words: Vec<&str> = test.split('_').collect();
    let is_number = |word: &&&str| word.strip_prefix('r').unwrap_or(word).parse::<u8>().is_ok();
    let numbers = if test.starts_with('r') { words.iter().take_while(is_number).count() } else { 0 };
    let section = words[..numbers].join(".").trim_start_matches('r').to_owned();
    // After the section comes the letter of the requirement.
    let rest = if numbers == 0 { words } else { words[numbers + 1..].to_vec() };
    let mut sentence = rest.join(" ");
    if let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    (section, sentence)
}
