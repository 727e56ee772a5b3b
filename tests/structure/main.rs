//! The rules of the structure that a compiler doesn't know: which file may import which, and what stands in one place.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking; what the lints allow in tests ends where a test calls another function"
)]

mod circles;
mod citations;
mod conformance;
mod imports;
mod sources;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::circles::circles;
use crate::imports::Imports;
use crate::sources::{Module, Sources};

fn root(folder: &str) -> Sources {
    Sources::below(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
}

fn require_no_circle(folder: &str) {
    let sources = root(folder);
    assert!(sources.modules().count() > 3, "{folder} was not read");
    let found = circles(&Imports::of(&sources).between_files());
    assert!(found.is_empty(), "files of {folder} import each other in a circle:\n{}", found.join("\n"));
}

#[test]
fn no_files_of_the_program_import_each_other_in_a_circle() {
    require_no_circle("src");
}

#[test]
fn no_files_of_a_benchmark_import_each_other_in_a_circle() {
    require_no_circle("benches/service");
    require_no_circle("benches/timing");
}

/// An operator's acts are functions of `admin`, which the command line and HTTP share.
#[test]
fn the_command_line_uses_the_store_only_where_the_program_starts() {
    let sources = root("src");
    let is_of_cli = |module: &&Module| module.path.first().is_some_and(|first| first == "cli");
    let imports = Imports::of(&sources);
    let wrong: Vec<_> = sources
        .modules()
        .filter(is_of_cli)
        .filter(|module| module.path != ["cli", "start"] && imports.names(module).any(|name| name.starts_with("store")))
        .map(|module| module.path.join("/"))
        .collect();
    assert!(wrong.is_empty(), "these files of src/cli use crate::store: {wrong:?}");
}

/// Operators edit `config/tokend.toml`. A build from an edited checkout would have their secrets as defaults.
#[test]
fn the_program_contains_no_file_from_outside_but_the_migrations() {
    let sources = root("src");
    let wrong: Vec<_> = sources
        .modules()
        .filter(|module| module.has_literal_that_begins("\"../"))
        .map(|module| module.path.join("/"))
        .collect();
    assert_eq!(wrong, ["store/migrations/files"], "only migrations may be included from outside src");
}

/// The files of the program that have the text as a literal.
fn files_with(sources: &Sources, text: &str) -> BTreeSet<String> {
    let literal = format!("\"{text}\"");
    sources.modules().filter(|module| module.has_literal(&literal)).map(|module| module.path.join("/")).collect()
}

/// A grant is a file and a line in the table of `domain/grant.rs`. The other files have the same word as something else.
#[test]
fn each_grant_is_named_in_one_file() {
    let sources = root("src");
    let elsewhere: [(&str, &[&str]); 3] = [
        ("client_credentials", &[]),
        // A parameter of a request, and the type of an introspected token.
        (
            "refresh_token",
            &["grant/refresh_token", "http/introspect", "http/logout", "http/presented_token", "http/token"],
        ),
        // A parameter of a sign-in, of the command line, and of the address of a database.
        (
            "password",
            &["cli/user/add", "cli/user/password", "config/database", "config/parameters", "sign_in/password"],
        ),
    ];
    for (grant, others) in elsewhere {
        let expected: BTreeSet<_> = others.iter().chain(&["domain/grant"]).map(|file| (*file).to_owned()).collect();
        assert_eq!(files_with(&sources, grant), expected, "{grant}");
    }
}

/// Everything else compares an error by its variant.
#[test]
fn each_error_code_is_named_in_one_file() {
    let sources = root("src");
    for code in [
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "invalid_target",
        "invalid_token",
        "insufficient_scope",
        "temporarily_unavailable",
    ] {
        let files = files_with(&sources, code);
        assert!(files.iter().eq(["http/error/code"]), "{code} is in {files:?}");
    }
}

/// One room signs and verifies.
#[test]
fn only_the_room_of_jws_uses_jsonwebtoken() {
    let sources = root("src");
    let wrong = sources
        .modules()
        .filter(|module| module.has_word("jsonwebtoken") && !module.path.join("/").starts_with("token/jws"));
    let wrong: Vec<_> = wrong.map(|module| module.path.join("/")).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// `TOKEND_TEST_WRITE=1` writes it.
#[test]
fn the_page_of_the_standards_names_the_tests_that_there_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (path, page) = (conformance::path(root), conformance::page(root));
    if std::env::var_os("TOKEND_TEST_WRITE").is_some() {
        fs::write(&path, &page).unwrap();
    }
    assert!(page.lines().count() > 60, "no tests were found: {page}");
    assert!(fs::read_to_string(&path).is_ok_and(|there| there == page), "{} is not up to date", path.display());
}

/// What explains the code is in the repository. A comment that cites the page of the design says where on it.
#[test]
fn no_file_cites_a_document_or_a_heading_that_is_not_here() {
    let wrong = citations::wrong(Path::new(env!("CARGO_MANIFEST_DIR")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
