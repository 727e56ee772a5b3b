//! Random histories of a real server beside a small reference: every status, error and verdict, every
//! token's identity and life is predicted.
//!
//!   `TOKEND_TEST_SEED=.. tests/run.sh model`             repeats a run
//!   `TOKEND_TEST_MODEL_CASES=5000 tests/run.sh model`         makes it a long one

mod command;
mod ends;
mod play;
mod reference;
mod table;

use proptest::collection::vec;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use crate::harness::{Engine, Random};
use command::{Command, command};
use play::Play;

/// How many histories there are on each database, unless the environment says otherwise.
const CASES: u32 = 60;

/// How many things are done in a history.
const LENGTH: usize = 60;

fn the_server_does_what_the_reference_says(engine: Engine) {
    let seed = Random::seed();
    let cases = std::env::var("TOKEND_TEST_MODEL_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    println!("TOKEND_TEST_SEED={seed}, {cases} cases");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 300, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    if let Err(failure) = runner.run(&vec(command(), 1..LENGTH), |history| play(engine, &history)) {
        panic!("TOKEND_TEST_SEED={seed}: {failure}");
    }
    println!("RESULT model engine={engine:?} histories={cases} seed={seed}");
}

/// Plays one history on a server of its own. The runtime goes with it, and with that all that the server left running.
fn play(engine: Engine, history: &[Command]) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let mut play = Play::start(engine).await;
        for (step, command) in history.iter().enumerate() {
            let done = play.step(command).await;
            done.map_err(|why| TestCaseError::fail(format!("step {step}, {command:?}: {why}")))?;
        }
        play.look_at_all().await.map_err(|why| TestCaseError::fail(format!("at the end: {why}")))
    })
}

#[test]
fn the_server_does_what_the_reference_says_on_sqlite() {
    the_server_does_what_the_reference_says(Engine::Sqlite);
}

#[test]
fn the_server_does_what_the_reference_says_on_postgres() {
    the_server_does_what_the_reference_says(Engine::Postgres);
}
