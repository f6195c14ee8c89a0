//! What the user set aside, as the estimate must not hear it.

use std::collections::{BTreeMap, HashSet};

use crate::data::{Factor, FactorSet, Feature, FeatureKey, Query};
use crate::words::{Token, is_negation, stem, tokens};

/// The words of factors that are set aside. A text is read as if they did not stand in it.
#[derive(Clone, Default)]
pub(crate) struct Muted {
    keys: HashSet<FeatureKey>,
    /// By the stem of their first word: the phrases to leave out.
    phrases: BTreeMap<String, Vec<Phrase>>,
}

/// The stems of a name. A negated one is heard only behind a negation.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Phrase {
    stems: Vec<String>,
    negated: bool,
}

/// The reach of a negation: the number of words after it.
const REACH: usize = 2;

impl Muted {
    pub(crate) fn of(set_aside: &FactorSet) -> Self {
        let mut muted = Self::default();
        for key in set_aside.iter().flat_map(Factor::features) {
            let words = tokens(key.as_str());
            let negated = words.first().is_some_and(|token| token.word == "not");
            let stems: Vec<String> = words.iter().skip(usize::from(negated)).map(|token| stem(&token.word)).collect();
            if let Some(first) = stems.first().cloned() {
                muted.phrases.entry(first).or_default().push(Phrase { stems, negated });
            }
            muted.keys.insert(key.clone());
        }
        muted
    }

    /// True for a feature of a factor that is set aside.
    pub(super) fn is_of(&self, feature: &Feature) -> bool {
        !self.keys.is_empty() && self.keys.contains(&feature.key())
    }

    /// The words of a text but those that are muted: by name wherever they stand, and by the place of each of these features
    /// that is.
    pub(super) fn heard<'f>(&self, query: &Query, features: impl Iterator<Item = &'f Feature>) -> Vec<Token> {
        let words = tokens(query.text());
        if self.keys.is_empty() {
            return words;
        }
        let mut out = vec![false; words.len()];
        self.mark_phrases(&words, &mut out);
        for span in features.filter(|feature| self.is_of(feature)).map(Feature::span) {
            for (out, token) in out.iter_mut().zip(&words) {
                *out |= token.start < span.end && span.start < token.end;
            }
        }
        words.into_iter().zip(out).filter(|(_, out)| !out).map(|(token, _)| token).collect()
    }

    /// A query without the words that are muted; `None` when there are none in it, or nothing else.
    pub(crate) fn cut(&self, query: &Query, features: &[Feature]) -> Option<Query> {
        let heard: Vec<Token> = self.heard(query, features.iter());
        let all = tokens(query.text());
        if heard.len() == all.len() || heard.is_empty() {
            return None;
        }
        let kept: HashSet<usize> = heard.iter().map(|token| token.start).collect();
        let mut text = String::with_capacity(query.text().len());
        let mut from = 0;
        for token in all.iter().filter(|token| !kept.contains(&token.start)) {
            text.push_str(query.text().get(from..token.start).unwrap_or_default());
            from = token.end;
        }
        text.push_str(query.text().get(from..).unwrap_or_default());
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Query::with_options(text, query.options().iter().cloned()).ok()
    }

    fn mark_phrases(&self, words: &[Token], out: &mut [bool]) {
        let stems: Vec<String> = words.iter().map(|token| stem(&token.word)).collect();
        for (at, first) in stems.iter().enumerate() {
            for phrase in self.phrases.get(first).into_iter().flatten() {
                let end = at + phrase.stems.len();
                if stems.get(at..end).is_none_or(|here| here != phrase.stems.as_slice()) {
                    continue;
                }
                let before = at.saturating_sub(REACH)..at;
                let negation = words.get(before.clone()).unwrap_or_default();
                let negation =
                    negation.iter().position(|token| is_negation(&token.word)).map(|place| before.start + place);
                if phrase.negated != negation.is_some() {
                    continue;
                }
                for place in (at..end).chain(negation) {
                    if let Some(out) = out.get_mut(place) {
                        *out = true;
                    }
                }
            }
        }
    }
}

impl std::fmt::Debug for Muted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Muted").field("features", &self.keys.len()).finish()
    }
}
