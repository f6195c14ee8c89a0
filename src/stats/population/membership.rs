//! How much of each kind of person a user is.

/// How much of each kind a user is: the shares of a mixture under which the user's own responses are likely, begun at the
/// population's shares as if they were one interaction.
///
/// ```text
/// γ_ia = θ_a p_a(y_i) / Σ_b θ_b p_b(y_i),     θ_a = (π_a + Σ_i w_i γ_ia) / (1 + Σ_i w_i)
/// ```
///
/// Interactions of which all kinds say the same tell nothing, and do not count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Membership {
    prior: Vec<f64>,
    /// By interaction that tells: its number, its weight, and how likely its response was under each kind.
    told: Vec<(usize, f64, Vec<f64>)>,
    shares: Vec<f64>,
}

/// How many interactions the population's shares weigh.
const PRIOR: f64 = 1.0;
/// How often the shares are found anew.
const ROUNDS: usize = 30;
/// Up to so many interactions one is left out by finding the shares anew; of more, its own part is taken out of them.
const FOUND_ANEW: usize = 32;
/// Kinds that say the same but for this say nothing.
const SAME: f64 = 1e-9;

impl Membership {
    /// The shares of someone under whose kinds the responses had these probabilities, by interaction and kind. Each
    /// interaction counts with its weight; those that `weights` is too short for weigh 1.
    pub(crate) fn new(prior: &[f64], likely: &[Vec<f64>], weights: &[f64]) -> Self {
        let told = likely.iter().enumerate().filter(|(_, p)| tells(p));
        let told = told.map(|(number, p)| (number, weights.get(number).copied().unwrap_or(1.0), p.clone())).collect();
        let mut membership = Self { prior: prior.to_vec(), told, shares: Vec::new() };
        membership.shares = membership.found(None);
        membership
    }

    /// True where some interaction tells.
    pub(crate) fn tells(&self) -> bool {
        !self.told.is_empty()
    }

    /// The shares, which sum to 1.
    pub(crate) fn shares(&self) -> &[f64] {
        &self.shares
    }

    /// The shares without one interaction. Of more than 32 that tell, what it said of the others' kinds stays, which is little.
    pub(crate) fn without(&self, interaction: usize) -> Vec<f64> {
        let place = self.told.binary_search_by_key(&interaction, |(number, ..)| *number);
        match place.ok().and_then(|place| self.told.get(place)) {
            None => self.shares.clone(),
            Some(_) if self.told.len() <= FOUND_ANEW => self.found(Some(interaction)),
            Some((_, weight, p)) => {
                let all = PRIOR + self.told.iter().map(|(_, weight, _)| weight).sum::<f64>();
                let of = of_each(&self.shares, p);
                let left = |(share, of): (&f64, f64)| (share * all - weight * of).max(0.0);
                let left: Vec<f64> = self.shares.iter().zip(of).map(left).collect();
                scaled(&left, &self.prior)
            }
        }
    }

    fn found(&self, without: Option<usize>) -> Vec<f64> {
        let mut shares = self.prior.clone();
        for _ in 0..ROUNDS {
            let mut sums: Vec<f64> = self.prior.iter().map(|share| PRIOR * share).collect();
            for (_, weight, p) in self.told.iter().filter(|(number, ..)| Some(*number) != without) {
                // As `of_each`, without its allocations: this is where learning a population spends its time.
                let all: f64 = shares.iter().zip(p).map(|(share, p)| share * p).sum();
                for (sum, (share, p)) in sums.iter_mut().zip(shares.iter().zip(p)) {
                    *sum += weight * if all > 0.0 { share * p / all } else { *share };
                }
            }
            shares = scaled(&sums, &self.prior);
        }
        shares
    }
}

fn tells(likely: &[f64]) -> bool {
    let (low, high) =
        likely.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), p| (low.min(*p), high.max(*p)));
    high - low > SAME
}

/// What of an interaction is of each kind.
fn of_each(shares: &[f64], likely: &[f64]) -> Vec<f64> {
    scaled(&shares.iter().zip(likely).map(|(share, p)| share * p).collect::<Vec<f64>>(), shares)
}

/// Scaled to a sum of 1; the others where nothing is left.
fn scaled(parts: &[f64], otherwise: &[f64]) -> Vec<f64> {
    let all: f64 = parts.iter().sum();
    if all > 0.0 { parts.iter().map(|part| part / all).collect() } else { otherwise.to_vec() }
}
