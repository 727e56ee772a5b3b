//! The rules of the structure that a compiler doesn't know: which file may import which, and what stands in one place.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking; what the lints allow in tests ends where a test calls another function"
)]

mod circles;
mod imports;
mod sources;

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
