//! The support of a query's factors for a response, by the estimate.

use std::collections::BTreeMap;

use crate::data::{AssignedFeature, Factor, FactorId, Query};
use crate::pause::pause;
use crate::stats::{Beliefs, Estimate, Estimator, Source};

use super::Removal;

/// The number of factors of a query that are taken out one by one while it is answered. Each costs an estimate, whose
/// cost grows with the words of the query and with the items: 16 up to 40,000 of word times item, fewer beyond, and
/// never fewer than 8. Real queries mostly have no more.
fn taken_out(words: usize, items: f64) -> usize {
    const MOST: f64 = 16.0;
    const LEAST: f64 = 8.0;
    const WORD_ITEMS: f64 = 640_000.0;
    let affordable = WORD_ITEMS / (words as f64 * items).max(1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 8 to 16")]
    let most = affordable.clamp(LEAST, MOST) as usize;
    most
}

/// What the estimate makes of a response with all words of the query, and without those of one factor.
pub(crate) struct Supports {
    /// With all words.
    pub(crate) with: Leaning,
    /// Without the factor; those that cannot be taken out are absent.
    pub(crate) without: BTreeMap<FactorId, Leaning>,
    /// How many others a population has, and what they add to the probability.
    pub(crate) others: Option<(u64, f64)>,
}

/// How far an estimate leans to a response.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Leaning {
    /// As [`Estimate::leaning`] has it.
    by: f64,
    /// The probability of the response.
    pub(crate) probability: f64,
    /// The expected value, where responses are numbers.
    pub(crate) expected: Option<f64>,
}

impl Leaning {
    fn of(estimate: &Estimate, response: &str) -> Self {
        let probability = estimate.probability(response);
        Self { by: estimate.leaning(response), probability, expected: estimate.expected() }
    }
}

impl Supports {
    /// The support of a factor for the response; below 0 when it is against it.
    pub(crate) fn of(&self, factor: &FactorId) -> Option<f64> {
        self.without.get(factor).map(|without| self.with.by - without.by)
    }
}

/// Finds the support of each factor of a query for a response. Of a query with more factors than can
/// be [taken out](taken_out), those are whose counts say most for the response. Pauses before each estimate.
pub(crate) async fn supports(
    estimator: &Estimator,
    beliefs: &Beliefs<'_>,
    query: &Query,
    features: &[AssignedFeature],
    estimate: &Estimate,
    response: &str,
) -> Supports {
    let removal = Removal::new(query, features);
    let mut factors = beliefs.factors().present_in_assigned(features);
    let most = taken_out(removal.words(), beliefs.factors().totals().interactions);
    if factors.len() > most {
        let mut weighed: Vec<(f64, &Factor)> =
            factors.into_iter().map(|f| (expected(beliefs, f, response), f)).collect();
        weighed.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.id().cmp(b.1.id())));
        factors = weighed.into_iter().map(|(_, factor)| factor).collect();
    }
    let mut without = BTreeMap::new();
    for factor in factors {
        if without.len() == most {
            break;
        }
        let Some(cut) = removal.without(factor.id()) else { continue };
        pause().await;
        let estimate = estimator.of_query(beliefs, &cut.query, &cut.left(features));
        without.insert(factor.id().clone(), Leaning::of(&estimate, response));
    }
    let added = |(source, added): &(&Source, f64)| (**source == Source::Others).then_some(*added);
    let others = estimate.people().zip(estimate.contributions(response).iter().find_map(added));
    let others = others.map(|(people, added)| (people.users, added));
    Supports { with: Leaning::of(estimate, response), without, others }
}

/// The support to be expected from the counts alone: `(n_my − c_m π_y)/√c_m · (ln((1 + N)/(1 + c_m)) + 1)`, the surplus
/// of the response in standard errors, times how rare and with it how weighty the words are.
fn expected(beliefs: &Beliefs<'_>, factor: &Factor, response: &str) -> f64 {
    let (stats, total) = (factor.stats(), beliefs.factors().totals().interactions);
    let count = stats.by_response.get(response).copied().unwrap_or_default();
    let surplus = (count - stats.coverage * beliefs.base(response)) / stats.coverage.max(1.0).sqrt();
    surplus * (((1.0 + total) / (1.0 + stats.coverage)).ln() + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_factors_are_taken_out_of_long_queries_over_long_histories() {
        for (words, items, most) in
            [(0, 0.0, 16), (20, 2_000.0, 16), (40, 1_600.0, 10), (40, 2_000.0, 8), (100, 1e6, 8)]
        {
            assert_eq!(taken_out(words, items), most, "{words} {items}");
        }
    }
}
