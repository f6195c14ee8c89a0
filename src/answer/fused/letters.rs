//! The responses that a model chooses among, each by a letter, and the reading of its choice.

use std::fmt::Write as _;

use serde_json::Value;

use crate::answer::reading::{Allowed, read_response, response_tokens};
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
    lettered: bool,
}

/// What a reply says of the responses.
pub(super) enum Said {
    /// How likely each is.
    Likely(ModelView),
    /// One alone, by its place.
    One(usize),
}

impl<'a> Letters<'a> {
    /// One letter for each response, or the words themselves where there are too many.
    pub(super) fn of(task: &'a Task, query: &'a Query, options: &'a [Allowed]) -> Self {
        let mut letters = Self { task, query, options, lettered: (2..=MOST).contains(&options.len()) };
        // A response that is the letter of another one would be read as that.
        letters.lettered &= options.iter().all(|option| letters.place(option.shown()).is_none());
        letters
    }

    /// The most tokens of a reply: a letter with what small models write around it, or a response.
    pub(super) fn tokens(&self) -> u32 {
        if self.lettered { LETTER_TOKENS } else { LETTER_TOKENS + response_tokens(self.task, self.options) }
    }

    /// The likeliest tokens that are asked for, where they are letters: each may stand there in two spellings.
    pub(super) fn logprobs(&self) -> u8 {
        if self.lettered { u8::try_from(2 * self.options.len()).unwrap_or(u8::MAX) } else { 0 }
    }

    /// What is asked for, with the responses that all queries of a task have; those of one query are the user's data and stand beside it.
    pub(super) fn rules(&self) -> String {
        let name = self.task.response_name_str();
        if !self.lettered {
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
        if !(self.lettered && self.are_own()) {
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
        if self.lettered {
            let places = completion.tokens.iter().take(PLACES).enumerate();
            let after = |place: usize| -> String {
                completion.tokens.iter().skip(place + 1).take(PLACES).map(|next| next.token.as_str()).collect()
            };
            let told = places
                .filter(|(place, choices)| self.answers(&choices.token, *place == 0, &after(*place)))
                .find_map(|(_, choices)| self.likely(choices));
            if let Some(view) = told {
                return Ok(Said::Likely(view));
            }
        }
        self.stated(&completion.text).or_else(|| self.response(&completion.text)).map(Said::One).ok_or_else(|| {
            format!("it is no {}", if self.lettered { "letter of those listed" } else { "such response" })
        })
    }

    /// True where a token is the letter of an answer and no word of a sentence: a capital, or the first of the reply, with a mark, the end
    /// or its own response after it.
    fn answers(&self, token: &str, is_first: bool, after: &str) -> bool {
        let Some(option) = self.place(token).and_then(|place| self.options.get(place)) else { return false };
        let capital = bare(token).chars().all(|c| c.is_ascii_uppercase());
        let after = after.trim_start_matches(SPACES);
        let ends = !after.starts_with(char::is_alphanumeric) || fold(after).starts_with(&fold(option.shown()));
        ends && (capital || is_first)
    }

    /// The view that a place of the reply gives, where the letter that stands there is among those whose probabilities are told.
    fn likely(&self, place: &TokenChoices) -> Option<ModelView> {
        let chosen = self.place(&place.token)?;
        let told: Vec<(Option<usize>, f64)> = place
            .likeliest
            .iter()
            .filter(|token| token.logprob > NEVER)
            .map(|token| (self.place(&token.token), token.logprob.exp()))
            .collect();
        let mut shares = vec![0.0; self.options.len()];
        for (place, p) in &told {
            if let Some(share) = place.and_then(|place| shares.get_mut(place)) {
                *share += p;
            }
        }
        shares.get(chosen).filter(|share| **share > 0.0)?;
        // What is not listed is no likelier than the last that is, and all of it no likelier than what these leave.
        let (least, left) = told.iter().fold((1.0_f64, 1.0), |(least, left), (_, p)| (least.min(*p), left - p));
        let missing = shares.iter().filter(|share| **share <= 0.0).count().max(1) as f64;
        for share in shares.iter_mut().filter(|share| **share <= 0.0) {
            *share = (least / 2.0).min(left.max(0.0) / missing);
        }
        ModelView::new(shares).ok()
    }

    /// The response whose letter a token is, with what may stand around it.
    fn place(&self, token: &str) -> Option<usize> {
        let mut chars = bare(token).chars();
        let letter = chars.next().filter(|_| chars.next().is_none())?.to_ascii_uppercase();
        let place = usize::try_from(u32::from(letter).checked_sub(u32::from('A'))?).ok()?;
        (place < self.options.len()).then_some(place)
    }

    /// The response whose letter a reply begins with, alone or before a mark, or ends with after a colon.
    fn stated(&self, text: &str) -> Option<usize> {
        if !self.lettered {
            return None;
        }
        let text = text.trim();
        let first = text.split_whitespace().next()?;
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

/// What models write for a space at the beginning of a token.
const SPACES: [char; 3] = [' ', '\u{2581}', '\u{120}'];
/// Below this a logarithm of a probability is none: some servers write a large number for what they do not tell.
const NEVER: f64 = -60.0;

/// A token without what may stand around a letter.
fn bare(token: &str) -> &str {
    token.trim_matches(|c: char| c.is_whitespace() || SPACES.contains(&c) || c.is_ascii_punctuation())
}

fn letter(place: usize) -> char {
    u8::try_from(place).ok().and_then(|place| b'A'.checked_add(place)).map_or('?', char::from)
}
