//! Names the commit that is built, for `tokend --version`: from the variable `TOKEND_COMMIT` if it is set, otherwise from git.
//!
//! Without both, as in an unpacked archive, the version stands alone.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=TOKEND_COMMIT");
    let version = env!("CARGO_PKG_VERSION");
    let shown = commit().map_or_else(|| version.to_owned(), |commit| format!("{version} ({commit})"));
    println!("cargo::rustc-env=TOKEND_VERSION={shown}");
}

fn commit() -> Option<String> {
    let given = std::env::var("TOKEND_COMMIT").ok().filter(|commit| !commit.is_empty());
    given.map(|commit| commit.chars().take(7).collect()).or_else(commit_of_git)
}

fn commit_of_git() -> Option<String> {
    // An archive may be unpacked within the repository of something else.
    let top = PathBuf::from(git(&["rev-parse", "--show-toplevel"])?);
    if top.canonicalize().ok()? != Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize().ok()? {
        return None;
    }
    // The log of HEAD grows with each commit and each checkout. A file that isn't there would make cargo build each time.
    let log = PathBuf::from(git(&["rev-parse", "--git-path", "logs/HEAD"])?);
    if log.exists() {
        println!("cargo::rerun-if-changed={}", log.display());
    }
    git(&["rev-parse", "--short=7", "HEAD"])
}

/// What git prints, if it succeeds.
fn git(arguments: &[&str]) -> Option<String> {
    let done = Command::new("git").args(arguments).output().ok().filter(|done| done.status.success())?;
    String::from_utf8(done.stdout).ok().map(|text| text.trim().to_owned())
}
