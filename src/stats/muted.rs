//! The words that the user set aside, and texts as they read without them.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use crate::data::{Factor, FactorSet, Feature, FeatureKey, Query, Span};
use crate::words::{Cut, Language, Token, has_words, is_negation, is_stop_word, tokens};

/// The text that stands for one in which nothing is left that says anything.
pub(crate) const NOTHING: &str = "…";

/// The words of factors that are set aside. A text is read as if they did not stand in it.
#[derive(Clone, Default)]
pub(crate) struct Muted {
    /// By whose stems words are compared.
    language: Language,
    keys: HashSet<FeatureKey>,
    /// By the stem of their first word: the phrases to leave out.
    phrases: BTreeMap<String, Vec<Phrase>>,
    /// Any word of a text is worth reading, since titles are made of words.
    for_titles: bool,
    /// Finds factors in a text that go by other words than their names.
    finder: Option<Arc<Finder>>,
}

/// Gives the muted factors in a text that go by other words than their names: the name of each with its places.
pub(crate) type Finder = dyn Fn(&str) -> Vec<(FeatureKey, Vec<Span>)> + Send + Sync;

/// The stems of a name. A negated one is heard only behind a negation.
#[derive(Clone, PartialEq, Eq)]
struct Phrase {
    key: FeatureKey,
    stems: Vec<String>,
    negated: bool,
}

/// A query as it reads without what is muted.
#[derive(Clone)]
pub(crate) struct Reading {
    query: Query,
    /// The text after each time that words were taken out, and where it came from.
    cuts: Vec<(String, Cut)>,
}

/// The reach of a negation: the number of words after it.
const REACH: usize = 2;

impl Muted {
    pub(crate) fn of(set_aside: &FactorSet, language: Language) -> Self {
        let mut muted = Self { language, ..Self::default() };
        for key in set_aside.iter().flat_map(Factor::features) {
            let words = tokens(key.as_str());
            let negated = words.first().is_some_and(|token| token.word == "not");
            let stems: Vec<String> =
                words.iter().skip(usize::from(negated)).map(|token| language.stem(&token.word)).collect();
            if let Some(first) = stems.first().cloned() {
                let phrase = Phrase { key: key.clone(), stems, negated };
                muted.phrases.entry(first).or_default().push(phrase);
            }
            muted.keys.insert(key.clone());
        }
        muted
    }

    /// The same for texts that are titled: they read as nothing only when no word is left.
    #[must_use]
    pub(crate) fn for_titles(mut self) -> Self {
        self.for_titles = true;
        self
    }

    /// The same with factors that are found otherwise than by name.
    #[must_use]
    pub(crate) fn finding(mut self, finder: Arc<Finder>) -> Self {
        self.finder = Some(finder);
        self
    }

    fn otherwise_in(&self, text: &str) -> Vec<(FeatureKey, Vec<Span>)> {
        self.finder.as_ref().map(|find| find(text)).unwrap_or_default()
    }

    /// True for a feature of a factor that is set aside.
    pub(crate) fn is_of(&self, feature: &Feature) -> bool {
        !self.keys.is_empty() && self.keys.contains(&feature.key())
    }

    /// True for a name that is muted or holds one that is.
    pub(crate) fn is_name(&self, key: &FeatureKey) -> bool {
        self.keys.contains(key) || self.is_in(key.as_str())
    }

    /// True when muted words stand in a text.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        !self.keys.is_empty() && self.found(&tokens(text)).next().is_some()
    }

    /// A query as it reads without what is muted, by name and by the places of those of these features that are; `None` when
    /// it reads the same. One in which no other word says anything reads [`NOTHING`].
    pub(crate) fn reading<'f>(
        &self,
        query: &Query,
        features: impl IntoIterator<Item = &'f Feature>,
    ) -> Option<Reading> {
        if self.keys.is_empty() {
            return None;
        }
        let muted: Vec<Span> = features.into_iter().filter(|feature| self.is_of(feature)).map(Feature::span).collect();
        let cuts = self.cuts(query.text(), &muted);
        let text = cuts.last().map_or(query.text(), |(text, _)| text);
        let nothing = if self.for_titles { !has_words(text) } else { says_nothing(&tokens(text)) };
        let text = if nothing { NOTHING } else { text };
        if text == query.text() {
            return None;
        }
        let query = Query::with_options(text, query.options().iter().cloned()).ok()?;
        Some(Reading { query, cuts })
    }

    /// A line of text without what is muted, where something is.
    pub(crate) fn line(&self, text: &str) -> Option<String> {
        self.cuts(text, &[]).pop().map(|(text, _)| text)
    }

    /// The muted names in a text with the first place of each, in order of name.
    pub(crate) fn names_in(&self, text: &str) -> BTreeMap<FeatureKey, Span> {
        let words = tokens(text);
        let mut names = BTreeMap::new();
        for (phrase, places, _) in self.found(&words) {
            let (first, last) = (words.get(places.start), places.end.checked_sub(1).and_then(|last| words.get(last)));
            if let (Some(first), Some(last)) = (first, last) {
                names.entry(phrase.key.clone()).or_insert(Span { start: first.start, end: last.end });
            }
        }
        for (key, spans) in self.otherwise_in(text) {
            if let Some(span) = spans.first() {
                names.entry(key).or_insert(*span);
            }
        }
        names
    }

    /// Takes muted words out, and again those that stand together only then.
    fn cuts(&self, text: &str, spans: &[Span]) -> Vec<(String, Cut)> {
        let mut cuts: Vec<(String, Cut)> = Vec::new();
        let mut spans = spans.to_vec();
        loop {
            let text = cuts.last().map_or(text, |(text, _)| text);
            spans.extend(self.otherwise_in(text).into_iter().flat_map(|(_, spans)| spans));
            let words = tokens(text);
            let out = self.marked(&words, &spans);
            if !out.contains(&true) {
                return cuts;
            }
            let gone = runs(text, &words, &out, &spans);
            cuts.push(Cut::new(text, &gone));
            spans.clear();
        }
    }

    /// By word: whether it is muted.
    fn marked(&self, words: &[Token], spans: &[Span]) -> Vec<bool> {
        let inside = |token: &Token| spans.iter().any(|span| token.start < span.end && span.start < token.end);
        let mut out: Vec<bool> = words.iter().map(inside).collect();
        for (_, places, negation) in self.found(words) {
            for place in places.chain(negation) {
                if let Some(out) = out.get_mut(place) {
                    *out = true;
                }
            }
        }
        out
    }

    /// The muted names among these words: each with its places, and that of a negation of it.
    fn found<'m, 'w>(
        &'m self,
        words: &'w [Token],
    ) -> impl Iterator<Item = (&'m Phrase, Range<usize>, Option<usize>)> + use<'m, 'w> {
        let stems: Vec<String> = words.iter().map(|token| self.language.stem(&token.word)).collect();
        (0..words.len()).flat_map(move |at| {
            let starting = stems.get(at).and_then(|first| self.phrases.get(first)).into_iter().flatten();
            let here = starting.filter_map(|phrase| {
                let places = at..at + phrase.stems.len();
                let stands = stems.get(places.clone()).is_some_and(|here| here == phrase.stems.as_slice());
                let negation = if stands { negation(words, at) } else { None };
                (stands && phrase.negated == negation.is_some()).then_some((phrase, places, negation))
            });
            here.collect::<Vec<_>>()
        })
    }
}

/// True without a word that names or says anything by itself.
fn says_nothing(words: &[Token]) -> bool {
    let german = words.iter().any(|token| Language::is_german_sign(&token.word));
    let is_light = |word: &str| Language::English.is_light(word) || (german && Language::German.is_light(word));
    words.iter().all(|token| is_stop_word(&token.word) || is_negation(&token.word) || is_light(&token.word))
}

/// The place of a negation of the word at `at`, in the same clause.
fn negation(words: &[Token], at: usize) -> Option<usize> {
    let mut opens = words.get(at)?.opens;
    for place in (at.saturating_sub(REACH)..at).rev() {
        let word = words.get(place).filter(|_| !opens)?;
        if is_negation(&word.word) {
            return Some(place);
        }
        opens = word.opens;
    }
    None
}

/// The bytes of the marked words and of these spans, in order; a hyphen between two marked words goes with them.
fn runs(text: &str, words: &[Token], out: &[bool], spans: &[Span]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = spans.iter().map(|span| span.start..span.end).collect();
    let mut open: Option<Range<usize>> = None;
    for (token, _) in words.iter().zip(out).filter(|(_, out)| **out) {
        open = match open.take() {
            Some(run) if text.get(run.end..token.start).is_some_and(|between| between.chars().all(joins)) => {
                Some(run.start..token.end)
            }
            other => {
                runs.extend(other);
                Some(token.start..token.end)
            }
        };
    }
    runs.extend(open);
    runs.sort_unstable_by_key(|run| (run.start, run.end));
    runs
}

fn joins(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '\'' | '’' | '/')
}

impl Reading {
    /// The query without what is muted; [`NOTHING`] where nothing is left.
    pub(crate) fn query(&self) -> &Query {
        &self.query
    }

    /// True when no word is left that says anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.query.text() == NOTHING
    }

    /// A feature of the whole query over the words that are left of it, if any are.
    pub(crate) fn left_of(&self, feature: &Feature) -> Option<Feature> {
        if self.is_empty() {
            return None;
        }
        let mut span = feature.span().start..feature.span().end;
        for (text, cut) in &self.cuts {
            span = cut.left_of(span, text)?;
        }
        feature.moved(&self.query, Span { start: span.start, end: span.end }).ok()
    }

    /// A feature of this reading where it stands in the whole query.
    pub(crate) fn in_whole(&self, feature: &Feature, whole: &Query) -> Option<Feature> {
        let mut span = feature.span().start..feature.span().end;
        for (_, cut) in self.cuts.iter().rev() {
            span = cut.came_from(span)?;
        }
        feature.moved(whole, Span { start: span.start, end: span.end }).ok()
    }
}

impl std::fmt::Debug for Muted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Muted").field("features", &self.keys.len()).finish()
    }
}
