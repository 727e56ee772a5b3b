//! The signals that stop the server.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::logging;

/// SIGTERM and SIGINT. Once they are listened for, they don't end the process by themselves.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Listens for them from here on.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The next one of either.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Lets the next one end the process at once.
    pub(super) fn end_at_next(mut self) {
        tokio::spawn(async move {
            self.next().await;
            logging::finish();
            std::process::exit(1);
        });
    }
}
