//! Text for terminals, without what a terminal would obey instead of show: control characters, changes of direction, and what has no
//! width.

use crate::domain::spelling::is_obeyed;

/// The text with what a terminal would obey written out.
pub fn escaped(text: &str) -> String {
    replaced(text, |c| c.escape_unicode().to_string())
}

/// JSON leaves some of the characters in its texts as they are. All of them fit its escape of four digits.
pub fn escaped_json(json: &str) -> String {
    let lines = json.split('\n').map(|line| replaced(line, |c| format!("\\u{:04x}", u32::from(c))));
    lines.collect::<Vec<_>>().join("\n")
}

fn replaced(text: &str, escape: impl Fn(char) -> String) -> String {
    text.chars().map(|c| if is_obeyed(c) { escape(c) } else { c.to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_printed() {
        let hostile = "a\u{1b}[2J\u{9b}31m\r\n\u{202e}b\u{200b}";
        let shown = escaped(hostile);
        assert_eq!(shown, "a\\u{1b}[2J\\u{9b}31m\\u{d}\\u{a}\\u{202e}b\\u{200b}");
        let json = escaped_json(&serde_json::to_string_pretty(&[hostile]).unwrap());
        assert!(json.chars().all(|c| c == '\n' || c.is_ascii_graphic() || c == ' '), "{json:?}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), [hostile]);
    }
}
