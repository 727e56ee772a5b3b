//! The command line: a file a command. What is printed for people is printed here and nowhere else.

mod bootstrap;
mod logging;
mod serve;
mod start;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, ConfigError};

/// The file that is read when none is named and it is there.
const DEFAULT_FILE: &str = "config/tokend.toml";

/// A standalone OAuth 2.0 authorization server.
#[derive(Debug, Parser)]
#[command(name = "tokend", version, about)]
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
}

/// What went wrong, in words for the operator.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Runs the command that `arguments` name. Exit code 0 when it was done, 1 when it wasn't, 2 for a misspelt command.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let done = load_config(arguments.config.as_deref()).map_err(Failure::from).and_then(|config| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(execute(arguments.command, config))
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("tokend: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn execute(command: Option<Command>, config: Config) -> Result<(), Failure> {
    match command.unwrap_or_else(|| Command::Serve(serve::Options::default())) {
        Command::Serve(options) => serve::run(config, options).await,
    }
}

fn load_config(named: Option<&Path>) -> Result<Config, ConfigError> {
    let from_environment = std::env::var_os("TOKEND_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
    let default = || Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists());
    let file = named.map(Path::to_path_buf).or(from_environment).or_else(default);
    Config::load(file.as_deref(), std::env::vars_os())
}
