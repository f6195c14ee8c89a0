//! Reads features off the words of a text, without a model.

use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::context::StageContext;
use crate::data::{AssignedFeature, Feature, FeatureKey, Span};

use super::lexicon::opinions;
use super::{ExtractError, Extraction, ExtractionRequest, FeatureExtractor};
use crate::words::{Language, Token, is_negated, is_negation, is_stop_word, tokens};

/// Reads features off the words, without a model: key words and key phrases, negated ones apart ("no
/// chase"), and one feature for each praising or blaming phrase, with its valence.
///
/// It reads any language that writes words apart; stems, stop words and opinions are English.
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
    /// The most features kept per query, from 1 to [`limits::FEATURES`](crate::data::limits::FEATURES). Default: 192. The rest
    /// is counted as dropped.
    #[must_use]
    pub fn max_features(mut self, features: usize) -> Self {
        self.max_features = features.clamp(1, crate::data::limits::FEATURES);
        self
    }

    /// The features of one query; what [`FeatureExtractor::extract`] gives, without an executor.
    pub fn read(&self, seen: &ExtractionRequest<'_>) -> Extraction {
        let words = tokens(seen.query.text());
        let mut found =
            Found { seen, extraction: Extraction::default(), keys: BTreeSet::new(), max: self.max_features };
        for opinion in opinions(&words) {
            let part = words.get(opinion.first..opinion.last).unwrap_or_default();
            found.keep(name(part, false), part, Some(opinion.valence / 4.0));
        }
        for (at, pair) in words.windows(2).enumerate() {
            if let [first, second] = pair
                && is_key(first)
                && is_key(second)
                && !second.opens
            {
                found.keep(name(pair, is_negated(&words, at)), pair, None);
            }
        }
        for (at, token) in words.iter().enumerate() {
            if is_key(token) {
                let part = std::slice::from_ref(token);
                found.keep(name(part, is_negated(&words, at)), part, None);
            }
        }
        found.extraction
    }
}

struct Found<'a> {
    seen: &'a ExtractionRequest<'a>,
    extraction: Extraction,
    keys: BTreeSet<FeatureKey>,
    max: usize,
}

impl Found<'_> {
    fn keep(&mut self, name: String, part: &[Token], valence: Option<f64>) {
        let (Some(first), Some(last)) = (part.first(), part.last()) else { return };
        let span = Span { start: first.start, end: last.end };
        let Ok(feature) = Feature::new(self.seen.query, name, span) else {
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
    let words = part.iter().map(|token| if is_negation(&token.word) { "not" } else { token.word.as_str() });
    negated.then_some("not").into_iter().chain(words).collect::<Vec<_>>().join(" ")
}

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
        crate::parallel::map(seen, |observation| Ok(self.read(observation)))
    }

    fn name(&self) -> &'static str {
        "lexical"
    }
}
