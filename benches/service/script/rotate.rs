//! Real rotations: each refresh token is exchanged once, and its successor takes its place.

use std::fs;
use std::path::Path;

use crate::failure::Failure;
use crate::http::Answer;
use crate::seed::{ACCESS_TOKENS, REFRESH_TOKENS, Token};
use crate::workload;

/// A share of the sessions, exchanged one after the other, round and round.
pub struct Rotate {
    tokens: Vec<Token>,
    next: usize,
    request: Vec<u8>,
    /// How many exchanges are left, where it is access tokens that are wanted.
    left: Option<usize>,
    access_tokens: Vec<u8>,
}

impl Rotate {
    /// For each connection a script with sessions of its own. To `mint` so many access tokens they exchange so many
    /// refresh tokens in all, and end.
    pub fn of(data: &Path, connections: usize, mint: Option<usize>) -> Result<Vec<Self>, Failure> {
        let bytes = fs::read(data.join(REFRESH_TOKENS))?;
        let (tokens, []) = bytes.as_chunks() else { return Err("the file of refresh tokens is damaged".into()) };
        let share = tokens.len().div_ceil(connections.max(1)).max(1);
        let left = mint.map(|number| number.div_ceil(connections.max(1)));
        let scripts = tokens.chunks(share).map(|tokens: &[Token]| {
            let request = tokens.first().map(|token| workload::refresh(&String::from_utf8_lossy(token)));
            let (tokens, request) = (tokens.to_vec(), request.unwrap_or_default());
            Self { tokens, next: 0, request, left, access_tokens: Vec::new() }
        });
        Ok(scripts.collect())
    }

    pub(super) fn request(&mut self) -> Option<&[u8]> {
        if self.left == Some(0) {
            return None;
        }
        let token = self.tokens.get(self.next)?;
        let (_, end) = self.request.split_last_chunk_mut()?;
        *end = *token;
        Some(&self.request)
    }

    /// Puts the successor in its predecessor's place; `None` when the answer has none. A token that got no right answer is
    /// left behind as it is.
    pub(super) fn keep(&mut self, answer: &Answer) -> Option<()> {
        let place = self.next;
        self.next = (place + 1) % self.tokens.len();
        if answer.status != 200 || answer.header("refresh-verdict") != Some(b"rotate") {
            return None;
        }
        let successor: Token = answer.text("refresh_token")?.try_into().ok()?;
        let access_token = answer.text("access_token")?;
        let token = self.tokens.get_mut(place)?;
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

    /// Writes the tokens that are good after these scripts, those that were just used at the end, and the access tokens
    /// that they minted.
    pub fn store<'a>(scripts: impl Iterator<Item = &'a Self>, data: &Path) -> Result<(), Failure> {
        let (mut unused, mut used, mut access_tokens) = (Vec::new(), Vec::new(), Vec::new());
        for script in scripts {
            let (before, after) = script.tokens.split_at(script.next);
            unused.extend_from_slice(after);
            used.extend_from_slice(before);
            access_tokens.extend_from_slice(&script.access_tokens);
        }
        unused.append(&mut used);
        fs::write(data.join(REFRESH_TOKENS), unused.as_flattened())?;
        if !access_tokens.is_empty() {
            fs::write(data.join(ACCESS_TOKENS), access_tokens)?;
        }
        Ok(())
    }
}
