//! Parses one bracketed value, putting right what models commonly get wrong, and writes it out again as strict JSON.
//!
//! Valid JSON comes out unchanged in meaning with `syntax` unset. What has no single likely reading (a bare word as a
//! value, `4/5`, `1|2|3`) is left broken rather than guessed. Nesting is kept on a stack of our own and bounded.

use serde::de::IgnoredAny;

mod string;

/// `serde_json` reads no deeper, so neither does this parser.
const MAX_DEPTH: usize = 128;
/// Longest leaked control token (`<|im_end|>`) that is looked for.
const MAX_CONTROL_TOKEN: usize = 40;

/// The way the text of a value ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// With its own closing bracket.
    Whole,
    /// With the end of the text (or of the fence); `in_list` if some list was still open.
    Cut { in_list: bool },
    /// At something unreadable, with `open` brackets not yet closed.
    Broken { open: usize },
}

/// One value read from a text.
pub(super) struct Parsed {
    /// Strict JSON; meaningless when broken.
    pub(super) json: String,
    /// The end of what was read, in bytes of the text.
    pub(super) end: usize,
    /// The furthest place looked at, from `end` on: an unclosed string is read to the end of the text and given up.
    pub(super) reached: usize,
    pub(super) ending: Ending,
    /// True if anything but missing closing brackets was put right.
    pub(super) syntax: bool,
    /// True if at least one member, at any depth, was read whole.
    pub(super) any_whole: bool,
    /// True if it looks like JSON at all: a whole member, or a quoted key and its colon.
    pub(super) json_like: bool,
}

/// The remains of a value that was cut inside nested lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Keep {
    /// The whole members of its outermost list: no list keeps half an item.
    #[default]
    WholeItems,
    /// Also the last item, with the whole members of its innermost list.
    PartOfLast,
}

/// Reads the value whose opening bracket is at `start`.
pub(super) fn parse(text: &str, start: usize, keep: Keep) -> Parsed {
    let mut parser = Parser {
        text,
        keep,
        at: start,
        reached: start,
        out: String::new(),
        frames: Vec::new(),
        syntax: false,
        any_whole: false,
        json_like: false,
    };
    let ending = match parser.run() {
        Ok(()) => Ending::Whole,
        Err(Stop::Cut) => parser.close_cut(),
        Err(Stop::Broken) => Ending::Broken { open: parser.frames.len() },
    };
    Parsed {
        json: parser.out,
        end: parser.at,
        reached: parser.reached.max(parser.at),
        ending,
        syntax: parser.syntax,
        any_whole: parser.any_whole,
        json_like: parser.json_like,
    }
}

enum Stop {
    Cut,
    Broken,
}

struct Frame {
    list: bool,
    filled: bool,
    /// Length of the output up to the last whole member: what remains if the text ends here.
    keep: usize,
}

struct Parser<'a> {
    text: &'a str,
    keep: Keep,
    at: usize,
    /// The furthest place from which the parser went back.
    reached: usize,
    out: String,
    frames: Vec<Frame>,
    syntax: bool,
    any_whole: bool,
    json_like: bool,
}

impl<'a> Parser<'a> {
    fn run(&mut self) -> Result<(), Stop> {
        self.value()?;
        while let Some(frame) = self.frames.last() {
            let (list, filled) = (frame.list, frame.filled);
            self.member(list, filled)?;
        }
        Ok(())
    }

    /// Reads one member, or the closing bracket, of the innermost value.
    fn member(&mut self, list: bool, filled: bool) -> Result<(), Stop> {
        let commas = self.commas();
        let c = self.peek()?;
        if matches!(c, '}' | ']') {
            self.syntax |= commas > 0;
            return self.close(c);
        }
        if commas != usize::from(filled) {
            self.syntax = true;
            // A forgotten comma is only believed before something that cannot be prose.
            if commas == 0 && !(is_quote(c) || (list && (matches!(c, '{' | '[' | '-') || c.is_ascii_digit()))) {
                return Err(Stop::Broken);
            }
        }
        if filled {
            self.out.push(',');
        }
        if !list {
            self.key(c)?;
        }
        self.value()
    }

    fn commas(&mut self) -> usize {
        let mut commas = 0;
        loop {
            self.space();
            match self.rest().chars().next() {
                Some(',') => self.at += 1,
                Some(c @ '，') => {
                    self.syntax = true;
                    self.at += c.len_utf8();
                }
                _ => return commas,
            }
            commas += 1;
        }
    }

    fn key(&mut self, first: char) -> Result<(), Stop> {
        let quoted = is_quote(first);
        if quoted {
            self.string(first, true)?;
        } else {
            let name = self.take(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$'));
            if name.is_empty() {
                return Err(Stop::Broken);
            }
            self.syntax = true;
            write_string(&mut self.out, name);
        }
        self.space();
        match self.peek()? {
            ':' => self.at += 1,
            c @ '：' => {
                self.syntax = true;
                self.at += c.len_utf8();
            }
            _ => return Err(Stop::Broken),
        }
        self.json_like |= quoted;
        self.out.push(':');
        self.space();
        Ok(())
    }

    fn value(&mut self) -> Result<(), Stop> {
        let c = self.peek()?;
        if matches!(c, '{' | '[') {
            if self.frames.len() >= MAX_DEPTH {
                return Err(Stop::Broken);
            }
            self.at += 1;
            self.out.push(c);
            self.frames.push(Frame { list: c == '[', filled: false, keep: self.out.len() });
            return Ok(());
        }
        if is_quote(c) {
            self.string(c, false)?;
        } else {
            self.word()?;
        }
        self.member_done();
        Ok(())
    }

    fn member_done(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.filled = true;
            frame.keep = self.out.len();
            self.any_whole = true;
            self.json_like = true;
        }
    }

    fn close(&mut self, bracket: char) -> Result<(), Stop> {
        let list = bracket == ']';
        self.at += 1;
        if self.frames.last().is_some_and(|frame| frame.list != list) {
            self.syntax = true;
            if !self.frames.iter().any(|frame| frame.list == list) {
                return Err(Stop::Broken);
            }
            // More members follow, so this bracket is one too many; otherwise the inner one was forgotten.
            if self.rest().trim_start().starts_with(',') {
                return Ok(());
            }
        }
        while let Some(frame) = self.frames.pop() {
            self.out.push(if frame.list { ']' } else { '}' });
            if frame.list == list {
                break;
            }
        }
        self.member_done();
        Ok(())
    }

    /// Ends the output at the last whole member: of the open list that [`Keep`] says, or else of the innermost object.
    fn close_cut(&mut self) -> Ending {
        let list = match self.keep {
            Keep::WholeItems => self.frames.iter().position(|frame| frame.list),
            Keep::PartOfLast => self.frames.iter().rposition(|frame| frame.list),
        };
        self.frames.truncate(list.map_or(self.frames.len(), |index| index + 1));
        self.out.truncate(self.frames.last().map_or(0, |frame| frame.keep));
        while let Some(frame) = self.frames.pop() {
            self.out.push(if frame.list { ']' } else { '}' });
        }
        Ending::Cut { in_list: list.is_some() }
    }

    /// A number or a literal.
    fn word(&mut self) -> Result<(), Stop> {
        let word = self.take(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '-' | '.'));
        if let Some(literal) = literal(word) {
            self.syntax |= literal != word;
            self.out.push_str(literal);
            return Ok(());
        }
        if word.is_empty() {
            return Err(Stop::Broken);
        }
        // The rest of the number may be missing: a cut 42 must not be read as 4.
        if self.rest().is_empty() {
            return Err(Stop::Cut);
        }
        if is_number(word) {
            self.out.push_str(word);
            return Ok(());
        }
        let mut number = word.strip_prefix('+').unwrap_or(word).to_owned();
        if number.starts_with('.') {
            number.insert(0, '0');
        }
        if number.ends_with('.') {
            number.push('0');
        }
        if !is_number(&number) {
            return Err(Stop::Broken);
        }
        self.syntax = true;
        self.out.push_str(&number);
        Ok(())
    }

    /// Skips white space, comments and leaked control tokens.
    fn space(&mut self) {
        loop {
            let rest = self.rest();
            let skipped = match rest.chars().next() {
                Some(' ' | '\t' | '\n' | '\r') => {
                    self.at += 1;
                    continue;
                }
                Some(c) if c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}') => c.len_utf8(),
                Some('#') => line_len(rest),
                Some('/') if rest.starts_with("//") => line_len(rest),
                Some('/') if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
                Some('<') => control_token(rest).map_or(0, str::len),
                _ => 0,
            };
            if skipped == 0 {
                return;
            }
            self.syntax = true;
            self.at += skipped;
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next character; the end of a code fence is the end of the text.
    fn peek(&self) -> Result<char, Stop> {
        match self.rest().chars().next() {
            Some('`') if self.rest().starts_with("```") => Err(Stop::Cut),
            Some(c) => Ok(c),
            None => Err(Stop::Cut),
        }
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn take(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let len = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += len;
        rest.get(..len).unwrap_or_default()
    }
}

/// The control token, such as `<|im_end|>`, that `text` starts with.
pub(super) fn control_token(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("<|")?;
    let len = inner.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-')))?;
    let token = text.get(..len + 4)?;
    (len <= MAX_CONTROL_TOKEN && token.ends_with("|>")).then_some(token)
}

fn line_len(text: &str) -> usize {
    text.find('\n').unwrap_or(text.len())
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '“' | '”' | '„' | '‘' | '’')
}

const LITERALS: [(&str, &str); 10] = [
    ("true", "true"),
    ("false", "false"),
    ("null", "null"),
    ("True", "true"),
    ("False", "false"),
    ("None", "null"),
    ("NaN", "null"),
    ("Infinity", "null"),
    ("-Infinity", "null"),
    ("undefined", "null"),
];

fn literal(word: &str) -> Option<&'static str> {
    LITERALS.iter().find(|(name, _)| *name == word).map(|(_, json)| *json)
}

fn could_be_literal(word: &str) -> bool {
    LITERALS.iter().any(|(name, _)| name.starts_with(word))
}

fn is_number(word: &str) -> bool {
    word.starts_with(|c: char| c == '-' || c.is_ascii_digit()) && serde_json::from_str::<IgnoredAny>(word).is_ok()
}

fn write_string(out: &mut String, content: &str) {
    out.push_str(&serde_json::Value::from(content).to_string());
}
