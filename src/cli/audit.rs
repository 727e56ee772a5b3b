//! `tokend audit`: what happened, and whether the trail of it is whole.

mod columns;
mod follow;
mod list;

use clap::{Args, Subcommand};

use super::context::Context;
use super::failure::Failure;
use super::output::{Cell, Record, note, print};
use super::terminal::Consent;
use crate::audit::AuditEvent;

/// What to do with the audit trail.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List events, the newest first, or follow them as they come.
    List(list::Listing),
    /// Check that no event was changed, left out or cut off.
    Verify(Verification),
    /// Declare the trail as it is to be its beginning: for a database of version 0.1.0, or after a finding was looked into.
    Seal(Consent),
}

/// What else to check.
#[derive(Args, Debug)]
pub struct Verification {
    /// The digest of an anchor that was noted elsewhere: it must be in the trail.
    #[arg(long, value_name = "DIGEST")]
    anchor: Option<String>,
}

/// Runs the command.
pub async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::List(listing) => list::run(context, listing).await,
        Command::Verify(what) => verify(context, what.anchor.as_deref()).await,
        Command::Seal(consent) => seal(context, consent).await,
    }
}

async fn verify(context: &Context, anchor: Option<&str>) -> Result<(), Failure> {
    let verified = context.store.audit().verify().await?.ok_or("the keys of the audit trail are not known")?;
    for finding in &verified.findings {
        note(&finding.to_string());
    }
    let (events, chains, anchors) = (verified.events, verified.chains, verified.anchors);
    if verified.findings.is_empty() {
        if let Some(digest) = anchor
            && !context.store.audit().has_anchor(digest).await?
        {
            return Err(
                format!("anchor {digest} is not in the audit trail: the trail was put back, or it was purged").into()
            );
        }
        let anchored = if anchors == 0 { "not anchored yet".to_owned() } else { format!("anchors: {anchors}") };
        return print(&format!(
            "{events} events in {chains} chains: nothing was changed, left out or cut off ({anchored})\n"
        ));
    }
    Err(format!("the audit trail is not as it was written ({events} events in {chains} chains were looked at)").into())
}

async fn seal(context: &Context, consent: Consent) -> Result<(), Failure> {
    let question = "Declare the audit trail as it is to be its beginning? What anchors say of earlier events is ignored from then on";
    consent.require(question)?;
    let chains = context.store.audit().seal().await?.ok_or("the keys of the audit trail are not known")?;
    print(&format!("the audit trail is sealed as it is: {chains} chains\n"))
}

/// All of an event.
pub fn record(event: &AuditEvent) -> Record {
    let text = |text: &Option<String>| Cell::text(text.as_deref());
    Record(vec![
        ("at", Cell::Time(event.at)),
        ("kind", Cell::Text(event.kind.to_string())),
        ("count", Cell::Number(event.count)),
        ("reason", text(&event.reason)),
        ("actor", Cell::Text(event.actor.clone())),
        ("user_id", text(&event.user_id.map(|id| id.to_string()))),
        ("client_id", text(&event.client_id)),
        ("session_id", text(&event.session_id.map(|id| id.to_string()))),
        ("jti", text(&event.jti.map(|jti| jti.to_string()))),
        ("target", text(&event.target)),
        ("address", text(&event.address)),
        ("user_agent", text(&event.user_agent)),
        ("request_id", text(&event.request_id)),
    ])
}
