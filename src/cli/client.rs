//! `tokend client`: apps and resource servers.

mod add;
mod options;
mod secret;
mod update;

use clap::{Args, Subcommand};

use super::failure::Failure;
use super::output::{Format, print, sessions};
use super::terminal::Consent;
use crate::admin::client::{self, ClientView};
use crate::admin::{Admin, Ended, Error};
use crate::domain::ClientId;
use crate::domain::spelling::unquoted;

const COLUMNS: &[&str] =
    &["id", "name", "confidential", "grants", "scope", "first_party", "may_introspect", "admin", "disabled_at"];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Register a client; the secret of a confidential one is generated and printed once.
    Add(Box<add::Registration>),
    /// List every client.
    List(Format),
    /// Show one client.
    Show {
        /// The client.
        id: ClientId,
        #[command(flatten)]
        format: Format,
    },
    /// Change what is given of a registration; sessions that lose what they rest on end.
    Update(Box<update::Changes>),
    /// Replace a confidential client's secret; the old one stops working.
    Secret(secret::Replacement),
    /// Remove a client, its sessions and its tokens.
    Remove(Named),
    /// Refuse a client everything until it is enabled, and end its sessions and tokens.
    Disable(Named),
    /// Let a disabled client work again; what ended stays ended.
    Enable {
        /// The client.
        id: ClientId,
    },
}

/// A client to take away from its users.
#[derive(Args, Debug)]
pub struct Named {
    /// The client.
    id: ClientId,
    #[command(flatten)]
    consent: Consent,
}

pub async fn run(admin: &Admin, command: Command) -> Result<(), Failure> {
    match command {
        Command::Add(registration) => add::run(admin, *registration).await,
        Command::List(format) => format.list(&client::list(admin).await?, COLUMNS),
        Command::Show { id, format } => format.show(&find(admin, &id).await?),
        Command::Update(changes) => update::run(admin, *changes).await,
        Command::Secret(replacement) => secret::run(admin, replacement).await,
        Command::Remove(named) => remove(admin, named).await,
        Command::Disable(named) => disable(admin, named).await,
        Command::Enable { id } => enable(admin, &id).await,
    }
}

/// The client of that id. An id that was copied with its quotes is found without them, unless a client is called so.
pub async fn find(admin: &Admin, id: &ClientId) -> Result<ClientView, Error> {
    match (client::find(admin, id).await, unquoted(id.as_str()).parse()) {
        (Err(Error::NotFound(..)), Ok(bare)) if bare != *id => {
            client::find(admin, &bare).await.map_err(|error| match error {
                Error::NotFound(thing, _) => Error::not_found(thing, id),
                error => error,
            })
        }
        (found, _) => found,
    }
}

async fn remove(admin: &Admin, Named { id, consent }: Named) -> Result<(), Failure> {
    let ClientView { id, name, .. } = find(admin, &id).await?;
    consent.require(&format!("Remove client {id} ({name}) and end all its sessions?"))?;
    let ended = client::remove(admin, &id).await?;
    print(&format!("client {id} was removed; {} ended\n", sessions(ended)))
}

async fn disable(admin: &Admin, Named { id, consent }: Named) -> Result<(), Failure> {
    let ClientView { id, name, disabled_at, .. } = find(admin, &id).await?;
    if disabled_at.is_some() {
        return print(&format!("client {id} was disabled before\n"));
    }
    consent.require(&format!("Disable client {id} ({name}) and end all its sessions?"))?;
    print(&match client::disable(admin, &id).await? {
        Ended { changed: true, revoked } => format!("client {id} was disabled; {} ended\n", sessions(revoked)),
        Ended { changed: false, .. } => format!("client {id} was disabled before\n"),
    })
}

async fn enable(admin: &Admin, id: &ClientId) -> Result<(), Failure> {
    let id = find(admin, id).await?.id;
    let done = if client::enable(admin, &id).await? { "was enabled" } else { "was enabled before" };
    print(&format!("client {id} {done}\n"))
}
