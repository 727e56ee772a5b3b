//! `tokend recovery`: the window in which refresh tokens are accepted that are ahead of a database which lost commits
//! (DESIGN.md §3).

use clap::{Args, Subcommand};

use super::context::Context;
use super::failure::Failure;
use super::lengths::recovery_window;
use super::output::{Cell, Format, Record, date, print};
use crate::clock::Seconds;

/// What to do with the recovery window.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Let clients go on whose refresh token is ahead of the database, after a failover or a restore lost commits.
    Open(Opening),
    /// Refuse such clients again.
    Close,
    /// Say whether the window is open.
    Status(Format),
}

/// For how long.
#[derive(Args, Debug)]
pub struct Opening {
    /// For how long, 1s to 7d.
    #[arg(long = "for", value_name = "LENGTH", value_parser = recovery_window)]
    length: Seconds,
}

/// They ask for it as for clients and keys.
const FOLLOW: &str = "servers that run follow within a second";

/// Runs the command.
pub async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    let now = context.now();
    match command {
        Command::Open(Opening { length }) => {
            let until = now.saturating_add(length);
            context.store.registry().set_recovery(Some(until)).await?;
            print(&format!("the recovery window is open until {}; {FOLLOW}\n", date(until)))
        }
        Command::Close => {
            context.store.registry().set_recovery(None).await?;
            print(&format!("the recovery window is closed; {FOLLOW}\n"))
        }
        Command::Status(format) => {
            let until = context.store.registry().state().await?.recovery_until.filter(|until| now < *until);
            format.show(&Record(vec![("open", Cell::Flag(until.is_some())), ("until", Cell::time(until))]))
        }
    }
}
