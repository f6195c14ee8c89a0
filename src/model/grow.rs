//! Making a model of interactions, and taking in more of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::OnceLock;

use crate::data::grouping::{FittedFactor, Grouping};
use crate::data::{Calibration, FactorSet, Feature, MemoryChange, MemoryItem, ReasoningMemory, Task, UserId};
use crate::data::{DataError, Decay, FactorId, FactorStatus, Horizon};
use crate::factor::FactorFit;
use crate::model::{Provenance, UserModel};
use crate::pause::{AT_ONCE, at_once, pause, within};
use crate::stats::{calibrate_in_steps, calibration_point};
use crate::words::Language;

use super::partition::{Factors, Growth, Partition, Rules};
use super::reading::READER;
use super::user_model::Derived;

/// The outcome of taking items into a user model.
#[derive(Debug)]
pub(crate) struct Grown {
    pub(crate) growth: Growth,
    /// The items that came.
    pub(crate) change: MemoryChange,
    pub(crate) extent: Extent,
}

/// The part of a user model's factors that a growth made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The new items are behind all others, and were counted in.
    Appended,
    /// The new items are behind all others, and all were counted again.
    Recounted,
    /// Everything was made anew.
    Rebuilt,
}

/// The factors that the first items make, and the language in which they are named.
struct First {
    factors: Factors,
    language: Language,
}

/// The grouping that a factor model's fit stands for.
pub(crate) fn fitted(fit: FactorFit) -> Result<Grouping, DataError> {
    if let Some(likeness) = fit.likeness {
        return Ok(Grouping::by_likeness(likeness));
    }
    let groups = fit.groups.into_iter().map(|group| (group.label, group.description, group.features));
    // Checks that the groups are a partition, and gives each its id.
    Ok(Grouping::of(&FactorSet::from_groups(groups)?))
}

impl UserModel {
    /// The model that a grouping makes of items, with pauses.
    pub(crate) async fn grown(
        user: UserId,
        task: Task,
        grouping: Grouping,
        decay: Option<Decay>,
        items: Vec<MemoryItem>,
        provenance: Provenance,
    ) -> Result<Self, DataError> {
        let (factors, memory) = (FactorSet::default(), ReasoningMemory::default());
        let mut model = Self::new(user, task, factors, memory, Calibration::default(), provenance)?;
        (model.grouping, model.decay) = (grouping, decay);
        model.memory = ReasoningMemory::new(items);
        model.rebuild_in_steps().await.let_go_in_steps().await;
        model.check_in_steps().await?;
        model.let_go_in_steps().await;
        Ok(model)
    }

    /// Makes everything anew that follows from the grouping, the items and the edits.
    pub(crate) fn rebuild(&mut self) -> Partition {
        at_once(self.rebuild_in_steps())
    }

    /// The same with pauses.
    pub(crate) async fn rebuild_in_steps(&mut self) -> Partition {
        self.grouping.language = Partition::language_of(&self.task, self.memory.items());
        let (scored, later) = self.memory.items().split_at(calibration_point(self.memory.len()));
        let mut partition = Partition::in_steps(&self.grouping, scored).await;
        let first = if later.is_empty() { None } else { Some(self.first_in_steps(Some(&partition), scored).await) };
        partition.see_in_steps(later).await;
        let made = partition.factors_in_steps(self.rules(), self.memory.items(), &self.weights()).await;
        self.made(made);
        self.stamp_paths();
        pause().await;
        self.calibrate_in_steps(first.as_ref()).await;
        pause().await;
        partition
    }

    /// The factors as they would be if these items were all, with pauses. `partition` is what the grouping makes of them, where it
    /// was made already.
    async fn first_in_steps(&self, partition: Option<&Partition>, items: &[MemoryItem]) -> First {
        let language = Partition::language_of(&self.task, items);
        let made;
        let partition = match partition.filter(|_| language == self.grouping.language) {
            Some(partition) => partition,
            None => {
                made = Partition::in_steps(&Grouping { language, ..self.grouping.clone() }, items).await;
                &made
            }
        };
        let factors = partition.factors_in_steps(self.rules(), items, &self.scored_weights(items)).await;
        First { factors, language: partition.language() }
    }

    fn rules(&self) -> Rules<'_> {
        Rules { task: &self.task, grouping: &self.grouping, edits: &self.edits }
    }

    fn scored_weights(&self, scored: &[MemoryItem]) -> Vec<f64> {
        self.decay.map(|decay| decay.weights(scored)).unwrap_or_default()
    }

    /// Reads all features, which are about to be gone through more than once.
    pub(super) fn read_features(&self) {
        crate::parallel::map(self.memory.items(), |item| item.features().len());
    }

    /// Lets go of all features that can be read off the texts again, with pauses.
    async fn let_go_in_steps(&mut self) {
        let mut from = 0;
        while let Some(left) = self.memory.items().get(from..).filter(|left| !left.is_empty()) {
            pause().await;
            let to = from + within(AT_ONCE, left.iter().map(|item| item.query().text().len()));
            self.let_go(from..to);
            from = to;
        }
    }

    /// Lets go of features that can be read off the texts again, of the items at these positions.
    pub(super) fn let_go(&mut self, items: Range<usize>) {
        let Some(items) = self.memory.items_mut().get_mut(items) else { return };
        // Compares them with their texts, once for each item.
        crate::parallel::map(items, |item| item.written(Some(READER)).is_to_read());
        for item in items {
            item.let_go(Some(READER));
        }
    }

    /// Which factor each feature is of, apart from edits.
    pub(crate) fn partition(&self) -> Partition {
        Partition::new(&self.grouping, self.memory.items())
    }

    /// The same with pauses.
    pub(crate) async fn partition_in_steps(&self) -> Partition {
        Partition::in_steps(&self.grouping, self.memory.items()).await
    }

    pub(super) fn recount(&mut self, partition: &Partition) {
        self.derive_factors(partition);
        self.stamp_paths();
    }

    /// Makes the factors anew, and leaves the paths as they are.
    pub(super) fn derive_factors(&mut self, partition: &Partition) {
        let made = self.made_by(partition);
        self.made(made);
    }

    fn made(&mut self, made: Factors) {
        (self.factors, self.set_aside) = (made.active, made.set_aside);
        self.derived = Derived(OnceLock::from(true));
    }

    fn made_by(&self, partition: &Partition) -> Factors {
        partition.factors(self.rules(), self.memory.items(), &self.weights())
    }

    /// True when its factors are those that its grouping, items and edits make, so that a file need not hold them. They
    /// are made to compare them where they came from elsewhere.
    pub(super) fn is_derived(&self) -> bool {
        *self.derived.0.get_or_init(|| {
            let made = self.made_by(&self.partition());
            made.active == self.factors && made.set_aside == self.set_aside
        })
    }

    /// Finds out, with pauses, whether its factors are those that its partition makes.
    pub(crate) async fn compare_in_steps(&self, partition: &Partition) {
        if self.derived.0.get().is_none() {
            let made = partition.factors_in_steps(self.rules(), self.memory.items(), &self.weights()).await;
            let _ = self.derived.0.set(made.active == self.factors && made.set_aside == self.set_aside);
        }
    }

    /// Says again which factor each step of each path is about.
    pub(super) fn stamp_paths(&mut self) {
        let (factors, set_aside) = (&self.factors, &self.set_aside);
        let factor_of = |feature: &Feature| -> Option<FactorId> {
            let key = feature.key();
            factors.factor_of(&key).or_else(|| set_aside.factor_of(&key)).map(|factor| factor.id().clone())
        };
        for item in self.memory.items_mut().iter_mut().filter(|item| item.path().is_some()) {
            item.stamp_path(factor_of);
        }
    }

    /// Calibrates anew. The outcome is that of the first items alone, however many came after them, so that it is the same
    /// for one who grew by them.
    pub(super) fn recalibrate(&mut self) {
        at_once(self.recalibrate_in_steps());
    }

    /// The same with pauses.
    async fn recalibrate_in_steps(&mut self) {
        let (scored, later) = self.memory.items().split_at(calibration_point(self.memory.len()));
        let first = if later.is_empty() { None } else { Some(self.first_in_steps(None, scored).await) };
        self.calibrate_in_steps(first.as_ref()).await;
    }

    /// Calibrates on the first items and the factors that they make; `None` for those of all. With pauses.
    async fn calibrate_in_steps(&mut self, first: Option<&First>) {
        let (scored, _) = self.memory.items().split_at(calibration_point(self.memory.len()));
        let weights = self.scored_weights(scored);
        let (factors, set_aside, language) = match first {
            Some(First { factors, language }) => (&factors.active, &factors.set_aside, *language),
            None => (&self.factors, &self.set_aside, self.language()),
        };
        let heard = self.heard_in_steps(scored, set_aside, language).await;
        self.calibration = calibrate_in_steps(&self.task, factors, &heard, &weights).await;
    }

    /// True when items that belong to no group of a catalog only extend what is there, which stays calibrated as it is. They are
    /// taken in without a pause then.
    pub(crate) fn is_extended_by(&self, new: &[MemoryItem], partition: &Partition) -> bool {
        let len = self.memory.len();
        calibration_point(len) == calibration_point(len + new.len())
            && self.memory.is_before(new)
            && partition.language_with(&self.task, new) == self.grouping.language
            && self.is_derived()
    }

    /// Takes new items in, with the groups that a catalog makes of them. Those behind all others extend the factors and their
    /// partition; others make both anew, to the same result, with pauses in which the model is not whole.
    pub(crate) async fn grow(
        &mut self,
        mut new: Vec<MemoryItem>,
        groups: Vec<FittedFactor>,
        partition: &mut Partition,
    ) -> Grown {
        // Only what the grouping, the items and the edits make is extended: other factors may contradict it.
        let made_here = self.is_derived();
        let regrouped = self.grouping.take_in(groups);
        for item in &mut new {
            item.after = self.snapshots.taken;
        }
        let (len, horizon, before) = (self.memory.len(), self.horizon(), statuses(&self.factors));
        let (_, change) = self.memory.change(&BTreeSet::new(), new);
        self.revision = self.revision.saturating_add(1);
        let appended = change.appends(&self.memory);
        let came = self.memory.items().get(len..).unwrap_or_default();
        if regrouped || !made_here || !appended || partition.language_with(&self.task, came) != self.grouping.language {
            *partition = self.rebuild_in_steps().await;
            self.let_go_in_steps().await;
            return Grown { growth: grown_since(&before, &self.factors), change, extent: Extent::Rebuilt };
        }
        let now = self.horizon();
        let counted_in = self.append(len, now, partition);
        let extent = if counted_in && now == horizon { Extent::Appended } else { Extent::Recounted };
        match extent {
            // A feature that older items have may have come into a factor with the new ones.
            Extent::Appended => self.stamp_paths(),
            _ => self.recount(partition),
        }
        if calibration_point(len) != calibration_point(self.memory.len()) {
            self.recalibrate_in_steps().await;
        }
        self.let_go(len..self.memory.len());
        Grown { growth: grown_since(&before, &self.factors), change, extent }
    }

    /// Counts in the items from this position on, which are behind all others. False when the factors have to be made
    /// anew.
    fn append(&mut self, from: usize, now: Option<Horizon>, partition: &mut Partition) -> bool {
        let (active, set_aside) = (std::mem::take(&mut self.factors), std::mem::take(&mut self.set_aside));
        let mut factors = Factors { active, set_aside };
        let mut whole = true;
        for item in self.memory.items().get(from..).unwrap_or_default() {
            let weight = self.decay.map_or(1.0, |decay| decay.weight(item.time(), now));
            let rules = Rules { task: &self.task, grouping: &self.grouping, edits: &self.edits };
            whole &= partition.append(&mut factors, rules, item, weight);
        }
        (self.factors, self.set_aside) = (factors.active, factors.set_aside);
        if self.derived.0.get() != Some(&true) {
            self.derived = Derived::default();
        }
        whole
    }

    fn horizon(&self) -> Option<Horizon> {
        self.decay.and_then(|decay| decay.horizon(self.memory.items()))
    }
}

fn statuses(factors: &FactorSet) -> BTreeMap<FactorId, FactorStatus> {
    factors.iter().map(|factor| (factor.id().clone(), factor.status())).collect()
}

fn grown_since(before: &BTreeMap<FactorId, FactorStatus>, factors: &FactorSet) -> Growth {
    let mut growth = Growth::default();
    for factor in factors.iter() {
        let was = before.get(factor.id());
        if was.is_none() {
            growth.founded.insert(factor.id().clone());
        }
        if factor.status() == FactorStatus::Established && was != Some(&FactorStatus::Established) {
            growth.established.insert(factor.id().clone());
        }
    }
    growth
}
