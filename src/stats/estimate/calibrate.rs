//! The choice of the estimate's parameters on a user's own history.

use std::collections::{BTreeMap, BTreeSet};

use crate::data::{Calibration, Decision, FactorSet, MemoryItem, ResponseSpace, Task};
use crate::parallel;
use crate::pause::{AT_ONCE, Pace, at_once, pause, within};
use crate::stats::{CountRow, Interval, base_rate, plausible_kappa};

use super::estimator::Estimator;
use super::past::Past;
use super::result::decided;

/// The most choices that the leave-one-out score is over, spread evenly over the history: it keeps learning linear.
const SCORED: usize = 512;
/// The rules that a scale may be decided by, the one to start from first: the median, whose expected distance is least.
const RULES: [Decision; 2] = [Decision::Median, Decision::LeastCost];
/// Points of distance that the other rule must save over the history, so that chance does not choose.
const LEAST_GAIN: f64 = 2.0;
/// The fewest items that are calibrated on; below it the defaults stay.
const LEAST: usize = 8;
/// The shares of the regression on factors that leave-one-out may choose from, the one to start from first.
const SHARES: [f64; 5] = [0.2, 0.4, 0.6, 0.8, 1.0];
/// Log-probability (nats) that a share must gain over the start per step away from it, so that chance does not choose.
const STEP: f64 = 1.0;

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

/// Chooses κ by empirical Bayes, and the share of the regression on factors and, on a scale of which the task does not say,
/// how to decide by leave-one-out over the user's own items: each is estimated from all others that are read, and the setting
/// under which the given responses were most probable, or nearest, is kept.
///
/// `items` come in the memory's canonical order, each with its weight, above 0 and at most 1; those that `weights` is too
/// short for weigh 1. Only the first items are looked at: all below 32, of more the number that its five leading binary
/// digits make. So the calibration changes seldom as items come. A user model is calibrated with the factors that these first
/// items make by themselves, so that it is the same however the items came; `factors` of all items give nearly the same. Where
/// weights fall with age, give those that the items had at the time of the last of them.
pub fn calibrate(task: &Task, factors: &FactorSet, items: &[MemoryItem], weights: &[f64]) -> Calibration {
    at_once(calibrate_in_steps(task, factors, items, weights))
}

/// The same with pauses.
pub(crate) async fn calibrate_in_steps(
    task: &Task,
    factors: &FactorSet,
    items: &[MemoryItem],
    weights: &[f64],
) -> Calibration {
    let items = items.get(..calibration_point(items.len())).unwrap_or(items);
    let mut calibration = Calibration::default();
    let scale = matches!(task.space(), ResponseSpace::Scale { .. });
    let [start, _] = RULES;
    calibration.decision = task.decision().cloned().unwrap_or(if scale { start } else { Decision::MostLikely });
    let Some(estimator) = Estimator::in_steps(task, factors, items, weights, None).await else {
        return calibration;
    };
    let kappa = kappa_in_steps(task, items, &estimator.past).await;
    (calibration.kappa, calibration.kappa_low) = (kappa.high, kappa.low);
    if items.len() < LEAST {
        return calibration;
    }
    estimator.fit_in_steps().await;
    let left_out = left_out_in_steps(&estimator, task, items).await;
    choose(&mut calibration, task, &left_out);
    calibration
}

/// Sets what leave-one-out chooses.
fn choose(calibration: &mut Calibration, task: &Task, left_out: &[LeftOut]) {
    let n: f64 = left_out.iter().map(|left_out| left_out.weight).sum();
    if n <= 0.0 {
        return;
    }
    let score = |p: &dyn Fn(&LeftOut) -> f64| -> f64 {
        left_out.iter().map(|left_out| left_out.weight * p(left_out).max(1e-9).ln()).sum()
    };
    let mut best = (f64::NEG_INFINITY, 0);
    for steps in 0..SHARES.len() {
        let reached = score(&|left_out| left_out.probability(steps)) - STEP * steps as f64;
        if reached > best.0 {
            best = (reached, steps);
        }
    }
    let (_, chosen) = best;
    calibration.factors = SHARES.get(chosen).copied().unwrap_or_default();
    calibration.scored = left_out.len();
    calibration.left_out_score = score(&|left_out| left_out.probability(chosen)) / n;
    calibration.base_score = score(&|left_out| left_out.base) / n;
    if matches!(task.space(), ResponseSpace::Scale { .. }) && task.decision().is_none() {
        calibration.decision = decision(left_out, chosen);
    }
}

/// An item as it is estimated from all others.
struct LeftOut {
    weight: f64,
    /// The place of its response, and that response's base rate.
    given: usize,
    base: f64,
    /// By share of the regression on factors.
    by_share: Vec<Vec<f64>>,
}

impl LeftOut {
    /// The probability of the response that was given.
    fn probability(&self, share: usize) -> f64 {
        self.by_share.get(share).and_then(|p| p.get(self.given)).copied().unwrap_or_default()
    }
}

/// The items that are scored, each left out: those that are read, or, of choices, up to 512 that are spread evenly. With
/// pauses.
async fn left_out_in_steps(estimator: &Estimator, task: &Task, items: &[MemoryItem]) -> Vec<LeftOut> {
    let choices = matches!(task.space(), ResponseSpace::Choices);
    let stride = if choices { items.len().div_ceil(SCORED) } else { 1 };
    let scored: Vec<usize> = (estimator.past.first()..items.len()).step_by(stride.max(1)).collect();
    let one = |i: &usize| -> Option<LeftOut> {
        let seen = estimator.seen_left_out(*i, items.get(*i)?);
        let base = estimator.base(&seen);
        let given = estimator.given(&seen)?;
        Some(LeftOut {
            weight: estimator.past.weight(Some(*i)),
            given,
            base: base.get(given).copied().unwrap_or_default(),
            by_share: estimator.by_share(&seen, &base, &SHARES),
        })
    };
    let bytes = |i: &usize| items.get(*i).map_or(0, |item| item.query().text().len());
    let (mut all, mut rest) = (Vec::with_capacity(scored.len()), &scored[..]);
    while !rest.is_empty() {
        pause().await;
        let (now, later) = rest.split_at(within(AT_ONCE, rest.iter().map(bytes)));
        all.extend(parallel::map(now, one).into_iter().flatten());
        rest = later;
    }
    all
}

/// The rule whose decisions are nearest to the responses of items that are left out.
fn decision(left_out: &[LeftOut], share: usize) -> Decision {
    let distance = |rule: &Decision| -> f64 {
        let of = |left_out: &LeftOut| {
            let answered = decided(rule, left_out.by_share.get(share).map(Vec::as_slice).unwrap_or_default());
            left_out.weight * answered.abs_diff(left_out.given) as f64
        };
        left_out.iter().map(of).sum()
    };
    let [start, other] = RULES;
    if distance(&other) + LEAST_GAIN < distance(&start) { other } else { start }
}

/// κ from the counts of these items alone, and how far below it the counts allow it to be. With pauses.
async fn kappa_in_steps(task: &Task, items: &[MemoryItem], past: &Past) -> Interval {
    let mut responses: Vec<&str> = past.responses.iter().map(String::as_str).collect();
    if task.space().fixed_responses().is_none() {
        responses = items.iter().map(MemoryItem::response).collect::<BTreeSet<&str>>().into_iter().collect();
    }
    let places: BTreeMap<&str, usize> = responses.iter().enumerate().map(|(place, text)| (*text, place)).collect();
    let mut totals = vec![0.0; responses.len()];
    let mut counts = vec![(0.0, vec![0.0; responses.len()]); past.ids.len()];
    let mut pace = Pace::default();
    for (position, (item, weight)) in items.iter().zip(&past.weights).enumerate() {
        pace.step(item.query().text().len()).await;
        let Some(place) = places.get(item.response()) else { continue };
        if let Some(total) = totals.get_mut(*place) {
            *total += weight;
        }
        for factor in past.factors(position, item) {
            if let Some((coverage, row)) = counts.get_mut(factor) {
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
