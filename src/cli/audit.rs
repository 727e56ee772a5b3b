//! `tokend audit`: what happened, and whether the trail of it is whole.

use clap::{Args, Subcommand};

use super::context::Context;
use super::lengths::since;
use super::output::{Cell, Format, Record, note, print};
use super::terminal::Consent;
use super::{Failure, user};
use crate::audit::AuditEvent;
use crate::clock::Seconds;
use crate::domain::{SessionId, UserId, Username};
use crate::store::audit_events::AuditFilter;

/// What a listing shows of each event.
const COLUMNS: &[&str] = &["at", "kind", "count", "reason", "actor", "user_id", "client_id", "session_id", "address"];

/// What to do with the audit trail.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List events, the newest first.
    List(Listing),
    /// Check that no event was changed, left out or cut off.
    Verify(Verification),
    /// Declare the trail as it is to be its beginning: for a database of version 0.1.0, or after a finding was looked into.
    Seal(Consent),
}

/// Which events to list.
#[derive(Args, Debug)]
pub struct Listing {
    /// Only those that concern this user, by name, or by id when it has been removed.
    #[arg(long, value_name = "NAME|ID", conflicts_with = "session")]
    user: Option<Username>,
    /// Only those that concern this session.
    #[arg(long, value_name = "ID")]
    session: Option<SessionId>,
    /// Only those of the last 24h, 30d or so.
    #[arg(long, value_name = "LENGTH", value_parser = since)]
    since: Option<Seconds>,
    /// The most events to list.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=100_000))]
    limit: i64,
    /// List anchors too, of which a busy server writes one a minute.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    format: Format,
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
        Command::List(listing) => list(context, &listing).await,
        Command::Verify(what) => verify(context, what.anchor.as_deref()).await,
        Command::Seal(consent) => seal(context, consent).await,
    }
}

async fn list(context: &Context, listing: &Listing) -> Result<(), Failure> {
    let filter = match (&listing.user, listing.session) {
        (Some(name), _) => AuditFilter::User(user_of(context, name).await?),
        (None, Some(id)) => AuditFilter::Session(id),
        (None, None) if listing.all => AuditFilter::All,
        (None, None) => AuditFilter::WithoutAnchors,
    };
    let since = listing.since.map_or(0, |length| context.now().saturating_sub(length));
    let mut events = context.store.list_events(filter, since, listing.limit.saturating_add(1)).await?;
    let more = events.len() > usize::try_from(listing.limit)?;
    if more {
        events.pop();
    }
    listing.format.list(&events.iter().map(record).collect::<Vec<_>>(), COLUMNS)?;
    if more && !listing.format.is_json() {
        print("there are more: say --limit, --since, --user or --session\n")?;
    }
    Ok(())
}

/// Who has been removed has no name any more; `user.removed` tells the id.
async fn user_of(context: &Context, name: &Username) -> Result<UserId, Failure> {
    match user::find(context, name).await {
        Ok(found) => Ok(found.user.id),
        Err(unknown) => name.as_str().parse().map(UserId).map_err(|_| unknown),
    }
}

async fn verify(context: &Context, anchor: Option<&str>) -> Result<(), Failure> {
    let verified = context.store.verify_audit().await?.ok_or("the keys of the audit trail are not known")?;
    for finding in &verified.findings {
        note(&finding.to_string());
    }
    let (events, chains, anchors) = (verified.events, verified.chains, verified.anchors);
    if verified.findings.is_empty() {
        if let Some(digest) = anchor
            && !context.store.has_anchor(digest).await?
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
    let chains = context.store.seal_audit().await?.ok_or("the keys of the audit trail are not known")?;
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
