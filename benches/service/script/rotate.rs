//! Real rotations: each refresh token is exchanged once, and its successor takes its place.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::failure::Failure;
use crate::http::Answer;
use crate::seed::{ACCESS_TOKENS, REFRESH_TOKEN_BYTES, REFRESH_TOKENS, Token};
use crate::workload;

/// Where the data directory has the place of the refresh token that is exchanged next.
const NEXT: &str = "next-refresh-token";

/// All sessions in one circle, from which all connections take the next.
struct Circle {
    tokens: Vec<Token>,
    first: usize,
    taken: usize,
}

/// What one connection exchanges.
pub struct Rotate {
    circle: Arc<Mutex<Circle>>,
    place: usize,
    request: Vec<u8>,
    /// How many exchanges are left, where it is access tokens that are wanted.
    left: Option<usize>,
    access_tokens: Vec<u8>,
}

impl Rotate {
    /// A script for each connection. To `mint` so many access tokens they exchange so many refresh tokens in all, and end.
    pub fn of(data: &Path, connections: usize, mint: Option<usize>) -> Result<Vec<Self>, Failure> {
        let bytes = fs::read(data.join(REFRESH_TOKENS))?;
        let (tokens, []) = bytes.as_chunks() else { return Err("the file of refresh tokens is damaged".into()) };
        let tokens: Vec<Token> = tokens.to_vec();
        let first = fs::read_to_string(data.join(NEXT)).map_or(Ok(0), |text| text.parse())?;
        let request =
            tokens.first().map(|token| workload::refresh(&String::from_utf8_lossy(token))).unwrap_or_default();
        let circle = Arc::new(Mutex::new(Circle { tokens, first, taken: 0 }));
        let left = mint.map(|number| number.div_ceil(connections.max(1)));
        let script = || Self {
            circle: Arc::clone(&circle),
            place: 0,
            request: request.clone(),
            left,
            access_tokens: Vec::new(),
        };
        Ok((0..connections).map(|_| script()).collect())
    }

    pub(super) fn request(&mut self) -> Option<&[u8]> {
        if self.left == Some(0) {
            return None;
        }
        let (place, token) = self.circle.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let (_, end) = self.request.split_last_chunk_mut()?;
        (self.place, *end) = (place, token);
        Some(&self.request)
    }

    /// Puts the successor in its predecessor's place; `None` when the answer has none. A token that got no right answer is
    /// left behind as it is.
    pub(super) fn keep(&mut self, answer: &Answer) -> Option<()> {
        if answer.status != 200 || answer.header("refresh-verdict") != Some(b"rotate") {
            return None;
        }
        let successor: Token = answer.text("refresh_token")?.try_into().ok()?;
        let access_token = answer.text("access_token")?;
        let mut circle = self.circle.lock().unwrap_or_else(PoisonError::into_inner);
        let token = circle.tokens.get_mut(self.place)?;
        if *token == successor {
            return None;
        }
        *token = successor;
        if let Some(left) = &mut self.left {
            *left -= 1;
            self.access_tokens.extend_from_slice(access_token);
            self.access_tokens.push(b'\n');
        }
        Some(())
    }

    /// Writes the tokens that these scripts exchanged, where the next are, and the access tokens that they minted.
    pub fn store<'a>(scripts: impl Iterator<Item = &'a Self>, data: &Path) -> Result<(), Failure> {
        let (mut circle, mut access_tokens) = (None, Vec::new());
        for script in scripts {
            circle.get_or_insert(&script.circle);
            access_tokens.extend_from_slice(&script.access_tokens);
        }
        if let Some(circle) = circle {
            circle.lock().unwrap_or_else(PoisonError::into_inner).store(data)?;
        }
        if !access_tokens.is_empty() {
            fs::write(data.join(ACCESS_TOKENS), access_tokens)?;
        }
        Ok(())
    }
}

impl Circle {
    /// The next token and its place.
    fn take(&mut self) -> Option<(usize, Token)> {
        let place = (self.first + self.taken) % self.tokens.len().max(1);
        self.taken += 1;
        Some((place, *self.tokens.get(place)?))
    }

    /// Writes no more than what has changed: ten million tokens are more than a gigabyte.
    fn store(&self, data: &Path) -> Result<(), Failure> {
        let mut file = OpenOptions::new().write(true).open(data.join(REFRESH_TOKENS))?;
        let taken = self.taken.min(self.tokens.len());
        let up_to_end = taken.min(self.tokens.len() - self.first);
        self.store_part(&mut file, self.first, up_to_end)?;
        self.store_part(&mut file, 0, taken - up_to_end)?;
        let next = (self.first + self.taken) % self.tokens.len().max(1);
        Ok(fs::write(data.join(NEXT), next.to_string())?)
    }

    fn store_part(&self, file: &mut File, first: usize, number: usize) -> Result<(), Failure> {
        let tokens = self.tokens.get(first..first + number).unwrap_or_default();
        file.seek(SeekFrom::Start((first * REFRESH_TOKEN_BYTES) as u64))?;
        Ok(file.write_all(tokens.as_flattened())?)
    }
}
