//! `tokend client update`: what is given replaces what was, what isn't stays.

use clap::builder::BoolishValueParser;
use clap::{ArgGroup, Args};

use super::options::Lifetimes;
use super::{change, display_name, find, rules};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::output::{note, print, sessions};
use crate::config;
use crate::domain::{Client, ClientId, Grant, Scope};

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
    /// The resource servers that its tokens may be for; "" for the configured audience. Repeat it for more.
    #[arg(long, value_name = "AUDIENCE", value_parser = or_none(config::audience))]
    audience: Option<Vec<Option<String>>>,
    /// The audiences that it answers to as a resource server; "" for none. Repeat it for more.
    #[arg(long, value_name = "AUDIENCE", value_parser = or_none(config::audience))]
    serves: Option<Vec<Option<String>>>,
    /// The web origins whose pages may speak for it; "" for those of `http.allowed_origins`. Repeat it for more.
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

/// Changes the registration.
pub async fn run(context: &Context, changes: Changes) -> Result<(), Failure> {
    let id = &changes.id;
    let ended = change(context, id, |client| {
        changes.apply(client);
        Ok(rules::refuse(client)?)
    });
    let ended = ended.await?;
    rules::notes(&find(context, id).await?).for_each(note);
    print(&format!("client {id} was changed; {} ended\n", sessions(ended)))
}

impl Changes {
    fn apply(&self, client: &mut Client) {
        if let Some(name) = &self.name {
            client.name.clone_from(name);
        }
        if let Some(grants) = &self.grants {
            client.grants = grants.iter().copied().flatten().collect();
        }
        if let Some(scope) = &self.scope {
            client.scope.clone_from(scope);
        }
        let lists = [
            (&self.audience, &mut client.audience),
            (&self.serves, &mut client.serves),
            (&self.allowed_origins, &mut client.allowed_origins),
        ];
        for (given, list) in lists {
            if let Some(given) = given {
                *list = given.iter().flatten().cloned().collect();
            }
        }
        client.first_party = self.first_party.unwrap_or(client.first_party);
        client.may_introspect = self.may_introspect.unwrap_or(client.may_introspect);
        client.admin = self.admin.unwrap_or(client.admin);
        self.lifetimes.apply(client);
    }
}

/// An item of a list, or the empty text that stands for the empty list.
fn or_none<T, E>(parse: impl Fn(&str) -> Result<T, E> + Clone) -> impl Fn(&str) -> Result<Option<T>, E> + Clone {
    move |text| if text.is_empty() { Ok(None) } else { parse(text).map(Some) }
}
