//! `tokend audit list`.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use ipnet::IpNet;

use super::columns::{Layout, row};
use super::{follow, record};
use crate::audit::EventKind;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::lengths::since;
use crate::cli::output::{Cell, Format, Record, print, terminal_width};
use crate::cli::{client, user};
use crate::clock::Seconds;
use crate::config;
use crate::domain::{ClientId, SessionId, UserId, Username};
use crate::store::audit_events::{EventQuery, NamedEvent};

/// Which events to list: those for which all of this holds.
#[derive(Args, Debug)]
pub struct Listing {
    /// Only those that concern this user, by name or e-mail address, or by id when it has been removed.
    #[arg(long, value_name = "NAME|EMAIL|ID")]
    user: Option<Username>,
    /// Only those that concern this session.
    #[arg(long, value_name = "ID")]
    session: Option<SessionId>,
    /// Only those that concern this client, or that it caused.
    #[arg(long, value_name = "ID")]
    client: Option<ClientId>,
    /// Only those of this kind, such as `sign_in.failed`.
    #[arg(long, value_name = "KIND", value_parser = kinds(), hide_possible_values = true)]
    kind: Option<EventKind>,
    /// Only those from this address or network, such as 203.0.113.7 or 10.0.0.0/8.
    #[arg(long, value_name = "ADDRESS|CIDR", value_parser = config::network)]
    address: Option<IpNet>,
    /// Only those of the last 24h, 30d or so.
    #[arg(long, value_name = "LENGTH", value_parser = since)]
    since: Option<Seconds>,
    /// The most events to list.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=100_000))]
    limit: i64,
    /// List anchors too, of which a busy server writes one a minute.
    #[arg(long)]
    all: bool,
    /// List the oldest first, and then print new ones as they come, until Ctrl-C.
    #[arg(long, short = 'f')]
    follow: bool,
    #[command(flatten)]
    format: Format,
}

/// A wrong one is answered with the list of all.
fn kinds() -> impl clap::builder::TypedValueParser<Value = EventKind> {
    let names = PossibleValuesParser::new(EventKind::ALL.map(EventKind::as_str));
    names.try_map(|name| EventKind::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or("no such kind"))
}

/// Lists events, and follows them if that was asked for.
pub async fn run(context: &Context, listing: Listing) -> Result<(), Failure> {
    let query = EventQuery {
        since: listing.since.map_or(0, |length| context.now().saturating_sub(length)),
        user: match &listing.user {
            Some(name) => Some(user_of(context, name).await?),
            None => None,
        },
        session: listing.session,
        kind: listing.kind,
        client: listing.client,
        network: listing.address,
        anchors: listing.all,
    };
    if listing.follow {
        return follow::run(context, &query, listing.limit, listing.format).await;
    }
    let mut events = context.store.audit().list_named(&query, listing.limit.saturating_add(1)).await?;
    if let (true, Some(id)) = (events.is_empty(), &query.client) {
        // One that was removed has a history. One that has none is most likely misspelt.
        client::find(context, id).await?;
    }
    let more = events.len() > usize::try_from(listing.limit)?;
    if more {
        events.pop();
    }
    if listing.format.is_json() {
        return listing.format.list(&events.iter().map(named).collect::<Vec<_>>(), &[]);
    }
    let rows: Vec<_> = events.iter().map(row).collect();
    let mut layout = Layout::of(terminal_width());
    layout.widen(&rows);
    print(&layout.header())?;
    print(&layout.lines(&rows))?;
    if more {
        print("there are more: say --limit, --since, --user, --session, --client, --kind or --address\n")?;
    }
    Ok(())
}

/// Who has been removed has no name any more; `user.removed` tells the id.
async fn user_of(context: &Context, name: &Username) -> Result<UserId, Failure> {
    match user::find(context, name).await {
        Ok(found) => Ok(found.user.id),
        Err(unknown) => name.as_str().parse().map(UserId).map_err(|_| unknown),
    }
}

/// All of an event, and the names.
pub fn named(NamedEvent { event, username, client_name, .. }: &NamedEvent) -> Record {
    let mut record = record(event);
    let names = [("user_id", "username", username), ("client_id", "client_name", client_name)];
    for (id, name, value) in names {
        let place = record.0.iter().position(|(member, _)| *member == id);
        record.0.insert(place.map_or(0, |place| place + 1), (name, Cell::text(value.as_deref())));
    }
    record
}
