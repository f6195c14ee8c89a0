//! Checks what a reply says was found in a query, and keeps what is there.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::catalog::CatalogFactor;
use crate::data::{AssignedFeature, FactorId, Feature, FeatureKey, Span, limits};
use crate::extract::lexicon::valence_of;
use crate::extract::names::{is_echo, is_kind, parts, short_name};
use crate::extract::{Extraction, ExtractionRequest, LexicalExtractor, ReplyReading, ground};
use crate::prompt::{OwnWords, is_about};

use super::PromptedExtractor;
use super::shown::meant;

#[derive(Deserialize)]
pub(super) struct FoundItem {
    #[serde(default, alias = "id")]
    about: serde_json::Value,
    features: Vec<serde_json::Value>,
}

/// What a request offers to name features by.
#[derive(Clone, Copy)]
pub(super) struct Offered<'a> {
    /// The factors of a catalog.
    pub(super) factors: &'a [&'a CatalogFactor],
    /// Its own words, which name nothing of a text.
    pub(super) words: &'a OwnWords,
}

#[derive(Deserialize)]
struct FoundFeature {
    name: String,
    #[serde(alias = "context")]
    quote: String,
    /// The factor that it is of, as the reply says.
    #[serde(default)]
    factor: serde_json::Value,
}

impl PromptedExtractor {
    /// Returns the features of a query in the end: its words', where the model listed some and none could be used.
    pub(super) fn or_words(&self, seen: &ExtractionRequest<'_>, extraction: Extraction) -> Extraction {
        if !extraction.features.is_empty() || extraction.dropped.total() == 0 || self.from_words == 0 {
            return extraction;
        }
        let mut features = LexicalExtractor::default().read(seen).features;
        features.truncate(self.from_words);
        let reading = if features.is_empty() { extraction.reading } else { ReplyReading::Words };
        Extraction { features, reading, ..extraction }
    }

    /// A feature that was found by another request, of these words, checked as this extractor's own finds are.
    pub(crate) fn keep_one(seen: &ExtractionRequest<'_>, name: String, quote: String, own: &OwnWords) -> Extraction {
        let found = FoundFeature { name, quote, factor: serde_json::Value::Null };
        Self::default().keep(seen, vec![found], Offered { factors: &[], words: own })
    }

    /// The features of the items that are about the text at `place` of a request; `None` when there is no such item.
    pub(super) fn found(
        &self,
        items: &[FoundItem],
        place: usize,
        texts: &[&ExtractionRequest<'_>],
        offered: Offered<'_>,
    ) -> Option<Extraction> {
        let seen = texts.get(place)?;
        // All of one id, so that one that is made up cannot take the place of the right one.
        let mut own = items.iter().filter(|item| is_about(&item.about, items.len(), place, texts.len())).peekable();
        own.peek()?;
        let (mut found, mut unusable) = (Vec::new(), 0);
        for feature in own.flat_map(|item| &item.features) {
            // serde would also take a list for a struct.
            match FoundFeature::deserialize(feature) {
                Ok(read) if feature.is_object() => found.push(read),
                _ => unusable += 1,
            }
        }
        let mut extraction = self.keep(seen, found, offered);
        extraction.dropped.unusable_name += unusable;
        Some(extraction)
    }

    fn keep(&self, seen: &ExtractionRequest<'_>, found: Vec<FoundFeature>, offered: Offered<'_>) -> Extraction {
        let mut extraction = Extraction::default();
        let mut keys: BTreeSet<FeatureKey> = BTreeSet::new();
        for feature in found {
            let name = feature.name.split_whitespace().collect::<Vec<_>>().join(" ");
            let of = meant(&feature.factor, offered.factors);
            let name = of.map_or(name, |factor| factor.label().to_owned());
            let kind = of.is_none() && is_kind(&name);
            let echoes = || is_echo(&name, seen) || offered.words.are_all_of(&name, &feature.quote);
            // The request asks for the names of known factors, word for word.
            if (of.is_none() && !kind && !is_known(&name, seen) && echoes()) || name.len() > limits::ID_BYTES {
                extraction.dropped.unusable_name += 1;
                continue;
            }
            let Some(span) = ground(seen.query.text(), &feature.quote) else {
                extraction.dropped.ungrounded += 1;
                continue;
            };
            if !kind {
                let place = extraction.features.len();
                self.enter(seen, name, span, &mut keys, &mut extraction);
                let known = |id: &&FactorId| seen.known.is_some_and(|factors| factors.get(id).is_some());
                if let (Some(kept), Some(factor)) = (extraction.features.get_mut(place), of) {
                    kept.factor = Some(factor.id()).filter(known).cloned();
                }
                continue;
            }
            // A model that answers "genre" for the words "space opera" has found a feature and named its kind; one that
            // does so for "space opera, romance" has found two.
            for part in parts(seen.query.text(), &span) {
                match seen.query.text().get(part.start..part.end).and_then(short_name) {
                    Some(name) if !is_echo(&name, seen) => self.enter(seen, name, part, &mut keys, &mut extraction),
                    _ => extraction.dropped.unusable_name += 1,
                }
            }
        }
        extraction
    }

    /// Takes a feature in, unless it is there already or there are enough.
    fn enter(
        &self,
        seen: &ExtractionRequest<'_>,
        name: String,
        span: Span,
        keys: &mut BTreeSet<FeatureKey>,
        extraction: &mut Extraction,
    ) {
        let valence = valence_of(&name).or_else(|| seen.query.text().get(span.start..span.end).and_then(valence_of));
        let Ok(mut kept) = Feature::new(seen.query, name, span) else {
            extraction.dropped.unusable_name += 1;
            return;
        };
        if let Some(valence) = valence {
            kept = kept.with_valence(valence);
        }
        if !keys.insert(kept.key()) {
            extraction.dropped.repeated += 1;
        } else if extraction.features.len() >= self.max_features {
            extraction.dropped.over_limit += 1;
        } else {
            extraction.features.push(AssignedFeature::unknown(kept));
        }
    }
}

/// True for the name of a factor that is known, or of one of its features.
fn is_known(name: &str, seen: &ExtractionRequest<'_>) -> bool {
    let key = FeatureKey::of(name);
    seen.known.is_some_and(|known| {
        known.factor_of(&key).is_some() || known.iter().any(|factor| FeatureKey::of(factor.label()) == key)
    })
}
