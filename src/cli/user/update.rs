//! `tokend user update`: what is given replaces what was, what isn't stays.

use clap::{ArgGroup, Args};

use super::claim::claim;
use crate::admin::Admin;
use crate::admin::user::{self, Claim, UserChange, claim_name, email};
use crate::cli::failure::Failure;
use crate::cli::output::print;
use crate::domain::Username;

/// What is to be different.
#[derive(Args, Debug)]
#[command(group(
    ArgGroup::new("change").required(true).multiple(true).args(["email", "no_email", "claims", "remove_claims"])
))]
pub struct Changes {
    /// The user's name or e-mail address.
    #[arg(value_name = "NAME|EMAIL")]
    name: Username,
    /// The user's address.
    #[arg(long, value_parser = email)]
    email: Option<String>,
    /// Forget the address.
    #[arg(long, conflicts_with = "email")]
    no_email: bool,
    #[arg(
        long = "claim",
        value_name = "NAME=JSON",
        value_parser = claim,
        help = "A claim with its value as JSON, such as roles='[\"admin\"]', in place of the one it has. Repeat it for more"
    )]
    claims: Vec<Claim>,
    /// A claim to forget. Repeat it for more.
    #[arg(long = "remove-claim", value_name = "NAME", value_parser = claim_name)]
    remove_claims: Vec<String>,
}

pub async fn run(admin: &Admin, changes: Changes) -> Result<(), Failure> {
    let user = user::find(admin, &changes.name).await?;
    let email = if changes.no_email { Some(None) } else { changes.email.map(Some) };
    let change = UserChange { email, claims: changes.claims, remove_claims: changes.remove_claims };
    user::update(admin, user.id, change).await?;
    print(&format!("user {} was changed\n", user.username))
}
