//! Client secrets: generated, or brought along by somebody who must know the same one elsewhere.

use clap::Args;

use super::find;
use crate::admin::Admin;
use crate::admin::client::{chosen_secret, replace_secret};
use crate::cli::failure::Failure;
use crate::cli::output::{print, print_secret};
use crate::cli::terminal::line_of_stdin;
use crate::domain::{ClientId, PlainSecret};

#[derive(Args, Debug)]
pub struct Replacement {
    /// The client.
    id: ClientId,
    #[command(flatten)]
    origin: Origin,
}

/// Where a secret comes from.
#[derive(Args, Clone, Copy, Debug)]
pub struct Origin {
    /// Take the secret from standard input instead of generating one: one line of 32 characters or more.
    #[arg(long)]
    pub secret_stdin: bool,
}

/// A secret, and whether the operator has to be told what it is.
pub struct NewSecret {
    pub plain: PlainSecret,
    is_ours: bool,
}

impl Origin {
    pub fn secret(self) -> Result<NewSecret, Failure> {
        if !self.secret_stdin {
            return Ok(NewSecret { plain: PlainSecret::generate(), is_ours: true });
        }
        Ok(NewSecret { plain: chosen_secret(&line_of_stdin("the secret")?)?, is_ours: false })
    }
}

impl NewSecret {
    /// Says what was done, and the secret if nobody knows it yet.
    pub fn print(&self, done: &str) -> Result<(), Failure> {
        if self.is_ours {
            print_secret(&format!("{done}; its secret"), &self.plain)
        } else {
            print(&format!("{done}\n"))
        }
    }
}

pub async fn run(admin: &Admin, Replacement { id, origin }: Replacement) -> Result<(), Failure> {
    let client = find(admin, &id).await?;
    client.require_confidential()?;
    let secret = origin.secret()?;
    replace_secret(admin, &client.id, &secret.plain).await?;
    secret.print(&format!("client {id} has a new secret, the old one is void"))
}
