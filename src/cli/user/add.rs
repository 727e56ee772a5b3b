//! `tokend user add`.

use clap::Args;

use super::claim::claim;
use super::password::Origin;
use crate::admin::Admin;
use crate::admin::user::{self, Claim, email};
use crate::cli::failure::Failure;
use crate::cli::output::print;
use crate::domain::Username;

#[derive(Args, Debug)]
pub struct NewUser {
    /// The name to sign in with; case and width don't count.
    name: Username,
    /// The user's address.
    #[arg(long, value_parser = email)]
    email: Option<String>,
    #[arg(
        long = "claim",
        value_name = "NAME=JSON",
        value_parser = claim,
        help = "A claim with its value as JSON, such as roles='[\"admin\"]'. Repeat it for more"
    )]
    claims: Vec<Claim>,
    #[command(flatten)]
    origin: Origin,
    /// Give the user no password: nobody can sign in until one is set.
    #[arg(long, conflicts_with = "password")]
    no_password: bool,
}

pub async fn run(admin: &Admin, new: NewUser) -> Result<(), Failure> {
    let name = new.name;
    let user = user::NewUser { username: name.clone(), email: new.email, claims: new.claims };
    user::require_new(admin, &user).await?;
    let (password, generated) = if new.no_password {
        (None, None)
    } else {
        let chosen = new.origin.password(&name)?;
        (Some(chosen.password), Some(chosen.generated))
    };
    let id = user::create(admin, user, password).await?.id;
    let done = format!("user {name} was added with the id {id}");
    generated.map_or_else(|| print(&format!("{done}\n")), |generated| generated.print(&done))
}
