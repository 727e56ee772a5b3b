//! `tokend user update`: what is given replaces what was, what isn't stays.

use clap::{ArgGroup, Args};

use super::claims::{self, Claim, claim, claim_name};
use super::{email, find, no_user};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::output::print;
use crate::domain::{User, Username};

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

/// Changes the user.
pub async fn run(context: &Context, changes: Changes) -> Result<(), Failure> {
    let User { id, username: name, .. } = find(context, &changes.name).await?.user;
    if !context.store.users().update(id, |user| changes.apply(user)).await? {
        return Err(no_user(&name));
    }
    print(&format!("user {name} was changed\n"))
}

impl Changes {
    fn apply(self, user: &mut User) -> Result<(), Failure> {
        if self.no_email || self.email.is_some() {
            user.profile.email = self.email;
        }
        for claim in &self.remove_claims {
            if user.profile.claims.remove(claim).is_none() {
                return Err(format!("user {} has no claim {claim}", user.username).into());
            }
        }
        Ok(claims::set(&mut user.profile.claims, self.claims)?)
    }
}
