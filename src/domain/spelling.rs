//! What keyboards, clipboards and files add around a value that can't be a part of it.

/// The mark that some editors put before UTF-8.
pub const BYTE_ORDER_MARK: char = '\u{feff}';

/// A text without white space and one pair of matching quotes around it.
pub fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let inner = ['"', '\''].into_iter().find_map(|quote| {
        let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
        (!inner.contains(quote)).then_some(inner)
    });
    inner.map_or(text, str::trim)
}

/// A text without white space and without characters around it that nobody sees.
pub fn visible(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c))
}

/// Whether `c` has no glyph of its own: `Default_Ignorable_Code_Point` of Unicode, without the two joiners (U+200C and U+200D), which
/// belong to the words of some languages.
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | BYTE_ORDER_MARK | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a terminal or a page obeys `c` instead of showing it.
pub fn is_obeyed(c: char) -> bool {
    let invisible = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    c.is_control() || invisible || matches!(c, '\u{ad}' | '\u{61c}' | BYTE_ORDER_MARK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pair_of_quotes_is_no_part_of_a_value() {
        for (text, value) in [
            ("a", "a"),
            (" a\r\n", "a"),
            ("\"a\"", "a"),
            (" ' a ' ", "a"),
            ("\"a", "\"a"),
            ("\"a'", "\"a'"),
            ("\"a\",\"b\"", "\"a\",\"b\""),
            ("'\"a\"'", "\"a\""),
            ("\"", "\""),
            ("\"\"", ""),
        ] {
            assert_eq!(unquoted(text), value, "{text:?}");
        }
    }

    #[test]
    fn what_nobody_sees_is_taken_from_the_ends_only() {
        for around in
            ["\u{a0}", "\u{200b}", "\u{feff}", "\u{2060}", "\u{200e}", "\u{202a}", "\u{2069}", "\u{3000}", "\t"]
        {
            assert_eq!(visible(&format!("{around}a b{around}{around}")), "a b", "{around:?}");
            let inside = format!("a{around}b");
            assert_eq!(visible(&inside), inside);
        }
        assert_eq!(visible("\u{200c}a\u{200d}"), "\u{200c}a\u{200d}");
    }
}
