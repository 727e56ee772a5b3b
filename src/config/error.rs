//! What can be wrong with a configuration. Errors say where a value came from, its key and what is allowed; never a secret.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read, or isn't UTF-8.
    #[error("{}: the configuration can't be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// The file isn't TOML. The line itself stays out of the message, since it may hold a secret.
    #[error("{}:{line}: not TOML: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What the parser expected.
        message: String,
    },
    /// Values that are not allowed, one to a line: all of them, so that they can be mended in one go.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Invalid(Vec<Problem>),
}

/// One key whose value is not allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where the value came from.
    pub source: Source,
    /// The key with its section, such as `tokens.access_lifetime`.
    pub key: String,
    /// The value as it was written; `None` for what may hold a secret.
    pub value: Option<String>,
    /// What is wrong, and what is allowed.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.source, self.key)?;
        if let Some(value) = &self.value {
            write!(f, " = {}", value.replace(char::is_control, " "))?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The built-in default.
    Default,
    /// A line of a file, counted from 1.
    File(PathBuf, usize),
    /// The environment variable of this name.
    Variable(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => Ok(()),
            Self::File(path, line) => write!(f, "{}:{line}: ", path.display()),
            Self::Variable(name) => write!(f, "{name}: "),
        }
    }
}

/// Why a text names no database. The message shows no part that may be a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDatabase {
    /// Neither a file nor a server.
    #[error(
        "must be sqlite:PATH, without // and parameters, or a URL such as postgres://user:password@host:5432/name, in whose \
         password @ is written %40, / %2F, ? %3F, # %23 and % %25"
    )]
    Form,
    /// A parameter of the URL is unknown or has a value that isn't allowed.
    #[error("its parameter {0}")]
    Parameter(String),
    /// A parameter is unknown, and may be what follows a ? or & in a password.
    #[error(
        "one of its parameters is unknown; if it is a part of the password: @ is written %40 there, / %2F, ? %3F, # %23, \
         & %26 and % %25"
    )]
    Hidden,
}
