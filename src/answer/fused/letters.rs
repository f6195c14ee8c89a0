//! The responses that a model chooses among, each by a letter, and the reading of its choice.

use std::fmt::Write as _;

use serde_json::Value;

use crate::answer::reading::{Allowed, read_response, response_tokens};
use crate::answer::told::{SPACES, likely};
use crate::context::StageContext;
use crate::data::text::fold;
use crate::data::{Query, ResponseSpace, Task};
use crate::llm::{Completion, TokenChoices};
use crate::prompt::{self, inline};
use crate::stats::ModelView;

/// Providers tell the probabilities of so many tokens of a place, so no more responses get a letter.
const MOST: usize = 20;
/// As many tokens as a letter can take with what small models write around it.
const LETTER_TOKENS: u32 = 8;
/// The places of a reply that are searched for a letter.
const PLACES: usize = 6;

/// The form in which the responses to one query are asked for.
pub(super) struct Letters<'a> {
    task: &'a Task,
    query: &'a Query,
    options: &'a [Allowed],
    signs: Signs,
}

/// By what sign a response is chosen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Signs {
    /// A letter of the alphabet for each.
    Letters,
    /// Its own numeral: who grades with 5 for the best reads A as the best, whatever is said.
    Numerals,
    /// Its words, where there are too many.
    Words,
}

/// What a reply says of the responses.
pub(super) enum Said {
    /// How likely each is.
    Likely(ModelView),
    /// One alone, by its place.
    One(usize),
}

impl<'a> Letters<'a> {
    /// One letter for each response; its own numeral on a scale of single digits, and the words themselves where there are too many.
    pub(super) fn of(task: &'a Task, query: &'a Query, options: &'a [Allowed]) -> Self {
        let mut letters = Self { task, query, options, signs: Signs::Words };
        if !(2..=MOST).contains(&options.len()) {
            return letters;
        }
        let is_scale = matches!(task.space(), ResponseSpace::Scale { .. });
        if is_scale && options.iter().all(|option| numeral(option.shown()).is_some()) {
            letters.signs = Signs::Numerals;
            return letters;
        }
        letters.signs = Signs::Letters;
        // A response that is the letter of another one would be read as that.
        if options.iter().any(|option| letters.place(option.shown()).is_some()) {
            letters.signs = Signs::Words;
        }
        letters
    }

    /// True where a response is chosen by one token.
    fn has_signs(&self) -> bool {
        self.signs != Signs::Words
    }

    /// The most tokens of a reply: a letter with what small models write around it, or a response.
    pub(super) fn tokens(&self) -> u32 {
        if self.has_signs() { LETTER_TOKENS } else { LETTER_TOKENS + response_tokens(self.task, self.options) }
    }

    /// The likeliest tokens that are asked for, where they are letters: each may stand there in two spellings.
    pub(super) fn logprobs(&self) -> u8 {
        if self.has_signs() { u8::try_from(2 * self.options.len()).unwrap_or(u8::MAX) } else { 0 }
    }

    /// What is asked for, with the responses that all queries of a task have; those of one query are the user's data and stand beside it.
    pub(super) fn rules(&self) -> String {
        let name = self.task.response_name_str();
        if self.signs != Signs::Letters {
            return format!("{}\nReply with the {name} only.", prompt::responses(self.task));
        }
        let listed = if self.are_own() {
            format!(" listed below the {}.", self.task.query_name_str())
        } else {
            format!(":\n{}", self.lines())
        };
        format!("Answer with the letter of one {name}{listed}\nReply with the letter only.")
    }

    /// The query, and its own options where it has some.
    pub(super) fn item(&self, ctx: &StageContext<'_>) -> String {
        if !(self.signs == Signs::Letters && self.are_own()) {
            return prompt::item(self.task, self.query, &[], &[], ctx.redaction());
        }
        format!("{}\n{}", prompt::frame(&ctx.leaving(self.query.text())), self.lines())
    }

    /// True where the responses are those of one query.
    fn are_own(&self) -> bool {
        matches!(self.task.space(), ResponseSpace::Choices)
    }

    fn lines(&self) -> String {
        let mut lines = String::new();
        for (place, option) in self.options.iter().enumerate() {
            let _ =
                write!(lines, "{}{}. {}", if place == 0 { "" } else { "\n" }, letter(place), inline(option.shown()));
        }
        lines
    }

    /// Reads a reply: by the probabilities of letters where they are told, else the one letter or response that it states.
    pub(super) fn read(&self, completion: &Completion) -> Result<Said, String> {
        if self.has_signs() {
            let text = |tokens: &[TokenChoices]| tokens.iter().map(|next| next.token.as_str()).collect::<String>();
            let told = (0..completion.tokens.len().min(PLACES)).find_map(|place| {
                let (before, rest) = completion.tokens.split_at_checked(place)?;
                let (choices, after) = rest.split_first()?;
                self.answers(&choices.token, &text(before), &text(after))
                    .then(|| likely(choices, self.options.len(), |token| self.place(token)))
                    .flatten()
            });
            if let Some(view) = told {
                return Ok(Said::Likely(view));
            }
        }
        self.stated(&completion.text).or_else(|| self.response(&completion.text)).map(Said::One).ok_or_else(|| {
            let asked = if self.signs == Signs::Letters { "letter of those listed" } else { "such response" };
            format!("it is no {asked}")
        })
    }

    /// True where a token is the sign of an answer and no word of a sentence. A numeral is the first of the reply or behind a colon, and no
    /// part of a longer number; a letter is a capital, or the first of the reply, with a mark, the end or its own response after it.
    fn answers(&self, token: &str, before: &str, after: &str) -> bool {
        let Some(option) = self.place(token).and_then(|place| self.options.get(place)) else { return false };
        let before = before.trim_end_matches(around);
        let is_first = before.is_empty();
        if self.signs == Signs::Numerals {
            return (is_first || before.ends_with(':')) && !goes_on(after);
        }
        let capital = bare(token).chars().all(|c| c.is_ascii_uppercase());
        let after = after.trim_start_matches(SPACES);
        let ends = !after.starts_with(char::is_alphanumeric) || fold(after).starts_with(&fold(option.shown()));
        ends && (capital || is_first)
    }

    /// The response whose sign a token is, with what may stand around it.
    fn place(&self, token: &str) -> Option<usize> {
        if self.signs == Signs::Numerals {
            let meant = numeral(bare(token))?;
            return self.options.iter().position(|option| numeral(option.shown()) == Some(meant));
        }
        let mut chars = bare(token).chars();
        let letter = chars.next().filter(|_| chars.next().is_none())?.to_ascii_uppercase();
        let place = usize::try_from(u32::from(letter).checked_sub(u32::from('A'))?).ok()?;
        (place < self.options.len()).then_some(place)
    }

    /// The response whose sign a reply begins with, or ends with after a colon; a letter alone or before a mark.
    fn stated(&self, text: &str) -> Option<usize> {
        if !self.has_signs() {
            return None;
        }
        let text = text.trim();
        let first = text.split_whitespace().next()?;
        if self.signs == Signs::Numerals {
            let leading = |text: &str| {
                let text = text.trim_start_matches(|c: char| !c.is_alphanumeric());
                let (digit, after) = text.split_at_checked(1)?;
                self.place(digit).filter(|_| !goes_on(after))
            };
            return leading(text).or_else(|| leading(text.rsplit_once(':')?.1));
        }
        let marked = first.ends_with(['.', ')', ':', ',', ']', '*']);
        let last = text.rsplit_once(':').map(|(_, last)| last.trim());
        let begins = if marked || first.len() == text.len() { self.place(first) } else { None };
        begins.or_else(|| self.place(last?))
    }

    /// The response that a reply states in words.
    fn response(&self, text: &str) -> Option<usize> {
        let stated = Value::String(text.trim().to_owned());
        let response = read_response(self.task, self.query, self.options, &stated).ok()?;
        self.options.iter().position(|option| option.response() == response)
    }
}

/// A token without what may stand around a sign.
fn bare(token: &str) -> &str {
    token.trim_matches(|c: char| around(c) || c.is_ascii_punctuation())
}

/// What may stand before a sign and says nothing.
fn around(c: char) -> bool {
    c.is_whitespace() || SPACES.contains(&c) || matches!(c, '*' | '"' | '`')
}

/// True where a numeral is but the beginning of a number, or of a range.
fn goes_on(after: &str) -> bool {
    let digit = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    digit(after) || after.strip_prefix(['.', ',', '-', '–']).is_some_and(digit)
}

/// A response of one digit. More digits are several tokens for some models.
fn numeral(response: &str) -> Option<char> {
    let mut chars = response.chars();
    chars.next().filter(|c| c.is_ascii_digit() && chars.next().is_none())
}

fn letter(place: usize) -> char {
    u8::try_from(place).ok().and_then(|place| b'A'.checked_add(place)).map_or('?', char::from)
}
