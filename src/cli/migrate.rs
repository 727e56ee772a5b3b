//! `tokend migrate`: the database's tables.

use clap::Args;

use super::failure::Failure;
use super::output::{note, print};
use super::{start, waiting};
use crate::admin::Error;
use crate::clock::length_for_people;
use crate::config::Config;

#[derive(Args, Debug)]
pub struct Options {
    /// Only say what would be done. Makes nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Applies the migrations that are missing, as soon as the database is there.
pub async fn run(config: &Config, options: Options) -> Result<(), Failure> {
    let wait = config.database_rules.wait;
    let tell = |error: &Error| {
        note(&format!("waiting up to {} for the database (database.wait): {error}", length_for_people(wait)));
    };
    let open = async || {
        if options.dry_run {
            start::missing_migrations(config).await
        } else {
            start::open_and_migrate(config, note).await
        }
    };
    let done = if options.dry_run { "would be applied" } else { "applied" };
    print(&match waiting::for_database(wait, open, tell).await? {
        0 => "the database is up to date\n".to_owned(),
        number => format!("{} {done}\n", migrations(number)),
    })
}

/// `1 migration`, `2 migrations`.
pub fn migrations(number: usize) -> String {
    if number == 1 { "1 migration".to_owned() } else { format!("{number} migrations") }
}
