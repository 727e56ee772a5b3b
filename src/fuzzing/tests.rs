//! The targets with the inputs that are checked in, and with small changes of them, so that they can't rot.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;

type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 6] = [
    ("refresh_token", super::refresh_token),
    ("basic", super::basic),
    ("form", super::form),
    ("json", super::json),
    ("jwt", super::jwt),
    ("phc", super::phc),
];

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name);
    let files = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    files.map(|file| fs::read(file.unwrap().path()).unwrap()).collect()
}

#[test]
fn every_target_has_a_program_and_a_corpus_that_it_stands() {
    for (name, target) in TARGETS {
        let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/targets");
        let program = fs::read_to_string(programs.join(format!("{name}.rs"))).unwrap();
        assert!(program.contains(&format!("tokend::fuzzing::{name}(")), "{program}");
        let inputs = corpus(name);
        assert!(inputs.len() >= 5, "{name}");
        for input in &inputs {
            target(input);
        }
        target(b"");
    }
}

#[test]
fn every_target_stands_what_is_almost_its_corpus() {
    let change = (any::<Index>(), any::<Index>(), any::<u8>(), 0..4_u8);
    for (name, target) in TARGETS {
        let inputs = corpus(name);
        let config = ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
        proptest!(config, |(changes in prop::collection::vec(change.clone(), 1..4))| {
            let mut input = changes[0].0.get(&inputs).clone();
            for (_, at, byte, how) in &changes {
                let at = at.index(input.len() + 1);
                match how {
                    0 => input.insert(at, *byte),
                    1 => input.truncate(at),
                    2 if at < input.len() => input[at] ^= 1 << (byte % 8),
                    _ => input.extend_from_within(at..),
                }
            }
            target(&input);
        });
    }
}
