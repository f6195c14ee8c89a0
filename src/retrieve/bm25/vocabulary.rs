//! From text to numbered tokens.

use std::sync::LazyLock;

use crate::words::{STOP_WORDS, each_word, is_stop_word, stem};

use super::dictionary::{Dictionary, WordHash};

/// Every word of every text is asked after, and nearly half of them are these.
static STOPS: LazyLock<Dictionary> = LazyLock::new(|| {
    let mut stops = Dictionary::default();
    for word in STOP_WORDS {
        stops.number(word, WordHash::of(word));
    }
    stops
});

/// The words of the items as they are written (*forms*) and the *tokens* that these count as: their stems.
///
/// A form is stemmed once, when it first comes; whoever meets it again finds its token by looking it up.
#[derive(Debug, Clone, Default)]
pub(super) struct Vocabulary {
    forms: Dictionary,
    tokens: Dictionary,
    /// By form: its token.
    token_of: Vec<u32>,
    /// By form: how often the items have it.
    uses: Vec<u32>,
    /// Forms that no item has any more.
    idle: usize,
}

impl Vocabulary {
    /// Tokens and forms with their tokens, no form in use.
    pub(super) fn from_parts(tokens: Dictionary, forms: Dictionary, token_of: Vec<u32>) -> Self {
        let (uses, idle) = (vec![0; forms.len()], forms.len());
        Self { forms, tokens, token_of, uses, idle }
    }

    pub(super) fn tokens(&self) -> &Dictionary {
        &self.tokens
    }

    pub(super) fn forms(&self) -> &Dictionary {
        &self.forms
    }

    /// The token that a form counts as.
    pub(super) fn token_of(&self, form: u32) -> u32 {
        self.token_of.get(form as usize).copied().unwrap_or(u32::MAX)
    }

    /// How often the items have the form.
    pub(super) fn uses(&self, form: u32) -> u32 {
        self.uses.get(form as usize).copied().unwrap_or(0)
    }

    /// Forms that no item has any more.
    pub(super) fn idle(&self) -> usize {
        self.idle
    }

    /// Puts the forms of a text at the end of `occurrences`, one for each word that is no stop word. They are in use.
    pub(super) fn take_in(&mut self, text: &str, scratch: &mut String, occurrences: &mut Vec<u32>) {
        each_word(text, scratch, |word| {
            let hash = WordHash::of(word);
            if STOPS.find(word, hash).is_some() {
                return;
            }
            let form = self.forms.number(word, hash);
            if form as usize == self.token_of.len() {
                let stem = stem(word);
                self.token_of.push(self.tokens.number(&stem, WordHash::of(&stem)));
                self.uses.push(0);
                self.idle += 1;
            }
            self.start_using(form);
            occurrences.push(form);
        });
    }

    pub(super) fn start_using(&mut self, form: u32) {
        if let Some(uses) = self.uses.get_mut(form as usize) {
            self.idle -= usize::from(*uses == 0);
            *uses = uses.saturating_add(1);
        }
    }

    pub(super) fn stop_using(&mut self, form: u32) {
        if let Some(uses) = self.uses.get_mut(form as usize) {
            *uses = uses.saturating_sub(1);
            self.idle += usize::from(*uses == 0);
        }
    }

    /// Shows the tokens of a query: the number of each that is known, the stem of each that is not.
    pub(super) fn read(&self, query: &str, scratch: &mut String, mut show: impl FnMut(Result<u32, String>)) {
        each_word(query, scratch, |word| {
            let hash = WordHash::of(word);
            if STOPS.find(word, hash).is_some() {
                return;
            }
            show(self.forms.find(word, hash).map(|form| self.token_of(form)).map_or_else(
                || {
                    let stem = stem(word);
                    self.tokens.find(&stem, WordHash::of(&stem)).ok_or(stem)
                },
                Ok,
            ));
        });
    }

    /// Bytes on the heap.
    pub(super) fn bytes(&self) -> usize {
        let numbers = self.token_of.capacity() + self.uses.capacity();
        self.forms.bytes() + self.tokens.bytes() + numbers * size_of::<u32>()
    }
}

/// The tokens of a text, in order and as often as they occur.
pub(super) fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    each_word(text, &mut String::new(), |word| {
        if !is_stop_word(word) {
            tokens.push(stem(word));
        }
    });
    tokens
}
