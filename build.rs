//! Names the commit that is built, for `tokend --version`: from the variable `BUILD_COMMIT` if it is set, otherwise from git.
//!
//! Without both, as in an unpacked archive, the version stands alone.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=BUILD_COMMIT");
    // Read while it runs: a target directory may be copied to another place.
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let shown = commit().map_or_else(|| version.clone(), |commit| format!("{version} ({commit})"));
    // `cargo run` sets it for the program too, which refuses variables that begin with TOKEND_ and aren't settings.
    println!("cargo::rustc-env=BUILD_VERSION={shown}");
}

fn commit() -> Option<String> {
    let given = env::var("BUILD_COMMIT").ok().filter(|commit| !commit.is_empty());
    given.map(|commit| commit.chars().take(7).collect()).or_else(commit_of_git)
}

fn commit_of_git() -> Option<String> {
    // An archive may be unpacked within the repository of something else.
    let top = PathBuf::from(git(&["rev-parse", "--show-toplevel"])?);
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?);
    if top.canonicalize().ok()? != here.canonicalize().ok()? {
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
