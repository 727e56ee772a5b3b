//! What one connection says: request after request, each answer checked before the next.

mod rotate;

use std::fs;
use std::path::Path;
use std::sync::Arc;

pub use self::rotate::Rotate;
use crate::bare;
use crate::failure::Failure;
use crate::http::Answer;
use crate::seed::ACCESS_TOKENS;
use crate::workload::{self, Workload};

/// How the server took a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It answered as it should.
    Served,
    /// 503: it has too much to do, and says so.
    Refused,
    /// Neither.
    Wrong,
}

/// What a connection says.
pub enum Script {
    /// The same requests over and over.
    Repeat(Repeat),
    /// Refresh tokens, each of which is good once.
    Rotate(Rotate),
}

/// The same requests over and over.
pub struct Repeat {
    requests: Arc<[Vec<u8>]>,
    next: usize,
    workload: Workload,
    to_bare: bool,
}

impl Script {
    /// The next request; `None` at the end of the script.
    pub fn request(&mut self) -> Option<&[u8]> {
        match self {
            Self::Repeat(script) => script.request(),
            Self::Rotate(script) => script.request(),
        }
    }

    /// The script, if it is one of refresh tokens.
    pub fn rotate(&self) -> Option<&Rotate> {
        match self {
            Self::Rotate(script) => Some(script),
            Self::Repeat(_) => None,
        }
    }

    /// Looks at the answer to the last request.
    pub fn check(&mut self, answer: &Answer) -> Outcome {
        if answer.status == 503 {
            return Outcome::Refused;
        }
        let is_right = match self {
            Self::Repeat(script) if script.to_bare => bare::is_right(answer),
            Self::Repeat(script) => workload::is_right(script.workload, answer),
            Self::Rotate(script) => script.keep(answer).is_some(),
        };
        if is_right { Outcome::Served } else { Outcome::Wrong }
    }
}

impl Repeat {
    /// For each connection a script that begins at another place. The bare server gets the very same requests.
    pub fn of(workload: Workload, to_bare: bool, data: &Path, connections: usize) -> Result<Vec<Script>, Failure> {
        let tokens = || fs::read_to_string(data.join(ACCESS_TOKENS));
        let requests: Arc<[Vec<u8>]> = match workload {
            Workload::Refresh => return Err("a refresh token is good once".into()),
            Workload::Introspect => tokens()?.lines().map(workload::introspect).collect(),
            Workload::Userinfo => tokens()?.lines().map(workload::userinfo).collect(),
            Workload::ClientCredentials => [workload::client_credentials()].into(),
            Workload::Login => [workload::login()].into(),
        };
        let stride = requests.len() / connections.max(1);
        let script = |number| Self { requests: Arc::clone(&requests), next: number * stride, workload, to_bare };
        Ok((0..connections).map(|number| Script::Repeat(script(number))).collect())
    }

    fn request(&mut self) -> Option<&[u8]> {
        if self.next >= self.requests.len() {
            self.next = 0;
        }
        self.next += 1;
        self.requests.get(self.next - 1).map(Vec::as_slice)
    }
}
