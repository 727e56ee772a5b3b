//! `tokend session`: who is signed in where.

use clap::{Args, Subcommand};

use super::context::Context;
use super::failure::Failure;
use super::output::{Cell, Format, Record, print, sessions};
use super::terminal::Consent;
use super::{client, user};
use crate::app::refresh_policy;
use crate::clock::UnixTime;
use crate::config::Config;
use crate::domain::{Client, ClientId, RevokedReason, SessionId, Username};
use crate::store::sessions::{SessionFilter, SignedIn};
use crate::token::judge::effective_expiry;

/// What a listing shows of each session.
const COLUMNS: &[&str] =
    &["id", "username", "client_id", "state", "created_at", "last_used_at", "ends_at", "device_name", "ip"];

/// What to do with sessions.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List sessions, the newest first.
    List(Listing),
    /// Show one session.
    Show(Shown),
    /// End one session, or every session of a user or of a client.
    Revoke(Revocation),
}

/// Which sessions to list.
#[derive(Args, Debug)]
pub struct Listing {
    /// Only this user's.
    #[arg(long, value_name = "NAME|EMAIL")]
    user: Option<Username>,
    /// Only this client's.
    #[arg(long, value_name = "ID")]
    client: Option<ClientId>,
    /// Ended ones too.
    #[arg(long)]
    all: bool,
    /// The most sessions to list.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=100_000))]
    limit: i64,
    #[command(flatten)]
    format: Format,
}

/// A session to show.
#[derive(Args, Debug)]
pub struct Shown {
    /// The session.
    id: SessionId,
    #[command(flatten)]
    format: Format,
}

/// What to end.
#[derive(Args, Debug)]
pub struct Revocation {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    consent: Consent,
}

/// One session or all of somebody's.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Which {
    /// The session.
    id: Option<SessionId>,
    /// Every session of this user.
    #[arg(long, value_name = "NAME|EMAIL")]
    user: Option<Username>,
    /// Every session of this client, and its tokens without a session.
    #[arg(long, value_name = "ID")]
    client: Option<ClientId>,
}

/// Runs the command.
pub async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::List(listing) => list(context, listing).await,
        Command::Show(Shown { id, format }) => show(context, id, format).await,
        Command::Revoke(Revocation { which: Which { id: Some(id), .. }, .. }) => revoke(context, id).await,
        Command::Revoke(Revocation { which: Which { user: Some(name), .. }, consent }) => {
            revoke_user(context, &name, consent).await
        }
        Command::Revoke(Revocation { which: Which { client: Some(id), .. }, consent }) => {
            revoke_client(context, &id, consent).await
        }
        Command::Revoke(_) => Err("say which session".into()),
    }
}

async fn find(context: &Context, id: SessionId) -> Result<SignedIn, Failure> {
    context.store.sessions().find(id).await?.ok_or_else(|| format!("there is no session {id}").into())
}

async fn list(context: &Context, listing: Listing) -> Result<(), Failure> {
    let user = match &listing.user {
        Some(name) => Some(user::find(context, name).await?.user.id),
        None => None,
    };
    let client = match &listing.client {
        Some(id) => Some(client::find(context, id).await?.id),
        None => None,
    };
    let filter = SessionFilter { user, client, ended: listing.all };
    let now = context.now();
    let mut found = context.store.sessions().list_signed_in(&filter, now, listing.limit.saturating_add(1)).await?;
    let more = found.len() > usize::try_from(listing.limit)?;
    if more {
        found.pop();
    }
    let clients = clients(context).await?;
    let records = found.iter().map(|found| (ending(&context.config, &clients, found), found));
    // The database goes by the end that was stored with the last use. A lifetime that was lowered since counts too.
    let records = records.filter(|(ends_at, _)| listing.all || *ends_at > now);
    let records: Vec<_> = records.map(|(ends_at, found)| record(found, ends_at, now)).collect();
    listing.format.list(&records, COLUMNS)?;
    if more && !listing.format.is_json() {
        print("there are more: say --limit, --user or --client\n")?;
    }
    Ok(())
}

async fn show(context: &Context, id: SessionId, format: Format) -> Result<(), Failure> {
    let found = find(context, id).await?;
    let ends_at = ending(&context.config, &clients(context).await?, &found);
    format.show(&record(&found, ends_at, context.now()))
}

async fn clients(context: &Context) -> Result<Vec<Client>, Failure> {
    Ok(context.store.clients().list().await?)
}

/// When a session ends unless it is used before: what is earlier, the end of its idle time or of its life, by its client's
/// registration as it is now; and when it was ended, if it was.
fn ending(config: &Config, clients: &[Client], SignedIn { session, .. }: &SignedIn) -> UnixTime {
    if let Some(revoked) = session.revoked {
        return revoked.at;
    }
    let client = clients.iter().find(|client| client.id == session.client_id);
    let by_row = session.idle_expires_at.min(session.expires_at);
    client.map_or(by_row, |client| effective_expiry(session.life(), &refresh_policy(config, client)))
}

async fn revoke(context: &Context, id: SessionId) -> Result<(), Failure> {
    find(context, id).await?;
    let ended = context.store.sessions().revoke(id, RevokedReason::Admin, context.now()).await?;
    print(&format!("session {id} {}\n", if ended == 0 { "had been revoked before" } else { "was revoked" }))
}

async fn revoke_user(context: &Context, name: &Username, consent: Consent) -> Result<(), Failure> {
    let user = user::find(context, name).await?.user;
    let name = &user.username;
    consent.require(&format!("End every session of user {name}?"))?;
    let ended = context.store.sessions().revoke_of_user(user.id, RevokedReason::Admin, context.now()).await?;
    print(&format!("{} of user {name} ended\n", sessions(ended)))
}

async fn revoke_client(context: &Context, id: &ClientId, consent: Consent) -> Result<(), Failure> {
    let id = client::find(context, id).await?.id;
    consent.require(&format!("End every session of client {id}?"))?;
    let ended = context.store.clients().revoke(&id, context.now()).await?;
    print(&format!("{} of client {id} ended\n", sessions(ended)))
}

/// Everything about a session but the hashes of its tokens.
fn record(SignedIn { session, user }: &SignedIn, ends_at: UnixTime, now: UnixTime) -> Record {
    let state = match session.revoked {
        Some(_) => "revoked",
        None if now >= ends_at => "expired",
        None => "active",
    };
    let device = &session.device;
    Record(vec![
        ("id", Cell::Text(session.id.to_string())),
        ("user_id", Cell::Text(user.id.to_string())),
        ("username", Cell::Text(user.username.to_string())),
        ("client_id", Cell::Text(session.client_id.to_string())),
        ("state", Cell::Text(state.to_owned())),
        ("scope", Cell::Text(session.scope.to_string())),
        ("audience", Cell::List(session.audience.clone())),
        ("generation", Cell::Number(session.generation)),
        ("created_at", Cell::Time(session.created_at)),
        ("auth_time", Cell::Time(session.auth_time)),
        ("last_used_at", Cell::Time(session.last_used_at)),
        ("ends_at", Cell::Time(ends_at)),
        ("idle_expires_at", Cell::Time(session.idle_expires_at)),
        ("expires_at", Cell::Time(session.expires_at)),
        ("revoked_at", Cell::time(session.revoked.map(|revoked| revoked.at))),
        ("revoked_reason", Cell::text(session.revoked.map(|revoked| revoked.reason.as_str()))),
        ("device_name", Cell::text(device.name.as_deref())),
        ("user_agent", Cell::text(device.user_agent.as_deref())),
        ("ip", Cell::text(device.ip.as_deref())),
    ])
}
