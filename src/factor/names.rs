//! The names that a user's factors go by, to find the factor whose name is most like a new one.

use std::collections::HashSet;
use std::fmt;
use std::sync::OnceLock;

use crate::data::{Factor, FactorId, FactorSet, FeatureKey, MemoryItem};
use crate::words::Language;

use super::grouping::{Leaders, stems};

/// The names of a user's factors, indexed when a name is first looked for.
///
/// It belongs to one factor set. [`Prepared`](crate::Prepared) holds one; a host that calls
/// [`FactorModel::assign`](crate::FactorModel::assign) itself starts from [`in_language`](Self::in_language).
#[derive(Clone, Default)]
pub struct FactorNames {
    language: Language,
    index: OnceLock<NameIndex>,
}

impl FactorNames {
    /// The names are compared by the stems of this language; by default of English.
    pub fn in_language(language: Language) -> Self {
        Self { language, index: OnceLock::new() }
    }

    /// The factor with the name most like this one, the first by id of equals; `None` when no name is at least so like.
    pub(super) fn nearest<'f>(&self, key: &FeatureKey, least: f64, factors: &'f FactorSet) -> Option<&'f FactorId> {
        self.index.get_or_init(|| NameIndex::new(factors, self.language)).nearest(key, least, factors)
    }

    /// Takes in the features of more items that have a factor, which changed no label that is no feature.
    pub(crate) fn grow(&mut self, items: &[MemoryItem], factors: &FactorSet) {
        if let Some(index) = self.index.get_mut() {
            for key in items.iter().flat_map(MemoryItem::keys) {
                if factors.factor_of(&key).is_some() {
                    index.take_in(&key);
                }
            }
        }
    }
}

impl fmt::Debug for FactorNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FactorNames").field("indexed", &self.index.get().is_some()).finish()
    }
}

/// The names of all features of a user, and the labels of factors that are called otherwise. What it finds does not depend
/// on the order in which it was filled.
#[derive(Clone, Default)]
struct NameIndex {
    language: Language,
    leaders: Leaders,
    /// By leader.
    names: Vec<Named>,
    known: HashSet<FeatureKey>,
}

#[derive(Clone)]
enum Named {
    Feature(FeatureKey),
    Label(FactorId),
}

impl NameIndex {
    fn new(factors: &FactorSet, language: Language) -> Self {
        let mut index = Self { language, ..Self::default() };
        for factor in factors.iter() {
            let label = FeatureKey::of(factor.label());
            if !factor.features().contains(&label) {
                index.leaders.push(stems(&label, language));
                index.names.push(Named::Label(factor.id().clone()));
            }
            factor.features().iter().for_each(|key| index.take_in(key));
        }
        index
    }

    fn take_in(&mut self, key: &FeatureKey) {
        if self.known.insert(key.clone()) {
            self.leaders.push(stems(key, self.language));
            self.names.push(Named::Feature(key.clone()));
        }
    }

    /// The factor with the name most like this one, the first by id of equals.
    fn nearest<'f>(&self, key: &FeatureKey, least: f64, factors: &'f FactorSet) -> Option<&'f FactorId> {
        let factor = |leader: usize| match self.names.get(leader)? {
            Named::Feature(key) => factors.factor_of(key).map(Factor::id),
            Named::Label(id) => factors.get(id).map(Factor::id),
        };
        self.leaders.nearest_by(&stems(key, self.language), least, factor)
    }
}
