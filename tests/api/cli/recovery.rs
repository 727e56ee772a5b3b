//! `tokend recovery`.

use tokend::clock::Clock;

use super::rig::Rig;
use crate::harness::{Engine, on_both_databases};

async fn the_window_is_open_for_as_long_as_was_said(engine: Engine) {
    let rig = Rig::new(engine).await;
    let is_open = async || {
        rig.node.app.registry.refresh().await.unwrap();
        rig.node.app.registry.snapshot().unwrap().recovery_is_open(Clock::System.now())
    };
    let status = || rig.run(&["recovery", "status", "--json"]).json();
    assert_eq!(status(), serde_json::json!({ "open": false, "until": null }));
    let now = Clock::System.now();
    let said = rig.run(&["recovery", "open", "--for", "1h"]).stdout;
    assert!(said.starts_with("the recovery window is open until 20"), "{said}");
    assert!(said.ends_with("; servers that run follow within a second\n"), "{said}");
    let until = status()["until"].as_i64().unwrap();
    assert!((now + 3600..now + 3700).contains(&until));
    assert!(is_open().await);
    rig.run(&["recovery", "close"]).said("the recovery window is closed; servers that run follow within a second");
    assert_eq!(status()["open"], false);
    assert!(!is_open().await);
    for length in ["0s", "8d", "soon"] {
        rig.program.run(&["recovery", "open", "--for", length]).misused("from 1s to 7d");
    }
    rig.program.run(&["recovery", "open"]).misused("--for");
}

on_both_databases!(the_window_is_open_for_as_long_as_was_said);
