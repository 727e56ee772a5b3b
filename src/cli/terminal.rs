//! What commands ask for: a yes before something is lost, and secrets, which never come from the command's arguments.

use std::io::{BufRead as _, IsTerminal as _, Read as _, stdin};

use clap::Args;
use zeroize::Zeroizing;

use super::failure::Failure;
use super::output::escaped;
use crate::password::PlainPassword;

/// More than the longest secret that is accepted anywhere.
const MAX_LINE: u64 = 8 * 1024;

/// The yes of somebody who can't be asked.
#[derive(Args, Clone, Copy, Debug)]
pub struct Consent {
    /// Don't ask.
    #[arg(long, short = 'y')]
    yes: bool,
}

impl Consent {
    /// Asks on a terminal; without one, only `--yes` is a yes.
    pub fn require(self, question: &str) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if !stdin().is_terminal() {
            return Err("this asks before it is done, and standard input is no terminal: say --yes".into());
        }
        eprint!("{} [y/N] ", escaped(question));
        let mut answer = String::new();
        stdin().lock().take(MAX_LINE).read_line(&mut answer)?;
        if means_yes(&answer) { Ok(()) } else { Err("nothing was changed".into()) }
    }
}

/// A token on standard input.
pub fn token_from_input() -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::new());
    stdin().lock().take(2 * MAX_LINE).read_to_string(&mut text)?;
    Ok(text)
}

fn means_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// One line of standard input, without its end. `what` it is, for the error.
///
/// Two lines are refused, since dropping one would store another secret than the one that was sent. On a terminal input ends with the
/// first line.
pub fn line_of_stdin(what: &str) -> Result<Zeroizing<String>, Failure> {
    let mut bytes = Zeroizing::new(Vec::new());
    let mut input = stdin().lock().take(2 * MAX_LINE);
    if stdin().is_terminal() {
        input.read_until(b'\n', &mut bytes)?
    } else {
        input.read_to_end(&mut bytes)?
    };
    one_line(&bytes).map_err(|reason| format!("{what} on standard input {reason}").into())
}

fn one_line(bytes: &[u8]) -> Result<Zeroizing<String>, &'static str> {
    let end = bytes.iter().position(|&byte| byte == b'\n');
    let (line, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
    if line.len() as u64 >= MAX_LINE {
        return Err("is too long");
    }
    if rest.iter().any(|byte| !b"\r\n".contains(byte)) {
        return Err("is more than one line");
    }
    let line = if rest.is_empty() { line } else { line.strip_suffix(b"\r").unwrap_or(line) };
    let text = std::str::from_utf8(line).map_err(|_| "is not UTF-8")?;
    if text.is_empty() { Err("is missing: one line is expected") } else { Ok(Zeroizing::new(text.to_owned())) }
}

/// A new password, typed twice on a terminal.
pub fn typed_password(name: &str) -> Result<PlainPassword, Failure> {
    if !stdin().is_terminal() {
        return Err("a password is needed, and standard input is no terminal: say --password-stdin, \
                    --generate-password or --password-hash-stdin"
            .into());
    }
    let first = prompt(&format!("New password for {}: ", escaped(name)))?;
    let password = PlainPassword::chosen(&first)?;
    if *prompt("The same again: ")? == *first { Ok(password) } else { Err("the two passwords differ".into()) }
}

fn prompt(question: &str) -> Result<Zeroizing<String>, Failure> {
    Ok(Zeroizing::new(rpassword::prompt_password(question)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        for answer in ["y\n", "Y", "yes\r\n", " YES "] {
            assert!(means_yes(answer), "{answer:?}");
        }
        for answer in ["", "\n", "n\n", "no", "yess", "yes please"] {
            assert!(!means_yes(answer), "{answer:?}");
        }
    }

    #[test]
    fn a_secret_is_one_line_as_it_is() {
        let longest = "a".repeat(8 * 1024 - 1);
        for (bytes, line) in [
            ("a b \n", "a b "),
            ("a\r\n", "a"),
            ("a", "a"),
            (" a", " a"),
            ("a\r", "a\r"),
            ("a\n\n", "a"),
            ("a\r\n\r\n", "a"),
            (&format!("{longest}\n"), &longest),
        ] {
            assert_eq!(one_line(bytes.as_bytes()).unwrap().as_str(), line);
        }
        for bytes in [
            &b""[..],
            b"\n",
            b"\r\n",
            b"\xff\n",
            b"\na",
            b"a\nb",
            b"a\nb\n",
            b"a\r\nb",
            b"a\n ",
            b"a\n\nb",
            &[b'a'; 8 * 1024],
            &[&[b'a'; 8 * 1024][..], b"\n"].concat(),
        ] {
            assert!(one_line(bytes).is_err(), "{bytes:?}");
        }
    }
}
