//! What networks, databases, disks, clocks and machines do to a server, and what must hold all the same: docs/guarantees.md.

mod ambiguous;
mod clocks;
mod closed;
mod connections;
mod crashes;
mod cut_logs;
mod disks;
mod failover;
mod gone;
mod history;
mod kills;
mod load;
mod locked;
mod lost_answers;
mod networks;
mod overload;
mod readiness;
mod replaced;
mod upgrade;

/// A number from the environment, with which `tests/deep.sh` makes a test longer.
fn number(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}
