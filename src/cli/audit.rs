//! `tokend audit`: what happened, and whether the trail of it is whole.

mod columns;
mod follow;
mod list;

use clap::Subcommand;

use super::failure::Failure;
use super::output::{note, print};
use super::terminal::Consent;
use crate::admin::{Admin, audit};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List events, the newest first, or follow them as they come.
    List(list::Listing),
    /// Check that no event was changed, left out or cut off.
    Verify {
        /// The digest of an anchor that was noted elsewhere: it must be in the trail.
        #[arg(long, value_name = "DIGEST")]
        anchor: Option<String>,
    },
    /// Declare the trail as it is to be its beginning: for a database of version 0.1.0, or after a finding was looked into.
    Seal(Consent),
}

pub async fn run(admin: &Admin, command: Command) -> Result<(), Failure> {
    match command {
        Command::List(listing) => list::run(admin, listing).await,
        Command::Verify { anchor } => verify(admin, anchor.as_deref()).await,
        Command::Seal(consent) => seal(admin, consent).await,
    }
}

async fn verify(admin: &Admin, anchor: Option<&str>) -> Result<(), Failure> {
    let audit::Verified { events, chains, anchors, findings } = audit::verify(admin).await?;
    for finding in &findings {
        note(&finding.to_string());
    }
    if !findings.is_empty() {
        return Err(format!(
            "the audit trail is not as it was written ({events} events in {chains} chains were looked at)"
        )
        .into());
    }
    if let Some(digest) = anchor {
        audit::require_anchor(admin, digest).await?;
    }
    let anchored = if anchors == 0 { "not anchored yet".to_owned() } else { format!("anchors: {anchors}") };
    print(&format!("{events} events in {chains} chains: nothing was changed, left out or cut off ({anchored})\n"))
}

async fn seal(admin: &Admin, consent: Consent) -> Result<(), Failure> {
    let question = "Declare the audit trail as it is to be its beginning? What anchors say of earlier events is ignored from then on";
    consent.require(question)?;
    print(&format!("the audit trail is sealed as it is: {} chains\n", audit::seal(admin).await?))
}
