//! Other processes: started with their output in our hands, and never left behind.

use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::unix::pipe;

use crate::failure::Failure;

/// The lines that a process prints.
pub type Output = Lines<BufReader<pipe::Receiver>>;

/// A process that runs. It is killed when this is dropped.
pub struct Process(Child);

impl Process {
    /// Starts a command whose standard output is read here.
    pub fn printing(command: &mut Command) -> Result<(Self, Output), Failure> {
        let mut process = Self(started(command.stdin(Stdio::null()).stdout(Stdio::piped()))?);
        let output = process.0.stdout.take().ok_or("there is no pipe")?;
        Ok((process, lines(output.into())?))
    }

    /// Starts a command with this on standard input.
    pub fn given(command: &mut Command, input: &str) -> Result<(Self, Output), Failure> {
        let mut process = Self(started(command.stdin(Stdio::piped()).stdout(Stdio::piped()))?);
        process.0.stdin.take().ok_or("there is no pipe")?.write_all(input.as_bytes())?;
        let output = process.0.stdout.take().ok_or("there is no pipe")?;
        Ok((process, lines(output.into())?))
    }

    /// Starts a command whose log on standard error is read here.
    pub fn logging(command: &mut Command) -> Result<(Self, Output), Failure> {
        let mut process = Self(started(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()))?);
        let log = process.0.stderr.take().ok_or("there is no pipe")?;
        Ok((process, lines(log.into())?))
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(&mut self) -> Result<(), Failure> {
        kill_process(Pid::from_child(&self.0), Signal::TERM)?;
        self.0.wait()?;
        Ok(())
    }

    /// Waits for the end of a process that has printed all it had to.
    pub fn end(mut self) -> Result<(), Failure> {
        let status = self.0.wait()?;
        if status.success() { Ok(()) } else { Err(format!("a process of the benchmark ended with {status}").into()) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// This program again, as one of its parts.
pub fn part(arguments: &[&str]) -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments);
    Ok(command)
}

/// Runs a command to its end. What it prints is shown only when it fails.
pub fn complete(command: &mut Command) -> Result<String, Failure> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| named(command, &error))?;
    if !output.status.success() {
        return Err(named(command, &String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The next line, which must come.
pub async fn line(output: &mut Output) -> Result<String, Failure> {
    output.next_line().await?.ok_or_else(|| "a process of the benchmark ended early".into())
}

fn started(command: &mut Command) -> Result<Child, Failure> {
    command.spawn().map_err(|error| named(command, &error))
}

fn lines(pipe: OwnedFd) -> Result<Output, Failure> {
    Ok(BufReader::new(pipe::Receiver::from_owned_fd(pipe)?).lines())
}

fn named(command: &Command, reason: &dyn std::fmt::Display) -> Failure {
    format!("{}: {reason}", command.get_program().display()).into()
}
