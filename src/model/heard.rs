//! A user model as answers read it: without what the user set aside.

use std::borrow::Cow;
use std::sync::Arc;

use crate::catalog::Catalog;
use crate::data::{
    FactorSet, Feature, FeatureKey, Interaction, MemoryChange, MemoryItem, ReasoningMemory, ResponseSpace,
};
use crate::pause::{Pace, at_once};
use crate::stats::population::Population;
use crate::stats::{Estimator, Muted, NOTHING};
use crate::words::Language;

use super::UserModel;
use super::catalogued::finder;

/// The factors and the memory of a user model as if the words that the user set aside did not stand in it. Interactions
/// keep their places.
///
/// - The words go out of queries and of free-text responses. A query in which no other word says anything reads "…".
/// - So do features that are muted, whose name holds a muted one, or of which no word is left, and factors that have no
///   other feature. The rest is counted anew.
/// - A path that cites one of these features or speaks of what is muted is withdrawn.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    muted: Muted,
    factors: FactorSet,
    memory: ReasoningMemory,
}

impl Heard {
    pub(crate) fn muted(&self) -> &Muted {
        &self.muted
    }

    pub(crate) fn factors(&self) -> &FactorSet {
        &self.factors
    }

    pub(crate) fn memory(&self) -> &ReasoningMemory {
        &self.memory
    }
}

impl UserModel {
    /// The model as answers read it; `None` when nothing is set aside, so that they read all of it. Factors of the catalog
    /// are found by their terms too.
    pub(crate) fn heard(&self, catalog: Option<&Arc<Catalog>>) -> Option<Heard> {
        if self.set_aside.is_empty() {
            return None;
        }
        let mut muted = self.muted();
        if let Some(finder) = catalog.and_then(|catalog| finder(catalog, &self.set_aside)) {
            muted = muted.finding(finder);
        }
        let memory = ReasoningMemory::new(self.memory.items().iter().map(|item| self.heard_item(item, &muted)));
        let factors = self.heard_factors(&muted).count_weighted(&self.task, memory.items(), &self.weights()).counted();
        Some(Heard { muted, factors, memory })
    }

    /// The words that the user set aside.
    pub(crate) fn muted(&self) -> Muted {
        self.muted_by(&self.set_aside, self.language())
    }

    fn muted_by(&self, set_aside: &FactorSet, language: Language) -> Muted {
        let muted = Muted::of(set_aside, language);
        if self.task.space().is_open_ended() { muted.for_titles() } else { muted }
    }

    /// The factors with the features that are heard, and named without what is muted.
    fn heard_factors(&self, muted: &Muted) -> FactorSet {
        let mut factors = self.factors.clone().only(|key| !muted.is_name(key));
        for factor in self.factors.iter() {
            let (label, description) = (muted.line(factor.label()), muted.line(factor.description()));
            if factors.get(factor.id()).is_none() || (label.is_none() && description.is_none()) {
                continue;
            }
            let label = label.unwrap_or_else(|| factor.label().to_owned());
            let description = description.unwrap_or_else(|| factor.description().to_owned());
            let heard = factors.entry(factor.id(), || factor.clone());
            let other = || heard.features().first().map(FeatureKey::to_string).unwrap_or_default();
            let label = if label.is_empty() { other() } else { label };
            heard.name(label, description, factor.cohesion());
        }
        factors
    }

    /// The items as the estimate reads them.
    pub(super) fn heard_items<'m>(&self, items: &'m [MemoryItem]) -> Cow<'m, [MemoryItem]> {
        at_once(self.heard_in_steps(items, &self.set_aside, self.language()))
    }

    /// The items as they would be read with these factors set aside, with pauses.
    pub(super) async fn heard_in_steps<'m>(
        &self,
        items: &'m [MemoryItem],
        set_aside: &FactorSet,
        language: Language,
    ) -> Cow<'m, [MemoryItem]> {
        if set_aside.is_empty() {
            return Cow::Borrowed(items);
        }
        let muted = self.muted_by(set_aside, language);
        let (mut heard, mut pace) = (Vec::with_capacity(items.len()), Pace::default());
        for item in items {
            pace.step(item.query().text().len()).await;
            heard.push(self.heard_item(item, &muted));
        }
        Cow::Owned(heard)
    }

    /// The estimator of this model's answers, beside a population where there is one; `None` for open-ended tasks.
    pub(super) fn heard_estimator(&self, population: Option<&Arc<Population>>) -> Option<Estimator> {
        let items = self.heard_items(self.memory.items());
        Estimator::among(&self.task, &self.factors, &items, &self.weights(), population)
    }

    /// An interaction as it may be shown: as it is heard, and with the path that holds, which is the user's, or the model's
    /// unless it was withdrawn.
    pub(crate) fn heard_item(&self, item: &MemoryItem, muted: &Muted) -> MemoryItem {
        let item = if self.edits.is_empty() { Cow::Borrowed(item) } else { Cow::Owned(item.with_path_edits(self)) };
        let (query, kept) = heard_features(&item, muted);
        let response = match self.task.space() {
            ResponseSpace::Text { .. } => muted.line(item.response()),
            _ => None,
        };
        let places: Vec<usize> = kept.iter().map(|(place, _)| *place).collect();
        let whole = query.is_none() && response.is_none() && places.len() == item.features().len();
        let speaks = |path: &crate::data::ReasoningPath| path.steps().iter().any(|step| muted.is_in(&step.text));
        if whole && !item.path().is_some_and(speaks) {
            return item.into_owned();
        }
        let query = query.unwrap_or_else(|| item.query().clone());
        let is_other = response.is_some();
        let response = match response {
            Some(left) if left.is_empty() => NOTHING.to_owned(),
            Some(left) => left,
            None => item.response().to_owned(),
        };
        let interaction = Interaction::of(item.interaction(), query, response);
        let features = kept.into_iter().map(|(_, feature)| feature).collect();
        // Fewer features over a shorter text are as sound as those they are of.
        let Ok(mut heard) = MemoryItem::new(interaction, features) else { return item.only(|_| false) };
        heard.after = item.after;
        let path = item.path().filter(|path| !is_other && !speaks(path));
        match path.and_then(|path| path.renumbered(|feature| places.iter().position(|place| *place == feature))) {
            Some(path) => heard = heard.with_path(path),
            None if item.is_composed() => heard.compose_path(),
            None => {}
        }
        heard
    }
}

/// The query of an item without what is muted, where something is, and the features that are heard, each with its place.
fn heard_features(item: &MemoryItem, muted: &Muted) -> (Option<crate::data::Query>, Vec<(usize, Feature)>) {
    let reading = muted.reading(item.query(), item.features());
    let kept = item.features().iter().enumerate().filter(|(_, feature)| !muted.is_name(&feature.key()));
    let kept = kept.filter_map(|(place, feature)| {
        let left = reading.as_ref().map_or_else(|| Some(feature.clone()), |reading| reading.left_of(feature));
        Some((place, left?))
    });
    let kept = kept.collect();
    (reading.map(|reading| reading.query().clone()), kept)
}

/// The places of an item's features that are heard.
pub(super) fn heard_places(item: &MemoryItem, muted: &Muted) -> Vec<usize> {
    heard_features(item, muted).1.into_iter().map(|(place, _)| place).collect()
}

/// The change from one memory to another, by the items that are not the same in both.
pub(crate) fn change_between(old: &ReasoningMemory, new: &ReasoningMemory) -> MemoryChange {
    let differing = |of: &ReasoningMemory, from: &ReasoningMemory| -> Vec<usize> {
        let same = |a: &MemoryItem, b: &MemoryItem| a.interaction() == b.interaction() && a.features() == b.features();
        let in_other = |item: &MemoryItem| from.get(item.id()).is_some_and(|other| same(item, other));
        of.items().iter().enumerate().filter(|(_, item)| !in_other(item)).map(|(place, _)| place).collect()
    };
    MemoryChange::new(differing(old, new), differing(new, old))
}
