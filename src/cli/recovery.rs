//! `tokend recovery`: the window in which refresh tokens are accepted that are ahead of a database which lost commits
//! (docs/design.md#verdicts).

use clap::Subcommand;

use super::failure::Failure;
use super::lengths::recovery_window;
use super::output::{Format, print};
use crate::admin::{Admin, recovery};
use crate::clock::{Seconds, date};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Let clients go on whose refresh token is ahead of the database, after a failover or a restore lost commits.
    Open {
        /// For how long, 1s to 7d.
        #[arg(long = "for", value_name = "LENGTH", value_parser = recovery_window)]
        length: Seconds,
    },
    /// Refuse such clients again.
    Close,
    /// Say whether the window is open.
    Status(Format),
}

/// They ask for it as for clients and keys.
const FOLLOW: &str = "servers that run follow within a second";

pub async fn run(admin: &Admin, command: Command) -> Result<(), Failure> {
    match command {
        Command::Open { length } => {
            let until = date(recovery::open(admin, length).await?);
            print(&format!("the recovery window is open until {until}; {FOLLOW}\n"))
        }
        Command::Close => {
            recovery::close(admin).await?;
            print(&format!("the recovery window is closed; {FOLLOW}\n"))
        }
        Command::Status(format) => format.show(&recovery::status(admin).await?),
    }
}
