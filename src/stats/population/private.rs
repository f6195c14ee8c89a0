//! A population that can hardly be told from one in which a user had responded otherwise.

use ndarray::Array2;

use crate::data::{MemoryItem, ResponseSpace, Task};
use crate::stats::linear::{cholesky, solve};

use super::axis::{Axes, Axis};
use super::bounded::{Known, OF_PART, OF_USER, OF_WORDS};
use super::census::STRONGEST;
use super::coins::Coins;
use super::reading::SLOPE;
use super::user::{OF_WEIGHT, triangle};
use super::{Census, Noise, Population, PopulationError};

/// How ρ is split between base rates, how users agree with themselves, tones, and words and texts. Labels have no tones, and
/// theirs goes to words and texts.
const PARTS: [f64; 4] = [0.25, 0.05, 0.05, 0.65];
/// The least base rate of a response, in parts of an even one.
const LEAST: f64 = 0.02;
/// The prior variance of the slope on tones.
const SLOPES_VARY: f64 = 0.05;
/// The users, each as clear as noise of their own size, from which on what one says of words reaches further.
const REACH: f64 = 100.0;
/// The prior variance of how users agree with themselves, which is from 0 to 1.
const AGREEMENT_VARIES: f64 = 1.0 / 12.0;
/// How much words may say, in parts of what is expected without noise; which of them is told by what the noise leaves.
const STRENGTHS: [f64; 3] = [0.0, 0.25, 1.0];

impl Population {
    /// Learns a population under noise: of whatever one of the users responded, all their responses together, it tells as little
    /// as [`Noise`] promises, even to somebody who knows everything else. [`promise`](Self::promise) says how little.
    ///
    /// What is *not* hidden by noise: who has which words and texts, and how many interactions. As without noise, k users share
    /// whatever of these is kept. There is only what all users have in common, since where a user stands would be told by their responses. With few users
    /// the noise leaves little of what words say, and answers are then as without a population.
    ///
    /// It takes thousands of users: of tens, an ε that protects leaves base rates that are off by several points and nothing of words. A
    /// seed is 32 bytes from the operating system, drawn anew for every population and then forgotten. A population that is
    /// [fitted](Self::fitted) from counts under this one promises nothing; to leave a user out, learn it anew without them.
    ///
    /// Each population that is learned of the same responses, by whatever noise, adds its ε and its δ to what is told of them.
    ///
    /// # Errors
    /// As for [`learn`](Self::learn); questions that come with their options are refused.
    pub fn learn_private<U: AsRef<[MemoryItem]> + Sync>(
        task: &Task,
        users: &[U],
        k: usize,
        noise: &Noise,
    ) -> Result<Self, PopulationError> {
        if matches!(task.space(), ResponseSpace::Choices) {
            return Err(PopulationError::OwnOptions);
        }
        let mut population = Self::sharing(&Census::of_all(task, users)?, k)?;
        let users: Vec<&U> = users.iter().filter(|user| !user.as_ref().is_empty()).collect();
        let (mut coins, rho) = (Coins::new(noise.seed), noise.promise.rho());
        let [of_base, of_pairs, of_tones, of_words] = PARTS.map(|part| part * rho);
        let of_words = if population.scale { of_words } else { of_words + of_tones };
        population.slope = SLOPE;

        let (shares, sigma) = population.shares_of(&users).noised(of_base, &mut coins);
        let off = population.based(&shares, sigma);
        let (pairs, several) = population.pairs_of(&users);
        let (same, sigma) = pairs.noised(of_pairs, &mut coins);
        population.strength = strength(&population.base, several, (same.iter().sum(), sigma), off);
        if population.scale {
            let (tones, sigma) = population.tones_of(&users).noised(of_tones, &mut coins);
            population.slope = slope(&tones, sigma, population.interactions);
        }
        let known = population.known(&users);
        let (words, sigma) =
            population.words_of(&users, known.mean, reach(population.users, of_words)).noised(of_words, &mut coins);
        if known.mean > 0.0 {
            population.axes = population.in_common(&known, &words, sigma);
        }
        population.promise = Some(noise.promise);
        population.seal();
        Ok(population)
    }

    /// Sets the base rates from noised sums, nearer to even ones the more the noise is; and says how far off these are, as the
    /// sum of expected squares.
    fn based(&mut self, shares: &[f64], sigma: f64) -> f64 {
        let (users, responses) = (self.users.max(1) as f64 * OF_PART as f64, self.responses.len().max(2) as f64);
        let even = 1.0 / responses;
        let varies = even * (1.0 - even) / (responses + 1.0);
        let told = varies / (varies + (sigma / users).powi(2));
        let base: Vec<f64> = shares.iter().map(|sum| (even + told * (sum / users - even)).max(LEAST * even)).collect();
        let all: f64 = base.iter().sum();
        self.base = base.iter().map(|share| share / all).collect();
        responses * (1.0 - told) * varies
    }

    /// What all users have in common, as far as the noise leaves anything of it.
    fn in_common(&self, known: &Known, words: &[f64], sigma: f64) -> Axes {
        let (columns, terms) = (self.columns(), self.terms.len());
        let sums: Vec<f64> = words.iter().map(|sum| sum / OF_WORDS).collect();
        let (of_terms, of_texts) = sums.split_at_checked(terms * columns).unwrap_or((&[], &[]));
        let noise = (sigma / OF_WORDS).powi(2);
        let chance = self.spread() / columns as f64;
        let mut gram = Array2::zeros((terms, terms));
        for ((a, b), slot) in gram.indexed_iter_mut() {
            let likeness = known.likeness.get(triangle(a, b)).copied().unwrap_or_default();
            *slot = likeness as f64 / (OF_USER * OF_WEIGHT * OF_WEIGHT);
        }
        let of_terms = Array2::from_shape_vec((terms, columns), of_terms.to_vec()).unwrap_or_default();
        let masses: Vec<f64> = known.masses.iter().map(|mass| *mass as f64 / OF_USER).collect();
        // A text's mean is of so many interactions less, the more the noise is.
        let counts: Vec<f64> = masses.iter().map(|mass| mass / (mass + noise / chance)).collect();
        let texts =
            of_texts.chunks(columns).zip(&counts).flat_map(|(row, counts)| row.iter().map(move |sum| sum * counts));
        let axis = Axis { effects: effects(&gram, &of_terms, chance, noise).into_iter().collect() };
        let masses = masses.iter().zip(&counts).map(|(mass, counts)| mass * counts).collect();
        Axes { each: vec![axis], texts: texts.collect(), masses }
    }
}

/// How far what one user says of words reaches, from 1 to 3: the further, the less noise there is beside so many users.
fn reach(users: u64, rho: f64) -> f64 {
    (users as f64 * (2.0 * rho).sqrt() / REACH).sqrt().clamp(1.0, 3.0)
}

/// τ of base rates that are so far off, from how users agree with themselves: the nearer to wholly, which is τ = 1, the more the
/// noise is.
fn strength(base: &[f64], several: u64, (same, sigma): (f64, f64), off: f64) -> f64 {
    let chance: f64 = base.iter().map(|share| share * share).sum();
    let unit = OF_PART as f64 * several.max(1) as f64;
    let told = AGREEMENT_VARIES / (AGREEMENT_VARIES + (sigma / unit).powi(2));
    let agreement = 1.0 + told * ((same / unit).clamp(0.0, 1.0) - 1.0) - chance + off;
    if agreement <= 0.0 { STRONGEST } else { ((1.0 - chance) / agreement - 1.0).clamp(1.0, STRONGEST) }
}

/// The slope on tones: that of people in general, as far as the noise hides the users' own.
fn slope(tones: &[f64], sigma: f64, interactions: u64) -> f64 {
    let &[products, squares] = tones else { return SLOPE };
    if squares <= sigma {
        return SLOPE;
    }
    let varies = (sigma / squares).powi(2) * (1.0 + SLOPE * SLOPE) + 1.0 / interactions.max(1) as f64;
    let told = SLOPES_VARY / (SLOPES_VARY + varies);
    (SLOPE + told * (products / squares - SLOPE)).clamp(0.0, 0.95)
}

/// What words add: the mean of W given C = GW + E, where W varies by a part of `chance`, and E by chance · G, as responses do, and by
/// the noise. Of the parts the one under which C is likeliest.
///
/// ```text
/// S = a c G² + c G + σ² I       W = a c G S⁻¹ C       ln p(C) = −½ (columns ln |S| + Σ C · S⁻¹ C)
/// ```
fn effects(gram: &Array2<f64>, sums: &Array2<f64>, chance: f64, noise: f64) -> Array2<f64> {
    let squares = gram.dot(gram);
    let of = |part: f64| {
        let mut spread = &squares * (part * chance) + gram * chance;
        // Words that are always together make it singular where there is next to no noise.
        let most = spread.diag().iter().fold(0.0_f64, |most, own| most.max(*own));
        spread.diag_mut().iter_mut().for_each(|own| *own += noise.max(1e-9 * most));
        let factor = cholesky(spread);
        let solved = solve(&factor, sums.clone());
        let volume: f64 = factor.diag().iter().map(|own| 2.0 * own.ln()).sum();
        let likely = -0.5 * (sums.ncols() as f64 * volume + (sums * &solved).sum());
        (likely, gram.dot(&solved) * (part * chance))
    };
    let mut best: Option<(f64, Array2<f64>)> = None;
    for (likely, effects) in STRENGTHS.map(of) {
        if best.as_ref().is_none_or(|(most, _)| likely > *most) {
            best = Some((likely, effects));
        }
    }
    best.map(|(_, effects)| effects).unwrap_or_default()
}
