//! `tokend backup`: a copy of the embedded database.

use std::path::PathBuf;

use clap::Args;

use super::context::Context;
use super::failure::Failure;
use super::output::print;

/// Where to.
#[derive(Args, Debug)]
pub struct Options {
    /// The file to make, which must not be there yet.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Copies the database as it is at one moment, while servers go on.
pub async fn run(context: &Context, options: Options) -> Result<(), Failure> {
    let file = options.file.display();
    context.store.copy_to(&options.file).await.map_err(|error| format!("cannot back up to {file}: {error}"))?;
    print(&format!("the database was copied to {file}; the master secret is not in it\n"))
}
