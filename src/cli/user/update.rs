//! `tokend user update`: what is given replaces what was, what isn't stays.

use clap::{ArgGroup, Args};

use super::claims::{self, Claim, claim, claim_name};
use super::{email, find, no_user};
use crate::cli::Failure;
use crate::cli::context::Context;
use crate::cli::output::print;
use crate::domain::Username;

/// What is to be different.
#[derive(Args, Debug)]
#[command(group(
    ArgGroup::new("change").required(true).multiple(true).args(["email", "no_email", "claims", "remove_claims"])
))]
pub struct Changes {
    /// The user's name.
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

/// Changes the user.
pub async fn run(context: &Context, changes: Changes) -> Result<(), Failure> {
    let name = changes.name;
    let mut user = find(context, &name).await?.user;
    if changes.no_email || changes.email.is_some() {
        user.email = changes.email;
    }
    for claim in &changes.remove_claims {
        if user.claims.remove(claim).is_none() {
            return Err(format!("user {name} has no claim {claim}").into());
        }
    }
    claims::set(&mut user.claims, changes.claims)?;
    if !context.store.update_user(&user).await? {
        return Err(no_user(&name));
    }
    print(&format!("user {name} was changed\n"))
}
