//! Names the interactions whose text a request holds, so that it can be found when one of them is to be purged.

use std::collections::{BTreeMap, BTreeSet};

use crate::data::{Factor, FactorId, FactorSet, FeatureKey, MemoryItem};

/// The interactions that each factor was seen in. A factor's line holds a name and responses of theirs.
pub(crate) struct Sources<'a>(BTreeMap<&'a FactorId, BTreeSet<&'a str>>);

impl<'a> Sources<'a> {
    pub(crate) fn new(factors: &'a FactorSet, rows: &'a [MemoryItem]) -> Self {
        let mut sources: BTreeMap<&FactorId, BTreeSet<&str>> = BTreeMap::new();
        for row in rows {
            for feature in row.features() {
                if let Some(factor) = factors.factor_of(&feature.key()) {
                    sources.entry(factor.id()).or_default().insert(row.id().as_str());
                }
            }
        }
        Self(sources)
    }

    /// Returns the ids to name in a request that shows these factors besides its own items: the own items, then the
    /// interactions of the factors.
    pub(crate) fn about(
        &self,
        own: impl IntoIterator<Item = &'a str>,
        shown: impl IntoIterator<Item = &'a Factor>,
    ) -> Vec<&'a str> {
        let mut about: Vec<&str> = Vec::new();
        let mut named: BTreeSet<&str> = BTreeSet::new();
        about.extend(own.into_iter().filter(|id| named.insert(id)));
        let of_factors: BTreeSet<&str> =
            shown.into_iter().filter_map(|factor| self.0.get(factor.id())).flatten().copied().collect();
        about.extend(of_factors.into_iter().filter(|id| named.insert(id)));
        about
    }
}

/// The rows, by position, in which each group of features was seen.
pub(crate) fn rows_of<'a>(rows: &[MemoryItem], groups: impl Iterator<Item = &'a [FeatureKey]>) -> Vec<BTreeSet<usize>> {
    let mut of: BTreeMap<&FeatureKey, usize> = BTreeMap::new();
    let mut seen = Vec::new();
    for (position, keys) in groups.enumerate() {
        of.extend(keys.iter().map(|key| (key, position)));
        seen.push(BTreeSet::new());
    }
    for (number, row) in rows.iter().enumerate() {
        for position in row.features().iter().filter_map(|feature| of.get(&feature.key())) {
            if let Some(seen) = seen.get_mut(*position) {
                seen.insert(number);
            }
        }
    }
    seen
}
