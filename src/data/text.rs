//! Checks every text passes on its way in.

use super::DataError;
use super::visible::{line, shows_nothing};
use std::fmt::Write as _;

/// Refuses text that is blank, over `limit` bytes or holds control characters other than tab and line ends.
pub(super) fn check(item: &str, what: &'static str, text: &str, limit: usize) -> Result<(), DataError> {
    check_kept(item, what, text, limit)?;
    if text.chars().all(|c| c.is_whitespace() || shows_nothing(c)) {
        return Err(DataError::Blank { item: item.to_owned(), what });
    }
    Ok(())
}

/// Checks a text that was taken before, when less counted as blank: what was stored stays readable.
pub(super) fn check_kept(item: &str, what: &'static str, text: &str, limit: usize) -> Result<(), DataError> {
    if text.len() > limit {
        return Err(DataError::TooLarge { item: item.to_owned(), what, size: text.len(), limit });
    }
    if let Some((position, c)) = text.char_indices().find(|&(_, c)| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
    {
        return Err(DataError::ControlCharacter { item: item.to_owned(), what, code: u32::from(c), position });
    }
    if text.chars().all(|c| c.is_whitespace() || is_invisible(c)) {
        return Err(DataError::Blank { item: item.to_owned(), what });
    }
    Ok(())
}

/// Characters that a key does without. Keys, and with them the ids of factors, are in stored models, so this stays as it is;
/// what else shows nothing is in [`visible`](super::visible).
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}'
            | '\u{00ad}'
            | '\u{e0000}'..='\u{e01ef}'
    )
}

/// One spelling for comparison: NFKC, lower case, invisible characters gone, white space folded, ends trimmed.
pub fn fold(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization;

    // Most names are folded already; leaving those as they are makes learning several times faster.
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'\'');
    let mut last = b' ';
    let folded = text.bytes().all(|byte| {
        let before = std::mem::replace(&mut last, byte);
        plain(byte) || byte == b' ' && before != b' '
    });
    if folded && last != b' ' {
        return text.to_owned();
    }
    let mut folded = String::with_capacity(text.len());
    let mut gap = false;
    for c in text.nfkc().filter(|&c| !is_invisible(c)).flat_map(char::to_lowercase) {
        if c.is_whitespace() || c.is_control() {
            gap = !folded.is_empty();
        } else {
            if std::mem::take(&mut gap) {
                folded.push(' ');
            }
            folded.push(c);
        }
    }
    folded
}

/// A text on one line without what hides or what a terminal obeys, and of that the first `chars` characters.
pub(crate) fn one_line(text: &str, chars: usize) -> String {
    let line = line(text);
    line.chars().take(chars).collect::<String>().trim_end().to_owned()
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_unifies_case_width_and_white_space() {
        assert_eq!(fold("  Ｓlow\u{200b} \n Pacing "), "slow pacing");
        assert_eq!(fold("ÉTÉ"), fold("e\u{301}te\u{301}"));
    }

    #[test]
    fn control_characters_are_named_by_place() {
        let error = check("a", "query", "ok\0", 10).unwrap_err();
        assert_eq!(error, DataError::ControlCharacter { item: "a".into(), what: "query", code: 0, position: 2 });
    }
}
