//! `tokend key`: the keys that sign access tokens.

use clap::{Args, Subcommand};

use super::failure::Failure;
use super::output::{Format, note, print};
use super::terminal::Consent;
use crate::admin::{Admin, key};
use crate::clock::date;
use crate::domain::SigningAlgorithm;
use crate::keys::KeyState;

const COLUMNS: &[&str] = &["kid", "algorithm", "created_at", "signs_from", "state"];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the signing keys in the order in which they sign.
    List(Format),
    #[command(
        about = "Publish a new key, which signs after tokens.key_lead_time, and the old one for 1d more. A key that has not begun \
                 to sign never does: the new one takes its place. Every key is sealed under the first master secret"
    )]
    Rotate(Rotation),
    /// Remove a key that doesn't sign; tokens that it signed are refused at once.
    Remove {
        /// The key's identifier.
        #[arg(allow_hyphen_values = true)]
        kid: String,
        #[command(flatten)]
        consent: Consent,
    },
}

#[derive(Args, Debug)]
pub struct Rotation {
    /// Sign with it at once, for when the old one may be stolen, and is to be removed then; who caches /jwks.json refuses
    /// tokens until they read it again.
    #[arg(long)]
    now: bool,
    #[arg(long, help = "What it signs with: ES256, EdDSA or RS256; otherwise tokens.signing_algorithm")]
    algorithm: Option<SigningAlgorithm>,
}

pub async fn run(admin: &Admin, command: Command) -> Result<(), Failure> {
    match command {
        Command::List(format) => format.list(&key::list(admin).await?, COLUMNS),
        Command::Rotate(rotation) => rotate(admin, rotation).await,
        Command::Remove { kid, consent } => remove(admin, &kid, consent).await,
    }
}

async fn rotate(admin: &Admin, options: Rotation) -> Result<(), Failure> {
    let key::Rotated { key, replaced } = key::rotate(admin, options.algorithm, options.now).await?;
    let (kid, algorithm, signs_from) = (key.kid(), key.algorithm(), key.signs_from());
    for replaced in replaced {
        note(&format!("key {replaced} had not signed yet, and never will: key {kid} takes its place"));
    }
    let configured = admin.config.tokens.signing_algorithm;
    if algorithm != configured {
        note(&format!(
            "tokens.signing_algorithm is {configured}: unless you change it, the next start makes such a key"
        ));
    }
    let from = if signs_from <= admin.now() { "at once".to_owned() } else { format!("from {}", date(signs_from)) };
    print(&format!("key {kid} ({algorithm}) is published, and signs {from}\n"))
}

async fn remove(admin: &Admin, kid: &str, consent: Consent) -> Result<(), Failure> {
    let question = match key::removable(admin, kid).await? {
        KeyState::Retiring => "Tokens that it signed may still be alive, and will be refused.",
        KeyState::Retired => "Nothing needs it any more.",
        KeyState::Signing | KeyState::Pending | KeyState::Replaced => "It has not signed yet.",
    };
    consent.require(&format!("Remove key {kid}? {question}"))?;
    key::remove(admin, kid).await?;
    print(&format!("key {kid} was removed\n"))
}
