//! The phrases of texts that may be terms, and those of them that are one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::data::UserId;
use crate::words::{Language, Token, is_negated, is_negation, is_stop_word, stem, tokens};

use super::CatalogBuilder;

/// The largest share of the texts that a term is in: what is in more tells nothing apart.
const MOST_COMMON: f64 = 0.3;
/// From this share of common texts on (Jaccard) two phrases are one term.
const SAME_TEXTS: f64 = 0.7;
/// The most words of a phrase that say something, and the most light words between two of them: "situation of human rights".
const LONGEST: usize = 3;
const BETWEEN: usize = 2;
/// The most terms that are compared: those that can tell most apart.
const MOST: usize = 2_000;

/// Phrases in the same texts: one term.
pub(super) struct Term {
    /// As most texts write it, the longest of them first.
    pub(super) phrases: Vec<String>,
    /// The stems of the first phrase that say something.
    pub(super) stems: BTreeSet<String>,
    /// The texts, ascending, each with how often the term stands there.
    pub(super) texts: BTreeMap<usize, u32>,
}

/// The terms of all texts.
pub(super) struct Phrases {
    /// The number of texts.
    pub(super) texts: usize,
    pub(super) terms: Vec<Term>,
}

/// A phrase wherever it stands.
#[derive(Default)]
struct Phrase {
    /// How it is written, and how often.
    forms: BTreeMap<String, u32>,
    texts: BTreeMap<usize, u32>,
}

impl Phrase {
    /// True when some word of it is written with a capital, as German nouns are.
    fn has_capital(&self) -> bool {
        self.form().split_whitespace().any(|word| word.starts_with(char::is_uppercase))
    }

    /// As most texts write it; the first of equals.
    fn form(&self) -> String {
        let most = self.forms.iter().max_by_key(|(form, times)| (**times, Reverse(*form)));
        most.map(|(form, _)| form.clone()).unwrap_or_default()
    }
}

impl Phrases {
    pub(super) fn of(builder: &CatalogBuilder) -> Self {
        let (texts, users): (Vec<&String>, Vec<&BTreeSet<UserId>>) = builder.texts.iter().unzip();
        let read: Vec<Vec<Token>> = crate::parallel::map(&texts, |text| tokens(text));
        let signs = read.iter().flatten().filter(|token| Language::is_german_sign(&token.word)).count();
        let language = Language::of_signs(signs, texts.len());
        let rows: Vec<(&String, Vec<Token>)> = texts.iter().copied().zip(read).collect();
        let found = crate::parallel::map(&rows, |(text, words)| phrases(text, words, language));
        let mut all: BTreeMap<Vec<String>, Phrase> = BTreeMap::new();
        for (place, of_text) in found.into_iter().enumerate() {
            for (stems, form) in of_text {
                let phrase = all.entry(stems).or_default();
                *phrase.forms.entry(form).or_default() += 1;
                *phrase.texts.entry(place).or_default() += 1;
            }
        }
        let most = MOST_COMMON * texts.len() as f64;
        let says = |stem: &String| !language.is_light(stem) && !is_stop_word(stem) && !builder.asked.contains(stem);
        all.retain(|stems, phrase| {
            let of = || phrase.texts.keys().filter_map(|place| users.get(*place).copied());
            phrase.texts.len() >= builder.least_texts
                && phrase.texts.len() as f64 <= most.max(builder.least_texts as f64)
                && builder.users(of()).is_none_or(|users| users >= builder.least_users)
                && stems.iter().any(says)
                && !builder.responses.contains(&crate::data::fold(&phrase.form()))
        });
        // Texts that write nouns with capitals have names with nouns.
        let capitals = all.values().filter(|phrase| phrase.has_capital()).count();
        if language == Language::German && capitals * 4 >= all.len() {
            all.retain(|_, phrase| phrase.has_capital());
        }
        let mut terms = terms(&all, language);
        let worth = |term: &Term| term.texts.len() as f64 * idf(texts.len(), term.texts.len());
        terms.sort_by(|a, b| worth(b).total_cmp(&worth(a)).then_with(|| a.phrases.cmp(&b.phrases)));
        terms.truncate(MOST);
        Self { texts: texts.len(), terms }
    }

    /// By text: its terms with their weights by TF-IDF, of length 1.
    pub(super) fn rows(&self) -> Vec<Vec<(usize, f64)>> {
        let mut rows: Vec<Vec<(usize, f64)>> = vec![Vec::new(); self.texts];
        for (place, term) in self.terms.iter().enumerate() {
            for (text, times) in &term.texts {
                if let Some(row) = rows.get_mut(*text) {
                    row.push((place, (1.0 + f64::from(*times).ln()) * self.idf(term)));
                }
            }
        }
        for row in &mut rows {
            let length = row.iter().map(|(_, weight)| weight * weight).sum::<f64>().sqrt();
            for (_, weight) in row {
                *weight /= length;
            }
        }
        rows
    }

    pub(super) fn idf(&self, term: &Term) -> f64 {
        idf(self.texts, term.texts.len())
    }
}

/// ln((1 + n) / (1 + df)) + 1.
fn idf(texts: usize, with: usize) -> f64 {
    ((1.0 + texts as f64) / (1.0 + with as f64)).ln() + 1.0
}

/// The phrases of a text, as stems and as written. None is under a negation.
fn phrases(text: &str, words: &[Token], language: Language) -> Vec<(Vec<String>, String)> {
    let says = |token: &Token| {
        let letters = token.word.chars().filter(|c| c.is_alphabetic()).count();
        letters >= 3
            && !token.word.chars().any(char::is_numeric)
            && !is_stop_word(&token.word)
            && !is_negation(&token.word)
            && !language.is_light(&token.word)
    };
    let key: Vec<bool> = words.iter().map(says).collect();
    let stems: Vec<String> = words.iter().map(|token| stem(&token.word)).collect();
    let mut found = Vec::new();
    for first in (0..words.len()).filter(|at| key.get(*at) == Some(&true) && !is_negated(words, *at)) {
        let (mut said, mut last) = (1, first);
        loop {
            let stems = stems.get(first..=last).unwrap_or_default().to_vec();
            found.extend(written(text, words, (first, last), language).map(|form| (stems, form)));
            let Some(next) = next(words, &key, last).filter(|_| said < LONGEST) else { break };
            (said, last) = (said + 1, next);
        }
    }
    found
}

/// The next word that says something, in the same clause and with few words between.
fn next(words: &[Token], key: &[bool], last: usize) -> Option<usize> {
    let after = (last + 1..words.len()).take(BETWEEN + 1);
    let open = after.take_while(|at| words.get(*at).is_some_and(|token| !token.opens && !is_negation(&token.word)));
    open.into_iter().find(|at| key.get(*at) == Some(&true))
}

/// The words of a text on one line. A capital that may be there because a clause begins is taken away, unless nouns or the
/// words of a name have capitals.
fn written(text: &str, words: &[Token], (first, last): (usize, usize), language: Language) -> Option<String> {
    let (from, to) = (words.get(first)?, words.get(last)?);
    let rest = text.get(from.end..to.end)?;
    let keeps = language == Language::German || rest.contains(char::is_uppercase);
    let begin = if from.opens && !keeps { from.word.as_str() } else { text.get(from.start..from.end)? };
    Some(format!("{begin}{rest}").split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Phrases in the same texts put together, those in most texts first.
fn terms(all: &BTreeMap<Vec<String>, Phrase>, language: Language) -> Vec<Term> {
    let mut order: Vec<(&Vec<String>, &Phrase)> = all.iter().collect();
    // Stable: of equals the first by its stems stays first.
    order.sort_by_key(|(stems, phrase)| Reverse((phrase.texts.len(), stems.len())));
    let mut members: Vec<Vec<(&Vec<String>, &Phrase)>> = Vec::new();
    let mut at: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (stems, phrase) in order {
        let mut shared: BTreeMap<usize, usize> = BTreeMap::new();
        for term in phrase.texts.keys().filter_map(|text| at.get(text)).flatten() {
            *shared.entry(*term).or_default() += 1;
        }
        let mut best: Option<(f64, usize)> = None;
        for (term, shared) in shared {
            let first = members.get(term).and_then(|of| of.first()).map_or(0, |(_, first)| first.texts.len());
            let jaccard = shared as f64 / ((first + phrase.texts.len() - shared) as f64).max(1.0);
            if jaccard >= SAME_TEXTS && best.is_none_or(|(most, _)| jaccard > most) {
                best = Some((jaccard, term));
            }
        }
        if let Some(of) = best.and_then(|(_, term)| members.get_mut(term)) {
            of.push((stems, phrase));
            continue;
        }
        phrase.texts.keys().for_each(|text| at.entry(*text).or_default().push(members.len()));
        members.push(vec![(stems, phrase)]);
    }
    members.into_iter().map(|of| term(of, language)).collect()
}

fn term(mut of: Vec<(&Vec<String>, &Phrase)>, language: Language) -> Term {
    of.sort_by_key(|(stems, phrase)| Reverse((stems.len(), phrase.texts.len())));
    let says = |stem: &&String| !language.is_light(stem) && !is_stop_word(stem);
    let stems = of.first().map(|(stems, _)| stems.iter().filter(says).cloned().collect()).unwrap_or_default();
    let mut texts: BTreeMap<usize, u32> = BTreeMap::new();
    for (text, times) in of.iter().flat_map(|(_, phrase)| &phrase.texts) {
        let known = texts.entry(*text).or_default();
        *known = (*known).max(*times);
    }
    Term { phrases: of.iter().map(|(_, phrase)| phrase.form()).collect(), stems, texts }
}
