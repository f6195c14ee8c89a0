use crate::data::{Calibration, ReasoningMemory, ResponseSpace};
use crate::parallel;
use crate::stats::{Beliefs, CountRow, choose_kappa};

use super::{Estimator, Seen, mixed};

/// Items that the leave-one-out score is over at most, spread evenly over the history: it keeps learning linear.
const SCORED: usize = 512;
/// Fewer than this and the defaults stay.
const LEAST: usize = 8;
/// What leave-one-out may choose from in one kind of response space, and how strongly the start holds.
struct Grid {
    votes: &'static [f64],
    /// The weight of the vote to start from.
    vote: f64,
    /// Log-probability that a setting must gain over the start per step away from it, so that chance does not choose.
    step: f64,
}

/// For labels the vote's joint half weighs words better than the pool does, unless the user's own history clearly says
/// otherwise (decision 0011).
const LABELS: Grid = Grid { votes: &[0.0, 0.25, 0.5, 0.75, 1.0], vote: 1.0, step: 2.0 };
const OTHERS: Grid = Grid { votes: &[0.0, 0.25, 0.5, 0.75], vote: 0.5, step: 0.5 };

const POOLS: [f64; 4] = [0.0, 0.5, 1.0, 2.0];

/// Chooses κ by empirical Bayes, and the strength of the pool and the weight of the vote by leave-one-out over the user's
/// own history: each item is estimated from all others by taking its counts off, and the setting under which the given
/// responses were most probable is kept.
pub fn calibrate(beliefs: &Beliefs<'_>, memory: &ReasoningMemory) -> Calibration {
    let labels = matches!(beliefs.task().space(), ResponseSpace::Labels { .. });
    let grid = if labels { LABELS } else { OTHERS };
    let mut calibration = Calibration { kappa: kappa(beliefs), vote: grid.vote, ..Calibration::default() };
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
        let likeness = estimator.neighbours.to(item.query());
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
        let mut row = Vec::with_capacity(POOLS.len() * grid.votes.len() + 1);
        for pool in POOLS {
            let pooled = estimator.pooled(&seen, &Calibration { pool, ..base.clone() }, &rates);
            row.extend(grid.votes.iter().map(|vote| ln(&mixed(pooled.clone(), votes.as_deref(), *vote))));
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
    for (setting, (pool, vote)) in settings(grid.votes).enumerate() {
        let reached = sum(setting);
        let penalised = reached - grid.step * (steps(&POOLS, pool, base.pool) + steps(grid.votes, vote, base.vote));
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
        calibration.base_score = sum(settings(grid.votes).count()) / n;
    }
    calibration
}

fn settings(votes: &[f64]) -> impl Iterator<Item = (f64, f64)> {
    POOLS.into_iter().flat_map(|pool| votes.iter().map(move |vote| (pool, *vote)))
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
