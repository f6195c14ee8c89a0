//! Finds what in a reply may be the JSON asked for, and what stands around it.

use super::repair::{self, Ending, Keep, Parsed};

/// The text is read at most this many times over, whatever brackets it holds.
const MAX_PASSES: usize = 16;
/// Added to the above, so that a short text full of brackets is not refused.
const MIN_WORK: usize = 1 << 16;
/// How many bytes are read in all at most: of the longest replies, each eight times.
const MAX_WORK: usize = 2 << 20;

/// One bracketed value of a reply.
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

    /// True if there is anything to deserialise: a value cut before its first member was whole holds nothing.
    pub(super) fn is_readable(&self) -> bool {
        match self.parsed.ending {
            Ending::Whole => true,
            Ending::Cut { .. } => self.parsed.any_whole,
            Ending::Broken { .. } => false,
        }
    }
}

/// The parts that a reply consists of.
#[derive(Default)]
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
    let mut scanner = Scanner::new(text, keep);
    while let Some(c) = scanner.seek() {
        match c {
            '`' => scanner.fence(),
            '<' => match Tag::at(scanner.rest()) {
                Some(tag) => {
                    if !scanner.thinking(&tag) {
                        break;
                    }
                }
                None => scanner.control(),
            },
            _ if scanner.others_turn => scanner.bracket_in_prose(),
            _ => scanner.value(c == '{')?,
        }
    }
    Some(scanner.found)
}

/// Goes through a reply from bracket to bracket.
struct Scanner<'a> {
    text: &'a str,
    keep: Keep,
    /// The place reached, in bytes.
    at: usize,
    /// The end of the last broken value; brackets before it are parts of that.
    inner_until: usize,
    /// True while the text is not the model's: base models go on to write the next user's turn, and its JSON is not the
    /// answer.
    others_turn: bool,
    /// Bytes read so far, again and again where values are broken, those that were read and given up included.
    work: usize,
    limit: usize,
    found: Scan,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str, keep: Keep) -> Self {
        let limit = text.len().saturating_mul(MAX_PASSES).saturating_add(MIN_WORK).min(MAX_WORK);
        let found = Scan::default();
        Self { text, keep, at: 0, inner_until: 0, others_turn: false, work: 0, limit, found }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Goes on to the next character that may begin something, over prose; `None` at the end of the text.
    fn seek(&mut self) -> Option<char> {
        let rest = self.rest();
        let next = rest.char_indices().find(|(_, c)| matches!(c, '{' | '[' | '<' | '`'));
        let skipped = next.map_or(rest, |(offset, _)| rest.get(..offset).unwrap_or_default());
        self.found.prose |= self.at >= self.inner_until && has_words(skipped);
        self.at += skipped.len();
        next.map(|(_, c)| c)
    }

    /// Passes the backticks of a fence and its language.
    fn fence(&mut self) {
        self.found.fence = true;
        let rest = self.rest();
        let ticks = rest.bytes().take_while(|b| *b == b'`').count();
        let language = rest.bytes().skip(ticks).take_while(u8::is_ascii_alphanumeric).count();
        self.at += ticks + language;
    }

    /// Passes a tag and the thinking it opens; false if that goes on to the end of the text.
    fn thinking(&mut self, tag: &Tag<'_>) -> bool {
        self.found.thinking = true;
        self.at += tag.len;
        if tag.closing {
            // Its opening tag was part of the prompt: all before it is thinking.
            self.found = Scan { thinking: true, ..Scan::default() };
            self.others_turn = false;
            self.inner_until = 0;
            return true;
        }
        let len = tag.block_len(self.rest());
        self.at += len.unwrap_or(0);
        len.is_some()
    }

    /// Passes a control token, or the `<` alone where there is none.
    fn control(&mut self) {
        self.found.prose |= self.at >= self.inner_until;
        let rest = self.rest();
        let token = repair::control_token(rest).unwrap_or("<");
        self.at += token.len();
        self.others_turn = whose_turn(token, rest).unwrap_or(self.others_turn);
    }

    /// Passes a bracket that begins no value.
    fn bracket_in_prose(&mut self) {
        self.found.prose |= self.at >= self.inner_until;
        self.at += 1;
    }

    /// Reads the value that begins here; `None` if the work exceeds the limit.
    fn value(&mut self, object: bool) -> Option<()> {
        let parsed = repair::parse(self.text, self.at, self.keep);
        self.work = self.work.saturating_add(parsed.reached.saturating_sub(self.at));
        let piece = Piece { object, inner: self.at < self.inner_until, parsed };
        match piece.parsed.ending {
            Ending::Broken { open } if piece.parsed.json_like => {
                let end = piece.parsed.end;
                let skipped = balanced_len(self.text.get(end..).unwrap_or_default(), open);
                self.work = self.work.saturating_add(skipped.unwrap_or(self.text.len() - end));
                self.inner_until = self.inner_until.max(end + skipped.unwrap_or(0));
                self.found.pieces.push(piece);
                self.at += 1;
            }
            Ending::Broken { .. } => self.bracket_in_prose(),
            Ending::Whole | Ending::Cut { .. } => {
                self.at = piece.parsed.end;
                self.found.pieces.push(piece);
            }
        }
        (self.work <= self.limit).then_some(())
    }
}

/// Commas between values are part of a list without brackets, not words.
fn has_words(text: &str) -> bool {
    text.chars().any(|c| !(c.is_whitespace() || matches!(c, ',' | '\u{feff}')))
}

/// After a control token: `Some(true)` if the text from here on is not the model's.
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
