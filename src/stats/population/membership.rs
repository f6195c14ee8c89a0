//! How much of each kind of person a user is.

/// How much of each kind a user is: the shares of a mixture under which the user's own responses are likely, begun at the
/// population's shares as if they were one interaction.
///
/// ```text
/// γ_ia = θ_a p_a(y_i) / Σ_b θ_b p_b(y_i),     θ_a = (π_a + Σ_i γ_ia) / (1 + n)
/// ```
#[derive(Debug, Clone, Default)]
pub(crate) struct Membership {
    prior: Vec<f64>,
    /// By interaction: what of it is of each kind.
    of: Vec<Vec<f64>>,
    /// By kind: the sum of those.
    sums: Vec<f64>,
}

/// How many interactions the population's shares weigh.
const PRIOR: f64 = 1.0;
/// How often the shares are found anew; they hardly move then.
const ROUNDS: usize = 30;

impl Membership {
    /// The shares of someone under whose kinds the responses had these probabilities, by interaction and kind.
    pub(crate) fn new(prior: &[f64], likely: &[Vec<f64>]) -> Self {
        let n = likely.len() as f64;
        let mut membership = Self { prior: prior.to_vec(), of: Vec::new(), sums: vec![0.0; prior.len()] };
        let mut shares = prior.to_vec();
        for _ in 0..ROUNDS {
            membership.of = likely.iter().map(|p| of_each(&shares, p)).collect();
            membership.sums = vec![0.0; prior.len()];
            for of in &membership.of {
                membership.sums.iter_mut().zip(of).for_each(|(sum, of)| *sum += of);
            }
            shares = membership.shares_of(|sum, _| sum, n);
        }
        membership
    }

    /// The shares, which sum to 1.
    pub(crate) fn shares(&self) -> Vec<f64> {
        self.shares_of(|sum, _| sum, self.of.len() as f64)
    }

    /// The shares without one interaction.
    pub(crate) fn without(&self, interaction: usize) -> Vec<f64> {
        match self.of.get(interaction) {
            Some(of) => self.shares_of(
                |sum, kind| (sum - of.get(kind).copied().unwrap_or_default()).max(0.0),
                self.of.len() as f64 - 1.0,
            ),
            None => self.shares(),
        }
    }

    fn shares_of(&self, sum: impl Fn(f64, usize) -> f64, n: f64) -> Vec<f64> {
        let of = |(kind, (prior, all)): (usize, (&f64, &f64))| (PRIOR * prior + sum(*all, kind)) / (PRIOR + n);
        self.prior.iter().zip(&self.sums).enumerate().map(of).collect()
    }
}

/// What of an interaction is of each kind.
fn of_each(shares: &[f64], likely: &[f64]) -> Vec<f64> {
    let joint: Vec<f64> = shares.iter().zip(likely).map(|(share, p)| share * p).collect();
    let all: f64 = joint.iter().sum();
    if all > 0.0 { joint.iter().map(|p| p / all).collect() } else { shares.to_vec() }
}
