//! The real program, in a directory of its own, and what became of it.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use std::{fs, thread};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use serde_json::Value;
use tempfile::TempDir;

use super::canary::{self, Text};
use super::cluster::other_user;

/// Longer than anything takes that ends at all.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where and with which settings the program runs.
pub struct Program {
    directory: TempDir,
    settings: Vec<(String, String)>,
    executable: PathBuf,
    /// Whom it runs as, if not as the tests' own user.
    user: Option<(u32, u32)>,
}

/// A program that has ended.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A program that runs. It is killed when this is dropped.
pub struct Running {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

impl Program {
    /// In an empty directory, with nothing set but what makes hashing cheap. `TOKEND_TEST_PROGRAM` may name another build.
    pub fn new() -> Self {
        let executable = std::env::var_os("TOKEND_TEST_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_tokend").into());
        // The cluster that tests/run.sh starts doesn't wait for the disk.
        Self::of(executable.into()).set("TOKEND_DATABASE__UNSAFE_DURABILITY", "true")
    }

    /// As [`Self::new`], but another build, which may not know every setting.
    pub fn of(executable: PathBuf) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let program = Self { directory, settings: Vec::new(), executable, user: None };
        program.set("TOKEND_PASSWORDS__MEMORY_KIB", "64").set("TOKEND_PASSWORDS__ITERATIONS", "1")
    }

    /// With one more variable, or another value of it.
    pub fn set(mut self, variable: &str, value: &str) -> Self {
        canary::note_setting(variable, value);
        self.settings.retain(|(name, _)| name != variable);
        self.settings.push((variable.to_owned(), value.to_owned()));
        self
    }

    /// Not as root, for whom no file is read-only.
    pub fn unprivileged(mut self) -> Self {
        self.user = other_user();
        if let Some((user, group)) = self.user {
            // That user may not be able to reach the place where the program was built.
            let copy = self.directory().join("tokend");
            fs::copy(&self.executable, &copy).expect("the program is copied");
            self.executable = copy;
            chown(self.directory(), Some(user), Some(group)).expect("the directory is given away");
        }
        self
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Runs a command to its end, with nothing on standard input.
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        self.run_with(arguments, "")
    }

    /// Runs a command to its end, with this on standard input.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Outcome {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().expect("the program starts");
        canary::note_typed(arguments, input);
        // A program that doesn't want it may be gone already.
        let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
        let (stdout, stderr) = (whole(child.stdout.take()), whole(child.stderr.take()));
        let mut running = Running { child, stdout, stderr };
        let read = |from: &Receiver<String>| from.recv_timeout(PATIENCE).expect("the program ends");
        let (stdout, stderr) = (read(&running.stdout), read(&running.stderr));
        let outcome = Outcome { code: running.child.wait().expect("it has ended").code(), stdout, stderr };
        outcome.keep();
        outcome
    }

    /// Runs a command that goes on.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut command = self.command(arguments);
        if canary::is_on() {
            command.env("TOKEND_LOG__FILTER", "trace");
        }
        let mut child = command.stdin(Stdio::null()).spawn().expect("the program starts");
        let stdout = lines(child.stdout.take(), canary::note_printed);
        let stderr = lines(child.stderr.take(), |line| canary::keep(Text::Program, line.as_bytes()));
        Running { child, stdout, stderr }
    }

    /// As [`Self::start`], with its log in a file.
    pub fn start_logging_to(&self, arguments: &[&str], log: fs::File) -> Running {
        let mut child = self.command(arguments).stdin(Stdio::null()).stderr(log).spawn().expect("the program starts");
        let (stdout, stderr) = (lines(child.stdout.take(), canary::note_printed), channel().1);
        Running { child, stdout, stderr }
    }

    /// As [`Self::start`], with its output where the test wants it.
    pub fn start_writing_to(&self, arguments: &[&str], stdout: Stdio, stderr: Stdio) -> Running {
        let mut command = self.command(arguments);
        let child = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().expect("the program starts");
        Running { child, stdout: channel().1, stderr: channel().1 }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        // A write beyond the limit of a file's size is to fail, and not to end the program.
        let mut command = Command::new("bash");
        command.args(["-c", r#"trap '' XFSZ; exec "$0" "$@""#]).arg(&self.executable);
        command.args(arguments).current_dir(self.directory()).env_clear();
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

impl Running {
    /// The process, as the system numbers it.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until standard error has a line with this in it.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str) -> String {
        self.log_until(text).pop().expect("a line")
    }

    /// The lines of standard error up to one with this in it.
    #[track_caller]
    pub fn log_until(&self, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        loop {
            found.push(self.stderr.recv_timeout(PATIENCE).expect("the program logs it"));
            if found.last().is_some_and(|line| line.contains(text)) {
                return found;
            }
        }
    }

    /// The lines of standard output up to one with this in it.
    #[track_caller]
    pub fn stdout_until(&self, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        loop {
            found.push(self.stdout.recv_timeout(PATIENCE).expect("the program prints it"));
            if found.last().is_some_and(|line| line.contains(text)) {
                return found;
            }
        }
    }

    /// From here on no file can grow beyond so many bytes, as on a full disk; or again as it likes.
    pub fn limit_files(&self, bytes: Option<u64>) {
        let id = Pid::from_child(&self.child);
        let had = prlimit(Some(id), Resource::Fsize, Rlimit { current: bytes, maximum: None });
        had.expect("the limit is set");
    }

    /// Tells the program that a file of its has changed.
    pub fn hang_up(&self) {
        kill_process(Pid::from_child(&self.child), Signal::HUP).expect("it runs");
    }

    /// Asks the program to end, as an operator would.
    pub fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it runs");
    }

    /// Waits until the program has ended by itself, which must be within `limit`. Its exit code.
    #[track_caller]
    pub fn code_within(self, limit: Duration) -> Option<i32> {
        let (send, receive) = channel();
        let id = Pid::from_child(&self.child);
        // It is waited for there without the lines that it wrote, which may be nowhere.
        let mut running = self;
        thread::spawn(move || send.send(running.child.wait()));
        let ended = receive.recv_timeout(limit).map_err(|_| kill_process(id, Signal::KILL));
        ended.expect("it ends in time").expect("it can be waited for").code()
    }

    /// Asks the program to end, and waits until it has, see [`Self::end`].
    pub fn stop(self) -> (ExitStatus, String, String) {
        self.terminate();
        self.end()
    }

    /// Waits until the program ends. What it printed since, on standard output and standard error.
    pub fn end(mut self) -> (ExitStatus, String, String) {
        let rest = |from: &Receiver<String>| from.iter().map(|line| line + "\n").collect::<String>();
        let (stdout, stderr) = (rest(&self.stdout), rest(&self.stderr));
        (self.child.wait().expect("it ends"), stdout, stderr)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        canary::keep_databases_in(self.directory());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if canary::is_on() {
            // What it wrote last is kept too.
            self.stderr.iter().for_each(drop);
        }
    }
}

impl Outcome {
    /// What was printed has a secret if the command says so, which is then all of standard output.
    fn keep(&self) {
        if self.stderr.contains("shown this once") {
            canary::note(self.stdout.trim_end());
        } else {
            canary::keep(Text::Program, self.stdout.as_bytes());
        }
        canary::keep(Text::Program, self.stderr.as_bytes());
    }

    /// The outcome, which must be success.
    #[track_caller]
    pub fn ok(&self) -> &Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.ok().stdout).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The secret that was printed: the only line of standard output.
    #[track_caller]
    pub fn secret(&self) -> String {
        let secret = self.ok().stdout.strip_suffix('\n').expect("a line").to_owned();
        let url_safe = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        assert!(secret.len() >= 43 && secret.chars().all(url_safe), "{self:?}");
        assert!(!self.stderr.contains(&secret), "it is printed once: {self:?}");
        secret
    }

    /// The command must have printed this and nothing else.
    #[track_caller]
    pub fn said(&self, text: &str) -> &Self {
        assert_eq!(self.ok().stdout, format!("{text}\n"), "{self:?}");
        self
    }

    /// The command must have refused, saying why in one line.
    #[track_caller]
    pub fn refused(&self, reason: &str) -> &Self {
        assert_eq!((self.code, self.stderr.lines().count()), (Some(1), 1), "{self:?}");
        assert!(self.stderr.starts_with("tokend: ") && self.stderr.contains(reason), "{self:?}");
        self
    }

    /// The command line must have been refused before anything was looked at.
    #[track_caller]
    pub fn misused(&self, reason: &str) -> &Self {
        assert_eq!((self.code, self.stdout.as_str()), (Some(2), ""), "{self:?}");
        assert!(self.stderr.contains(reason), "{self:?}");
        self
    }
}

/// Makes a named pipe that nobody writes to.
pub fn make_pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe is made");
}

fn whole(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let mut pipe = pipe.expect("a pipe");
    let (send, receive) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("the pipe can be read");
        let _ = send.send(String::from_utf8(bytes).expect("UTF-8"));
    });
    receive
}

fn lines(pipe: Option<impl Read + Send + 'static>, see: fn(&str)) -> Receiver<String> {
    let pipe = BufReader::new(pipe.expect("a pipe"));
    let (send, receive) = channel();
    let lines = pipe.lines().map_while(Result::ok).inspect(move |line| see(line));
    thread::spawn(move || lines.for_each(|line| drop(send.send(line))));
    receive
}
