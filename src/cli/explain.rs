//! `tokend explain`: why a token or a session is accepted, or isn't, in one answer.

use clap::Args;
use uuid::Uuid;

use super::context::Context;
use super::failure::Failure;
use super::output::{Cell, Format, Record, print};
use super::terminal::token_from_input;
use super::{audit, client, start};
use crate::app::App;
use crate::clock::Clock;
use crate::domain::ClientId;
use crate::explain::{Answered, Explanation, answered, explain, is_explainable};

/// How many events of its history are shown.
const HISTORY: i64 = 50;

/// What an event is shown by.
const COLUMNS: &[&str] = &["at", "kind", "count", "reason", "actor", "address"];

/// What to explain.
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

/// Runs the command.
pub async fn run(context: &Context, Explained { what, client, format }: Explained) -> Result<(), Failure> {
    let text = if what == "-" { token_from_input()? } else { what.into() };
    if !is_explainable(text.trim()) {
        return Err("this is no token, no id of a session and no jti of an access token".into());
    }
    let client = match &client {
        Some(_) if text.trim().parse::<Uuid>().is_ok() => {
            return Err("--for needs the token itself, not an id: clients introspect tokens".into());
        }
        Some(id) => Some(client::find(context, id).await?.id),
        None => None,
    };
    let secrets = start::master_secrets(&context.config, &context.store).await?;
    let app = App::build(context.config.clone(), Clock::System, context.store.clone().into(), secrets).await?;
    let explanation = explain(&app, text.trim(), HISTORY).await.map_err(|refusal| refusal.to_string())?;
    let answered = match &client {
        Some(client) => {
            let answered = answered(&app, text.trim(), client, &explanation).await;
            Some((client, answered.map_err(|refusal| refusal.to_string())?))
        }
        None => None,
    };
    show(&explanation, answered, format)
}

fn show(explanation: &Explanation, answered: Option<(&ClientId, Answered)>, format: Format) -> Result<(), Failure> {
    let of = |id: Option<String>| Cell::text(id.as_deref());
    // What was asked comes first.
    let mut fields = answered.map_or_else(Vec::new, |(client, Answered { active, because })| {
        vec![
            ("for", Cell::Text(client.to_string())),
            ("active", Cell::Flag(active)),
            ("active_because", Cell::Text(because)),
        ]
    });
    fields.extend([
        ("what", Cell::Text(explanation.what.to_owned())),
        ("accepted", explanation.accepted.map_or(Cell::Unknown, Cell::Flag)),
        ("because", Cell::Text(explanation.because.clone())),
        ("session_id", of(explanation.session_id.map(|id| id.to_string()))),
        ("user_id", of(explanation.user_id.map(|id| id.to_string()))),
        ("client_id", of(explanation.client_id.clone())),
        ("audience", Cell::List(explanation.audience.clone())),
        ("scope", Cell::Text(explanation.scope.clone())),
        ("active_for", Cell::List(explanation.active_for.clone())),
        ("userinfo", Cell::text(explanation.userinfo)),
    ]);
    let record = Record(fields);
    let history: Vec<Record> = explanation.history.iter().map(audit::record).collect();
    if format.is_json() {
        return format.list(&[vec![record], history].concat(), COLUMNS);
    }
    format.show(&record)?;
    print("\n")?;
    if history.is_empty() { print("nothing is known of its history\n") } else { format.list(&history, COLUMNS) }
}
