//! `tokend user`: people with a password.

mod add;
mod claim;
mod password;
mod update;

use clap::{Args, Subcommand};

use super::failure::Failure;
use super::output::{Format, print, sessions};
use super::terminal::Consent;
use crate::admin::user;
use crate::admin::{Admin, Ended};
use crate::domain::Username;

const COLUMNS: &[&str] = &["username", "id", "email", "created_at", "disabled_at"];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a user; the password is asked for, unless an option says where it comes from.
    Add(add::NewUser),
    /// List users in the order of their names.
    List(Listing),
    /// Show one user.
    Show {
        /// The user's name or e-mail address.
        #[arg(value_name = "NAME|EMAIL")]
        name: Username,
        #[command(flatten)]
        format: Format,
    },
    /// Change the address or claims of a user.
    Update(update::Changes),
    /// Set a new password and end all sessions of the user.
    Password(password::Replacement),
    /// Keep a user from signing in, and end all its sessions.
    Disable(Named),
    /// Let a disabled user sign in again.
    Enable(Name),
    /// Treat the devices that a user has signed in on as unknown ones, as when one was stolen.
    ForgetDevices(Name),
    /// Remove a user and its sessions.
    Remove(Named),
}

#[derive(Args, Debug)]
pub struct Listing {
    /// The most users to list.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=100_000))]
    limit: i64,
    /// Begin after this name.
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    after: String,
    /// Only those with this e-mail address; case and width don't count.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "after")]
    email: Option<Username>,
    #[command(flatten)]
    format: Format,
}

/// A user to lock out.
#[derive(Args, Debug)]
pub struct Named {
    /// The user's name or e-mail address.
    #[arg(value_name = "NAME|EMAIL")]
    name: Username,
    #[command(flatten)]
    consent: Consent,
}

#[derive(Args, Debug)]
pub struct Name {
    /// The user's name or e-mail address.
    #[arg(value_name = "NAME|EMAIL")]
    name: Username,
}

pub async fn run(admin: &Admin, command: Command) -> Result<(), Failure> {
    match command {
        Command::Add(user) => add::run(admin, user).await,
        Command::List(listing) => list(admin, &listing).await,
        Command::Show { name, format } => format.show(&user::find(admin, &name).await?),
        Command::Update(changes) => update::run(admin, changes).await,
        Command::Password(replacement) => password::run(admin, replacement).await,
        Command::Disable(named) => disable(admin, named).await,
        Command::Enable(Name { name }) => enable(admin, &name).await,
        Command::ForgetDevices(Name { name }) => forget_devices(admin, &name).await,
        Command::Remove(named) => remove(admin, named).await,
    }
}

async fn list(admin: &Admin, Listing { limit, after, email, format }: &Listing) -> Result<(), Failure> {
    if let Some(address) = email {
        return format.list(&user::with_email(admin, address, *limit).await?.items, COLUMNS);
    }
    let page = user::list(admin, after, *limit).await?;
    format.list(&page.items, COLUMNS)?;
    match page.items.last() {
        Some(last) if page.more && !format.is_json() => {
            print(&format!("more: tokend user list --after {}\n", last.username))
        }
        _ => Ok(()),
    }
}

async fn disable(admin: &Admin, Named { name, consent }: Named) -> Result<(), Failure> {
    let user = user::find(admin, &name).await?;
    let name = &user.username;
    if user.disabled_at.is_some() {
        return print(&format!("user {name} was disabled before\n"));
    }
    consent.require(&format!("Disable user {name} and end all its sessions?"))?;
    print(&match user::disable(admin, &user).await? {
        Ended { changed: true, revoked } => format!("user {name} was disabled; {} ended\n", sessions(revoked)),
        Ended { changed: false, .. } => format!("user {name} was disabled before\n"),
    })
}

async fn enable(admin: &Admin, name: &Username) -> Result<(), Failure> {
    let user = user::find(admin, name).await?;
    let done = if user::enable(admin, &user).await? { "was enabled" } else { "was enabled before" };
    print(&format!("user {} {done}\n", user.username))
}

async fn forget_devices(admin: &Admin, name: &Username) -> Result<(), Failure> {
    let user = user::find(admin, name).await?;
    user::forget_devices(admin, user.id).await?;
    print(&format!("the devices of user {} are unknown ones until the next sign-in on each\n", user.username))
}

async fn remove(admin: &Admin, Named { name, consent }: Named) -> Result<(), Failure> {
    let user = user::find(admin, &name).await?;
    let name = &user.username;
    consent.require(&format!("Remove user {name} and end all its sessions?"))?;
    let ended = user::remove(admin, user.id).await?;
    print(&format!("user {name} was removed; {} ended\n", sessions(ended)))
}
