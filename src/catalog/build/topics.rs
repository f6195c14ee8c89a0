//! From terms to factors: topics, their terms and names, and which of them are kept.

use std::collections::BTreeSet;

use crate::catalog::index::{Index, jaccard};
use crate::catalog::{CatalogError, CatalogFactor, CatalogTerm};
use crate::data::{FeatureKey, UserId, fold};

use super::CatalogBuilder;
use super::factorize::factorize;
use super::phrases::{Phrases, Term};

/// One topic more is tried for so many that are kept.
const ONE_MORE: usize = 4;
/// How much less a text counts for the next seed once a seed stands in it.
const SEEN: f64 = 0.5;
/// The share of a topic's heaviest term that another needs to be a term of it, and to be enough by itself.
const LEAST: f64 = 0.15;
const ENOUGH: f64 = 0.35;
/// The most terms of a factor, and of phrases that are one term.
const TERMS: usize = 12;
const PHRASES: usize = 4;
/// From this share of common texts on (Jaccard) two topics are one.
const SAME_TEXTS: f64 = 0.5;
/// The largest share of the texts that a factor is in.
const MOST_COMMON: f64 = 0.35;
/// The longest label in bytes.
const LABEL: usize = 60;

/// The factors of a builder's texts.
pub(super) fn factors(builder: &CatalogBuilder, phrases: &Phrases) -> Result<Vec<CatalogFactor>, CatalogError> {
    let tried = builder.topics + builder.topics / ONE_MORE;
    let topics = factorize(&phrases.rows(), phrases.terms.len(), &seeds(phrases, tried));
    let mut named: Vec<CatalogFactor> = Vec::new();
    let mut taken: BTreeSet<FeatureKey> = BTreeSet::new();
    for topic in weighed(&topics) {
        let Some(label) = label(phrases, &topic, &taken) else { continue };
        taken.insert(FeatureKey::of(&label));
        named.push(CatalogFactor::new(label).with_terms(terms(phrases, &topic)).checked()?);
    }
    Ok(different(builder, named))
}

/// The terms that topics begin with: each in the most texts that no seed before it is in, by how much it tells apart.
fn seeds(phrases: &Phrases, most: usize) -> Vec<usize> {
    let mut left = vec![1.0; phrases.texts];
    let mut seeds: Vec<usize> = Vec::new();
    let mut free: BTreeSet<usize> = (0..phrases.terms.len()).collect();
    while seeds.len() < most {
        let gain = |place: &usize| {
            let term = phrases.terms.get(*place)?;
            let texts: f64 = term.texts.keys().filter_map(|text| left.get(*text)).sum();
            Some((texts * phrases.idf(term), *place))
        };
        let mut best: Option<(f64, usize)> = None;
        for (gain, place) in free.iter().filter_map(gain) {
            if best.is_none_or(|(most, _)| gain > most) {
                best = Some((gain, place));
            }
        }
        let Some((_, seed)) = best else { break };
        free.remove(&seed);
        seeds.push(seed);
        for text in phrases.terms.get(seed).into_iter().flat_map(|term| term.texts.keys()) {
            if let Some(left) = left.get_mut(*text) {
                *left *= SEEN;
            }
        }
    }
    seeds
}

/// By topic: its terms, the heaviest first, each with the share of presence it makes up. What a term weighs in a topic counts
/// the less the more it weighs in others.
fn weighed(topics: &[Vec<f64>]) -> Vec<Vec<(usize, f64)>> {
    let terms = topics.first().map_or(0, Vec::len);
    let total: Vec<f64> = (0..terms).map(|term| topics.iter().filter_map(|topic| topic.get(term)).sum()).collect();
    let mut weighed = Vec::new();
    for topic in topics {
        let own = |(weight, total): (&f64, &f64)| if *total > 0.0 { weight * (weight / total).sqrt() } else { 0.0 };
        let mut terms: Vec<(usize, f64)> = topic.iter().zip(&total).map(own).enumerate().collect();
        terms.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let most = terms.first().map_or(0.0, |(_, weight)| *weight);
        terms.retain(|(_, weight)| *weight > 0.0 && *weight >= LEAST * most);
        terms.truncate(TERMS);
        let share = |weight: f64| ((weight / most / ENOUGH).min(1.0) * 100.0).round() / 100.0;
        weighed.push(terms.into_iter().map(|(term, weight)| (term, share(weight))).collect());
    }
    weighed
}

/// A name for a topic that no other has: its heaviest term, or a longer one that is enough by itself and says more; with a
/// second one where the first is a single word or taken.
fn label(phrases: &Phrases, topic: &[(usize, f64)], taken: &BTreeSet<FeatureKey>) -> Option<String> {
    let strong: Vec<&Term> =
        topic.iter().filter(|(_, share)| *share >= 1.0).filter_map(|(term, _)| phrases.terms.get(*term)).collect();
    let mut names: Vec<&Term> = Vec::new();
    for term in &strong {
        if names.iter().any(|name| !name.stems.is_disjoint(&term.stems)) {
            continue;
        }
        let apart = |other: &&&Term| names.iter().all(|name| name.stems.is_disjoint(&other.stems));
        let says_more = |other: &&&Term| term.stems.is_subset(&other.stems) && other.stems.len() > term.stems.len();
        names.push(strong.iter().filter(apart).find(says_more).copied().unwrap_or(term));
    }
    let first = names.first().and_then(|name| name.phrases.first())?;
    let one_word = !first.contains(char::is_whitespace);
    let second = names.get(1).and_then(|name| name.phrases.first());
    let both = second.map(|second| format!("{first}, {second}")).filter(|both| both.len() <= LABEL);
    let ranked = if one_word { [both.as_ref(), Some(first)] } else { [Some(first), both.as_ref()] };
    let free = |label: &&String| label.len() <= LABEL && !taken.contains(&FeatureKey::of(label));
    ranked.into_iter().flatten().find(free).cloned()
}

fn terms(phrases: &Phrases, topic: &[(usize, f64)]) -> Vec<CatalogTerm> {
    let mut seen = BTreeSet::new();
    let mut terms = Vec::new();
    for (term, share) in topic {
        let forms = phrases.terms.get(*term).into_iter().flat_map(|term| term.phrases.iter().take(PHRASES));
        for form in forms.map(|form| fold(form)) {
            if seen.insert(form.clone()) {
                terms.push(CatalogTerm::new(form, *share));
            }
        }
    }
    terms
}

/// The factors that tell most apart and are in different texts, with their counts.
fn different(builder: &CatalogBuilder, named: Vec<CatalogFactor>) -> Vec<CatalogFactor> {
    let index = Index::new(&named);
    let (texts, users): (Vec<&String>, Vec<&BTreeSet<UserId>>) = builder.texts.iter().unzip();
    let found = crate::parallel::map(&texts, |text| index.places(text));
    let mut seen_in: Vec<Vec<usize>> = vec![Vec::new(); named.len()];
    for (text, places) in found.into_iter().enumerate() {
        for place in places {
            seen_in.get_mut(place).into_iter().for_each(|seen| seen.push(text));
        }
    }
    let worth = |seen: &[usize]| seen.len() as f64 * ((1.0 + texts.len() as f64) / (seen.len() as f64).max(1.0)).ln();
    let mut order: Vec<(CatalogFactor, Vec<usize>)> = named.into_iter().zip(seen_in).collect();
    order.sort_by(|a, b| worth(&b.1).total_cmp(&worth(&a.1)).then_with(|| a.0.key().cmp(&b.0.key())));
    let most = (MOST_COMMON * texts.len() as f64).max(builder.least_texts as f64);
    let mut kept: Vec<(CatalogFactor, Vec<usize>)> = Vec::new();
    for (factor, seen) in order {
        let of = seen.iter().filter_map(|text| users.get(*text).copied());
        let users = builder.users(of);
        let few = seen.len() < builder.least_texts || users.is_some_and(|users| users < builder.least_users);
        let same = |other: &(CatalogFactor, Vec<usize>)| jaccard(&seen, &other.1) > SAME_TEXTS;
        if kept.len() < builder.topics && !few && seen.len() as f64 <= most && !kept.iter().any(same) {
            let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            kept.push((factor.counted(count(seen.len()), users.map(count)), seen));
        }
    }
    kept.into_iter().map(|(factor, _)| factor).collect()
}
