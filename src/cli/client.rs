//! `tokend client`: apps and resource servers.

mod add;
mod options;
pub mod rules;
mod secret;
mod show;
mod update;

use clap::{Args, Subcommand};

use super::context::Context;
use super::failure::Failure;
use super::output::{Format, escaped, print, sessions};
use super::terminal::Consent;
use crate::domain::spelling::unquoted;
use crate::domain::{Client, ClientId};
use crate::oauth::audience;
use crate::store::sessions::SessionFilter;

/// How often a change is made again when somebody else changes the same client meanwhile.
const ATTEMPTS: usize = 3;

/// What to do with clients.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Register a client; the secret of a confidential one is generated and printed once.
    Add(Box<add::Registration>),
    /// List every client.
    List(Format),
    /// Show one client.
    Show(Shown),
    /// Change what is given of a registration; sessions that lose what they rest on end.
    Update(Box<update::Changes>),
    /// Replace a confidential client's secret; the old one stops working.
    Secret(secret::Replacement),
    /// Remove a client, its sessions and its tokens.
    Remove(Named),
    /// Refuse a client everything until it is enabled, and end its sessions and tokens.
    Disable(Named),
    /// Let a disabled client work again; what ended stays ended.
    Enable(Enabled),
}

/// A client to show.
#[derive(Args, Debug)]
pub struct Shown {
    /// The client.
    id: ClientId,
    #[command(flatten)]
    format: Format,
}

/// A client to take away from its users.
#[derive(Args, Debug)]
pub struct Named {
    /// The client.
    id: ClientId,
    #[command(flatten)]
    consent: Consent,
}

/// A client to enable.
#[derive(Args, Debug)]
pub struct Enabled {
    /// The client.
    id: ClientId,
}

/// Runs the command.
pub async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Add(registration) => add::run(context, *registration).await,
        Command::List(format) => {
            let clients = context.store.clients().list().await?;
            format.list(&clients.iter().map(show::record).collect::<Vec<_>>(), show::COLUMNS)
        }
        Command::Show(Shown { id, format }) => format.show(&show::record(&find(context, &id).await?)),
        Command::Update(changes) => update::run(context, *changes).await,
        Command::Secret(replacement) => secret::run(context, replacement).await,
        Command::Remove(named) => remove(context, named).await,
        Command::Disable(named) => disable(context, named).await,
        Command::Enable(Enabled { id }) => enable(context, &id).await,
    }
}

/// The client of that id. An id that was copied with its quotes is found without them, unless a client is called so.
pub async fn find(context: &Context, id: &ClientId) -> Result<Client, Failure> {
    if let Some(client) = context.store.clients().find(id).await? {
        return Ok(client);
    }
    let found = match unquoted(id.as_str()).parse() {
        Ok(bare) => context.store.clients().find(&bare).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| no_client(id))
}

fn no_client(id: &ClientId) -> Failure {
    format!("there is no client {id}").into()
}

/// Makes a change to a registration. The number of sessions that ended by it.
async fn change(
    context: &Context,
    id: &ClientId,
    change: impl Fn(&mut Client) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    for _ in 0..ATTEMPTS {
        let before = find(context, id).await?;
        let mut after = before.clone();
        change(&mut after)?;
        let now = context.now();
        let audience = audience::lost(&before, &after, &context.config);
        if before.own_tokens_outgrow(&after, &audience) {
            // As a revocation of all of them does: never backwards, and past the second that has begun.
            after.tokens_revoked_at = after.tokens_revoked_at.max(now).saturating_add(1);
        }
        let lost = before.rights_lost(&after, audience);
        if let Some(ended) = context.store.clients().update(&after, &lost, now).await? {
            return Ok(ended);
        }
    }
    Err(format!("somebody else is changing client {id}: try again").into())
}

async fn remove(context: &Context, Named { id, consent }: Named) -> Result<(), Failure> {
    let Client { id, name, .. } = find(context, &id).await?;
    consent.require(&format!("Remove client {id} ({name}) and end all its sessions?"))?;
    let its = SessionFilter { client: Some(id.clone()), ..SessionFilter::default() };
    let ended = context.store.sessions().count(&its, context.now()).await?;
    if !context.store.clients().remove(&id, context.now()).await? {
        return Err(no_client(&id));
    }
    print(&format!("client {id} was removed; {} ended\n", sessions(ended)))
}

async fn disable(context: &Context, Named { id, consent }: Named) -> Result<(), Failure> {
    let client = find(context, &id).await?;
    if client.disabled_at.is_some() {
        return print(&format!("client {id} was disabled before\n"));
    }
    consent.require(&format!("Disable client {id} ({}) and end all its sessions?", client.name))?;
    let now = context.now();
    let ended = change(context, &id, |client| {
        client.disabled_at = client.disabled_at.or(Some(now));
        Ok(())
    });
    print(&format!("client {id} was disabled; {} ended\n", sessions(ended.await?)))
}

async fn enable(context: &Context, id: &ClientId) -> Result<(), Failure> {
    if find(context, id).await?.disabled_at.is_none() {
        return print(&format!("client {id} was enabled before\n"));
    }
    change(context, id, |client| {
        client.disabled_at = None;
        Ok(())
    })
    .await?;
    print(&format!("client {id} was enabled\n"))
}

/// A name that people see: not empty, short, and nothing that a terminal or a page would obey.
fn display_name(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let sound = !text.is_empty() && text.chars().count() <= 200 && escaped(text) == text;
    if sound { Ok(text.to_owned()) } else { Err("must be 1 to 200 printable characters") }
}
