//! The rules for a proposed name or description, by the words of it and of the factors.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Catalog, CatalogFactor};
use crate::data::text::one_line;
use crate::data::{FactorId, FeatureKey, Task, fold};
use crate::prompt::place;
use crate::words::{Language, is_negation, is_stop_word, stem, tokens};

use super::RefusedFor;
use super::evidence::Evidence;

/// The longest name in characters and words, and the longest description in characters. One that fills the room it has was
/// cut.
pub(super) const LABEL_CHARS: usize = 48;
const LABEL_WORDS: usize = 5;
pub(super) const ABOUT_CHARS: usize = 240;
/// The words that a description shares with the terms.
const SHARED_BY_DESCRIPTION: usize = 2;

/// Names that repeat the request.
const ECHOES: [&str; 22] = [
    "about",
    "best name",
    "catalog",
    "description",
    "factor",
    "factor name",
    "factors",
    "id",
    "name",
    "new name",
    "other",
    "phrase",
    "phrases",
    "sentence",
    "string",
    "term",
    "terms",
    "text",
    "texts",
    "topic",
    "unknown",
    "words",
];

/// The words of all factors, and those that are no name.
pub(super) struct Words {
    /// The factors that a whole phrase tells of by itself, by the phrase's stems.
    whole: BTreeMap<Vec<String>, BTreeSet<FactorId>>,
    echoes: BTreeSet<FeatureKey>,
    /// The stems of all texts and terms; empty without texts.
    known: BTreeSet<String>,
}

/// The words of one factor.
pub(super) struct Own {
    /// The stems of each phrase that tells of it, with its weight; the label first.
    phrases: Vec<(Vec<String>, f64)>,
    /// The stems in them that say something.
    content: BTreeSet<String>,
}

impl Words {
    pub(super) fn of(catalog: &Catalog, task: &Task, evidence: &Evidence) -> Self {
        let mut whole: BTreeMap<Vec<String>, BTreeSet<FactorId>> = BTreeMap::new();
        for factor in catalog.factors() {
            for (phrase, _) in Own::of(factor).phrases.into_iter().filter(|(_, weight)| *weight >= 1.0) {
                whole.entry(phrase).or_default().insert(factor.id().clone());
            }
        }
        let asked = [task.query_name_str().to_owned(), task.response_name_str().to_owned()];
        let responses = task.space().fixed_responses().unwrap_or_default();
        let own = ECHOES.into_iter().map(str::to_owned).chain(asked).chain(responses);
        let mut known = evidence.stems();
        if !known.is_empty() {
            known.extend(catalog.factors().iter().flat_map(|factor| Own::of(factor).content));
        }
        Self { whole, known, echoes: own.map(|echo| FeatureKey::of(&echo)).collect() }
    }

    /// The name as it may stand in a catalog, or the reason why it is none of this factor.
    pub(super) fn name(&self, factor: &CatalogFactor, name: &str, about: &str) -> Result<String, RefusedFor> {
        let label = cleaned(name);
        let words: Vec<String> = tokens(&label).into_iter().map(|token| token.word).collect();
        let (Some(first), Some(last)) = (words.first(), words.last()) else { return Err(RefusedFor::Empty) };
        let key = FeatureKey::of(&label);
        if self.echoes.contains(&key) || place('c', key.as_str()).is_some() {
            return Err(RefusedFor::Echo);
        }
        if name.trim().chars().count() >= LABEL_CHARS || words.len() > LABEL_WORDS {
            return Err(RefusedFor::TooLong);
        }
        let content: BTreeSet<String> = words.iter().filter(|word| says(word)).map(|word| stem(word)).collect();
        if content.is_empty() || is_function(first) || is_function(last) || label.contains([',', ';', '|', '/']) {
            return Err(RefusedFor::NoName);
        }
        let stems: Vec<String> = words.iter().map(|word| stem(word)).collect();
        if self.whole.get(&stems).is_some_and(|of| of.iter().any(|id| id != factor.id())) {
            return Err(RefusedFor::Taken);
        }
        let own = Own::of(factor);
        if own.content.is_disjoint(&content) {
            let shared = content_of(about).intersection(&own.content).count();
            if is_example(&key) || shared < SHARED_BY_DESCRIPTION {
                return Err(RefusedFor::NothingShared);
            }
        }
        if !self.known.is_empty() && !content.is_subset(&self.known) {
            return Err(RefusedFor::NotInTexts);
        }
        if own.is_lesser(&stems) { Err(RefusedFor::TooBroad) } else { Ok(label) }
    }

    /// The description as it may stand in a catalog, or the reason why it is none of this factor.
    pub(super) fn description(factor: &CatalogFactor, about: &str) -> Result<String, RefusedFor> {
        let about = one_line(about, usize::MAX);
        if about.chars().count() >= ABOUT_CHARS {
            return Err(RefusedFor::TooLong);
        }
        if about.starts_with('<') || about.starts_with("| ") {
            return Err(RefusedFor::Echo);
        }
        let content = content_of(&about);
        if content.is_empty() {
            return Err(if about.is_empty() { RefusedFor::Empty } else { RefusedFor::NoName });
        }
        let own = Own::of(factor).content;
        let wanted = SHARED_BY_DESCRIPTION.min(own.len());
        if own.intersection(&content).count() < wanted { Err(RefusedFor::NothingShared) } else { Ok(about) }
    }
}

impl Own {
    fn of(factor: &CatalogFactor) -> Self {
        let telling = factor.telling();
        let label = std::iter::once((factor.label(), 1.0));
        let all = label.chain(telling.iter().map(|term| (term.term(), term.weight())));
        let stems = |text: &str| tokens(text).into_iter().map(|token| stem(&token.word)).collect::<Vec<_>>();
        let phrases: Vec<(Vec<String>, f64)> = all.clone().map(|(text, weight)| (stems(text), weight)).collect();
        let content = all.flat_map(|(text, _)| content_of(text)).collect();
        Self { phrases, content }
    }

    /// True for a part of a phrase of it, or one that is not enough by itself, that is no whole phrase that is.
    fn is_lesser(&self, stems: &[String]) -> bool {
        let whole = |(phrase, weight): &(Vec<String>, f64)| *weight >= 1.0 && phrase == stems;
        let part = |(phrase, _): &(Vec<String>, f64)| phrase.windows(stems.len().max(1)).any(|part| part == stems);
        !self.phrases.iter().any(whole) && self.phrases.iter().any(part)
    }
}

/// A name without what models put around it.
fn cleaned(name: &str) -> String {
    let line = one_line(name, usize::MAX);
    let bare = line.trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '%' | '+' | '#'));
    let article = ["the ", "a ", "an "].into_iter().find_map(|article| {
        let (start, rest) = bare.split_at_checked(article.len())?;
        start.eq_ignore_ascii_case(article).then_some(rest)
    });
    article.unwrap_or(bare).to_owned()
}

/// True for the wording's own example.
fn is_example(key: &FeatureKey) -> bool {
    matches!(key.as_str(), "late delivery" | "late parcels")
}

fn is_function(word: &str) -> bool {
    is_stop_word(word) || is_negation(word) || Language::is_german_sign(word)
}

/// True for a word that says something by itself.
fn says(word: &str) -> bool {
    !is_function(word) && !Language::English.is_light(word) && word.chars().filter(|c| c.is_alphabetic()).count() >= 2
}

/// The stems of a text's words that say something.
fn content_of(text: &str) -> BTreeSet<String> {
    tokens(&fold(text)).into_iter().filter(|token| says(&token.word)).map(|token| stem(&token.word)).collect()
}
