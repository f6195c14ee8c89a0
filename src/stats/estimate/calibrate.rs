//! The choice of the estimate's parameters on a user's own history.

use std::collections::{BTreeMap, BTreeSet};

use crate::data::{Calibration, Decision, FactorSet, MemoryItem, ResponseSpace, Task};
use crate::parallel;
use crate::stats::{CountRow, Interval, base_rate, plausible_kappa};

use super::estimator::Estimator;
use super::past::Past;
use super::result::decided;
use super::seen::Seen;
use super::shares::mixed;

/// The most items that the leave-one-out score is over, spread evenly over the history: it keeps learning linear.
const SCORED: usize = 512;
/// The rules that a scale may be decided by, the one to start from first.
const RULES: [Decision; 2] = [Decision::LeastCost, Decision::Median];
/// Points of distance that the other rule must save over the history, so that chance does not choose.
const LEAST_GAIN: f64 = 1.0;
/// The fewest items that are calibrated on; below it the defaults stay.
const LEAST: usize = 8;

/// The settings that leave-one-out may choose from in one kind of response space, and how strongly the start holds.
struct Grid {
    pools: &'static [f64],
    votes: &'static [f64],
    /// The weight of the vote to start from.
    vote: f64,
    /// Log-probability that a setting must gain over the start per step away from it, so that chance does not choose.
    step: f64,
}

/// For labels the vote's joint half weighs words better than the pool does, unless the user's own history clearly shows the
/// contrary (decision 0011).
const LABELS: Grid = Grid { pools: &[0.0, 0.5, 1.0, 2.0], votes: &[0.0, 0.25, 0.5, 0.75, 1.0], vote: 1.0, step: 2.0 };
const SCALE: Grid = Grid { pools: &[0.0, 0.5, 1.0, 2.0], votes: &[0.0, 0.25, 0.5, 0.75], vote: 0.5, step: 0.5 };
/// Choices have no vote.
const CHOICES: Grid = Grid { pools: &[1.0], votes: &[0.5], vote: 0.5, step: 0.5 };

/// The number of the first items, of `n`, that a user is calibrated on: all but the remainder of a division by a power of 2, which keeps the five
/// leading binary digits of `n`. It is `n` below 32 and grows by steps of 1/32 to 1/16 of it, so a user model that grows by
/// one item after another is calibrated 16 times while it doubles.
///
/// ```text
/// c(n) = n − n mod 2^max(⌊log2 n⌋ − 4, 0)
/// ```
pub(crate) fn calibration_point(n: usize) -> usize {
    let digits = n.checked_ilog2().unwrap_or_default().saturating_sub(4);
    n >> digits << digits
}

/// Chooses κ by empirical Bayes, and the strength of the pool and the weight of the vote by leave-one-out over the user's
/// own items: each item is estimated from all others by taking its counts off, and the setting under which the given
/// responses were most probable is kept.
///
/// `items` come in the memory's canonical order, each with its weight, above 0 and at most 1; those that `weights` is too
/// short for weigh 1. Only the first items are looked at: all below 32, of more the number that its five leading binary
/// digits make. So the calibration changes seldom as items come, and is the same however they came. Where weights fall with
/// age, give those that the items had at the time of the last of them.
pub fn calibrate(task: &Task, factors: &FactorSet, items: &[MemoryItem], weights: &[f64]) -> Calibration {
    calibrate_setting_aside(&FactorSet::default(), task, factors, items, weights)
}

/// The same of a user who set factors aside.
fn calibrate_setting_aside(
    set_aside: &FactorSet,
    task: &Task,
    factors: &FactorSet,
    items: &[MemoryItem],
    weights: &[f64],
) -> Calibration {
    let items = items.get(..calibration_point(items.len())).unwrap_or(items);
    let grid = match task.space() {
        ResponseSpace::Labels { .. } => LABELS,
        ResponseSpace::Choices => CHOICES,
        _ => SCALE,
    };
    let start = Calibration { vote: grid.vote, ..Calibration::default() };
    let Some(estimator) = Estimator::setting_aside(set_aside, task, factors, items, weights) else { return start };
    let kappa = kappa(task, items, &estimator.past);
    let mut calibration = Calibration { kappa: kappa.high, kappa_low: kappa.low, ..start };
    if items.len() < LEAST {
        return calibration;
    }
    let stride = items.len().div_ceil(SCORED);
    let scored: Vec<usize> = (0..items.len()).step_by(stride).collect();
    let base = calibration.clone();
    // By item: its weight, and ln P(response) for each setting and for the base rate.
    let scores: Vec<Option<(f64, Vec<f64>)>> = parallel::map(&scored, |&i| {
        Some((estimator.past.weight(Some(i)), row(&estimator, i, items.get(i)?, &base, &grid)?))
    });
    let scores: Vec<&(f64, Vec<f64>)> = scores.iter().flatten().collect();
    let sum =
        |setting: usize| -> f64 { scores.iter().filter_map(|(weight, row)| Some(weight * row.get(setting)?)).sum() };
    let n: f64 = scores.iter().map(|(weight, _)| weight).sum();
    if scores.is_empty() || n <= 0.0 {
        return calibration;
    }
    let mut best: Option<(f64, f64, f64, f64)> = None;
    for (setting, (pool, vote)) in settings(&grid).enumerate() {
        let reached = sum(setting);
        let penalised = reached - grid.step * (steps(grid.pools, pool, base.pool) + steps(grid.votes, vote, base.vote));
        if best.is_none_or(|(top, ..)| penalised > top) {
            best = Some((penalised, reached, pool, vote));
        }
    }
    if let Some((_, reached, pool, vote)) = best {
        calibration.pool = pool;
        calibration.vote = vote;
        calibration.scored = scores.len();
        calibration.left_out_score = reached / n;
        calibration.base_score = sum(settings(&grid).count()) / n;
        if matches!(task.space(), ResponseSpace::Scale { .. }) {
            calibration.decision = decision(&estimator, &calibration, items, &scored);
        }
    }
    calibration
}

/// ln P(response) of an item that is left out, for each setting and for the base rate.
fn row(estimator: &Estimator, i: usize, item: &MemoryItem, base: &Calibration, grid: &Grid) -> Option<Vec<f64>> {
    let past = &estimator.past;
    let words = past.texts.of(i);
    let likeness = estimator.likeness().to(words);
    let seen = Seen {
        query: item.query(),
        words,
        factors: past.factors_of.get(i)?.iter().map(|factor| (*factor, 1.0)).collect(),
        tone: past.tones.get(i).copied()?,
        similar: &likeness,
        left_out: Some(i),
    };
    let (rates, given) = (estimator.base(&seen), estimator.given(&seen)?);
    let ln = |p: &[f64]| p.get(given).copied().unwrap_or_default().max(1e-9).ln();
    let votes = estimator.votes(&seen, &rates);
    let mut row = Vec::with_capacity(grid.pools.len() * grid.votes.len() + 1);
    for pool in grid.pools {
        let pooled = estimator.pooled(&seen, &Calibration { pool: *pool, ..base.clone() }, &rates);
        row.extend(grid.votes.iter().map(|vote| ln(&mixed(pooled.clone(), votes.as_deref(), *vote))));
    }
    row.push(ln(&rates));
    Some(row)
}

/// The rule whose decisions are nearest to the responses of items that are left out.
fn decision(estimator: &Estimator, calibration: &Calibration, items: &[MemoryItem], scored: &[usize]) -> Decision {
    let distances: Vec<Option<[f64; 2]>> = parallel::map(scored, |&i| {
        let estimate = estimator.left_out(calibration, i, items.get(i)?)?;
        let p: Vec<f64> = estimate.responses().iter().map(|response| response.probability).collect();
        let given = estimator.past.given(Some(i))? as f64;
        let weight = estimator.past.weight(Some(i));
        Some(RULES.map(|rule| weight * (decided(rule, &p) as f64 - given).abs()))
    });
    let [start, other] = distances.iter().flatten().fold([0.0, 0.0], |[a, b], [c, d]| [a + c, b + d]);
    let [start_rule, other_rule] = RULES;
    if other + LEAST_GAIN < start { other_rule } else { start_rule }
}

fn settings(grid: &Grid) -> impl Iterator<Item = (f64, f64)> {
    grid.pools.iter().flat_map(|pool| grid.votes.iter().map(move |vote| (*pool, *vote)))
}

fn steps(grid: &[f64], a: f64, b: f64) -> f64 {
    let place = |value: f64| grid.iter().position(|g| *g >= value).unwrap_or_default() as f64;
    (place(a) - place(b)).abs()
}

/// κ from the counts of these items alone, and how far below it the counts allow it to be.
fn kappa(task: &Task, items: &[MemoryItem], past: &Past) -> Interval {
    let mut responses: Vec<&str> = past.responses.iter().map(String::as_str).collect();
    if task.space().fixed_responses().is_none() {
        responses = items.iter().map(MemoryItem::response).collect::<BTreeSet<&str>>().into_iter().collect();
    }
    let places: BTreeMap<&str, usize> = responses.iter().enumerate().map(|(place, text)| (*text, place)).collect();
    let mut totals = vec![0.0; responses.len()];
    let mut counts = vec![(0.0, vec![0.0; responses.len()]); past.ids.len()];
    for ((item, present), weight) in items.iter().zip(&past.factors_of).zip(&past.weights) {
        let Some(place) = places.get(item.response()) else { continue };
        if let Some(total) = totals.get_mut(*place) {
            *total += weight;
        }
        for factor in present {
            if let Some((coverage, row)) = counts.get_mut(*factor) {
                *coverage += weight;
                if let Some(count) = row.get_mut(*place) {
                    *count += weight;
                }
            }
        }
    }
    let n = totals.iter().sum();
    let base: Vec<f64> = totals.iter().map(|total| base_rate(*total, n, totals.len().max(2), 1.0)).collect();
    let rows: Vec<CountRow<'_>> =
        counts.iter().map(|(coverage, row)| CountRow { coverage: *coverage, by_response: row }).collect();
    plausible_kappa(&rows, &base)
}
