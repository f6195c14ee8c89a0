//! A user model opened for answering: everything that is computed from it, as values.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::answer::AnswerRequest;
use crate::catalog::Catalog;
use crate::context::StageContext;
use crate::data::grouping::FittedFactor;
use crate::data::{
    AssignedFeature, DataError, Edit, FactorId, FactorSet, FeatureKey, ItemId, MemoryChange, MemoryItem, Query,
    ReasoningMemory, ReasoningPath,
};
use crate::factor::{AssignRequest, FactorNames};
use crate::llm::Moment;
use crate::model::UserModel;
use crate::model::{Drifts, EditEffect, EditError, Extent, Forgotten, Growth, Heard, Partition, change_between};
use crate::retrieve::{KeptIndex, MemoryIndex, MemoryView, RetrieveError, Retriever, SavedIndex};
use crate::stats::population::Population;
use crate::stats::{
    Beliefs, Contrasts, Drift, Estimator, FactorEvidence, KeptEstimator, NOTHING, NextQuestion, Support, Titles,
};

/// A user model opened for answering by [`RpmPipeline::open`](crate::RpmPipeline::open): the model with its statistics,
/// its estimator and the retriever's index.
///
/// It is a value. Everything in it follows from the model, and nothing depends on what was asked before: what is
/// expensive is computed once, when it is first needed, and kept here. A change through this type keeps what still
/// holds and extends what can be extended, so that an answer after it is to the byte that of a model opened anew.
///
/// A clone costs a few pointers and shares everything until one of the two changes, so that many tasks may answer from
/// one. It is of one pipeline: do not give it to a pipeline of other parts.
#[derive(Clone)]
pub struct Prepared {
    model: Arc<UserModel>,
    /// The pipeline's catalog.
    catalog: Option<Arc<Catalog>>,
    /// The pipeline's population.
    population: Option<Arc<Population>>,
    /// What answers read of it, where that is not all.
    heard: Arc<OnceLock<Option<Heard>>>,
    /// Which factor each feature is of, apart from edits. Needed for changes only.
    partition: Arc<OnceLock<Partition>>,
    evidence: Arc<OnceLock<Arc<FactorEvidence>>>,
    estimator: Arc<KeptEstimator>,
    names: Arc<FactorNames>,
    /// How the user differs from most people, beside a population.
    contrasts: Arc<OnceLock<Contrasts>>,
    titles: Arc<Titles>,
    drifts: Arc<Drifts>,
    index: KeptIndex,
    /// When the model was known to be the newest.
    as_of: Moment,
}

impl Prepared {
    /// A model of which nothing is computed yet.
    pub(super) fn new(
        model: Arc<UserModel>,
        catalog: Option<Arc<Catalog>>,
        population: Option<Arc<Population>>,
    ) -> Self {
        let names = names_of(&model);
        Self {
            model,
            catalog,
            population,
            heard: Arc::default(),
            partition: Arc::default(),
            evidence: Arc::default(),
            estimator: Arc::default(),
            names,
            contrasts: Arc::default(),
            titles: Arc::default(),
            drifts: Arc::default(),
            index: KeptIndex::default(),
            as_of: Moment::now(),
        }
    }

    /// When the model was known to be the newest.
    pub(super) fn as_of(&self) -> Moment {
        self.as_of
    }

    /// Enters that the model is known to have been the newest at this moment.
    pub(super) fn known_as_of(&mut self, moment: Moment) {
        self.as_of = moment;
    }

    /// The same with what is known of the drifts.
    pub(super) fn knowing(mut self, drifts: Drifts) -> Self {
        self.drifts = Arc::new(drifts);
        self
    }

    /// The user model.
    pub fn model(&self) -> &UserModel {
        &self.model
    }

    /// The user model, to be shared.
    pub fn shared_model(&self) -> Arc<UserModel> {
        Arc::clone(&self.model)
    }

    /// The user model alone.
    pub fn into_model(self) -> UserModel {
        Arc::unwrap_or_clone(self.model)
    }

    /// The pipeline's population.
    pub(super) fn population(&self) -> Option<&Population> {
        self.population.as_deref()
    }

    /// What answers read of the model; `None` when it is all of it.
    pub(super) fn heard(&self) -> Option<&Heard> {
        self.heard.get_or_init(|| self.model.heard(self.catalog.as_ref())).as_ref()
    }

    /// The factors that answers go by.
    pub(super) fn factors(&self) -> &FactorSet {
        self.heard().map_or_else(|| self.model.factors(), Heard::factors)
    }

    /// The interactions as answers read them, each in its place.
    pub(super) fn memory(&self) -> &ReasoningMemory {
        self.heard().map_or_else(|| self.model.memory(), Heard::memory)
    }

    /// The counts as posteriors, intervals, lifts and significance, of the factors that answers go by: those that are not
    /// set aside, counted without what is.
    pub fn beliefs(&self) -> Beliefs<'_> {
        let (task, factors) = (self.model.task(), self.factors());
        let evidence = self.evidence.get_or_init(|| Arc::new(FactorEvidence::new(task, factors)));
        let beliefs = Beliefs::sharing(task, factors, self.model.calibration(), Arc::clone(evidence));
        if self.population.is_none() {
            return beliefs;
        }
        let found = || self.estimator().map(Estimator::contrasts).unwrap_or_default().into();
        beliefs.contrasted(Arc::clone(self.contrasts.get_or_init(found)))
    }

    /// Tests whether the responses that a factor goes with have changed of late, as [`UserModel::drift`] does.
    pub fn drift(&self, factor: &FactorId) -> Option<Drift> {
        self.drifts.of(&self.model, factor)
    }

    /// The estimator of the memory; `None` for open-ended tasks.
    pub fn estimator(&self) -> Option<&Estimator> {
        let model = &self.model;
        let population = self.population.as_ref();
        self.estimator.get(model.task(), self.factors(), self.memory().items(), || model.weights(), population)
    }

    /// The same, made with pauses if it is not made yet.
    pub(super) async fn estimator_in_steps(&self) -> Option<&Estimator> {
        let (model, items) = (&self.model, self.memory().items());
        let population = self.population.as_ref();
        self.estimator.get_in_steps(model.task(), self.factors(), items, || model.weights(), population).await
    }

    /// Finds the question of a pool whose answer would tell most of how the user answers the pool, as
    /// [`Estimator::next_question`] does. Put it to the user, and [observe](crate::RpmPipeline::observe) what they answer.
    /// `None` when no answer is worth asking for, and for free text. What the user was asked already may be in the pool, and is not
    /// asked again; neither is what the task does not allow.
    pub fn next_question(&self, pool: &[Query]) -> Option<NextQuestion> {
        fn content(query: &Query) -> (&str, &[String]) {
            (query.text(), query.options())
        }
        let asked: HashSet<_> = self.model.memory().items().iter().map(|item| content(item.query())).collect();
        let task = self.model.task();
        let may_ask = |query: &Query| !asked.contains(&content(query)) && task.check_query("pool", query).is_ok();
        self.estimator()?.next_question(pool, may_ask)
    }

    /// Marks the model as it is, as [`UserModel::snapshot`] does.
    pub fn snapshot(&mut self) -> u32 {
        Arc::make_mut(&mut self.model).snapshot()
    }

    /// Keeps reasoning paths that were written on first use, as [`UserModel::adopt_paths`] does: those that were begun before something was
    /// forgotten are refused.
    ///
    /// # Errors
    /// As for [`UserModel::adopt_paths`]; nothing is kept then.
    pub fn adopt_paths(&mut self, paths: impl IntoIterator<Item = (ItemId, ReasoningPath)>) -> Result<(), DataError> {
        self.revise_paths(|model| model.adopt_paths(paths))
    }

    /// Changes the model's paths, on which nothing that is kept here depends.
    pub(super) fn revise_paths<T>(&mut self, change: impl FnOnce(&mut UserModel) -> T) -> T {
        self.heard = Arc::default();
        change(Arc::make_mut(&mut self.model))
    }

    /// Keeps paths that were written for items as they are shown.
    pub(super) fn keep_paths(&mut self, paths: Vec<(ItemId, ReasoningPath)>) {
        if !paths.is_empty() {
            self.revise_paths(|model| model.keep_paths(paths));
        }
    }

    /// Takes interactions in, with the groups that a catalog makes of them, and extends what is kept. The index follows by
    /// [`follow`](Self::follow). Dropped in a pause, it leaves all as it was.
    pub(super) async fn grow(&mut self, new: Vec<MemoryItem>, groups: Vec<FittedFactor>) -> (Growth, MemoryChange) {
        if self.partition.get().is_none() {
            // Two that make it at once both find one of the two.
            let _ = self.partition.set(self.model.partition_in_steps().await);
        }
        let partition = self.partition.get_or_init(|| self.model.partition());
        self.model.compare_in_steps(partition).await;
        if groups.is_empty() && self.model.is_extended_by(&new, partition) {
            let mut partition = Arc::unwrap_or_clone(std::mem::take(&mut self.partition));
            let partition = partition.take().unwrap_or_else(|| self.model.partition());
            return self.grow_with(new, groups, partition).await;
        }
        // On a copy, which is not whole until it is done.
        let (mut grown, partition) = (self.clone(), partition.clone());
        let growth = grown.grow_with(new, groups, partition).await;
        *self = grown;
        growth
    }

    async fn grow_with(
        &mut self,
        new: Vec<MemoryItem>,
        groups: Vec<FittedFactor>,
        mut partition: Partition,
    ) -> (Growth, MemoryChange) {
        let known = self.model.memory().len();
        let aside = self.model.set_aside().clone();
        let grown = Arc::make_mut(&mut self.model).grow(new, groups, &mut partition).await;
        let same_aside = aside.keys().eq(self.model.set_aside().keys());
        self.partition = Arc::new(OnceLock::from(partition));
        match grown.extent {
            Extent::Appended if aside.is_empty() => {
                let came = self.model.memory().items().get(known..).unwrap_or_default();
                Arc::make_mut(&mut self.names).grow(came, self.model.factors());
            }
            _ => self.names = names_of(&self.model),
        }
        match grown.extent {
            Extent::Appended | Extent::Recounted if same_aside => Arc::make_mut(&mut self.estimator).grow(),
            _ => self.estimator = Arc::default(),
        }
        (self.evidence, self.titles, self.drifts) = (Arc::default(), Arc::default(), Arc::default());
        self.contrasts = Arc::default();
        (grown.growth, self.heard_anew(None, grown.change))
    }

    /// Reads the changed model anew. Gives the change of what is heard, given that of the memory and, where it is known,
    /// the memory before.
    fn heard_anew(&mut self, before: Option<&ReasoningMemory>, change: MemoryChange) -> MemoryChange {
        let was = std::mem::take(&mut self.heard);
        let was = was.get().and_then(Option::as_ref);
        if was.is_none() && self.model.set_aside().is_empty() {
            return change;
        }
        self.titles = Arc::default();
        match was.map(Heard::memory).or(before) {
            Some(was) => change_between(was, self.memory()),
            None => {
                self.index = KeptIndex::default();
                change
            }
        }
    }

    /// Takes interactions and features out, with pauses: for a copy, which is not whole until it is done.
    pub(super) async fn forget(
        &mut self,
        gone: BTreeSet<ItemId>,
        keys: &BTreeSet<FeatureKey>,
    ) -> (Forgotten, MemoryChange) {
        let (forgotten, change, partition) = Arc::make_mut(&mut self.model).forget_in_steps(gone, keys).await;
        self.items_changed(partition);
        (forgotten, self.heard_anew(None, change))
    }

    /// Tells what an edit would change.
    pub(super) fn preview(&self, edit: Edit) -> Result<EditEffect, EditError> {
        let partition = self.partition.get_or_init(|| self.model.partition());
        self.model.preview_in(edit, partition, self.population.as_ref())
    }

    /// Enters an edit.
    pub(super) fn edit(&mut self, edit: Edit) -> Result<(u32, MemoryChange), EditError> {
        let partition = Arc::clone(&self.partition);
        let partition = partition.get_or_init(|| self.model.partition());
        let number = Arc::make_mut(&mut self.model).edit_in(edit, partition)?;
        self.factors_changed();
        // An edit leaves the interactions as they are.
        let model = self.shared_model();
        Ok((number, self.heard_anew(Some(model.memory()), MemoryChange::default())))
    }

    /// Goes back to a snapshot.
    pub(super) fn roll_back(&mut self, snapshot: u32) -> Result<MemoryChange, EditError> {
        let (change, partition) = Arc::make_mut(&mut self.model).roll_back(snapshot)?;
        self.items_changed(partition);
        Ok(self.heard_anew(None, change))
    }

    fn items_changed(&mut self, partition: Partition) {
        self.partition = Arc::new(OnceLock::from(partition));
        self.titles = Arc::default();
        self.factors_changed();
    }

    fn factors_changed(&mut self) {
        (self.evidence, self.estimator, self.contrasts) = (Arc::default(), Arc::default(), Arc::default());
        (self.names, self.drifts) = (names_of(&self.model), Arc::default());
    }

    /// Brings the index up to date. One that cannot follow, or fails, is opened anew when it is next needed.
    pub(super) async fn follow(&mut self, change: &MemoryChange, ctx: &StageContext<'_>) {
        let mut index = std::mem::take(&mut self.index);
        let view = MemoryView::new(self.memory()).factors(self.factors());
        let _ = index.apply(change, view, ctx).await;
        self.index = index;
    }

    /// The retriever's index, opened now if it is not open yet, from a saved one where there is one.
    pub(super) async fn index(
        &self,
        retriever: &dyn Retriever,
        saved: &[SavedIndex],
        ctx: &StageContext<'_>,
    ) -> Result<Arc<dyn MemoryIndex>, RetrieveError> {
        let view = MemoryView::new(self.memory()).factors(self.factors());
        self.index.open(retriever, view, saved, ctx).await
    }

    /// A request for the factors of features that were found in a query.
    pub(super) fn assign_request<'a>(&'a self, query: &'a Query, features: &'a [AssignedFeature]) -> AssignRequest<'a> {
        AssignRequest::new(self.factors(), query, features, &self.names)
    }

    /// A request for an answer, with all that is kept here.
    pub(super) fn answer_request<'a>(
        &'a self,
        query: &'a Query,
        features: &'a [AssignedFeature],
        beliefs: &'a Beliefs<'a>,
        support: &'a Support,
    ) -> AnswerRequest<'a> {
        AnswerRequest::new(query, features, beliefs, self.memory(), support)
            .titles(&self.titles)
            .names(&self.names)
            .setting_aside(self.model.set_aside(), self.model.language())
    }

    /// True for an interaction that may not be shown: nothing else is left of it, the user said of all its factors that they
    /// are not them, or its response is a text that speaks of what is set aside.
    pub(super) fn is_hidden(&self, heard: &MemoryItem) -> bool {
        let is_hidden = |whole: &MemoryItem| {
            let is_nothing = heard.query().text() == NOTHING && whole.query().text() != NOTHING;
            is_nothing || whole.response() != heard.response() || self.model.is_disowned(whole)
        };
        self.heard().is_some() && self.model.memory().get(heard.id()).is_some_and(is_hidden)
    }
}

/// The names of a model's factors, not indexed yet.
fn names_of(model: &UserModel) -> Arc<FactorNames> {
    Arc::new(FactorNames::in_language(model.language()))
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Prepared").field(&self.model).finish()
    }
}
