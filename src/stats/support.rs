//! The support gate: the part of the user that an answer may rest on.

use serde::{Deserialize, Serialize};

use super::Estimate;

/// The part of the user that an answer used, from nothing to all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Nothing of the user: the evidence is too thin.
    Generic,
    /// Factors only: no past interaction is alike enough.
    Factors,
    /// Factors and similar past interactions, without their reasoning paths.
    Pairs,
    /// Factors, similar interactions and their reasoning paths.
    Full,
}

/// The reason why [`gate`] chose its [`Tier`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TierReason {
    /// Enough evidence for everything.
    Supported,
    /// Too few interactions to learn from.
    ThinHistory,
    /// No known factor in the query and no similar interaction.
    Unfamiliar,
    /// Known factors, but no interaction alike enough to be an example.
    NothingSimilar,
    /// Similar interactions, but none of their factors is known in the query.
    NoKnownFactor,
    /// The evidence would have allowed more than [`SupportThresholds::highest`].
    Capped,
}

impl Tier {
    /// The tier's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Factors => "factors",
            Self::Pairs => "pairs",
            Self::Full => "full",
        }
    }
}

impl TierReason {
    /// The reason in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Supported => "known factors and similar interactions support the answer",
            Self::ThinHistory => "the history is too short",
            Self::Unfamiliar => "the query shares no factor and no similar interaction with the history",
            Self::NothingSimilar => "no past interaction is similar enough to serve as an example",
            Self::NoKnownFactor => "none of the query's features belongs to an established factor",
            Self::Capped => "the pipeline is set to use no more than this",
        }
    }
}

/// The evidence for one answer, and the tier it allows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Support {
    /// The tier.
    pub tier: Tier,
    /// The reason for the tier.
    pub reason: TierReason,
    /// Interactions learned from.
    pub interactions: usize,
    /// Established factors among the query's features ([`FactorStatus`](crate::data::FactorStatus)).
    pub known_factors: usize,
    /// Of those, the ones whose association with the response is significant (q ≤ 0.1).
    pub significant_factors: usize,
    /// Similarity of the best exemplar, from 0 to 1.
    pub best_similarity: f64,
    /// Entropy of the base rate less the estimate's, in bits: the information in the query's evidence. Below zero when the
    /// evidence contradicts itself.
    pub information: f64,
}

/// The false-discovery rate, from 0 to 1, up to which a factor's association with the response counts as significant in
/// [`Support::significant_factors`]. A factor's rate is [`FactorSummary::q`](super::FactorSummary::q).
pub const SIGNIFICANT: f64 = 0.1;

/// The evidence below which [`gate`] steps down.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SupportThresholds {
    /// Interactions below which nothing of the user is used. Default: 3.
    pub least_interactions: usize,
    /// Similarity below which an interaction is no exemplar, from 0 to 1. Default: 0.1.
    pub least_similarity: f64,
    /// Established factors of the query below which reasoning paths are not shown. Default: 1.
    pub least_factors: usize,
    /// The most of the user that any answer uses, whatever the evidence allows. [`Tier::Full`] by default; lower ones are for
    /// ablations, and for hosts that want no reasoning paths in prompts.
    pub highest: Tier,
}

impl Default for SupportThresholds {
    fn default() -> Self {
        Self { least_interactions: 3, least_similarity: 0.1, least_factors: 1, highest: Tier::Full }
    }
}

/// Chooses the tier that the evidence allows: a step down for each kind of evidence that is missing.
pub fn gate(
    thresholds: &SupportThresholds,
    interactions: usize,
    known_factors: usize,
    significant_factors: usize,
    best_similarity: f64,
    estimate: Option<&Estimate>,
) -> Support {
    let similar = best_similarity >= thresholds.least_similarity;
    let familiar = known_factors >= thresholds.least_factors;
    let (tier, reason) = if interactions < thresholds.least_interactions {
        (Tier::Generic, TierReason::ThinHistory)
    } else {
        match (familiar, similar) {
            (true, true) => (Tier::Full, TierReason::Supported),
            (true, false) => (Tier::Factors, TierReason::NothingSimilar),
            (false, true) => (Tier::Pairs, TierReason::NoKnownFactor),
            (false, false) => (Tier::Generic, TierReason::Unfamiliar),
        }
    };
    let (tier, reason) =
        if tier > thresholds.highest { (thresholds.highest, TierReason::Capped) } else { (tier, reason) };
    Support {
        tier,
        reason,
        interactions,
        known_factors,
        significant_factors,
        best_similarity,
        information: estimate.map_or(0.0, Estimate::information),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_missing_kind_of_evidence_steps_the_tier_down_and_says_why() {
        let tier = |n, known, similarity| {
            let support = gate(&SupportThresholds::default(), n, known, 0, similarity, None);
            (support.tier, support.reason)
        };
        assert_eq!(tier(20, 2, 0.5), (Tier::Full, TierReason::Supported));
        assert_eq!(tier(20, 0, 0.5), (Tier::Pairs, TierReason::NoKnownFactor));
        assert_eq!(tier(20, 2, 0.0), (Tier::Factors, TierReason::NothingSimilar));
        assert_eq!(tier(20, 0, 0.0), (Tier::Generic, TierReason::Unfamiliar));
        assert_eq!(tier(2, 2, 0.9), (Tier::Generic, TierReason::ThinHistory));
    }

    #[test]
    fn a_gate_that_asks_for_nothing_lets_everything_through() {
        let thresholds =
            SupportThresholds { least_interactions: 0, least_similarity: 0.0, least_factors: 0, highest: Tier::Full };
        assert_eq!(gate(&thresholds, 1, 0, 0, 0.0, None).tier, Tier::Full);
    }

    #[test]
    fn no_tier_is_above_the_highest_and_a_lower_one_keeps_its_reason() {
        let tier = |highest, known, similarity| {
            let thresholds = SupportThresholds { highest, ..SupportThresholds::default() };
            let support = gate(&thresholds, 20, known, 0, similarity, None);
            (support.tier, support.reason)
        };
        assert_eq!(tier(Tier::Pairs, 2, 0.5), (Tier::Pairs, TierReason::Capped));
        assert_eq!(tier(Tier::Factors, 2, 0.5), (Tier::Factors, TierReason::Capped));
        assert_eq!(tier(Tier::Generic, 2, 0.0), (Tier::Generic, TierReason::Capped));
        assert_eq!(tier(Tier::Pairs, 2, 0.0), (Tier::Factors, TierReason::NothingSimilar));
        assert_eq!(tier(Tier::Pairs, 0, 0.5), (Tier::Pairs, TierReason::NoKnownFactor));
    }
}
