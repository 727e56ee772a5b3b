//! `tokend client add`.

use clap::Args;

use super::options::Lifetimes;
use super::secret::Origin;
use crate::admin::Admin;
use crate::admin::client::{self, ClientChange, display_name};
use crate::cli::failure::Failure;
use crate::cli::output::{note, print};
use crate::config;
use crate::domain::{ClientId, Grant, Scope};

#[derive(Args, Debug)]
pub struct Registration {
    /// The client's identifier: printable ASCII, no UUID.
    id: ClientId,
    /// What people call it.
    #[arg(long, value_parser = display_name)]
    name: String,
    #[command(flatten)]
    kind: Kind,
    #[arg(
        long = "grant",
        value_name = "GRANT",
        help = grants_help()
    )]
    grants: Vec<Grant>,
    /// The scope that it may ask for, and gets when it asks for none: words in one argument.
    #[arg(long, default_value = "", hide_default_value = true)]
    scope: Scope,
    /// A resource server that its tokens may be for; otherwise the configured audience. Repeat it for more.
    #[arg(long, value_name = "AUDIENCE", value_parser = config::audience)]
    audience: Vec<String>,
    /// An audience that it answers to as a resource server, and whose tokens it may introspect. Repeat it for more.
    #[arg(long, value_name = "AUDIENCE", value_parser = config::audience)]
    serves: Vec<String>,
    /// A web origin whose pages may speak for it, such as <https://app.example.com>; otherwise those of `http.allowed_origins`. Repeat
    /// it for more.
    #[arg(long = "allowed-origin", value_name = "ORIGIN", value_parser = config::origin)]
    allowed_origins: Vec<String>,
    /// It may use passwords: for your own apps only.
    #[arg(long)]
    first_party: bool,
    /// It may introspect its own tokens and those for audiences that it serves.
    #[arg(long)]
    may_introspect: bool,
    /// It may revoke anybody's tokens.
    #[arg(long)]
    admin: bool,
    #[command(flatten)]
    lifetimes: Lifetimes,
    #[command(flatten)]
    secret: Origin,
}

/// Whether it can keep a secret, RFC 6749 §2.1.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Kind {
    /// It can't keep a secret: an app in a browser, on a phone or on a desktop.
    #[arg(long, conflicts_with = "secret_stdin")]
    public: bool,
    /// It can keep a secret, and authenticates with it.
    #[arg(long)]
    confidential: bool,
}

pub async fn run(admin: &Admin, registration: Registration) -> Result<(), Failure> {
    let id = registration.id.clone();
    client::require_new(admin, &id).await?;
    let secret = if registration.kind.public { None } else { Some(registration.secret.secret()?) };
    let plain = secret.as_ref().map(|secret| &secret.plain);
    let notes = client::create(admin, id.clone(), plain, &registration.rights()).await?;
    for text in notes {
        note(&text);
    }
    let done = format!("client {id} was added");
    secret.map_or_else(|| print(&format!("{done}\n")), |secret| secret.print(&done))
}

impl Registration {
    fn rights(self) -> ClientChange {
        ClientChange {
            name: Some(self.name),
            grants: Some(self.grants.into_iter().collect()),
            scope: Some(self.scope),
            audience: Some(self.audience),
            serves: Some(self.serves),
            allowed_origins: Some(self.allowed_origins),
            first_party: Some(self.first_party),
            may_introspect: Some(self.may_introspect),
            admin: Some(self.admin),
            ..self.lifetimes.change()
        }
    }
}

fn grants_help() -> String {
    let [others @ .., last] = &Grant::ALL.map(Grant::as_str);
    format!("A grant that it may use: {} or {last}. Repeat it for more", others.join(", "))
}
