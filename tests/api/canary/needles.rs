//! What is searched for: each secret in every way that logs, forms, headers and databases write it.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// So many bytes in a row are looked at at once; what is shorter is not searched for, since it may be there by chance.
pub const WINDOW: usize = 12;

/// Longer spellings are searched for by their end.
pub const LONGEST: usize = 4096;

/// The least length of a secret that a server makes.
const MADE: usize = 43;

/// Fewer different characters than this in a window are filling, which any text may have.
const VARIED: usize = 5;

/// What a server made is found by any part of two windows, and encoded by one window in so many: an encoded part is longer.
const ENCODED_EVERY: usize = 8;

/// Bits of the filter that most places in a text don't get past.
const FILTER_BITS: u32 = 28;

/// All needles, by the last bytes of each.
pub struct Needles {
    /// Parts of tokens.
    parts: HashSet<u128>,
    /// The spellings of passwords and the like, which have to be there as a whole.
    wholes: HashMap<u128, Vec<Vec<u8>>>,
    filter: Vec<u64>,
    /// How many secrets are searched for, and how many are too short or too plain.
    pub secrets: usize,
    pub unsearched: usize,
}

impl Needles {
    pub fn of(secrets: &[String]) -> Self {
        let filter = vec![0; 1 << (FILTER_BITS - 6)];
        let mut needles = Self { parts: HashSet::new(), wholes: HashMap::new(), filter, secrets: 0, unsearched: 0 };
        for secret in secrets {
            let searched = if is_made(secret) { needles.add_parts(secret) } else { needles.add_whole(secret) };
            if searched {
                needles.secrets += 1;
            } else {
                needles.unsearched += 1;
            }
        }
        needles
    }

    /// The needle that ends where `text` ends, of which `window` is the last of.
    pub fn at_end_of(&self, text: &[u8], window: u128) -> Option<Vec<u8>> {
        let (word, bit) = place(window);
        if self.filter[word] & bit == 0 {
            return None;
        }
        if self.parts.contains(&window) {
            return Some(window.to_be_bytes()[16 - WINDOW..].to_vec());
        }
        self.wholes.get(&window)?.iter().find(|whole| text.ends_with(whole)).cloned()
    }

    /// A token, of which no part may be anywhere.
    fn add_parts(&mut self, secret: &str) -> bool {
        let secret = secret.as_bytes();
        let plain = secret.chunks_exact(WINDOW).chain([&secret[secret.len() - WINDOW..]]);
        let parts: Vec<_> = plain.filter(|part| is_varied(part)).map(last_window).collect();
        for text in in_base64(secret) {
            text.as_bytes()
                .chunks_exact(WINDOW)
                .step_by(ENCODED_EVERY)
                .for_each(|part| self.add_part(last_window(part)));
        }
        // A window of hexadecimal is but six bytes, which may be anywhere by chance.
        for text in in_hexadecimal(secret) {
            text.as_bytes().chunks_exact(2 * WINDOW).step_by(ENCODED_EVERY / 2).for_each(|part| self.add_text(part));
        }
        for part in &parts {
            self.add_part(*part);
        }
        !parts.is_empty()
    }

    /// What somebody chose, which may have words in it that are elsewhere too.
    fn add_whole(&mut self, secret: &str) -> bool {
        if secret.len() < WINDOW || !is_varied(secret.as_bytes()) {
            return false;
        }
        for spelling in spellings(secret) {
            self.add_text(spelling.as_bytes());
        }
        true
    }

    fn add_part(&mut self, window: u128) {
        self.filter_in(window);
        self.parts.insert(window);
    }

    fn add_text(&mut self, text: &[u8]) {
        let text = &text[text.len().saturating_sub(LONGEST)..];
        let window = last_window(text);
        self.filter_in(window);
        let same_end = self.wholes.entry(window).or_default();
        if !same_end.iter().any(|other| other == text) {
            same_end.push(text.to_vec());
        }
    }

    fn filter_in(&mut self, window: u128) {
        let (word, bit) = place(window);
        self.filter[word] |= bit;
    }
}

/// A token or a secret that a server made, and not a text that somebody thought of.
fn is_made(secret: &str) -> bool {
    let is_url_safe = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let is_token = secret.starts_with("tkr_") || secret.starts_with("ey");
    secret.len() >= MADE && secret.bytes().all(is_url_safe) && (is_token || is_random(secret))
}

/// No word, since upper case, lower case and digits are mixed.
fn is_random(secret: &str) -> bool {
    let changes = secret.as_bytes().windows(2).filter(|two| two[0].is_ascii_lowercase() != two[1].is_ascii_lowercase());
    changes.count() * 4 > secret.len()
}

/// As it stands, in a form, in quotation marks, and encoded.
fn spellings(secret: &str) -> Vec<String> {
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let quoted = format!("{secret:?}");
    let mut all = vec![secret.to_owned(), form.replace('+', "%20"), form, quoted.trim_matches('"').to_owned()];
    all.extend(in_hexadecimal(secret.as_bytes()));
    all.extend(in_base64(secret.as_bytes()).into_iter().filter(|text| text.len() >= WINDOW));
    all
}

/// In either case.
fn in_hexadecimal(secret: &[u8]) -> [String; 2] {
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    [hex.to_uppercase(), hex]
}

/// In either alphabet, wherever it begins in what is encoded: after a client's id in a Basic header, say.
fn in_base64(secret: &[u8]) -> Vec<String> {
    let encoded = (0..3).map(|before| {
        let padded = [&b"\0\0"[..before], secret].concat();
        // Groups of which every bit is the secret's.
        STANDARD_NO_PAD.encode(&padded[..padded.len() / 3 * 3]).split_off(if before == 0 { 0 } else { 4 })
    });
    encoded.flat_map(|text| [text.replace('+', "-").replace('/', "_"), text]).collect()
}

fn is_varied(text: &[u8]) -> bool {
    text.iter().collect::<HashSet<_>>().len() >= VARIED
}

fn last_window(text: &[u8]) -> u128 {
    text[text.len() - WINDOW..].iter().fold(0, |window, byte| window << 8 | u128::from(*byte))
}

/// Where the filter has a window.
fn place(window: u128) -> (usize, u64) {
    let hash = window.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) >> (128 - FILTER_BITS);
    (usize::try_from(hash >> 6).expect("fewer bits than a usize has"), 1 << (hash & 63))
}
