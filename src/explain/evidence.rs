//! The words and past interactions that a factor rests on.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::data::{AssignedFeature, Exemplar, FactorId, FactorSet, ItemId, MemoryItem, Query, ReasoningMemory};

/// The verbatim words a factor was seen in, in the query and in past interactions.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Evidence {
    /// In the query, in the order of the text, each once.
    pub query: Vec<String>,
    /// In past interactions: those the answer rests on first, then the latest.
    pub past: Vec<PastEvidence>,
}

/// The words a factor was seen in, in one past interaction.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PastEvidence {
    /// The interaction.
    pub item: ItemId,
    /// The words.
    pub words: String,
    /// The user's response.
    pub response: String,
}

impl Evidence {
    /// The words of a query in which a factor was seen.
    pub(crate) fn in_query(query: &Query, features: &[AssignedFeature], factor: &FactorId) -> Self {
        let mut own: Vec<_> =
            features.iter().filter(|f| f.factor.as_ref() == Some(factor)).map(|f| &f.feature).collect();
        own.sort_by_key(|feature| feature.span());
        let mut words: Vec<String> = Vec::new();
        for context in own.into_iter().map(|feature| feature.context(query).to_owned()) {
            if !words.contains(&context) {
                words.push(context);
            }
        }
        Self { query: words, past: Vec::new() }
    }
}

/// At most `most` past interactions for each of the factors.
pub(crate) fn past_evidence<'f>(
    factors: &FactorSet,
    memory: &ReasoningMemory,
    exemplars: &[Exemplar],
    wanted: impl Iterator<Item = &'f FactorId>,
    most: usize,
) -> BTreeMap<FactorId, Vec<PastEvidence>> {
    let mut found: BTreeMap<FactorId, Vec<PastEvidence>> = wanted.map(|id| (id.clone(), Vec::new())).collect();
    let mut missing = found.len();
    let is_exemplar = |item: &MemoryItem| exemplars.iter().any(|exemplar| exemplar.item.id() == item.id());
    let latest = memory.items().iter().rev().filter(|item| !is_exemplar(item));
    for item in exemplars.iter().map(|exemplar| &exemplar.item).chain(latest) {
        if missing == 0 || most == 0 {
            break;
        }
        for feature in item.features() {
            let known = factors.factor_of(&feature.key()).and_then(|factor| found.get_mut(factor.id()));
            let Some(past) = known.filter(|past| past.len() < most) else { continue };
            if past.last().is_none_or(|last| last.item != *item.id()) {
                let words = feature.context(item.query()).to_owned();
                past.push(PastEvidence { item: item.id().clone(), words, response: item.response().to_owned() });
                missing -= usize::from(past.len() == most);
            }
        }
    }
    found
}

impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evidence").field("query", &self.query.len()).field("past", &self.past).finish()
    }
}

impl fmt::Debug for PastEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PastEvidence").field("item", &self.item).finish_non_exhaustive()
    }
}
