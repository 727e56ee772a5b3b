//! What a start says once the server answers: one line for the log, and after the first start what it made.

use std::io::Write as _;

use super::Node;
use super::first_start::describe;
use crate::admin::first_start::FirstStart;
use crate::cli::failure::{Failure, PATIENCE};
use crate::cli::logging;
use crate::cli::time_limit::within;
use crate::config::Config;

impl Node {
    /// Logs what runs here, then prints what the first start made.
    pub fn announce(&mut self) -> Result<(), Failure> {
        let config = &self.app.config;
        let (clients, keys) =
            self.app.registry.snapshot().map_or((0, 0), |registry| {
                (registry.clients().count(), registry.keys.states(self.app.clock.now()).len())
            });
        tracing::info!(
            address = %config.listen,
            issuer = config.issuer.as_str(),
            version = env!("BUILD_VERSION"),
            database = %config.database,
            schema = self.schema,
            clients,
            keys,
            "listening"
        );
        self.first.take().map_or(Ok(()), |first| show(&first, config))
    }
}

/// Prints what the first start made, below all that was logged. A reader that stands still doesn't stop the server, and can read
/// the text later.
fn show(first: &FirstStart, config: &Config) -> Result<(), Failure> {
    logging::finish();
    let text = describe(first, config);
    let written = within(PATIENCE, move || std::io::stdout().write_all(text.as_bytes()))?;
    if written.is_none() {
        tracing::warn!(
            "standard output is not read: the secrets of the first start can be read there until the server stops"
        );
    }
    Ok(written.transpose().map(drop)?)
}
