//! The canary run. With `TOKEND_TEST_CANARY=DIR` all that a server logs at the finest level, measures, answers and stores
//! goes to a file each in DIR, and every secret that a test uses into another; `canary::` searches for these in those.
//! Without it nothing here does anything.

mod secrets;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt as _;

pub use secrets::{note_answer, note_printed, note_raw, note_setting, note_typed, noted};

/// Where the secrets are, each as a JSON text in a line of its own.
pub const SECRETS: &str = "secrets";

/// What a server gives away of itself, each the name of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Text {
    /// What is logged in this process.
    Log,
    /// What the program writes to standard error, and to standard output if it isn't a secret that is shown once.
    Program,
    Panics,
    Metrics,
    /// Answers that don't give out tokens, with their header.
    Answers,
    /// Whole databases, when a test is done with them; the audit trail is in there.
    Databases,
}

impl Text {
    pub const ALL: [Self; 6] = [Self::Log, Self::Program, Self::Panics, Self::Metrics, Self::Answers, Self::Databases];

    pub fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Program => "program",
            Self::Panics => "panics",
            Self::Metrics => "metrics",
            Self::Answers => "answers",
            Self::Databases => "databases",
        }
    }
}

struct Canary {
    files: [Arc<File>; Text::ALL.len()],
    secrets: Mutex<(File, HashSet<String>)>,
}

/// Begins the run, if it is one.
pub fn begin() {
    canary();
}

pub fn is_on() -> bool {
    canary().is_some()
}

/// Notes that this is secret.
pub fn note(secret: &str) {
    let Some(canary) = canary() else { return };
    let mut secrets = canary.secrets.lock().expect("nobody panicked");
    if secrets.1.insert(secret.to_owned()) {
        let line = serde_json::to_string(secret).expect("a text") + "\n";
        secrets.0.write_all(line.as_bytes()).expect("there is room");
    }
}

/// Keeps what was given away.
pub fn keep(text: Text, bytes: &[u8]) {
    if let Some(canary) = canary() {
        canary.keep(text, bytes);
    }
}

/// Keeps the databases in a directory of the program.
pub fn keep_databases_in(directory: &Path) {
    let Some(canary) = canary() else { return };
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            keep_databases_in(&entry.path());
        } else if entry.file_name().to_string_lossy().contains(".db") {
            canary.keep(Text::Databases, &fs::read(entry.path()).unwrap_or_default());
        }
    }
}

fn canary() -> Option<&'static Canary> {
    static CANARY: OnceLock<Option<Canary>> = OnceLock::new();
    CANARY
        .get_or_init(|| std::env::var_os("TOKEND_TEST_CANARY").map(|directory| Canary::start(Path::new(&directory))))
        .as_ref()
}

impl Canary {
    fn start(directory: &Path) -> Self {
        let open = |name: &str| {
            let file = File::options().create(true).append(true).open(directory.join(name));
            file.expect("the directory of the canary run is there")
        };
        let files = Text::ALL.map(|text| Arc::new(open(text.name())));
        let [log, _, panics, ..] = &files;
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(Appended(Arc::clone(log)))
            .finish()
            .init();
        let (panics, usual) = (Arc::clone(panics), std::panic::take_hook());
        std::panic::set_hook(Box::new(move |panic| {
            let _ = writeln!(&*panics, "{panic}");
            usual(panic);
        }));
        Self { files, secrets: Mutex::new((open(SECRETS), HashSet::new())) }
    }

    fn keep(&self, text: Text, bytes: &[u8]) {
        let mut file = &*self.files[text as usize];
        // In one call, so that two who write at once don't mix their lines.
        file.write_all(&[bytes, b"\n"].concat()).expect("there is room");
    }
}

struct Appended(Arc<File>);

impl<'a> MakeWriter<'a> for Appended {
    type Writer = &'a File;

    fn make_writer(&'a self) -> Self::Writer {
        &self.0
    }
}
