//! Choices: the lifts of wordings, places and words.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use ndarray::{Array1, Array2};

use crate::data::{Calibration, MemoryItem, Query};
use crate::pause::Pace;
use crate::stats::population::even;

use super::numbers::Numbers;
use super::offered::{Descriptor, Offered};
use super::past::Past;
use super::seen::Seen;
use super::shares::{normalised, softmax};
use super::similar::Likeness;

/// The picks of a user among options: how often each wording, place and word was picked when it was offered, overall and in
/// similar questions.
///
/// Lift of a trait d: `ln((picked_d + k) / (expected_d + k))`, where each of R options is expected 1/R.
#[derive(Clone, Default)]
pub(super) struct Choices {
    /// Options without what is in parentheses, words of options, and responses.
    wordings: Numbers<String>,
    words: Numbers<String>,
    responses: Numbers<String>,
    /// By item: its question's options, and the number of its response.
    questions: Vec<Offered>,
    given: Vec<u32>,
    by_wording: Vec<Odds>,
    by_place: BTreeMap<(usize, usize), Odds>,
    /// By response: the weight of the interactions it was given in.
    counts: Vec<f64>,
    /// The likeness of questions, once asked for.
    likeness: OnceLock<Likeness>,
}

/// What similar questions say.
struct Similar {
    /// By option, in logs.
    lifts: Vec<f64>,
    /// By factor of the query: its part of what is similar, from 0 to 1.
    by_owner: Vec<f64>,
}

/// What moved the probabilities of a query's options.
pub(super) struct Chosen {
    pub(super) p: Vec<f64>,
    pub(super) by_options: Vec<f64>,
    /// Where there are others.
    pub(super) by_others: Option<Vec<f64>>,
    pub(super) by_factor: Vec<Vec<f64>>,
    pub(super) by_similar: Vec<f64>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Odds {
    picked: f64,
    expected: f64,
}

impl Odds {
    fn add(&mut self, picked: bool, expected: f64, weight: f64) {
        self.picked += weight * f64::from(u8::from(picked));
        self.expected += weight * expected;
    }

    fn lift(odds: Option<&Self>, k: f64) -> f64 {
        odds.map_or(0.0, |odds| ((odds.picked.max(0.0) + k) / (odds.expected.max(0.0) + k)).ln())
    }
}

/// k of the lift of a wording, in picks.
const K_TEXT: f64 = 0.5;
/// k of the lift of a place, in picks.
const K_PLACE: f64 = 1.0;
/// k of the lifts in similar questions, in picks.
const K_SIMILAR: f64 = 0.3;
/// The power of the likeness by which a similar question counts.
const POWER: i32 = 2;
/// Weights of the lifts in a score: of the wording, of the place, and of words and place in similar questions.
const W_TEXT: f64 = 0.42;
const W_PLACE: f64 = 0.30;
const W_SIMILAR_WORDS: f64 = 0.37;
const W_SIMILAR_PLACE: f64 = 0.22;
/// The weight of what others find likely, in logs: half, since much of it is what the user's own lifts say too.
const W_OTHERS: f64 = 0.5;
/// Added to the score of an option that takes no stand: people seldom pick "don't know" when asked what they think.
const CATCH_ALL: f64 = -1.5;
/// The factor of all scores before they become probabilities. It moves no decision; with 1 the estimate is right more often
/// than its probabilities promise. Chosen by leave-one-out over the histories of many users.
const SHARPNESS: f64 = 1.25;

impl Choices {
    /// Reads new items, which come after those already there, with pauses.
    pub(super) async fn extend_in_steps(&mut self, new: &[MemoryItem]) {
        let mut pace = Pace::default();
        for item in new {
            pace.step(item.query().text().len()).await;
            let (wordings, words) = (&mut self.wordings, &mut self.words);
            self.questions.push(Offered::new(item.query(), Some(item.response()), |option| Descriptor {
                wording: wordings.number(option.text),
                words: option.words.into_iter().map(|word| words.number(word)).collect(),
                catch_all: option.catch_all,
            }));
            self.given.push(self.responses.number(item.response().to_owned()));
        }
    }

    /// Makes the likeness of questions, which the first estimate would make, with pauses.
    pub(super) async fn likeness_in_steps(&self, past: &Past) {
        if self.likeness.get().is_none() {
            // Two that make it at once both find one of the two.
            let _ = self.likeness.set(Likeness::in_steps(&past.texts).await);
        }
    }

    pub(super) fn count(&mut self, weights: &[f64]) {
        self.by_wording = vec![Odds::default(); self.wordings.len()];
        self.by_place = BTreeMap::new();
        self.likeness = OnceLock::new();
        self.counts = vec![0.0; self.responses.len()];
        for ((question, given), weight) in self.questions.iter().zip(&self.given).zip(weights) {
            if let Some(count) = self.counts.get_mut(*given as usize) {
                *count += weight;
            }
            for (i, option, picked, expected) in question.stands() {
                if let Some(odds) = self.by_wording.get_mut(option.wording as usize) {
                    odds.add(picked, expected, *weight);
                }
                self.by_place.entry((i, question.real.len())).or_default().add(picked, expected, *weight);
            }
        }
    }

    pub(super) fn given(&self, left_out: Option<usize>) -> Option<usize> {
        left_out.and_then(|item| self.questions.get(item)).and_then(|question| question.picked)
    }

    /// The base rates that others move of an item's question: all options alike.
    pub(super) fn even(&self, item: usize) -> Vec<f64> {
        even(self.questions.get(item).map_or(0, |question| question.options.len()))
    }

    /// The share of each option among the responses so far, smoothed over this query's options.
    pub(super) fn base(&self, past: &Past, seen: &Seen<'_>) -> Vec<f64> {
        let even = 1.0 / seen.query.options().len().max(1) as f64;
        let own = seen.left_out.and_then(|item| self.given.get(item).copied());
        let count = |option: &String| {
            let number = self.responses.known(option.as_str());
            let less = if own == Some(number) { past.weight(seen.left_out) } else { 0.0 };
            self.counts.get(number as usize).copied().unwrap_or_default() - less + even
        };
        normalised(seen.query.options().iter().map(count).collect())
    }

    /// The options of a query, which need not be known.
    fn asked(&self, query: &Query) -> Offered {
        Offered::new(query, None, |option| Descriptor {
            wording: self.wordings.known(option.text.as_str()),
            words: option.words.iter().map(|word| self.words.known(word.as_str())).collect(),
            catch_all: option.catch_all,
        })
    }

    /// The probabilities of a query's options, and what moved them from the base rates: how the options' wordings and places were
    /// picked overall, how likely `others` find each, what was picked in similar questions, by the factors that make them
    /// similar, and boosted factors.
    pub(super) fn moved(
        &self,
        past: &Past,
        seen: &Seen<'_>,
        calibration: &Calibration,
        (base, others): (&[f64], Option<&[f64]>),
    ) -> Chosen {
        let asked = self.asked(seen.query);
        let (overall, similar) = (self.overall(past, seen, &asked), self.in_similar(past, seen, &asked));
        let owners = similar.by_owner;
        let boosted = self.evidence(past, seen, calibration, |boost| (boost - 1.0).max(0.0));
        // Boosted below 1, a factor's part of what is similar counts for less.
        let heard: f64 =
            1.0 - owners.iter().zip(&seen.factors).map(|(part, (_, b))| part * (1.0 - b.min(1.0))).sum::<f64>();
        let after =
            |more: &[f64], by: f64, log: &[f64]| log.iter().zip(more).map(|(a, b)| a + by * b).collect::<Vec<f64>>();
        let mut from = softmax(&overall);
        let by_options: Vec<f64> = from.iter().zip(base).map(|(p, base)| p - base).collect();
        let (mut by_others, mut overall) = (None, overall);
        if let Some(others) = others {
            let logs: Vec<f64> = others.iter().map(|p| p.max(f64::MIN_POSITIVE).ln()).collect();
            overall = after(&logs, W_OTHERS, &overall);
            let with = softmax(&overall);
            by_others = Some(with.iter().zip(&from).map(|(p, from)| p - from).collect());
            from = with;
        }
        let with_similar = after(&similar.lifts, heard, &overall);
        let p = softmax(&with_similar);
        let by_similar: Vec<f64> = p.iter().zip(&from).map(|(p, from)| p - from).collect();
        let part = |part: f64| by_similar.iter().map(|by| by * part).collect::<Vec<f64>>();
        let kept = |(part, (_, boost)): (&f64, &(usize, f64))| part * boost.min(1.0) / heard.max(f64::MIN_POSITIVE);
        let shares: Vec<f64> = owners.iter().zip(&seen.factors).map(kept).collect();
        let mut by_factor: Vec<Vec<f64>> = shares.iter().map(|share| part(*share)).collect();
        let rest = part(1.0 - shares.iter().sum::<f64>());
        let (mut log, mut p) = (with_similar, p);
        for (by, evidence) in by_factor.iter_mut().zip(&boosted) {
            if evidence.iter().any(|evidence| *evidence != 0.0) {
                log = after(evidence, 1.0, &log);
                from = std::mem::replace(&mut p, softmax(&log));
                by.iter_mut().zip(&p).zip(&from).for_each(|((by, p), from)| *by += p - from);
            }
        }
        Chosen { p, by_options, by_others, by_factor, by_similar: rest }
    }

    /// By option: the log of how its wording and its place were picked overall.
    fn overall(&self, past: &Past, seen: &Seen<'_>, asked: &Offered) -> Vec<f64> {
        let left_out = seen.left_out.and_then(|item| self.questions.get(item));
        let overall = |odds: Option<&Odds>, matches: &dyn Fn(usize, &Descriptor) -> bool, k: f64| {
            let mut odds = odds.copied().unwrap_or_default();
            for (i, option, picked, expected) in left_out.into_iter().flat_map(Offered::stands) {
                if matches(i, option) {
                    odds.add(picked, expected, -past.weight(seen.left_out));
                }
            }
            Odds::lift(Some(&odds), k)
        };
        let real = asked.real.len();
        let score = |(place, option): (usize, &Descriptor)| {
            let wording = self.by_wording.get(option.wording as usize);
            let wording = overall(wording, &|_, d| d.wording == option.wording, K_TEXT);
            let here = overall(self.by_place.get(&(place, real)), &|i, _| i == place, K_PLACE);
            SHARPNESS * (W_TEXT * wording + W_PLACE * here + if option.catch_all { CATCH_ALL } else { 0.0 })
        };
        asked.options.iter().enumerate().map(score).collect()
    }

    /// By option: the log of how its words and its place were picked in similar questions; and each factor's part of what is
    /// similar.
    fn in_similar(&self, past: &Past, seen: &Seen<'_>, asked: &Offered) -> Similar {
        let likeness = self.likeness.get_or_init(|| Likeness::new(&past.texts));
        let shares = likeness.shares(&seen.text.terms);
        let near = likeness.sum(&shares);
        let mut words = vec![Odds::default(); self.words.len()];
        let mut places: BTreeMap<(usize, usize), Odds> = BTreeMap::new();
        let mut says = Array2::zeros((near.len(), 1));
        let mut all = 0.0;
        let items = self.questions.iter().zip(&near).zip(&past.weights).zip(says.iter_mut());
        for (item, (((question, likeness), weight), says)) in items.enumerate() {
            if *likeness > 0.0 && seen.left_out != Some(item) {
                let weight = weight * likeness.powi(POWER);
                all += weight;
                *says = weight / likeness;
                for (i, option, picked, expected) in question.stands() {
                    places.entry((i, question.real.len())).or_default().add(picked, expected, weight);
                    for word in &option.words {
                        if let Some(odds) = words.get_mut(*word as usize) {
                            odds.add(picked, expected, weight);
                        }
                    }
                }
            }
        }
        let real = asked.real.len();
        let score = |(place, option): (usize, &Descriptor)| {
            let similar: f64 = option.words.iter().map(|w| Odds::lift(words.get(*w as usize), K_SIMILAR)).sum();
            let here = Odds::lift(places.get(&(place, real)), K_SIMILAR);
            SHARPNESS * (W_SIMILAR_WORDS * similar / (option.words.len().max(1) as f64).sqrt() + W_SIMILAR_PLACE * here)
        };
        let of_owners = likeness.of_owners(&shares, (seen.factors.len(), &seen.text.owned), &says);
        let part = |of: &Array1<f64>| if all > 0.0 { (of.sum() / all).clamp(0.0, 1.0) } else { 0.0 };
        Similar {
            lifts: asked.options.iter().enumerate().map(score).collect(),
            by_owner: of_owners.iter().map(part).collect(),
        }
    }

    /// By factor of the query: `s_m · (ln θ_my − ln π_y) / √M` by option, with its share s of its boost: how often the option's
    /// wording was picked where it was offered, with the factor and in all. 0 for an option that was never offered.
    fn evidence(
        &self,
        past: &Past,
        seen: &Seen<'_>,
        calibration: &Calibration,
        share: impl Fn(f64) -> f64,
    ) -> Vec<Vec<f64>> {
        let asked = self.asked(seen.query);
        let even = 1.0 / asked.options.len().max(1) as f64;
        let kappa = calibration.kappa.max(1e-6);
        // How often a wording was picked and offered, with the factor if there is one.
        let counted = |wording: u32, factor: Option<usize>| {
            let mut odds = Odds::default();
            let rows = self.questions.iter().zip(&past.factors_of).zip(&past.weights);
            for ((question, present), weight) in rows {
                if factor.is_none_or(|factor| present.binary_search(&factor).is_ok()) {
                    let same = question.stands().filter(|(_, option, ..)| option.wording == wording);
                    same.for_each(|(_, _, picked, _)| odds.add(picked, 1.0, *weight));
                }
            }
            odds
        };
        let sighted = |factor: &usize| past.sightings.get(*factor).is_some_and(|sightings| *sightings > 0);
        let known = seen.factors.iter().filter(|(factor, _)| sighted(factor)).count() as f64;
        let evidence = |factor: usize, share: f64, option: &Descriptor| {
            let all = counted(option.wording, None);
            if all.expected <= 0.0 {
                return 0.0;
            }
            let base = (all.picked + even) / (all.expected + 1.0);
            let with = counted(option.wording, Some(factor));
            let theta = (with.picked + kappa * base) / (with.expected + kappa);
            share * (theta.ln() - base.ln()) / known.max(1.0).sqrt()
        };
        let of_factor = |(factor, boost): &(usize, f64)| {
            let share = share(*boost);
            let none = share == 0.0;
            asked.options.iter().map(|option| if none { 0.0 } else { evidence(*factor, share, option) }).collect()
        };
        seen.factors.iter().map(of_factor).collect()
    }
}
