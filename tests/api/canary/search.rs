//! Goes once through a text of any length, with all needles at once.

use std::io::{self, Read};

use super::needles::{LONGEST, Needles, WINDOW};

const CHUNK: usize = 1 << 20;

/// The last bytes that a window has.
const MASK: u128 = (1 << (8 * WINDOW)) - 1;

/// What is shown of a line, to either side.
const CONTEXT: usize = 300;

/// A secret where it doesn't belong.
#[derive(Debug)]
pub struct Finding {
    pub needle: String,
    /// The line that has it, or what is near.
    pub line: String,
}

/// What is found in a text and doesn't belong there. Of several in one line only the first, since they are mostly parts of
/// one.
pub fn search(needles: &Needles, mut text: impl Read, belongs: impl Fn(&str) -> bool) -> io::Result<Vec<Finding>> {
    let (mut findings, mut window, mut kept) = (Vec::new(), 0_u128, Vec::new());
    let mut line_has_one = false;
    loop {
        // A needle may begin in what was read before.
        let before = kept.len();
        if text.by_ref().take(CHUNK as u64).read_to_end(&mut kept)? == 0 {
            return Ok(findings);
        }
        for at in before..kept.len() {
            let byte = kept[at];
            window = (window << 8 | u128::from(byte)) & MASK;
            if byte == b'\n' {
                line_has_one = false;
            } else if !line_has_one && let Some(needle) = needles.at_end_of(&kept[..=at], window) {
                let needle = text_of(&needle);
                if !belongs(&needle) {
                    line_has_one = true;
                    findings.push(Finding { needle, line: line_around(&kept, at) });
                }
            }
        }
        kept.drain(..kept.len().saturating_sub(2 * LONGEST));
    }
}

fn line_around(text: &[u8], at: usize) -> String {
    let begin =
        text[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1).max(at.saturating_sub(CONTEXT));
    let end = text[at..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |length| at + length);
    text_of(&text[begin..end.min(at + CONTEXT)])
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
