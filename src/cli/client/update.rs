//! `tokend client update`: what is given replaces what was, what isn't stays.

use clap::builder::BoolishValueParser;
use clap::{ArgGroup, Args};

use super::find;
use super::options::Lifetimes;
use crate::admin::Admin;
use crate::admin::client::{self, ClientChange, display_name};
use crate::cli::failure::Failure;
use crate::cli::output::{note, print, sessions};
use crate::config;
use crate::domain::{ClientId, Grant, Scope};

/// What is to be different.
#[derive(Args, Debug)]
#[command(override_usage = "tokend client update [OPTIONS] <ID>", group(
    ArgGroup::new("change").required(true).multiple(true)
        .args(["name", "grants", "scope", "audience", "serves", "allowed_origins", "first_party", "may_introspect", "admin"])
        .args(Lifetimes::ALL)
))]
pub struct Changes {
    /// The client.
    id: ClientId,
    /// What people call it.
    #[arg(long, value_parser = display_name)]
    name: Option<String>,
    /// The grants that it may use, in place of all it has; "" for none. Repeat it for more.
    #[arg(long = "grant", value_name = "GRANT", value_parser = or_none(str::parse::<Grant>))]
    grants: Option<Vec<Option<Grant>>>,
    /// The scope that it may ask for, in place of all it has; "" for none.
    #[arg(long)]
    scope: Option<Scope>,
    /// The resource servers that its tokens may be for, in place of all it has; "" for the configured audience. Repeat it for more.
    #[arg(long, value_name = "AUDIENCE", value_parser = or_none(config::audience))]
    audience: Option<Vec<Option<String>>>,
    /// The audiences that it answers to as a resource server, in place of all it has; "" for none. Repeat it for more.
    #[arg(long, value_name = "AUDIENCE", value_parser = or_none(config::audience))]
    serves: Option<Vec<Option<String>>>,
    /// The web origins whose pages may speak for it, in place of all it has; "" for those of `http.allowed_origins`. Repeat
    /// it for more.
    #[arg(long = "allowed-origin", value_name = "ORIGIN", value_parser = or_none(config::origin))]
    allowed_origins: Option<Vec<Option<String>>>,
    /// Whether it may use passwords.
    #[arg(long, value_name = "true|false", value_parser = BoolishValueParser::new())]
    first_party: Option<bool>,
    /// Whether it may introspect.
    #[arg(long, value_name = "true|false", value_parser = BoolishValueParser::new())]
    may_introspect: Option<bool>,
    /// Whether it may revoke anybody's tokens.
    #[arg(long, value_name = "true|false", value_parser = BoolishValueParser::new())]
    admin: Option<bool>,
    #[command(flatten)]
    lifetimes: Lifetimes,
}

pub async fn run(admin: &Admin, changes: Changes) -> Result<(), Failure> {
    let id = find(admin, &changes.id).await?.id;
    let client::Changed { revoked, notes } = client::update(admin, &id, &changes.change()).await?;
    for text in notes {
        note(&text);
    }
    print(&format!("client {id} was changed; {} ended\n", sessions(revoked)))
}

impl Changes {
    fn change(self) -> ClientChange {
        let items = |given: Option<Vec<Option<String>>>| given.map(|items| items.into_iter().flatten().collect());
        ClientChange {
            name: self.name,
            grants: self.grants.map(|grants| grants.into_iter().flatten().collect()),
            scope: self.scope,
            audience: items(self.audience),
            serves: items(self.serves),
            allowed_origins: items(self.allowed_origins),
            first_party: self.first_party,
            may_introspect: self.may_introspect,
            admin: self.admin,
            ..self.lifetimes.change()
        }
    }
}

/// An item of a list, or the empty text that stands for the empty list.
fn or_none<T, E>(parse: impl Fn(&str) -> Result<T, E> + Clone) -> impl Fn(&str) -> Result<Option<T>, E> + Clone {
    move |text| if text.is_empty() { Ok(None) } else { parse(text).map(Some) }
}
