//! What the server logs at the finest level while a test runs. The test must run on one thread, server and all.

use std::io;
use std::sync::{Arc, Mutex};

use tokend::cli::logging::WithRequestId;
use tracing_subscriber::fmt::MakeWriter;

use super::canary;

/// Everything that is logged on this thread until this is dropped.
pub struct Logs {
    bytes: Arc<Mutex<Vec<u8>>>,
    _guard: tracing::subscriber::DefaultGuard,
    _second: tracing::Dispatch,
}

impl Logs {
    pub fn capture() -> Self {
        // As long as there is one subscriber only, `tracing` asks the thread that comes to an event first whether anybody
        // wants it, and that may be another test's, where nobody does.
        let second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
        let bytes = Arc::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .event_format(WithRequestId::human(tracing_subscriber::fmt::format().with_ansi(false)))
            .with_writer(Sink(Arc::clone(&bytes)))
            .finish();
        Self { bytes, _guard: tracing::subscriber::set_default(subscriber), _second: second }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().expect("nobody panicked")).into_owned()
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        canary::keep(canary::Text::Log, self.text().as_bytes());
    }
}

#[derive(Clone)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl<'a> MakeWriter<'a> for Sink {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panicked").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
