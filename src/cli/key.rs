//! `tokend key`: the keys that sign access tokens.

use std::sync::Arc;

use clap::{Args, Subcommand};

use super::context::Context;
use super::failure::Failure;
use super::output::{Cell, Format, Record, date, note, print};
use super::start;
use super::terminal::Consent;
use crate::app::{Begins, Registry, Rotated, Snapshot, publish_key};
use crate::clock::UnixTime;
use crate::domain::SigningAlgorithm;
use crate::keys::{KeyState, SigningKey};

/// What to do with signing keys.
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
    Remove(Removal),
}

/// How to rotate.
#[derive(Args, Debug)]
pub struct Rotation {
    /// Sign with it at once, for when the old one may be stolen, and is to be removed then; who caches /jwks.json refuses
    /// tokens until they read it again.
    #[arg(long)]
    now: bool,
    #[arg(long, help = "What it signs with: ES256, EdDSA or RS256; otherwise tokens.signing_algorithm")]
    algorithm: Option<SigningAlgorithm>,
}

/// A key to remove.
#[derive(Args, Debug)]
pub struct Removal {
    /// The key's identifier.
    #[arg(allow_hyphen_values = true)]
    kid: String,
    #[command(flatten)]
    consent: Consent,
}

/// Runs the command.
pub async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::List(format) => {
            let columns = ["kid", "algorithm", "created_at", "signs_from", "state"];
            format.list(&list(context).await?, &columns)
        }
        Command::Rotate(rotation) => rotate(context, rotation).await,
        Command::Remove(removal) => remove(context, removal).await,
    }
}

/// The keys as a server sees them.
async fn snapshot(context: &Context) -> Result<Arc<Snapshot>, Failure> {
    let secrets = start::master_secrets(&context.config, &context.store).await?;
    let registry = Registry::load(context.store.clone().into(), secrets, context.config.issuer.as_str()).await?;
    registry.snapshot().ok_or_else(|| "the database is too slow".into())
}

fn states(snapshot: &Snapshot, now: UnixTime) -> Vec<(&SigningKey, KeyState)> {
    snapshot.keys.states(now)
}

async fn list(context: &Context) -> Result<Vec<Record>, Failure> {
    // A database that no server has run on has no keys, and perhaps no master secret yet.
    if context.store.signing_keys().list().await?.is_empty() {
        return Ok(Vec::new());
    }
    let snapshot = snapshot(context).await?;
    let states = states(&snapshot, context.now());
    Ok(states.into_iter().map(|(key, state)| record(key, state)).collect())
}

fn record(key: &SigningKey, state: KeyState) -> Record {
    Record(vec![
        ("kid", Cell::Text(key.kid().to_owned())),
        ("algorithm", Cell::Text(key.algorithm().to_string())),
        ("created_at", Cell::Time(key.created_at())),
        ("signs_from", Cell::Time(key.begins_at())),
        ("state", Cell::Text(state.as_str().to_owned())),
    ])
}

/// Makes a key. The others are sealed under the first master secret on the way, so that older ones can be left out.
async fn rotate(context: &Context, rotation: Rotation) -> Result<(), Failure> {
    let config = &context.config;
    let secrets = start::master_secrets(config, &context.store).await?;
    for key in &context.store.signing_keys().list().await? {
        start::seal_under_first(&context.store, key, &secrets).await?;
    }
    let algorithm = rotation.algorithm.unwrap_or(config.tokens.signing_algorithm);
    let begins = if rotation.now { Begins::Now } else { Begins::After(config.tokens.key_lead_time) };
    let now = context.now();
    let rotated = publish_key(&context.store, &secrets, now, begins, |_| Some(algorithm)).await?;
    let Rotated { key, replaced } = rotated.ok_or("no key was made")?;
    for kid in replaced {
        note(&format!("key {kid} had not signed yet, and never will: key {} takes its place", key.kid()));
    }
    if algorithm != config.tokens.signing_algorithm {
        let configured = config.tokens.signing_algorithm;
        note(&format!(
            "tokens.signing_algorithm is {configured}: unless you change it, the next start makes such a key"
        ));
    }
    let from = if key.signs_from() <= now { "at once".to_owned() } else { format!("from {}", date(key.signs_from())) };
    print(&format!("key {} ({algorithm}) is published, and signs {from}\n", key.kid()))
}

async fn remove(context: &Context, Removal { kid, consent }: Removal) -> Result<(), Failure> {
    let unknown = || Failure::from(format!("there is no key {kid}"));
    if !context.store.signing_keys().list().await?.iter().any(|key| key.kid == kid) {
        return Err(unknown());
    }
    let snapshot = snapshot(context).await?;
    let states = states(&snapshot, context.now());
    let state = states.iter().find(|(key, _)| key.kid() == kid);
    let question = match state.ok_or_else(unknown)?.1 {
        KeyState::Signing => return Err(still_signs(&kid, &states)),
        KeyState::Pending | KeyState::Replaced => "It has not signed yet.",
        KeyState::Retiring => "Tokens that it signed may still be alive, and will be refused.",
        KeyState::Retired => "Nothing needs it any more.",
    };
    consent.require(&format!("Remove key {kid}? {question}"))?;
    if !context.store.signing_keys().remove(&kid).await? {
        return Err(unknown());
    }
    print(&format!("key {kid} was removed\n"))
}

/// Why the key can't be removed yet, and what to do about it.
fn still_signs(kid: &str, states: &[(&SigningKey, KeyState)]) -> Failure {
    let pending = states.iter().filter(|(_, state)| *state == KeyState::Pending).map(|(key, _)| *key);
    match pending.min_by_key(|key| key.signs_from()) {
        Some(next) => {
            let from = date(next.signs_from());
            format!("key {kid} signs still; key {} signs from {from} on: try again then", next.kid()).into()
        }
        None => format!("key {kid} signs: run `tokend key rotate` first").into(),
    }
}
