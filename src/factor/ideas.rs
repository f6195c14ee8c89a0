//! The groups of features worth a name: like names put together, then names of the same interactions, before anyone is asked.

use std::collections::{BTreeMap, BTreeSet};

use crate::data::MemoryItem;
use crate::data::grouping::LIKENESS;
use crate::prompt::rows_of;

use super::grouping::Clusters;
use super::recurring::{Asked, Kept, LEAST_SEEN, Recurring, offered};
use super::{FactorGroup, FitRequest};

/// Groups of features, by whether they recur.
pub(super) struct Ideas {
    /// Those in three interactions or more, each idea once, oldest first.
    pub(super) recurring: Vec<FactorGroup>,
    /// Those in fewer, which are nothing by themselves, oldest first.
    pub(super) rare: Vec<FactorGroup>,
}

impl Ideas {
    /// The groups of the features of the rows. What everyone is asked and what is nearly always there is in none.
    pub(super) fn of(request: FitRequest<'_>) -> Self {
        let language = request.language();
        let (mut clusters, mut recurring) = (Clusters::new(LIKENESS, language), Recurring::default());
        let mut seen_in: Vec<usize> = Vec::new();
        for row in request.rows {
            let of_row: BTreeSet<usize> = row.features().iter().map(|feature| clusters.see(&feature.key())).collect();
            for cluster in &of_row {
                if *cluster >= seen_in.len() {
                    seen_in.resize(cluster + 1, 0);
                }
                if let Some(seen) = seen_in.get_mut(*cluster) {
                    *seen += 1;
                }
            }
            recurring.see(of_row.into_iter().map(|cluster| (cluster, None)));
        }
        let responses = request.rows.iter().map(MemoryItem::query).flat_map(offered);
        let asked = Asked::of(request.task, language, responses);
        let edited = BTreeSet::new();
        let kept = Kept { by_model: true, ..asked.kept(0, &edited) };
        let leaders = recurring.leaders(&clusters, kept);
        let echo = kept.echoes(&clusters);
        let mut by_leader: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (cluster, leader) in leaders.iter().enumerate() {
            if let Some(leader) = leader {
                by_leader.entry(*leader).or_default().push(cluster);
            }
        }
        let group = |leader: usize, members: &[usize]| {
            // The leader names the idea; what is in the same interactions belongs to it.
            let (label, description, _) = clusters.named(clusters.members_of(leader));
            let features = members.iter().flat_map(|cluster| clusters.members_of(*cluster).cloned()).collect();
            FactorGroup { label, description, features }
        };
        let mut recurring: Vec<(usize, FactorGroup)> = by_leader
            .iter()
            .map(|(leader, members)| (members.iter().min().copied().unwrap_or(*leader), group(*leader, members)))
            .collect();
        recurring.sort_by_key(|(oldest, _)| *oldest);
        let is_rare = |(cluster, seen): &(usize, &usize)| **seen < LEAST_SEEN && !echo(*cluster);
        let rare = seen_in.iter().enumerate().filter(is_rare).map(|(cluster, _)| group(cluster, &[cluster])).collect();
        Self { recurring: recurring.into_iter().map(|(_, group)| group).collect(), rare }
    }
}

/// Drops the groups that are in too few of the rows to say anything of.
pub(super) fn only_recurring(groups: &mut Vec<FactorGroup>, rows: &[MemoryItem]) {
    let seen = rows_of(rows, groups.iter().map(|group| group.features.as_slice()));
    let mut seen = seen.iter().map(BTreeSet::len);
    groups.retain(|_| seen.next().is_some_and(|seen| seen >= LEAST_SEEN));
}
