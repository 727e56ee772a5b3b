//! What a command works with: the operator's acts on the opened database.

use rustix::process::getuid;

use super::failure::Failure;
use super::output::note;
use super::start;
use crate::admin::{Admin, audit};
use crate::audit::Actor;
use crate::clock::Clock;
use crate::config::Config;

/// Opens the database, works on it and closes it.
pub async fn work(config: Config, work: impl AsyncFnOnce(&Admin) -> Result<(), Failure>) -> Result<(), Failure> {
    let store = start::open_migrated(&config).await?;
    let admin = Admin::open(config, Clock::System, &store, operator()).await?;
    let done = work(&admin).await;
    let recorded = finish_trail(&admin).await;
    store.close().await;
    done.and(recorded)
}

/// Records and says what a command found wrong with the chain of commands; what it wrote is anchored.
async fn finish_trail(admin: &Admin) -> Result<(), Failure> {
    for found in audit::record_rewound(admin, operator()).await? {
        note(&format!("{found}: run tokend audit verify"));
    }
    if let Err(error) = audit::anchor(admin, operator()).await {
        // The command itself is done.
        note(&format!("anchoring the audit trail failed: {error}"));
    }
    Ok(())
}

fn operator() -> Actor {
    Actor::Operator(getuid().as_raw())
}
