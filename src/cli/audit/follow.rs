//! `tokend audit list --follow`: events as they come.

use std::io::stdout;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::time::sleep;

use super::columns::{Layout, row};
use crate::admin::Admin;
use crate::admin::audit::{self, EventQuery, NamedEvent};
use crate::cli::failure::Failure;
use crate::cli::output::{Format, json_line, note, print_unless_closed, terminal_width};

/// How often new events are looked for.
const POLL: Duration = Duration::from_secs(1);

/// Prints the newest `limit` events, the oldest first, and then each new one, until the process is ended or nobody reads any more.
pub async fn run(admin: &Admin, query: EventQuery, limit: i64, format: Format) -> Result<(), Failure> {
    let (mut events, mut follower) = audit::follow(admin, query, limit).await?;
    let mut printer = Printer { format, layout: Layout::of(terminal_width()), has_begun: false };
    let mut is_lost = false;
    while printer.print(&events)? {
        sleep(POLL).await;
        if is_closed() {
            return Ok(());
        }
        events = match follower.next().await {
            Ok(events) => {
                if std::mem::take(&mut is_lost) {
                    note("the database answers again");
                }
                events
            }
            Err(error) if error.is_unavailable() => {
                if !std::mem::replace(&mut is_lost, true) {
                    note(&format!("{error}: trying again"));
                }
                Vec::new()
            }
            Err(error) => return Err(error.into()),
        };
    }
    Ok(())
}

/// Whether the reader of standard output is gone, which shows at the next write otherwise: that may be in hours.
fn is_closed() -> bool {
    let out = stdout();
    let mut polled = [PollFd::new(&out, PollFlags::empty())];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut polled, Some(&at_once)).is_ok()
        && polled.iter().any(|out| out.revents().intersects(PollFlags::ERR | PollFlags::HUP))
}

struct Printer {
    format: Format,
    layout: Layout,
    has_begun: bool,
}

impl Printer {
    /// Prints a line for each event: of a table, or of JSON. False when nobody reads any more.
    fn print(&mut self, events: &[NamedEvent]) -> Result<bool, Failure> {
        if self.format.is_json() {
            let lines: Result<Vec<_>, _> = events.iter().map(json_line).collect();
            return print_unless_closed(&lines?.concat());
        }
        let rows: Vec<_> = events.iter().map(row).collect();
        self.layout.widen(&rows);
        let header = if self.has_begun { String::new() } else { self.layout.header() };
        self.has_begun = true;
        print_unless_closed(&(header + &self.layout.lines(&rows)))
    }
}
