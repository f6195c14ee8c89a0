//! Where a user stands on the axes of a population, and how far they go with others at all.

use std::sync::Arc;

use ndarray::Array2;

use crate::stats::linear::{cholesky, solve};

use super::ground::Ground;

/// One interaction beside what a population says of its query.
pub(crate) struct Heard<'s> {
    /// Its number among the user's.
    pub(crate) number: usize,
    pub(crate) weight: f64,
    /// By axis: what is said of the query, by column, or by option.
    pub(crate) says: &'s [Vec<f64>],
    /// What the response leaves to explain, likewise.
    pub(crate) left: Vec<f64>,
    /// What a tone adds to each column.
    pub(crate) toned: f64,
    /// The base rates without this interaction, and the place of its response among them.
    pub(crate) ground: Arc<Ground>,
    pub(crate) given: usize,
    /// The probability of its response by the user's other responses alone.
    pub(crate) own: f64,
}

/// Where a user stands: on the first axis at 1, as everybody does; on the others at the mean of a normal, given the user's own
/// interactions. One that is left out is left out of that exactly.
///
/// ```text
/// z ~ N(P⁻¹ b, P⁻¹)     P = I + Σ_i w_i F_i F_iᵀ / σ²     b = Σ_i w_i F_i (r_i − f_i) / σ²
/// ```
///
/// F are what the axes say of an interaction, f what all have in common, r what its response leaves to explain. How far the user goes
/// with others is the probability that these foretell the user's responses, rather than the user's base rates alone or, as likely before,
/// the user's own other responses alone: each response is foretold from where the user stands without it. Who gives responses that
/// others do not is told by the last. Where an interaction is left out, so is its own forecast; those of the others know it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Position {
    at: Vec<f64>,
    /// Of the axes but the first.
    covariance: Array2<f64>,
    sums: Sums,
    told: Vec<Told>,
    /// The part of people that are like none of the others.
    alone: f64,
    odds: Odds,
}

/// How much likelier responses are than by others, in logs.
#[derive(Debug, Clone, Copy, Default)]
struct Odds {
    /// By base rates alone.
    base: f64,
    /// By the user's own responses alone.
    own: f64,
}

impl Odds {
    /// By either, which are as likely before.
    fn of_either(self) -> f64 {
        let (less, more) = (self.base.min(self.own), self.base.max(self.own));
        more + ((less - more).exp() / 2.0 + 0.5).ln()
    }

    fn without(self, told: Self) -> Self {
        Self { base: self.base - told.base, own: self.own - told.own }
    }
}

/// `P` and `b`.
#[derive(Debug, Clone, Default)]
struct Sums {
    precision: Array2<f64>,
    pull: Array2<f64>,
}

/// What one interaction adds.
#[derive(Debug, Clone)]
struct Told {
    number: usize,
    sums: Sums,
    odds: Odds,
}

/// Axes that say no more than this say nothing.
const NOTHING: f64 = 1e-9;

impl Position {
    /// The position on so many axes, of which σ² is the variance of what they leave, for each response but one that there are in effect.
    /// Interactions of which nothing is said do not count.
    pub(crate) fn new(axes: usize, variance: f64, heard: &[Heard<'_>]) -> Self {
        let others = axes.saturating_sub(1);
        let mut sums = Sums { precision: Array2::eye(others), pull: Array2::zeros((others, 1)) };
        let tells = |heard: &&Heard<'_>| heard.says.iter().take(axes).flatten().any(|says| says.abs() > NOTHING);
        let told: Vec<Told> = heard.iter().filter(tells).map(|heard| Told::of(heard, axes, variance)).collect();
        for one in &told {
            sums.precision += &one.sums.precision;
            sums.pull += &one.sums.pull;
        }
        let factor = cholesky(sums.precision.clone());
        let at = if axes == 0 { Vec::new() } else { standing(&factor, sums.pull.clone()) };
        let covariance = solve(&factor, Array2::eye(others));
        Self { at, covariance, sums, told, alone: 0.0, odds: Odds::default() }
    }

    /// The same with how far the user goes with others, of whom this part of people are like none.
    pub(crate) fn gated(mut self, alone: f64, heard: &[Heard<'_>]) -> Self {
        self.alone = if self.at.is_empty() { 1.0 } else { alone };
        let odds: Vec<Odds> = self.told.iter().map(|told| self.odds_of(told, heard)).collect();
        let mut all = Odds::default();
        for (told, odds) in self.told.iter_mut().zip(odds) {
            told.odds = odds;
            all = Odds { base: all.base + odds.base, own: all.own + odds.own };
        }
        self.odds = all;
        self
    }

    fn odds_of(&self, told: &Told, heard: &[Heard<'_>]) -> Odds {
        let place = heard.binary_search_by_key(&told.number, |heard| heard.number);
        let Some(heard) = place.ok().and_then(|place| heard.get(place)) else { return Odds::default() };
        let ln = |p: f64| p.max(f64::MIN_POSITIVE).ln();
        let moved = |by: Vec<f64>| {
            let by: Vec<f64> = by.iter().map(|by| by + heard.toned).collect();
            ln(heard.ground.moved(&by).get(heard.given).copied().unwrap_or_default())
        };
        let width = heard.left.len();
        let with = moved(added(&self.standing_without(told), heard.says, width));
        let base = heard.weight * (moved(vec![0.0; width]) - with);
        Odds { base, own: heard.weight * (ln(heard.own) - with) }
    }

    /// True where something was said of some interaction.
    pub(crate) fn tells(&self) -> bool {
        !self.told.is_empty()
    }

    /// Where the user stands, by axis, 1 on the first. Empty where there are none.
    pub(crate) fn at(&self) -> &[f64] {
        &self.at
    }

    /// The covariance of where the user stands on the axes but the first.
    pub(super) fn covariance(&self) -> &Array2<f64> {
        &self.covariance
    }

    /// Independent parts of what is not known of where the user stands, each as one standard deviation, by axis; 0 on the first.
    pub(crate) fn unknown(&self) -> Vec<Vec<f64>> {
        let factor = cholesky(self.covariance.clone());
        let part = |part: usize| {
            let down = factor.column(part);
            std::iter::once(0.0)
                .chain(down.iter().enumerate().map(|(row, by)| if row < part { 0.0 } else { *by }))
                .collect()
        };
        (0..self.covariance.ncols()).map(part).collect()
    }

    /// The probability that the user is like none of the others.
    pub(crate) fn alone(&self) -> f64 {
        alone(self.alone, self.odds.of_either())
    }

    /// How much likelier the user's responses are without others, in logs.
    pub(super) fn odds(&self) -> f64 {
        self.odds.of_either()
    }

    /// What others add to a query of which the axes say this.
    pub(crate) fn adds(&self, says: &[Vec<f64>], width: usize) -> Vec<f64> {
        gone_with(1.0 - self.alone(), added(&self.at, says, width))
    }

    /// The same to one of the user's interactions, which has no say in it.
    pub(crate) fn adds_without(&self, interaction: usize, says: &[Vec<f64>], width: usize) -> Vec<f64> {
        let place = self.told.binary_search_by_key(&interaction, |told| told.number);
        match place.ok().and_then(|place| self.told.get(place)) {
            None => self.adds(says, width),
            Some(told) => {
                let with = 1.0 - alone(self.alone, self.odds.without(told.odds).of_either());
                gone_with(with, added(&self.standing_without(told), says, width))
            }
        }
    }

    /// Where the user stands without an interaction.
    fn standing_without(&self, told: &Told) -> Vec<f64> {
        if self.at.len() < 2 {
            return self.at.clone();
        }
        let factor = cholesky(&self.sums.precision - &told.sums.precision);
        standing(&factor, &self.sums.pull - &told.sums.pull)
    }
}

impl Told {
    fn of(heard: &Heard<'_>, axes: usize, variance: f64) -> Self {
        let weight = heard.weight / variance;
        let (common, others) = heard.says.split_first().map_or((&[][..], &[][..]), |(first, others)| (first, others));
        let others = others.get(..axes.saturating_sub(1)).unwrap_or(others);
        let dot = |a: &[f64], b: &mut dyn Iterator<Item = f64>| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let mut precision = Array2::zeros((others.len(), others.len()));
        for ((a, b), slot) in precision.indexed_iter_mut() {
            if let (Some(a), Some(b)) = (others.get(a), others.get(b)) {
                *slot = weight * dot(a, &mut b.iter().copied());
            }
        }
        let mut pull = Array2::zeros((others.len(), 1));
        for (slot, says) in pull.iter_mut().zip(others) {
            *slot = weight * dot(says, &mut heard.left.iter().zip(common).map(|(left, common)| left - common));
        }
        Self { number: heard.number, sums: Sums { precision, pull }, odds: Odds::default() }
    }
}

/// `1` and the solution.
fn standing(factor: &Array2<f64>, pull: Array2<f64>) -> Vec<f64> {
    std::iter::once(1.0).chain(solve(factor, pull)).collect()
}

/// What the axes add in all for someone who stands there.
pub(crate) fn added(at: &[f64], says: &[Vec<f64>], width: usize) -> Vec<f64> {
    let mut added = vec![0.0; width];
    for (at, says) in at.iter().zip(says) {
        added.iter_mut().zip(says).for_each(|(sum, says)| *sum += at * says);
    }
    added
}

fn gone_with(part: f64, mut added: Vec<f64>) -> Vec<f64> {
    for added in &mut added {
        *added *= part;
    }
    added
}

/// The probability of what is likelier by these odds, in logs, and was this likely before.
pub(super) fn alone(before: f64, odds: f64) -> f64 {
    if before <= 0.0 || before >= 1.0 {
        return before.clamp(0.0, 1.0);
    }
    1.0 / (1.0 + (1.0 - before) / before * (-odds).clamp(-MOST_ODDS, MOST_ODDS).exp())
}

const MOST_ODDS: f64 = 500.0;
