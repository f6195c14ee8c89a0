use crate::data::{Calibration, Query, ReasoningMemory};
use crate::parallel;
use crate::stats::{Beliefs, CountRow, choose_kappa};

use super::{Estimator, Seen, mixed};

/// Items that the leave-one-out score is over at most, spread evenly over the history: it keeps learning linear.
const SCORED: usize = 512;
/// Fewer than this and the defaults stay.
const LEAST: usize = 8;
/// Log-probability that a setting must gain over the default per step away from it, so that chance does not choose.
const STEP: f64 = 0.5;

const POOLS: [f64; 4] = [0.0, 0.5, 1.0, 2.0];
const VOTES: [f64; 4] = [0.0, 0.25, 0.5, 0.75];

/// Chooses κ by empirical Bayes, and the strength of the pool and the weight of the vote by leave-one-out over the user's
/// own history: each item is estimated from all others by taking its counts off, and the setting under which the given
/// responses were most probable is kept.
///
/// `similar` gives the likeness of a query to every item of the memory.
pub fn calibrate(
    beliefs: &Beliefs<'_>,
    memory: &ReasoningMemory,
    similar: impl Fn(&Query) -> Vec<f64> + Sync,
) -> Calibration {
    let mut calibration = Calibration { kappa: kappa(beliefs), ..Calibration::default() };
    let items = memory.items();
    let estimator = Estimator::new(beliefs.task(), beliefs.factors(), memory);
    let Some(estimator) = estimator.filter(|_| items.len() >= LEAST) else {
        return calibration;
    };
    let stride = items.len().div_ceil(SCORED);
    let scored: Vec<usize> = (0..items.len()).step_by(stride).collect();
    let base = calibration.clone();
    // By item: ln P(response) for each setting, and for the base rate.
    let scores: Vec<Option<Vec<f64>>> = parallel::map(&scored, |&i| {
        let item = items.get(i)?;
        let likeness = similar(item.query());
        let seen = Seen {
            query: item.query(),
            factors: estimator.factors_of.get(i)?.clone(),
            tone: estimator.tones.get(i).copied()?,
            similar: &likeness,
            left_out: Some(i),
        };
        let (_, rates, given) = estimator.open(&seen);
        let given = given?;
        let ln = |p: &[f64]| p.get(given).copied().unwrap_or_default().max(1e-9).ln();
        let votes = estimator.votes(&seen, &rates);
        let mut row = Vec::with_capacity(POOLS.len() * VOTES.len() + 1);
        for pool in POOLS {
            let pooled = estimator.pooled(&seen, &Calibration { pool, ..base.clone() }, &rates);
            row.extend(VOTES.map(|vote| ln(&mixed(pooled.clone(), votes.as_deref(), vote))));
        }
        row.push(ln(&rates));
        Some(row)
    });
    let scores: Vec<&Vec<f64>> = scores.iter().flatten().collect();
    if scores.is_empty() {
        return calibration;
    }
    let sum = |setting: usize| -> f64 { scores.iter().filter_map(|row| row.get(setting)).sum() };
    let mut best: Option<(f64, f64, f64, f64)> = None;
    for (setting, (pool, vote)) in settings().enumerate() {
        let reached = sum(setting);
        let penalised = reached - STEP * (steps(&POOLS, pool, base.pool) + steps(&VOTES, vote, base.vote));
        if best.is_none_or(|(top, ..)| penalised > top) {
            best = Some((penalised, reached, pool, vote));
        }
    }
    let n = scores.len() as f64;
    if let Some((_, reached, pool, vote)) = best {
        calibration.pool = pool;
        calibration.vote = vote;
        calibration.scored = scores.len();
        calibration.left_out_score = reached / n;
        calibration.base_score = sum(settings().count()) / n;
    }
    calibration
}

fn settings() -> impl Iterator<Item = (f64, f64)> {
    POOLS.into_iter().flat_map(|pool| VOTES.into_iter().map(move |vote| (pool, vote)))
}

fn steps(grid: &[f64], a: f64, b: f64) -> f64 {
    let place = |value: f64| grid.iter().position(|g| *g >= value).unwrap_or_default() as f64;
    (place(a) - place(b)).abs()
}

fn kappa(beliefs: &Beliefs<'_>) -> f64 {
    let responses = beliefs.factors().responses(beliefs.task());
    let base: Vec<f64> = responses.iter().map(|response| beliefs.base(response)).collect();
    let counts: Vec<(f64, Vec<f64>)> = beliefs
        .factors()
        .iter()
        .map(|factor| {
            let by = &factor.stats().by_response;
            let row = responses.iter().map(|response| by.get(response).copied().unwrap_or_default()).collect();
            (factor.stats().coverage, row)
        })
        .collect();
    let rows: Vec<CountRow<'_>> =
        counts.iter().map(|(coverage, row)| CountRow { coverage: *coverage, by_response: row }).collect();
    choose_kappa(&rows, &base)
}
