//! `tokend user add`.

use clap::Args;

use super::claims::{self, Claim, claim};
use super::email;
use super::password::Origin;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::output::print;
use crate::domain::{Claims, Profile, User, UserId, Username};
use crate::store::StoreError;

/// A user to be.
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

/// Adds the user.
pub async fn run(context: &Context, new: NewUser) -> Result<(), Failure> {
    let name = new.name;
    let exists = || Failure::from(format!("there is a user {name} already"));
    if context.store.users().find_credentials(&name).await?.is_some() {
        return Err(exists());
    }
    let mut claims = Claims::new();
    claims::set(&mut claims, new.claims)?;
    let password = if new.no_password { None } else { Some(new.origin.password(&context.config, &name).await?) };
    let user = User {
        id: UserId::generate(),
        username: name.clone(),
        profile: Profile::new(new.email, claims),
        credentials_version: 1,
        created_at: context.now(),
        disabled_at: None,
    };
    match context.store.users().insert(&user, password.as_ref().map(|password| password.hash.as_str())).await {
        Err(StoreError::Exists) => return Err(exists()),
        stored => stored?,
    }
    let done = format!("user {name} was added with the id {}", user.id);
    password.map_or_else(|| print(&format!("{done}\n")), |password| password.print(&done))
}
