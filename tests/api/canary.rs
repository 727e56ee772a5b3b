//! The canary run. Every secret that the whole suite uses is searched in all that its servers log, measure, tell, answer
//! and store. `tests/deep.sh 1 canary` does it; what it goes by is tested here, with secrets that are planted.

mod exceptions;
mod needles;
mod search;
mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use needles::Needles;
use search::Finding;

use crate::harness::canary;

#[test]
fn nothing_that_was_noted_is_found() {
    let Some(directory) = std::env::var_os("TOKEND_TEST_CANARY_SEARCH") else { return };
    let directory = Path::new(&directory);
    let needles = Needles::of(&noted(directory));
    let (mut found, mut bytes) = (BTreeMap::new(), 0);
    for text in canary::Text::ALL {
        let file = File::open(directory.join(text.name())).expect("a canary run was made");
        bytes += file.metadata().expect("it is there").len();
        let findings = search::search(&needles, file, |needle| exceptions::belongs(text, needle));
        for Finding { needle, line } in findings.expect("it is read") {
            found.entry((text.name(), needle)).or_insert_with(|| (0, line)).0 += 1;
        }
    }
    for ((name, needle), (times, line)) in &found {
        println!("FOUND {times} times {needle:?} in {name}: {line}");
    }
    println!("SEARCHED {} {} {bytes} {}", needles.secrets, needles.unsearched, found.len());
    assert!(found.is_empty(), "{} secrets are where they don't belong", found.len());
}

fn noted(directory: &Path) -> Vec<String> {
    let lines = BufReader::new(File::open(directory.join(canary::SECRETS)).expect("a canary run was made")).lines();
    let secrets = lines.map(|line| serde_json::from_str(&line.expect("it is read")).expect("a JSON text"));
    secrets.filter(|secret: &String| !exceptions::is_name(secret)).collect()
}
