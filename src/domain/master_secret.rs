//! Master secrets as people write them: which texts are one, and what doesn't belong to it.

use super::PlainSecret;
use super::spelling::BYTE_ORDER_MARK;

/// The fewest characters of a master secret.
pub const MIN_CHARACTERS: usize = 32;

/// The secrets of a variable or a key, separated by commas or white space.
pub fn in_words(text: &str) -> Vec<PlainSecret> {
    secrets(text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty()))
}

/// The secrets of a file, one a line. Blank lines and lines that begin with `#` are skipped.
pub fn in_lines(text: &str) -> Vec<PlainSecret> {
    // The mark before a comment must not make a secret of it, which everybody knows.
    let says_nothing = |line: &str| bare(line).is_empty() || bare(line).starts_with('#');
    secrets(text.lines().map(str::trim).filter(|line| !says_nothing(line)))
}

/// The secret without white space and a byte order mark around it: files and environments add them.
pub fn bare(text: &str) -> &str {
    text.trim().trim_start_matches(BYTE_ORDER_MARK).trim_start()
}

/// Whether it is out of reach of guessing.
pub fn is_long_enough(text: &str) -> bool {
    text.chars().count() >= MIN_CHARACTERS
}

fn secrets<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<PlainSecret> {
    texts.map(|text| PlainSecret::new(text.to_owned())).collect()
}
