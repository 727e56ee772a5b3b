//! `tokend audit list`.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use ipnet::IpNet;

use super::columns::{Layout, row};
use super::follow;
use crate::admin::Admin;
use crate::admin::audit::{self, EventQuery};
use crate::audit::EventKind;
use crate::cli::client;
use crate::cli::failure::Failure;
use crate::cli::lengths::since;
use crate::cli::output::{Format, print, terminal_width};
use crate::clock::Seconds;
use crate::config;
use crate::domain::{ClientId, SessionId, Username};

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
    names.try_map(|name| EventKind::from_word(&name).ok_or("no such kind"))
}

/// Lists events, and follows them if that was asked for.
pub async fn run(admin: &Admin, listing: Listing) -> Result<(), Failure> {
    let query = EventQuery {
        since: listing.since.map_or(0, |length| admin.now().saturating_sub(length)),
        user: match &listing.user {
            Some(name) => Some(audit::user_of(admin, name).await?),
            None => None,
        },
        session: listing.session,
        kind: listing.kind,
        client: listing.client,
        network: listing.address,
        anchors: listing.all,
    };
    if listing.follow {
        return follow::run(admin, query, listing.limit, listing.format).await;
    }
    let page = audit::list(admin, &query, listing.limit).await?;
    if let (true, Some(id)) = (page.items.is_empty(), &query.client) {
        // One that was removed has a history. One that has none is most likely misspelt.
        client::find(admin, id).await?;
    }
    if listing.format.is_json() {
        return listing.format.list(&page.items, &[]);
    }
    let rows: Vec<_> = page.items.iter().map(row).collect();
    let mut layout = Layout::of(terminal_width());
    layout.widen(&rows);
    print(&layout.header())?;
    print(&layout.lines(&rows))?;
    if page.more {
        print("there are more: say --limit, --since, --user, --session, --client, --kind or --address\n")?;
    }
    Ok(())
}
