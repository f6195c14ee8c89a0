//! Strings: their quotes, their escapes, and where they end when a quote inside them was not escaped.

use super::{Parser, Stop, could_be_literal, is_quote, literal, write_string};

impl Parser<'_> {
    /// Reads a string opened by `open` and writes it out in plain double quotes.
    pub(super) fn string(&mut self, open: char, key: bool) -> Result<(), Stop> {
        self.syntax |= open != '"';
        self.at += open.len_utf8();
        let mut content = String::new();
        let mut inner_quote = None;
        loop {
            let Some(c) = self.next() else {
                // With a quote taken for text, the string may as well have ended there, and all since be misread.
                let Some(quote) = inner_quote else { return Err(Stop::Cut) };
                self.reached = self.at;
                self.at = quote;
                return Err(Stop::Broken);
            };
            if c == '\\' {
                content.push(self.escape());
                continue;
            }
            if closes(open, c) {
                if key || self.string_ends_here(open) {
                    break;
                }
                inner_quote = inner_quote.or(Some(self.at));
                self.syntax = true; // a quote inside the text that should have been escaped
            }
            self.syntax |= c < ' ';
            content.push(c);
        }
        write_string(&mut self.out, &content);
        Ok(())
    }

    /// True if the quote just passed ends its string, judged by what follows; in valid JSON it always does.
    fn string_ends_here(&self, open: char) -> bool {
        let rest = self.rest();
        let after = rest.trim_start();
        match after.chars().next() {
            None | Some('}' | ']') => true,
            Some(c @ (',' | '，')) => self.member_starts(after.get(c.len_utf8()..).unwrap_or_default()),
            Some(c) if closes(open, c) => after.len() < rest.len(), // a forgotten comma, but not a doubled quote
            Some('#') => after.len() < rest.len(),
            Some(_) => ["//", "/*", "```", "<|"].iter().any(|mark| after.starts_with(mark)),
        }
    }

    /// True if `text`, which follows a comma, can start another member of the innermost value.
    fn member_starts(&self, text: &str) -> bool {
        let list = self.frames.last().is_some_and(|frame| frame.list);
        let text = text.trim_start();
        let word = text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '.'))).next();
        let word = word.unwrap_or_default();
        match text.chars().next() {
            None | Some('}' | ']' | ',' | '/' | '#' | '`' | '<') => true,
            Some(c) if is_quote(c) => true,
            Some('{' | '[' | '-' | '+' | '.' | '0'..='9') if list => true,
            Some(_) if list => literal(word).is_some() || (word.len() == text.len() && could_be_literal(word)),
            Some(_) => {
                let after = text.get(word.len()..).unwrap_or_default().trim_start();
                !word.is_empty() && (after.is_empty() || after.starts_with(':'))
            }
        }
    }

    fn escape(&mut self) -> char {
        let before = self.at;
        let escaped = match self.next() {
            c @ Some('"' | '\\' | '/') => c,
            Some('b') => Some('\u{8}'),
            Some('f') => Some('\u{c}'),
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some('u') => self.unicode_escape(),
            Some('\'') => {
                self.syntax = true;
                Some('\'')
            }
            _ => None,
        };
        escaped.unwrap_or_else(|| {
            // Not an escape: a backslash that should have been doubled.
            self.syntax = true;
            self.at = before;
            '\\'
        })
    }

    /// The rest of `\uXXXX`, with its second half if it is a surrogate pair; a lone half is unreadable in Rust.
    fn unicode_escape(&mut self) -> Option<char> {
        let first = self.hex4()?;
        let after_first = self.at;
        if (0xD800..0xDC00).contains(&first) && self.rest().starts_with("\\u") {
            self.at += 2;
            if let Some(second @ 0xDC00..0xE000) = self.hex4() {
                return char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00));
            }
            self.at = after_first;
        }
        Some(char::from_u32(first).unwrap_or_else(|| {
            self.syntax = true;
            char::REPLACEMENT_CHARACTER
        }))
    }

    fn hex4(&mut self) -> Option<u32> {
        let digits = self.rest().get(..4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }
}

/// True if `c` is of the kind that ends a string opened by `open`.
fn closes(open: char, c: char) -> bool {
    match open {
        '"' | '\'' => c == open,
        '‘' | '’' => matches!(c, '\'' | '‘' | '’'),
        _ => matches!(c, '"' | '“' | '”'),
    }
}
