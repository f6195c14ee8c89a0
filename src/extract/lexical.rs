//! Reads features off the words of a text, without a model.

use std::collections::HashSet;

use async_trait::async_trait;

use crate::context::StageContext;
use crate::data::{AssignedFeature, Feature, FeatureKey, Query, Span, limits};
use crate::pause::pause;

use super::lexicon::opinions;
use super::{ExtractError, Extraction, ExtractionRequest, FeatureExtractor};
use crate::words::{Language, Token, is_negated, is_negation, is_stop_word, tokens};

/// Reads features off the words, without a model: key words and key phrases, negated ones apart ("no
/// chase"), and one feature for each praising or blaming phrase, with its valence.
///
/// It reads any language that writes words apart. Negations are English and German, opinions English; which words name
/// nothing is decided over a whole history, by its [language](crate::data::Language).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LexicalExtractor {
    max_features: usize,
}

impl Default for LexicalExtractor {
    fn default() -> Self {
        Self { max_features: 192 }
    }
}

impl LexicalExtractor {
    /// The most features kept per query, from 1 to [`limits::FEATURES`]. Default: 192. The rest
    /// is counted as dropped.
    #[must_use]
    pub fn max_features(mut self, features: usize) -> Self {
        self.max_features = features.clamp(1, limits::FEATURES);
        self
    }

    /// The features of one query; what [`FeatureExtractor::extract`] gives, without an executor.
    pub fn read(&self, seen: &ExtractionRequest<'_>) -> Extraction {
        self.read_query(seen.query)
    }

    /// Counts the changes of what is read off a text, from 1. User models name it where they leave features out.
    pub(crate) const RULE: u32 = 2;

    /// All features that can be read off a query, whatever is kept of them.
    pub(crate) fn read_all(query: &Query) -> Vec<Feature> {
        let all = Self::default().max_features(limits::FEATURES).read_query(query);
        all.features.into_iter().map(|found| found.feature).collect()
    }

    fn read_query(self, query: &Query) -> Extraction {
        let words = tokens(query.text());
        let mut found = Found {
            query,
            extraction: Extraction::default(),
            keys: HashSet::with_capacity(2 * words.len()),
            max: self.max_features,
        };
        for opinion in opinions(&words) {
            let part = words.get(opinion.first..opinion.last).unwrap_or_default();
            found.keep(name(part, false), part, Some(opinion.valence / 4.0));
        }
        let keys: Vec<bool> = words.iter().map(is_key).collect();
        for (at, (pair, keys)) in words.windows(2).zip(keys.windows(2)).enumerate() {
            if *keys == [true, true] && pair.last().is_some_and(|second| !second.opens) {
                found.keep(name(pair, is_negated(&words, at)), pair, None);
            }
        }
        for (at, (token, _)) in words.iter().zip(&keys).enumerate().filter(|(_, (_, is_key))| **is_key) {
            let part = std::slice::from_ref(token);
            found.keep(name(part, is_negated(&words, at)), part, None);
        }
        found.extraction
    }
}

struct Found<'a> {
    query: &'a Query,
    extraction: Extraction,
    keys: HashSet<FeatureKey>,
    max: usize,
}

impl Found<'_> {
    fn keep(&mut self, name: String, part: &[Token], valence: Option<f64>) {
        let (Some(first), Some(last)) = (part.first(), part.last()) else { return };
        let span = Span { start: first.start, end: last.end };
        let Ok(feature) = Feature::new(self.query, name, span) else {
            self.extraction.dropped.unusable_name += 1;
            return;
        };
        if !self.keys.insert(feature.key()) {
            // The same words again say nothing new; they are no loss to report.
        } else if self.extraction.features.len() >= self.max {
            self.extraction.dropped.over_limit += 1;
        } else {
            let feature = match valence {
                Some(valence) => feature.with_valence(valence),
                None => feature,
            };
            self.extraction.features.push(AssignedFeature::unknown(feature));
        }
    }
}

fn is_key(token: &Token) -> bool {
    let says = |word: &str| !is_stop_word(word) && !Language::English.is_light(word) && !is_negation(word);
    says(&token.word) && token.word.chars().any(char::is_alphabetic)
}

/// A part's words, `not` before negated ones. Inflected forms are features of their own; the factor model puts them
/// together.
fn name(part: &[Token], negated: bool) -> String {
    let mut name = String::with_capacity(4 + part.iter().map(|token| token.word.len() + 1).sum::<usize>());
    if negated {
        name.push_str("not");
    }
    for token in part {
        if !name.is_empty() {
            name.push(' ');
        }
        name.push_str(if is_negation(&token.word) { "not" } else { &token.word });
    }
    name
}

/// The text that is read between two pauses, in bytes: some milliseconds.
const STRETCH: usize = 128 << 10;

#[async_trait]
impl FeatureExtractor for LexicalExtractor {
    async fn extract(&self, seen: ExtractionRequest<'_>, _ctx: &StageContext<'_>) -> Result<Extraction, ExtractError> {
        Ok(self.read(&seen))
    }

    async fn extract_batch(
        &self,
        seen: &[ExtractionRequest<'_>],
        _ctx: &StageContext<'_>,
    ) -> Vec<Result<Extraction, ExtractError>> {
        let (mut found, mut rest) = (Vec::with_capacity(seen.len()), seen);
        while !rest.is_empty() {
            if !found.is_empty() {
                pause().await;
            }
            let mut bytes = 0;
            let fits = |one: &&ExtractionRequest<'_>| {
                let begun = bytes;
                bytes += one.query.text().len();
                begun < STRETCH
            };
            let (now, later) = rest.split_at(rest.iter().take_while(fits).count());
            found.extend(crate::parallel::map(now, |observation| Ok(self.read(observation))));
            rest = later;
        }
        found
    }

    fn name(&self) -> &'static str {
        "lexical"
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;
    use crate::data::hex;

    #[test]
    fn what_is_read_off_a_text_changes_with_the_rule_alone() {
        let texts = [
            "I don’t like it; Ｎot good, but the slow, quiet harbour is rather beautiful.",
            "Ein stilles Drama über eine Fähre, und nie langweilig.",
            "No chase, no explosions: a very good film about 3 sisters' e-mails. Unfortunately dull.",
        ];
        let mut read = Sha256::new();
        for text in texts {
            for feature in LexicalExtractor::read_all(&Query::new(text).unwrap()) {
                let (name, span, valence) = (feature.name(), feature.span(), feature.valence());
                read.update(format!("{name}|{}|{}|{valence:?}\n", span.start, span.end));
            }
        }
        // User models leave out what is read, so another reading needs another `RULE`, and then another digest here.
        let digest = "9b747bd51fafa0c44ac186d0ab383bda8da4f7f5a0f29ebb76817c1fb134bdc4";
        assert_eq!((LexicalExtractor::RULE, hex(&read.finalize()).as_str()), (2, digest));
    }
}
