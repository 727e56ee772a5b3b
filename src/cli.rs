//! The command line: a file a command. What is printed for people is printed here and nowhere else.

mod audit;
mod backup;
mod check;
mod client;
mod context;
mod escape;
mod explain;
mod failure;
mod health;
mod key;
mod lengths;
pub mod logging;
mod migrate;
mod output;
mod record;
mod recovery;
mod serve;
mod session;
mod start;
mod terminal;
mod throttling;
mod time_limit;
mod user;
mod waiting;
mod warnings;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::{Failure, PATIENCE};

use crate::config::Config;
use crate::domain::spelling::unquoted;

/// The file that is read when none is named and it is there.
const DEFAULT_FILE: &str = "config/tokend.toml";

/// The version, with the commit where it is known: build.rs.
const VERSION: &str = env!("BUILD_VERSION");

/// A standalone OAuth 2.0 authorization server.
#[derive(Debug, Parser)]
#[command(name = "tokend", version = VERSION, about)]
struct Arguments {
    /// The configuration file; otherwise the one in `TOKEND_CONFIG`, or config/tokend.toml if there is one.
    #[arg(long, global = true, value_name = "PATH")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server; this is what happens without a command.
    Serve(serve::Options),
    /// Check the configuration and the database, and show what would run; changes nothing.
    Check,
    /// Ask the server that runs on this machine whether it is live; exit code 0 if it is, 1 if it isn't.
    Health(health::Options),
    /// Bring the tables of the database up to date.
    Migrate(migrate::Options),
    /// Register, change and remove clients: apps and resource servers.
    #[command(subcommand)]
    Client(client::Command),
    /// Add, change and remove users.
    #[command(subcommand)]
    User(user::Command),
    /// See who is signed in where, and end sessions.
    #[command(subcommand)]
    Session(session::Command),
    /// See and rotate the keys that sign access tokens.
    #[command(subcommand)]
    Key(key::Command),
    /// Let clients go on after the database lost commits.
    #[command(subcommand)]
    Recovery(recovery::Command),
    /// See what happened, and check that the trail of it is whole.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Copy the embedded database to a file, while the server runs.
    Backup(backup::Options),
    /// Say why a token or a session is accepted, or isn't.
    Explain(explain::Explained),
}

/// Runs the command that `arguments` name. Exit code 0 when it was done, 1 when it wasn't, 2 for a misspelt command.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = time_limit::within(PATIENCE, move || error.print());
            return ExitCode::from(code);
        }
    };
    let file = config_file(arguments.config);
    let command = arguments.command.unwrap_or_else(|| Command::Serve(serve::Options::default()));
    let _finish = logging::Finish;
    match work(command, file.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Each line says whose it is: one that is wrong with the configuration may be one of several.
            let lines = failure.to_string();
            lines.lines().for_each(|line| logging::complain(&format!("tokend: {}", output::escaped(line))));
            ExitCode::FAILURE
        }
    }
}

fn work(command: Command, file: Option<&Path>) -> Result<(), Failure> {
    if matches!(command, Command::Serve(_)) {
        logging::take_over()?;
    }
    let config = Config::load(file, std::env::vars_os())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(execute(command, config, file));
    // A name server that doesn't answer holds one of its threads, which would be waited for.
    runtime.shutdown_background();
    done
}

async fn execute(command: Command, config: Config, file: Option<&Path>) -> Result<(), Failure> {
    match command {
        Command::Serve(options) => serve::run(config, options).await,
        Command::Check => check::run(&config, file).await,
        Command::Health(options) => health::run(&config, &options).await,
        Command::Migrate(options) => migrate::run(&config, options).await,
        Command::Client(command) => context::work(config, async |admin| client::run(admin, command).await).await,
        Command::User(command) => context::work(config, async |admin| user::run(admin, command).await).await,
        Command::Session(command) => context::work(config, async |admin| session::run(admin, command).await).await,
        Command::Key(command) => context::work(config, async |admin| key::run(admin, command).await).await,
        Command::Audit(command) => context::work(config, async |admin| audit::run(admin, command).await).await,
        Command::Backup(options) => context::work(config, async |admin| backup::run(admin, options).await).await,
        Command::Explain(what) => context::work(config, async |admin| explain::run(admin, what).await).await,
        Command::Recovery(command) => context::work(config, async |admin| recovery::run(admin, command).await).await,
    }
}

/// The file that is named, or the default one if it is there.
fn config_file(named: Option<PathBuf>) -> Option<PathBuf> {
    let meant = |path: OsString| path.to_str().map_or_else(|| path.clone(), |text| unquoted(text).into());
    let from_environment =
        || std::env::var_os("TOKEND_CONFIG").map(meant).filter(|path| !path.is_empty()).map(PathBuf::from);
    let default = || Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists());
    named.or_else(from_environment).or_else(default)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn no_two_arguments_of_a_command_collide() {
        Arguments::command().debug_assert();
    }
}
