//! `tokend backup`: a copy of the embedded database.

use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use super::output::print;
use crate::admin::Admin;

#[derive(Args, Debug)]
pub struct Options {
    /// The file to make, which must not be there yet.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Copies the database as it is at one moment, while servers go on.
pub async fn run(admin: &Admin, options: Options) -> Result<(), Failure> {
    admin.copy_database(&options.file).await?;
    print(&format!("the database was copied to {}; the master secret is not in it\n", options.file.display()))
}
