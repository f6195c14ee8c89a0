//! Finds what in a reply may be the JSON asked for, and what stands around it.

use super::repair::{self, Ending, Keep, Parsed};

/// The text is read at most this many times over, whatever brackets it holds.
const MAX_PASSES: usize = 16;
/// Added to the above, so that a short text full of brackets is not refused.
const MIN_WORK: usize = 4096;

/// One bracketed value of a reply.
#[derive(Debug)]
pub(super) struct Piece {
    /// Opened by `{` rather than `[`.
    pub(super) object: bool,
    /// Part of a value that could not be read as a whole.
    pub(super) inner: bool,
    pub(super) parsed: Parsed,
}

impl Piece {
    pub(super) fn is_broken(&self) -> bool {
        matches!(self.parsed.ending, Ending::Broken { .. })
    }

    pub(super) fn is_cut(&self) -> bool {
        matches!(self.parsed.ending, Ending::Cut { .. })
    }

    pub(super) fn is_cut_in_list(&self) -> bool {
        self.parsed.ending == Ending::Cut { in_list: true }
    }

    /// Whether there is anything to deserialise: a value cut before its first member was whole says nothing.
    pub(super) fn is_readable(&self) -> bool {
        match self.parsed.ending {
            Ending::Whole => true,
            Ending::Cut { .. } => self.parsed.any_whole,
            Ending::Broken { .. } => false,
        }
    }
}

/// What a reply consists of.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// In order of their start. Only parts of a broken value lie within another piece.
    pub(super) pieces: Vec<Piece>,
    pub(super) thinking: bool,
    pub(super) fence: bool,
    pub(super) prose: bool,
    pub(super) keep: Keep,
}

/// Takes a reply apart, or gives `None` if that needs too much work.
pub(super) fn scan(text: &str, keep: Keep) -> Option<Scan> {
    let mut found = Scan::default();
    let limit = text.len().saturating_mul(MAX_PASSES).saturating_add(MIN_WORK);
    let mut work = 0_usize;
    let mut inner_until = 0;
    // Base models go on to write the next user's turn; its JSON is not the answer.
    let mut others_turn = false;
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let Some((offset, c)) = rest.char_indices().find(|(_, c)| matches!(c, '{' | '[' | '<' | '`')) else {
            found.prose |= at >= inner_until && has_words(rest);
            return Some(found);
        };
        found.prose |= at >= inner_until && has_words(rest.get(..offset).unwrap_or_default());
        at += offset;
        let rest = rest.get(offset..).unwrap_or_default();
        match c {
            '`' => {
                found.fence = true;
                let ticks = rest.bytes().take_while(|b| *b == b'`').count();
                let language = rest.bytes().skip(ticks).take_while(u8::is_ascii_alphanumeric).count();
                at += ticks + language;
            }
            '<' => {
                if let Some(tag) = Tag::at(rest) {
                    found.thinking = true;
                    at += tag.len;
                    if tag.closing {
                        // Its opening tag was part of the prompt: all before it is thinking.
                        found = Scan { thinking: true, ..Scan::default() };
                        others_turn = false;
                        inner_until = 0;
                    } else if let Some(len) = tag.block_len(rest.get(tag.len..).unwrap_or_default()) {
                        at += len;
                    } else {
                        return Some(found);
                    }
                } else {
                    found.prose |= at >= inner_until;
                    let token = repair::control_token(rest).unwrap_or("<");
                    at += token.len();
                    others_turn = whose_turn(token, rest).unwrap_or(others_turn);
                }
            }
            _ if others_turn => {
                found.prose |= at >= inner_until;
                at += 1;
            }
            _ => {
                let parsed = repair::parse(text, at, keep);
                work = work.saturating_add(parsed.end.saturating_sub(at));
                let piece = Piece { object: c == '{', inner: at < inner_until, parsed };
                if let Ending::Broken { open } = piece.parsed.ending {
                    if piece.parsed.json_like {
                        let end = piece.parsed.end;
                        let skipped = balanced_len(text.get(end..).unwrap_or_default(), open);
                        work = work.saturating_add(skipped.unwrap_or(text.len() - end));
                        inner_until = inner_until.max(end + skipped.unwrap_or(0));
                        found.pieces.push(piece);
                    } else {
                        found.prose |= at >= inner_until;
                    }
                    at += 1;
                } else {
                    at = piece.parsed.end;
                    found.pieces.push(piece);
                }
                if work > limit {
                    return None;
                }
            }
        }
    }
}

/// Commas between values are part of a list without brackets, not words.
fn has_words(text: &str) -> bool {
    text.chars().any(|c| !(c.is_whitespace() || matches!(c, ',' | '\u{feff}')))
}

/// After a control token: `Some(true)` if somebody else than the model speaks from here on.
fn whose_turn(token: &str, rest: &str) -> Option<bool> {
    let name = token.trim_matches(['<', '|', '>']);
    let after = rest.get(token.len()..).unwrap_or_default();
    [name, after].iter().find_map(|text| {
        let word = text.split(|c: char| !c.is_ascii_alphabetic()).next()?;
        match word {
            "user" | "system" | "tool" => Some(true),
            "assistant" | "model" => Some(false),
            _ => None,
        }
    })
}

/// Length of `text` up to where `open` brackets are closed, strings apart.
fn balanced_len(text: &str, mut open: usize) -> Option<usize> {
    let (mut in_string, mut escaped) = (false, false);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => open += 1,
            b'}' | b']' if !in_string => open = open.saturating_sub(1),
            _ => {}
        }
        if open == 0 {
            return Some(index + 1);
        }
    }
    None
}

/// A tag around a model's thinking.
struct Tag<'a> {
    name: &'a str,
    closing: bool,
    len: usize,
}

impl<'a> Tag<'a> {
    fn at(text: &'a str) -> Option<Self> {
        let inner = text.strip_prefix('<')?;
        let (closing, inner) = inner.strip_prefix('/').map_or((false, inner), |inner| (true, inner));
        let (name, _) = inner.split_at_checked(inner.find(|c: char| !c.is_ascii_alphabetic())?)?;
        let known = ["think", "thinking", "thought", "reasoning"].iter().any(|known| known.eq_ignore_ascii_case(name));
        let len = 1 + usize::from(closing) + name.len() + 1;
        (known && text.get(..len)?.ends_with('>')).then_some(Tag { name, closing, len })
    }

    /// Length of the block this opening tag starts, with its closing tag.
    fn block_len(&self, text: &str) -> Option<usize> {
        text.match_indices('<').find_map(|(index, _)| {
            let tag = Tag::at(text.get(index..)?)?;
            (tag.closing && tag.name.eq_ignore_ascii_case(self.name)).then_some(index + tag.len)
        })
    }
}
