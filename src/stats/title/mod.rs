//! A title from a text's own words, the way one user would title it.
//!
//! ```text
//! fit   (text, title)* → per token: times in a title, times to be expected there; length and casing habits
//! title text → each token's chance → spans by expected overlap with the title → the best one or two, cased
//! ```
//!
//! A token's chance is the general one for how the text uses it, times what this user's titles did with the token
//! before. Only sums of whole numbers are kept, so the order of the pairs does not matter.

mod choice;
mod spans;
#[cfg(test)]
mod tests;
mod traits;
mod weights;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::data::{Factor, FactorSet, Feature, MemoryItem, Query};
use crate::pause::Pace;
use crate::stats::NOTHING;

pub use choice::ProposedResponse;
use spans::{MARKS, Span, Text};
use traits::{MILLION, chances, core, gather, tokens};
use weights::entry;

/// Weight of the general habits below, in titles.
const PRIOR_TITLES: f64 = 2.0;
/// Length of a title in general, in tokens.
const PRIOR_LEN: f64 = 9.5;
/// Weight of a token's general chance, in mentions.
const PRIOR_MENTIONS: f64 = 0.5;
/// The least gain in value, from 0 to 1, for which two spans are joined.
const FOR_COST: f64 = 0.04;
/// The number of best spans that are tried in pairs.
const PAIRED: usize = 40;
/// The most tokens of a span that is tried in pairs.
const PAIRED_LEN: f64 = 10.0;

/// A title and where its main part was taken from.
#[cfg_attr(test, derive(Debug))]
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Title {
    /// One line, no period at its end.
    pub(crate) text: String,
    /// First byte of the main part in the query.
    pub(crate) start: usize,
    /// The byte after it.
    pub(crate) end: usize,
}

/// The titling habits of one memory: the length and the casing of a user's titles, and the words that get into them. For
/// tasks of free text they stand in for the [`Estimator`](super::Estimator).
///
/// [`Default`] has none: they are fitted to the memory when an answer is first asked for, and kept. A host that calls an
/// [`Answerer`](crate::Answerer) by itself makes one per memory and hands it to the
/// [`AnswerRequest`](crate::answer::AnswerRequest)s about that memory; it must not be used with another one. A
/// [`Prepared`](crate::Prepared) brings its own. Clones made after fitting share nothing but start fitted.
#[derive(Clone, Default)]
pub struct Titles(OnceLock<TitleModel>);

impl Titles {
    /// Fits them to these items, as far as they are not, with pauses.
    pub(crate) async fn fit_in_steps(&self, items: &[MemoryItem]) {
        if self.0.get().is_some() {
            return;
        }
        let (mut model, mut pace) = (TitleModel::default(), Pace::default());
        for (query, response) in items.iter().filter_map(pair) {
            pace.step(query.len()).await;
            model.add(query, response);
        }
        // Two that fit at once both find one of the two.
        let _ = self.0.set(model);
    }

    /// The habits in these items; it must always be asked with the same ones.
    pub(crate) fn of(&self, items: &[MemoryItem]) -> &TitleModel {
        self.0.get_or_init(|| TitleModel::fit(items.iter().filter_map(pair)))
    }
}

/// The text and the title of an item; `None` where nothing of either is heard.
fn pair(item: &MemoryItem) -> Option<(&str, &str)> {
    let pair = (item.query().text(), item.response());
    (pair.0 != NOTHING && pair.1 != NOTHING).then_some(pair)
}

impl std::fmt::Debug for Titles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Titles").field("fitted", &self.0.get().is_some()).finish()
    }
}

/// The tokens of a query whose factors the user boosted: by how much their odds of being in the title are multiplied.
#[derive(Clone, Default)]
pub(crate) struct TitleBoosts(BTreeMap<String, f64>);

impl TitleBoosts {
    /// The boosts of features of a query with their factors; of two for one token the stronger.
    pub(crate) fn of<'f>(query: &Query, features: impl Iterator<Item = (&'f Feature, &'f Factor)>) -> Self {
        let mut boosts = BTreeMap::new();
        for (feature, factor) in features {
            let by = factor.boost();
            for token in tokens(feature.context(query)) {
                let boost = boosts.entry(token).or_insert(by);
                *boost = if by.ln().abs() > f64::ln(*boost).abs() { by } else { *boost };
            }
        }
        Self(boosts)
    }

    fn of_token(&self, token: &str) -> f64 {
        self.0.get(token).copied().unwrap_or(1.0)
    }
}

/// The use of one token in a user's titles.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Tally {
    seen: f64,
    /// In millionths.
    expected: f64,
}

/// One user's titling habits, as sums over the user's texts and titles: the estimate's counterpart for free text.
///
/// It is fitted on first use and kept by whoever opened the memory ([`Titles`]).
#[cfg_attr(test, derive(Debug))]
#[derive(Clone, Default, PartialEq)]
pub(crate) struct TitleModel {
    tallies: BTreeMap<String, Tally>,
    titles: f64,
    tokens: f64,
    /// Titles with most words capitalized, less those with most in lower case.
    capitalized: f64,
}

impl TitleModel {
    /// Learns from (text, title) pairs, in any order.
    pub(crate) fn fit<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut model = Self::default();
        for (query, response) in pairs {
            model.add(query, response);
        }
        model
    }

    fn add(&mut self, query: &str, response: &str) {
        let title = tokens(response);
        for (token, chance) in chances(query) {
            let seen = f64::from(u8::from(title.contains(&token)));
            let tally = self.tallies.entry(token).or_default();
            tally.seen += seen;
            tally.expected += chance;
        }
        self.titles += 1.0;
        self.tokens += title.len() as f64;
        self.capitalized += capitalization(response);
    }

    /// A title for the query of an item of the memory, by the habits in all others. `heard` is the item as it was read.
    pub(crate) fn title_apart_from(
        &self,
        whole: &MemoryItem,
        heard: &MemoryItem,
        factors: &FactorSet,
        max_chars: usize,
    ) -> Option<String> {
        // Only its own tokens are asked about.
        let mut own = Self::fit(pair(heard));
        for (token, tally) in &mut own.tallies {
            let all = self.tallies.get(token).copied().unwrap_or_default();
            *tally = Tally { seen: all.seen - tally.seen, expected: all.expected - tally.expected };
        }
        own.titles = self.titles - own.titles;
        own.tokens = self.tokens - own.tokens;
        own.capitalized = self.capitalized - own.capitalized;
        let text = if heard.query().text() == NOTHING { whole.query().text() } else { heard.query().text() };
        let known = heard.features().iter().filter_map(|feature| Some((feature, factors.factor_of(&feature.key())?)));
        Some(own.title(text, &TitleBoosts::of(heard.query(), known), max_chars)?.text)
    }

    /// A title for the text of at most `max_chars` characters; nothing if no letter or digit would be in it.
    pub(crate) fn title(&self, query: &str, boosts: &TitleBoosts, max_chars: usize) -> Option<Title> {
        let chances = self.chances(query, boosts);
        let text = Text::new(query, &chances);
        let spans = text.spans(self.expected_len(), max_chars);
        let Some((main, phrase)) = self.best(&text, &spans, &chances, max_chars) else {
            return self.opening_words(query, max_chars);
        };
        let bytes = text.bytes(main);
        let part = query.get(bytes.clone())?;
        let start = bytes.start + part.len() - part.trim_start_matches(MARKS).len();
        let end = start + part.trim_matches(MARKS).len();
        Some(Title { text: self.finish(&phrase, max_chars)?, start, end })
    }

    fn chances(&self, query: &str, boosts: &TitleBoosts) -> BTreeMap<String, f64> {
        let mut chances = chances(query);
        for (token, chance) in &mut chances {
            let general = *chance / MILLION;
            let tally = self.tallies.get(token).copied().unwrap_or_default();
            let lift = (tally.seen + PRIOR_MENTIONS) / (tally.expected / MILLION + PRIOR_MENTIONS);
            let odds = general / (1.0 - general).max(1.0 / MILLION) * lift * boosts.of_token(token);
            *chance = odds / (1.0 + odds);
        }
        chances
    }

    fn expected_len(&self) -> f64 {
        (self.tokens + PRIOR_LEN * PRIOR_TITLES) / (self.titles + PRIOR_TITLES)
    }

    /// The best span, or "what is done for the topic" from two sentences if that is worth more: the part that comes
    /// first in the title, and the title.
    fn best<'s>(
        &self,
        text: &Text,
        spans: &'s [Span],
        chances: &BTreeMap<String, f64>,
        max_chars: usize,
    ) -> Option<(&'s Span, String)> {
        let mut ranked: Vec<&Span> = spans.iter().collect();
        // Stable, so that of equals the earlier one wins.
        ranked.sort_by(|a, b| b.value.total_cmp(&a.value));
        let single = *ranked.first()?;
        let for_token = text.id("for");
        let for_chance = chances.get("for").copied().unwrap_or(0.25);
        let expected_len = self.expected_len();

        let parts: Vec<(&Span, Vec<usize>)> = (ranked.iter().filter(|span| span.whole && span.len <= PAIRED_LEN))
            .take(PAIRED)
            .map(|&span| (span, text.tokens(span)))
            .collect();
        let (mut value, mut joined) = (single.value, None);
        for (topic, topic_tokens) in parts.iter().filter(|(topic, _)| topic.plain) {
            for (done, done_tokens) in &parts {
                let has_for = for_token.is_some_and(|id| done_tokens.contains(&id));
                let fits = topic.chars + done.chars + " for ".len() <= max_chars;
                if topic.sentence >= done.sentence || has_for || !fits {
                    continue;
                }
                let Some(shared) = text.shared(topic_tokens, done_tokens) else { continue };
                let hits = topic.hits + done.hits - shared + for_chance;
                let len = topic.len + done.len + 1.0;
                let worth = 2.0 * hits / (len + expected_len) + topic.shape + done.shape - FOR_COST;
                if worth > value {
                    (value, joined) = (worth, Some((*done, *topic)));
                }
            }
        }
        Some(match joined {
            None => (single, text.phrase(single)),
            Some((done, topic)) => (done, format!("{} for {}", text.phrase(done), text.phrase(topic))),
        })
    }

    /// For a text with no span of two tokens that fits.
    fn opening_words(&self, query: &str, max_chars: usize) -> Option<Title> {
        let start = query.find(char::is_alphanumeric)?;
        let (mut text, mut used, mut end) = (String::new(), 0, start);
        for (at, word) in gather(query.get(start..)?.char_indices()).iter().enumerate() {
            let chars = word.text.chars().count();
            if at == 0 {
                text = word.text.chars().take(max_chars).collect();
                used = chars;
                end = start + text.len();
            } else if used + 1 + chars <= max_chars && (at as f64) < self.expected_len().round() {
                text = format!("{text} {}", word.text);
                used += 1 + chars;
                end = start + word.end;
            } else {
                break;
            }
        }
        Some(Title { text: self.finish(&text, max_chars)?, start, end })
    }

    /// Cases the title by the user's habit and sees that it fits.
    fn finish(&self, phrase: &str, max_chars: usize) -> Option<String> {
        let words: Vec<&str> = phrase.split_whitespace().collect();
        let capitalize_all = self.capitalized + PRIOR_TITLES > 0.0;
        let mut opens = true;
        let mut cased = Vec::new();
        for (at, word) in words.iter().enumerate() {
            let kept_big = opens || at + 1 == words.len();
            let parts = word.split('-').enumerate().map(|(part, text)| {
                let small = entry(&text.to_lowercase()).small && !(part == 0 && kept_big);
                if if capitalize_all { !small } else { at == 0 && part == 0 } {
                    capitalize(text)
                } else {
                    text.to_owned()
                }
            });
            cased.push(parts.collect::<Vec<_>>().join("-"));
            opens = word.ends_with([':', '?', '!']);
        }
        let title = cut(&cased.join(" "), max_chars);
        (!title.is_empty()).then_some(title)
    }
}

/// 1 if most of the title's plain words after the first are capitalized, -1 if not, 0 if it has none.
fn capitalization(title: &str) -> f64 {
    let (mut words, mut capitalized) = (0, 0);
    for word in title.split_whitespace().skip(1).map(core) {
        let plain = word.chars().all(char::is_alphabetic) && !word.chars().skip(1).any(char::is_uppercase);
        if plain && word.chars().count() >= 4 {
            words += 1;
            capitalized += usize::from(word.starts_with(char::is_uppercase));
        }
    }
    match words {
        0 => 0.0,
        _ if 2 * capitalized >= words => 1.0,
        _ => -1.0,
    }
}

/// Makes the first letter a capital, unless a capital or a digit shows that the word has a spelling of its own.
fn capitalize(word: &str) -> String {
    match word.char_indices().find(|(_, c)| c.is_alphanumeric()) {
        Some((at, first)) if !word.contains(|c: char| c.is_uppercase() || c.is_numeric()) => {
            let (before, rest) = word.split_at(at);
            before.chars().chain(first.to_uppercase()).chain(rest.chars().skip(1)).collect()
        }
        _ => word.to_owned(),
    }
}

/// At most `max_chars` characters, between words if there are several, without marks at the end.
fn cut(title: &str, max_chars: usize) -> String {
    let fits = match title.char_indices().nth(max_chars) {
        None => title,
        Some((end, next)) => {
            let head = title.split_at(end).0;
            match head.rfind(' ') {
                Some(space) if next != ' ' => head.split_at(space).0,
                _ => head,
            }
        }
    };
    fits.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '.' | ',' | ';' | ':' | '。'))
        .trim_start()
        .to_owned()
}
