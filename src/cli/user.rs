//! `tokend user`: people with a password.

mod add;
mod claims;
mod password;
mod update;

use clap::{Args, Subcommand};

use super::context::Context;
use super::failure::Failure;
use super::output::{Cell, Format, Record, print, sessions};
use super::terminal::Consent;
use crate::domain::spelling::visible;
use crate::domain::{User, Username};
use crate::store::sessions::SessionFilter;
use crate::store::users::Credentials;

/// What a listing shows of each user.
const COLUMNS: &[&str] = &["username", "id", "email", "created_at", "disabled_at"];

/// What to do with users.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a user; the password is asked for, unless an option says where it comes from.
    Add(add::NewUser),
    /// List users in the order of their names.
    List(Listing),
    /// Show one user.
    Show(Shown),
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

/// A part of all users.
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

/// A user to show.
#[derive(Args, Debug)]
pub struct Shown {
    /// The user's name or e-mail address.
    #[arg(value_name = "NAME|EMAIL")]
    name: Username,
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

/// A user.
#[derive(Args, Debug)]
pub struct Name {
    /// The user's name or e-mail address.
    #[arg(value_name = "NAME|EMAIL")]
    name: Username,
}

/// Runs the command.
pub async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Add(user) => add::run(context, user).await,
        Command::List(listing) => list(context, &listing).await,
        Command::Show(Shown { name, format }) => {
            let Credentials { user, password_hash, .. } = find(context, &name).await?;
            let mut record = record(&user);
            record.0.push(("has_password", Cell::Flag(password_hash.is_some())));
            format.show(&record)
        }
        Command::Update(changes) => update::run(context, changes).await,
        Command::Password(replacement) => password::run(context, replacement).await,
        Command::Disable(named) => disable(context, named).await,
        Command::Enable(Name { name }) => enable(context, &name).await,
        Command::ForgetDevices(Name { name }) => forget_devices(context, &name).await,
        Command::Remove(named) => remove(context, named).await,
    }
}

/// The user of that name, or the only one with that e-mail address. A name goes before an address, as it does at a sign-in.
pub async fn find(context: &Context, name: &Username) -> Result<Credentials, Failure> {
    if let Some(found) = context.store.users().find_credentials(name).await? {
        return Ok(found);
    }
    if !name.as_str().contains('@') {
        return Err(no_user(name));
    }
    let names: Vec<_> = context.store.users().with_email(name).await?.into_iter().map(|user| user.username).collect();
    match names.as_slice() {
        [] => Err(no_user(name)),
        [only] => context.store.users().find_credentials(only).await?.ok_or_else(|| no_user(only)),
        several => {
            let several: Vec<_> = several.iter().map(Username::as_str).collect();
            Err(format!("the e-mail address {name} is that of several users, say which: {}", several.join(" ")).into())
        }
    }
}

fn no_user(name: &Username) -> Failure {
    format!("there is no user {name}").into()
}

fn record(user: &User) -> Record {
    Record(vec![
        ("id", Cell::Text(user.id.to_string())),
        ("username", Cell::Text(user.username.to_string())),
        ("email", Cell::text(user.profile.email.as_deref())),
        ("claims", Cell::Claims(user.profile.claims.clone())),
        ("created_at", Cell::Time(user.created_at)),
        ("disabled_at", Cell::time(user.disabled_at)),
    ])
}

async fn list(context: &Context, Listing { limit, after, email, format }: &Listing) -> Result<(), Failure> {
    if let Some(address) = email {
        let mut users = context.store.users().with_email(address).await?;
        users.truncate(usize::try_from(*limit)?);
        return format.list(&users.iter().map(record).collect::<Vec<_>>(), COLUMNS);
    }
    // A name is looked up in its canonical form, and any other text is as good a place to begin as a name.
    let after = after.parse::<Username>().map_or_else(|_| after.clone(), |name| name.to_string());
    let mut users = context.store.users().list(&after, limit.saturating_add(1)).await?;
    let more = users.len() > usize::try_from(*limit)?;
    if more {
        users.pop();
    }
    format.list(&users.iter().map(record).collect::<Vec<_>>(), COLUMNS)?;
    match users.last() {
        Some(last) if more && !format.is_json() => {
            print(&format!("more: tokend user list --after {}\n", last.username))
        }
        _ => Ok(()),
    }
}

async fn disable(context: &Context, Named { name, consent }: Named) -> Result<(), Failure> {
    let user = find(context, &name).await?.user;
    let name = &user.username;
    if user.disabled_at.is_some() {
        return print(&format!("user {name} was disabled before\n"));
    }
    consent.require(&format!("Disable user {name} and end all its sessions?"))?;
    let ended = context.store.users().disable(user.id, context.now()).await?.unwrap_or(0);
    print(&format!("user {name} was disabled; {} ended\n", sessions(ended)))
}

async fn enable(context: &Context, name: &Username) -> Result<(), Failure> {
    let user = find(context, name).await?.user;
    let name = &user.username;
    let done = if context.store.users().enable(user.id).await? { "was enabled" } else { "was enabled before" };
    print(&format!("user {name} {done}\n"))
}

async fn forget_devices(context: &Context, name: &Username) -> Result<(), Failure> {
    let user = find(context, name).await?.user;
    let name = &user.username;
    if !context.store.users().forget_devices(user.id, context.now()).await? {
        return Err(no_user(name));
    }
    print(&format!("the devices of user {name} are unknown ones until the next sign-in on each\n"))
}

async fn remove(context: &Context, Named { name, consent }: Named) -> Result<(), Failure> {
    let user = find(context, &name).await?.user;
    let name = &user.username;
    consent.require(&format!("Remove user {name} and end all its sessions?"))?;
    let its = SessionFilter { user: Some(user.id), ..SessionFilter::default() };
    let ended = context.store.sessions().count(&its, context.now()).await?;
    if !context.store.users().remove(user.id).await? {
        return Err(no_user(name));
    }
    print(&format!("user {name} was removed; {} ended\n", sessions(ended)))
}

/// An address that mail could be sent to, as far as one can tell without sending any.
fn email(text: &str) -> Result<String, &'static str> {
    let text = visible(text);
    let (local, domain) = text.rsplit_once('@').unwrap_or_default();
    let sound = !local.is_empty() && !domain.is_empty() && text.len() <= 320;
    let visible = !text.chars().any(|c| c.is_whitespace() || c.is_control());
    if sound && visible { Ok(text.to_owned()) } else { Err("must be an address such as alice@example.com") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_two_sides_and_no_spaces() {
        assert!(email("alice@example.com").is_ok() && email("\"a@b\"@localhost").is_ok());
        assert_eq!(email("\u{200b} alice@example.com\u{a0}\n").as_deref(), Ok("alice@example.com"));
        for text in ["", "alice", "@example.com", "alice@", "a b@example.com", "a\n@b", "a\0@b"] {
            assert!(email(text).is_err(), "{text:?}");
        }
    }
}
