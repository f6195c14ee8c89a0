//! Merges and splits of factors that the counts support.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::data::{Edit, Factor, FactorId, FeatureKey, ResponseSpace};
use crate::factor::grouping::{likeness, stems};
use crate::model::UserModel;
use crate::stats::{association, rank_sum};

/// Least likeness of two factors' names for a merge to be proposed; from the grouping's own likeness on they would be
/// one.
pub const MERGE_LIKENESS: f64 = 0.3;
/// Two factors of like names are proposed to be merged unless their responses differ at this p-value.
pub const MERGE_P: f64 = 0.2;
/// A feature is proposed to be split off when its responses differ from the rest of its factor's at this p-value, times
/// the number of features tested.
pub const SPLIT_P: f64 = 0.01;
/// Sightings that either side needs.
pub const PROPOSE_AFTER: f64 = 3.0;

/// A change of factors that the counts speak for. It is done by entering it as an [`Edit`]; nothing is changed by
/// itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Proposal {
    /// Two factors are alike in name, and the user responds to both alike.
    Merge {
        /// The factor that was seen less.
        factor: FactorId,
        /// The factor that was seen more.
        into: FactorId,
        /// Share of common word stems (Jaccard) in their labels.
        likeness: f64,
        /// p-value of "the responses do not differ".
        p: f64,
    },
    /// The user responds to one feature of a factor otherwise than to the rest of it.
    Split {
        /// The factor.
        factor: FactorId,
        /// The feature.
        feature: FeatureKey,
        /// p-value of "the responses do not differ", times the number of features tested.
        p: f64,
    },
}

impl Proposal {
    /// The edit that does what is proposed.
    pub fn edit(&self) -> Edit {
        match self {
            Self::Merge { factor, into, .. } => Edit::Merge { factor: factor.clone(), into: into.clone() },
            Self::Split { factor, feature, .. } => {
                Edit::Split { factor: factor.clone(), features: [feature.clone()].into() }
            }
        }
    }
}

impl UserModel {
    /// Factors that could be merged or split, by what the counts say: splits first, then merges, each the surest first,
    /// then in order of id. For open-ended tasks the influence of features is compared in place of responses.
    ///
    /// Merges are of factors with [`MERGE_LIKENESS`] or more in their labels whose responses do not differ at
    /// [`MERGE_P`]; splits are of a feature whose responses differ from the rest of its factor at [`SPLIT_P`] (by the
    /// test of `docs/method.md` for the kind of task). Either side needs [`PROPOSE_AFTER`] sightings.
    pub fn proposals(&self) -> Vec<Proposal> {
        let mut splits = self.splits();
        splits.extend(self.merges());
        splits
    }

    fn merges(&self) -> Vec<Proposal> {
        let seen: Vec<(&Factor, BTreeSet<String>)> = self
            .factors
            .iter()
            .filter(|factor| factor.stats().coverage >= PROPOSE_AFTER)
            .map(|factor| (factor, stems(&FeatureKey::of(factor.label()), self.language())))
            .collect();
        let mut merges: Vec<(f64, Proposal)> = Vec::new();
        for (place, (a, a_stems)) in seen.iter().enumerate() {
            for (b, b_stems) in seen.iter().skip(place + 1) {
                let likeness = likeness(a_stems, b_stems);
                if likeness < MERGE_LIKENESS {
                    continue;
                }
                let p = self.differ(&self.row_of(a), &self.row_of(b));
                if p >= MERGE_P {
                    let (factor, into) = if a.stats().coverage < b.stats().coverage { (a, b) } else { (b, a) };
                    let (factor, into) = (factor.id().clone(), into.id().clone());
                    merges.push((likeness, Proposal::Merge { factor, into, likeness, p }));
                }
            }
        }
        merges.sort_by(|a, b| b.0.total_cmp(&a.0));
        merges.into_iter().map(|(_, merge)| merge).collect()
    }

    fn splits(&self) -> Vec<Proposal> {
        let open_ended = self.task.space().is_open_ended();
        let mixed: BTreeSet<&FactorId> =
            self.factors.iter().filter(|f| f.features().len() > 1).map(Factor::id).collect();
        let mut by_feature: BTreeMap<FeatureKey, Vec<f64>> = BTreeMap::new();
        let mut of_factor: BTreeMap<&FactorId, Vec<f64>> = BTreeMap::new();
        let (weights, responses) = (self.weights(), self.factors.responses(&self.task));
        for (item, weight) in self.memory.items().iter().zip(weights.iter().copied().chain(std::iter::repeat(1.0))) {
            let mut counted: BTreeSet<&FactorId> = BTreeSet::new();
            for feature in item.features() {
                let key = feature.key();
                let Some(factor) = self.factors.factor_of(&key).filter(|factor| mixed.contains(factor.id())) else {
                    continue;
                };
                let place = if open_ended {
                    usize::from(feature.judgement().is_some_and(|judged| judged.influential))
                } else {
                    responses.iter().position(|response| response == item.response()).unwrap_or_default()
                };
                add(by_feature.entry(key).or_default(), place, weight);
                if counted.insert(factor.id()) {
                    add(of_factor.entry(factor.id()).or_default(), place, weight);
                }
            }
        }
        let mut splits: Vec<(f64, Proposal)> = Vec::new();
        for factor in self.factors.iter().filter(|factor| mixed.contains(factor.id())) {
            let all = of_factor.get(factor.id()).map(Vec::as_slice).unwrap_or_default();
            let tested = factor.features().iter().filter_map(|key| {
                let with = by_feature.get(key)?;
                let total = |row: &[f64]| row.iter().sum::<f64>();
                let rest: Vec<f64> = all
                    .iter()
                    .enumerate()
                    .map(|(i, n)| (n - with.get(i).copied().unwrap_or_default()).max(0.0))
                    .collect();
                (total(with) >= PROPOSE_AFTER && total(&rest) >= PROPOSE_AFTER)
                    .then_some((key, self.differ(with, &rest)))
            });
            let tested: Vec<(&FeatureKey, f64)> = tested.collect();
            let surest = tested.iter().min_by(|a, b| a.1.total_cmp(&b.1));
            if let Some((feature, p)) = surest {
                let p = (p * tested.len() as f64).min(1.0);
                if p <= SPLIT_P {
                    let feature = (*feature).clone();
                    splits.push((p, Proposal::Split { factor: factor.id().clone(), feature, p }));
                }
            }
        }
        splits.sort_by(|a, b| a.0.total_cmp(&b.0));
        splits.into_iter().map(|(_, split)| split).collect()
    }

    fn row_of(&self, factor: &Factor) -> Vec<f64> {
        let stats = factor.stats();
        if self.task.space().is_open_ended() {
            return vec![(stats.coverage - stats.influence).max(0.0), stats.influence];
        }
        let of = |response: &String| stats.by_response.get(response).copied().unwrap_or_default();
        self.factors.responses(&self.task).iter().map(of).collect()
    }

    fn differ(&self, a: &[f64], b: &[f64]) -> f64 {
        match self.task.space() {
            ResponseSpace::Scale { .. } => rank_sum(a, b),
            _ => association(a, b),
        }
    }
}

fn add(row: &mut Vec<f64>, place: usize, weight: f64) {
    if row.len() <= place {
        row.resize(place + 1, 0.0);
    }
    if let Some(count) = row.get_mut(place) {
        *count += weight;
    }
}
