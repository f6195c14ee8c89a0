//! The few factors that a user is shown: surest first, each another side of the history.

use std::collections::BTreeSet;

use crate::data::FeatureKey;
use crate::factor::grouping::stems;
use crate::stats::{Beliefs, FactorSummary};

use super::UserModel;

/// False-discovery rate up to which a factor is shown before all others.
const SURE: f64 = 0.05;
/// The largest share of common interactions (Jaccard) of two factors that are shown.
const OVERLAP: f64 = 0.25;

/// A factor that may be shown.
struct Candidate {
    summary: FactorSummary,
    /// The positions of the interactions it is present in.
    seen_in: BTreeSet<usize>,
    /// The stems of its label.
    stems: BTreeSet<String>,
    pinned: bool,
}

impl UserModel {
    /// The factors that say most of the user, at most `most` of them: those that are pinned, then the significant ones by
    /// their q and, of equals, by [information](Beliefs::information) times sightings, then those that reach the most interactions which no factor before them reaches. None shares more than a
    /// quarter of its interactions with one before it (Jaccard), or has a label that contains the other's.
    ///
    /// `beliefs` are those of this model. Reads the whole memory.
    pub fn most_telling(&self, beliefs: &Beliefs<'_>, most: usize) -> Vec<FactorSummary> {
        let mut left: Vec<Candidate> = self.candidates(beliefs);
        let mut shown: Vec<Candidate> = Vec::new();
        let mut reached: BTreeSet<usize> = BTreeSet::new();
        while shown.len() < most {
            left.retain(|candidate| candidate.pinned || shown.iter().all(|other| candidate.differs(other)));
            let new = |candidate: &Candidate| candidate.seen_in.difference(&reached).count();
            let first = left.first().is_some_and(|candidate| candidate.pinned || candidate.summary.q <= SURE);
            let next = if first {
                Some(0)
            } else {
                // The first of equals, which is the surer.
                (0..left.len()).rev().max_by_key(|place| left.get(*place).map(new))
            };
            let Some(next) = next else { break };
            let candidate = left.remove(next);
            reached.extend(&candidate.seen_in);
            shown.push(candidate);
        }
        shown.into_iter().map(|candidate| candidate.summary).collect()
    }

    /// All factors, the surest first.
    fn candidates(&self, beliefs: &Beliefs<'_>) -> Vec<Candidate> {
        let mut seen_in = vec![BTreeSet::new(); self.factors.len()];
        for (position, item) in self.memory.items().iter().enumerate() {
            for place in item.features_once().iter().filter_map(|feature| self.factors.place_of(&feature.key())) {
                if let Some(seen) = seen_in.get_mut(place) {
                    seen.insert(position);
                }
            }
        }
        let candidate = |summary: FactorSummary| {
            let factor = self.factors.get(&summary.id)?;
            let seen_in = seen_in.get(self.factors.place_of_id(&summary.id)?)?.clone();
            let stems = stems(&FeatureKey::of(&summary.label), self.language());
            Some(Candidate { summary, seen_in, stems, pinned: factor.is_pinned() })
        };
        let mut candidates: Vec<Candidate> = beliefs.summaries(None).into_iter().filter_map(candidate).collect();
        // Of factors that are as sure, the one that tells more: of two that are seen together, the other is often there by the way.
        let told = |candidate: &Candidate| beliefs.information(&candidate.summary.id) * candidate.summary.coverage;
        candidates.sort_by(|a, b| {
            let surer = a.summary.q.total_cmp(&b.summary.q).then_with(|| told(b).total_cmp(&told(a)));
            b.pinned.cmp(&a.pinned).then(surer)
        });
        candidates
    }
}

impl Candidate {
    fn differs(&self, other: &Self) -> bool {
        let shared = self.seen_in.intersection(&other.seen_in).count() as f64;
        let all = (self.seen_in.len() + other.seen_in.len()) as f64 - shared;
        shared <= OVERLAP * all && !self.stems.is_subset(&other.stems) && !other.stems.is_subset(&self.stems)
    }
}
