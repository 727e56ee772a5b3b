//! Client secrets: generated, or brought along by somebody who must know the same one elsewhere.

use clap::Args;

use super::{change, find};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::output::{print, print_secret};
use crate::cli::terminal::line_of_stdin;
use crate::domain::spelling::visible;
use crate::domain::{ClientAuthentication, ClientId, PlainSecret};

/// The shortest secret that is accepted from outside, in characters: its hash is fast, so it can't be guessable.
const SHORTEST: usize = 32;

/// The longest one, in characters.
const LONGEST: usize = 1024;

/// A client that gets another secret.
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
    plain: PlainSecret,
    is_ours: bool,
}

impl Origin {
    /// Generates or reads a secret.
    pub fn secret(self) -> Result<NewSecret, Failure> {
        if !self.secret_stdin {
            return Ok(NewSecret { plain: PlainSecret::generate(), is_ours: true });
        }
        let line = line_of_stdin("the secret")?;
        // No secret has anything invisible in it.
        let secret = visible(&line);
        sound(secret)?;
        Ok(NewSecret { plain: PlainSecret::new(secret.to_owned()), is_ours: false })
    }
}

impl NewSecret {
    /// What is stored of it.
    pub fn authentication(&self) -> ClientAuthentication {
        ClientAuthentication::Secret(self.plain.hash())
    }

    /// Says what was done, and the secret if nobody knows it yet.
    pub fn print(&self, done: &str) -> Result<(), Failure> {
        if self.is_ours {
            print_secret(&format!("{done}; its secret"), &self.plain)
        } else {
            print(&format!("{done}\n"))
        }
    }
}

/// Replaces a secret.
pub async fn run(context: &Context, Replacement { id, origin }: Replacement) -> Result<(), Failure> {
    if find(context, &id).await?.is_public() {
        return Err(format!("client {id} is public: it has no secret").into());
    }
    let secret = origin.secret()?;
    change(context, &id, |client| {
        client.authentication = secret.authentication();
        Ok(())
    })
    .await?;
    secret.print(&format!("client {id} has a new secret, the old one is void"))
}

/// Visible ASCII, so that it passes through headers and shells as it is (RFC 6749 §A.2).
fn sound(secret: &str) -> Result<(), &'static str> {
    match secret.len() {
        _ if !secret.bytes().all(|b| b.is_ascii_graphic()) => Err("a secret is visible ASCII without spaces"),
        SHORTEST..=LONGEST => Ok(()),
        _ => Err("a secret is 32 to 1024 characters long"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_from_outside_is_long_and_visible() {
        assert_eq!(sound(&"a".repeat(32)), Ok(()));
        assert_eq!(sound(&"~".repeat(1024)), Ok(()));
        for text in ["a".repeat(31), "a".repeat(1025), format!("a b{}", "c".repeat(32)), "é".repeat(32)] {
            assert!(sound(&text).is_err(), "{text:?}");
        }
    }
}
