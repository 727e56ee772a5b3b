//! `tokend session`: who is signed in where.

use clap::{Args, Subcommand};

use super::client;
use super::failure::Failure;
use super::output::{Format, print, sessions};
use super::terminal::Consent;
use crate::admin::session::{self, SessionQuery};
use crate::admin::{Admin, user};
use crate::domain::{ClientId, SessionId, Username};

const COLUMNS: &[&str] =
    &["id", "username", "client_id", "state", "created_at", "last_used_at", "ends_at", "device_name", "ip"];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List sessions, the newest first.
    List(Listing),
    /// Show one session.
    Show {
        /// The session.
        id: SessionId,
        #[command(flatten)]
        format: Format,
    },
    /// End one session, or every session of a user or of a client.
    Revoke {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        consent: Consent,
    },
}

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

/// One session or all of somebody's.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct Which {
    /// The session.
    id: Option<SessionId>,
    /// Every session of this user.
    #[arg(long, value_name = "NAME|EMAIL")]
    user: Option<Username>,
    /// Every session of this client, and its tokens without a session.
    #[arg(long, value_name = "ID")]
    client: Option<ClientId>,
}

pub async fn run(admin: &Admin, command: Command) -> Result<(), Failure> {
    match command {
        Command::List(listing) => list(admin, listing).await,
        Command::Show { id, format } => format.show(&session::find(admin, id).await?),
        Command::Revoke { which, consent } => match which {
            Which { id: Some(id), .. } => revoke(admin, id).await,
            Which { user: Some(name), .. } => revoke_user(admin, &name, consent).await,
            Which { client: Some(id), .. } => revoke_client(admin, &id, consent).await,
            Which { .. } => Err("say which session".into()),
        },
    }
}

async fn list(admin: &Admin, Listing { user, client, all, limit, format }: Listing) -> Result<(), Failure> {
    let user = match &user {
        Some(name) => Some(user::find(admin, name).await?.id),
        None => None,
    };
    let client = match &client {
        Some(id) => Some(client::find(admin, id).await?.id),
        None => None,
    };
    let page = session::list(admin, SessionQuery { user, client, all, limit }).await?;
    format.list(&page.items, COLUMNS)?;
    if page.more && !format.is_json() {
        print("there are more: say --limit, --user or --client\n")?;
    }
    Ok(())
}

async fn revoke(admin: &Admin, id: SessionId) -> Result<(), Failure> {
    let was_active = session::revoke(admin, id).await?;
    print(&format!("session {id} {}\n", if was_active { "was revoked" } else { "had been revoked before" }))
}

async fn revoke_user(admin: &Admin, name: &Username, consent: Consent) -> Result<(), Failure> {
    let user = user::find(admin, name).await?;
    let name = &user.username;
    consent.require(&format!("End every session of user {name}?"))?;
    let ended = session::revoke_user(admin, user.id).await?;
    print(&format!("{} of user {name} ended\n", sessions(ended)))
}

async fn revoke_client(admin: &Admin, id: &ClientId, consent: Consent) -> Result<(), Failure> {
    let id = client::find(admin, id).await?.id;
    consent.require(&format!("End every session of client {id}?"))?;
    let ended = session::revoke_client(admin, &id).await?;
    print(&format!("{} of client {id} ended\n", sessions(ended)))
}
