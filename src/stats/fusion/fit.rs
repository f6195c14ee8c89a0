//! Learns the weight and the habit of a model from past views.

use std::collections::BTreeMap;

use super::{Fusion, PastView, exponentials};

/// A model whose views are sharper than this is not trusted to be.
pub(super) const MOST_WEIGHT: f64 = 4.0;

/// The weight that is likeliest before anything is known, and the precision with which it is: that of Bayes' rule, give or take 1.
const WEIGHT: f64 = 1.0;
const PRECISION: f64 = 1.0;
/// Halvings of the interval that the weight is in, until no number is between.
const HALVINGS: usize = 60;

pub(super) fn fit(users: &[Vec<PastView>]) -> Fusion {
    // In an order of their own, so that sums do not depend on that of users.
    let mut past: Vec<&PastView> = users.iter().flatten().collect();
    past.sort_by(|a, b| order(a).partial_cmp(&order(b)).unwrap_or(std::cmp::Ordering::Equal));
    if past.is_empty() {
        return Fusion::default();
    }
    let told = users.iter().filter(|user| !user.is_empty()).count() as u64;
    let mut fusion = Fusion { weight: WEIGHT, habits: habits(&past), views: past.len() as u64, users: told };
    let evidence: Vec<Evidence> = past.iter().map(|past| Evidence::of(&fusion, past)).collect();
    fusion.weight = weight(&evidence);
    fusion
}

fn order(past: &PastView) -> (&[f64], &[f64], usize) {
    (past.view().shares(), past.estimate(), past.given())
}

/// By number of responses: the mean logarithm of the views, beside one view that says nothing.
fn habits(past: &[&PastView]) -> BTreeMap<usize, Vec<f64>> {
    let mut sums: BTreeMap<usize, (f64, Vec<f64>)> = BTreeMap::new();
    for past in past {
        let shares = past.view().shares();
        let nothing = || (1.0, vec![-(shares.len() as f64).ln(); shares.len()]);
        let (views, sum) = sums.entry(shares.len()).or_insert_with(nothing);
        *views += 1.0;
        sum.iter_mut().zip(shares).for_each(|(sum, share)| *sum += share.ln());
    }
    let mean = |(views, sum): (f64, Vec<f64>)| sum.into_iter().map(|sum| sum / views).collect();
    sums.into_iter().map(|(responses, sums)| (responses, mean(sums))).collect()
}

/// What a past query tells of the weight.
struct Evidence {
    /// By response: the logarithm of the estimate, and what the view says beyond habit.
    before: Vec<f64>,
    news: Vec<f64>,
    given: usize,
}

impl Evidence {
    fn of(fusion: &Fusion, past: &PastView) -> Self {
        let before = past.estimate().iter().map(|share| share.max(f64::MIN_POSITIVE).ln()).collect();
        Self { before, news: fusion.news(past.view().shares()), given: past.given() }
    }

    /// The slope of the logarithm of the given response's probability at a weight.
    fn slope(&self, weight: f64) -> f64 {
        let logs: Vec<f64> = self.before.iter().zip(&self.news).map(|(before, news)| before + weight * news).collect();
        let p = exponentials(&logs);
        let mean: f64 = p.iter().zip(&self.news).map(|(p, news)| p * news).sum();
        self.news.get(self.given).copied().unwrap_or_default() - mean
    }
}

/// The most probable weight. The logarithm of its probability is concave, so its slope falls, and is 0 at one place at most.
fn weight(evidence: &[Evidence]) -> f64 {
    let slope = |at: f64| PRECISION * (WEIGHT - at) + evidence.iter().map(|evidence| evidence.slope(at)).sum::<f64>();
    let (mut low, mut high) = (0.0, MOST_WEIGHT);
    if slope(low) <= 0.0 {
        return low;
    }
    if slope(high) >= 0.0 {
        return high;
    }
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if slope(middle) > 0.0 { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}
