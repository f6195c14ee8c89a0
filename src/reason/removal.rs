//! A query without the words of one of its factors.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use crate::data::{AssignedFeature, FactorId, Feature, Query, Span};
use crate::words::{Cut, Token, has_words, tokens};

/// Takes one factor after another out of a query.
pub(crate) struct Removal<'a> {
    query: &'a Query,
    features: &'a [AssignedFeature],
    words: Vec<Token>,
    /// Where each word stands, by its place among the words.
    places: HashMap<String, Vec<usize>>,
    /// The factors that were seen in just these spans.
    seen: HashMap<(usize, usize), BTreeSet<&'a FactorId>>,
}

/// A query without one factor's words.
pub(crate) struct Without {
    pub(crate) query: Query,
    gone: FactorId,
    cut: Cut,
}

impl<'a> Removal<'a> {
    /// `features` are all that were found in the query.
    pub(crate) fn new(query: &'a Query, features: &'a [AssignedFeature]) -> Self {
        let words = tokens(query.text());
        let (mut places, mut seen) = (HashMap::<_, Vec<usize>>::new(), HashMap::<_, BTreeSet<_>>::new());
        for (place, word) in words.iter().enumerate() {
            places.entry(word.word.clone()).or_default().push(place);
        }
        for assigned in features {
            let span = assigned.feature.span();
            seen.entry((span.start, span.end)).or_default().extend(assigned.factor.as_ref());
        }
        Self { query, features, words, places, seen }
    }

    /// The number of words of the query.
    pub(crate) fn words(&self) -> usize {
        self.words.len()
    }

    /// The query without the words in which the factor's features were seen; `None` when no letter or digit would be
    /// left, or when the factor has no feature in the query.
    pub(crate) fn without(&self, factor: &FactorId) -> Option<Without> {
        let own = self.features.iter().filter(|assigned| assigned.factor.as_ref() == Some(factor));
        let mut spans: Vec<Range<usize>> = Vec::new();
        for assigned in own {
            let span = assigned.feature.span();
            spans.push(span.start..span.end);
            self.repeats(span, factor, &mut spans);
        }
        if spans.is_empty() {
            return None;
        }
        spans.sort_unstable_by_key(|span| (span.start, span.end));
        let (text, cut) = Cut::new(self.query.text(), &spans);
        if !has_words(&text) {
            return None;
        }
        let query = Query::with_options(text, self.query.options().iter().cloned()).ok()?;
        Some(Without { query, gone: factor.clone(), cut })
    }

    /// Adds the other places of the same words, but for those in which a feature of another factor was seen.
    fn repeats(&self, span: Span, factor: &FactorId, spans: &mut Vec<Range<usize>>) {
        let first = self.words.partition_point(|word| word.end <= span.start);
        let last = self.words.partition_point(|word| word.start < span.end);
        let Some(seen) = self.words.get(first..last).filter(|seen| !seen.is_empty()) else { return };
        let starts = seen.first().and_then(|first| self.places.get(&first.word));
        for start in starts.into_iter().flatten() {
            let Some(same) = self.words.get(*start..start + seen.len()) else { continue };
            let (Some(head), Some(tail)) = (same.first(), same.last()) else { continue };
            let place = Span { start: head.start, end: tail.end };
            let alike = same.iter().zip(seen).all(|(a, b)| a.word == b.word);
            let others = || {
                let here = self.seen.get(&(place.start, place.end));
                here.is_some_and(|factors| factors.iter().any(|other| *other != factor))
            };
            if alike && (place.start >= span.end || place.end <= span.start) && !others() {
                spans.push(place.start..place.end);
            }
        }
    }
}

impl Without {
    /// The rest of features that were found in the query: those of the factor are gone, and so are those of which no
    /// letter or digit is left; the others have the words that are left.
    pub(crate) fn left(&self, features: &[AssignedFeature]) -> Vec<AssignedFeature> {
        let kept = features.iter().filter(|assigned| assigned.factor.as_ref() != Some(&self.gone));
        kept.filter_map(|assigned| {
            let feature = self.moved(&assigned.feature)?;
            Some(AssignedFeature { feature, factor: assigned.factor.clone() })
        })
        .collect()
    }

    fn moved(&self, feature: &Feature) -> Option<Feature> {
        let span = feature.span();
        let Range { start, end } = self.cut.left_of(span.start..span.end, self.query.text())?;
        feature.moved(&self.query, Span { start, end }).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn factor(name: &str) -> FactorId {
        FactorId::new(name).unwrap()
    }

    /// The features of these words, each with its factor.
    fn found(query: &Query, words: &[(&str, &str)]) -> Vec<AssignedFeature> {
        let feature = |(word, of): &(&str, &str)| {
            let start = query.text().find(word).unwrap();
            let feature = Feature::new(query, *word, Span { start, end: start + word.len() }).unwrap();
            AssignedFeature { feature, factor: Some(factor(of)) }
        };
        words.iter().map(feature).collect()
    }

    fn without(text: &str, words: &[(&str, &str)], gone: &str) -> Option<(String, Vec<String>)> {
        let query = Query::new(text).unwrap();
        let features = found(&query, words);
        let cut = Removal::new(&query, &features).without(&factor(gone))?;
        let contexts = cut.left(&features).iter().map(|f| f.feature.context(&cut.query).to_owned()).collect();
        Some((cut.query.text().to_owned(), contexts))
    }

    #[test]
    fn words_go_and_white_space_is_closed() {
        for (text, gone, left) in [
            ("A slow, quiet drama.", "slow", "A, quiet drama."),
            ("A slow, quiet drama.", "drama", "A slow, quiet."),
            ("slow drama", "slow", "drama"),
            ("a drama: slow!\n\nGood", "slow", "a drama:!\n\nGood"),
            ("quite\tslow  drama", "slow", "quite\tdrama"),
        ] {
            assert_eq!(without(text, &[(gone, "f")], "f").unwrap().0, left);
        }
    }

    #[test]
    fn the_same_words_go_wherever_they_stand_unless_another_factor_was_seen_in_them() {
        let (text, _) = without("Slow start, slow end, slower middle", &[("Slow", "f")], "f").unwrap();
        assert_eq!(text, "start, end, slower middle");
        let query = Query::new("no chase, then a chase").unwrap();
        let mut features = found(&query, &[("chase", "not")]);
        let second = Feature::new(&query, "chase", Span { start: 17, end: 22 }).unwrap();
        features.push(AssignedFeature { feature: second, factor: Some(factor("is")) });
        let removal = Removal::new(&query, &features);
        assert_eq!(removal.without(&factor("not")).unwrap().query.text(), "no, then a chase");
        assert_eq!(removal.without(&factor("is")).unwrap().query.text(), "no chase, then a");
    }

    #[test]
    fn features_of_which_words_are_left_stay_over_these() {
        let words = [("slow", "s"), ("slow quiet drama", "p"), ("quiet", "q"), ("drama", "d")];
        let (text, contexts) = without("A slow quiet drama.", &words, "s").unwrap();
        assert_eq!(
            (text.as_str(), contexts),
            ("A quiet drama.", ["quiet drama", "quiet", "drama"].map(String::from).into())
        );
        let (text, contexts) = without("A slow quiet drama.", &words, "q").unwrap();
        assert_eq!(
            (text.as_str(), contexts),
            ("A slow drama.", ["slow", "slow drama", "drama"].map(String::from).into())
        );
        let (text, contexts) = without("A slow quiet drama.", &words, "p").unwrap();
        assert_eq!((text.as_str(), contexts.len()), ("A.", 0));
    }

    #[test]
    fn what_leaves_nothing_to_read_is_not_removable() {
        assert!(without("slow", &[("slow", "f")], "f").is_none());
        assert!(without("…slow!", &[("slow", "f")], "f").is_none());
        assert!(without("slow drama", &[("slow", "f")], "g").is_none());
    }

    proptest! {
        #[test]
        fn only_the_factors_own_words_go(words in prop::collection::vec(("[a-zé]{1,3}", 0..3_usize, "[,.!]?[ \n]"), 1..12)) {
            let mut text = String::new();
            let mut places = Vec::new();
            for (word, of, mark) in &words {
                places.push((text.len(), text.len() + word.len(), *of));
                text.push_str(word);
                text.push_str(mark);
            }
            let query = Query::new(text).unwrap();
            let features: Vec<AssignedFeature> = places.iter().map(|&(start, end, of)| {
                let feature = Feature::new(&query, "word", Span { start, end }).unwrap();
                AssignedFeature { feature, factor: Some(factor(["a", "b", "c"][of])) }
            }).collect();
            let cut = Removal::new(&query, &features).without(&factor("a"));
            let kept: Vec<&str> = places.iter().zip(&words).filter(|(p, _)| p.2 != 0).map(|(_, w)| w.0.as_str()).collect();
            prop_assert_eq!(cut.is_none(), kept.is_empty() || kept.len() == words.len());
            if let Some(cut) = cut {
                let left = cut.left(&features);
                let contexts: Vec<&str> = left.iter().map(|f| f.feature.context(&cut.query)).collect();
                let seen = tokens(cut.query.text());
                prop_assert_eq!(&contexts, &kept);
                prop_assert_eq!(seen.len(), kept.len());
                prop_assert_eq!(cut.query.text().trim(), cut.query.text());
                prop_assert!(!cut.query.text().contains("  "));
            }
        }
    }
}
