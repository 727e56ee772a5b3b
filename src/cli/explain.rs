//! `tokend explain`: why a token or a session is accepted, or isn't, in one answer.

use clap::Args;
use serde::Serialize;

use super::client;
use super::failure::Failure;
use super::output::{Format, print};
use super::terminal::token_from_input;
use crate::admin::Admin;
use crate::admin::explain::{ExplanationView, explain, require_explainable};
use crate::audit::AuditEvent;
use crate::domain::ClientId;

const COLUMNS: &[&str] = &["at", "kind", "count", "reason", "actor", "address"];

#[derive(Args, Debug)]
pub struct Explained {
    /// An access token, a refresh token, or the id of a session or of an access token (`jti`); `-` reads it from standard
    /// input, so that nobody sees it in the list of processes.
    what: String,
    /// Answer as this client would be answered if it asked for the token at /introspect, and say why.
    #[arg(long = "for", value_name = "CLIENT")]
    client: Option<ClientId>,
    #[command(flatten)]
    format: Format,
}

/// What JSON lists: the answer, and then each event of its history.
#[derive(Serialize)]
#[serde(untagged)]
enum Item<'a> {
    Answer(&'a ExplanationView),
    Event(&'a AuditEvent),
}

pub async fn run(admin: &Admin, Explained { what, client, format }: Explained) -> Result<(), Failure> {
    let text = if what == "-" { token_from_input()? } else { what.into() };
    let text = text.trim();
    require_explainable(text, client.is_some())?;
    let client = match &client {
        Some(id) => Some(client::find(admin, id).await?.id),
        None => None,
    };
    show(&explain(admin, text, client).await?, format)
}

fn show(answer: &ExplanationView, format: Format) -> Result<(), Failure> {
    let history = &answer.explanation.history;
    if format.is_json() {
        let items: Vec<Item> = std::iter::once(Item::Answer(answer)).chain(history.iter().map(Item::Event)).collect();
        return format.list(&items, COLUMNS);
    }
    format.show(answer)?;
    print("\n")?;
    if history.is_empty() { print("nothing is known of its history\n") } else { format.list(history, COLUMNS) }
}
