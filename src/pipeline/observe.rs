//! The order of the stages when a user model changes: observing, learning again, editing, going back.

use crate::context::StageContext;
use crate::data::{DataError, Edit, History, Interaction, ItemId, MemoryChange, MemoryItem, ReasoningPath, limits};
use crate::llm::Moment;
use crate::model::{EditEffect, UserModel};
use crate::operation::{self, Operation};

use super::learn::outcome;
use super::{
    Error, ItemOutcome, LearnReport, Learned, ObserveOutcome, ObserveReport, ObservedItem, PathPolicy, Prepared,
    RpmPipeline,
};

/// New interactions with their features, and what it took to get them: all that is paid for before a model is changed.
#[derive(Debug, Clone)]
pub(crate) struct ReadItems {
    items: Vec<MemoryItem>,
    report: ObserveReport,
}

impl ReadItems {
    /// The same with nothing to take in, since something was forgotten after it was begun from what this model was.
    pub(super) fn overtaken(mut self, model: &UserModel) -> Self {
        for item in std::mem::take(&mut self.items) {
            let outcome = known(model, item.interaction()).unwrap_or(ObserveOutcome::Overtaken);
            let own = self.report.items.iter_mut().filter(|observed| observed.id == *item.id());
            own.for_each(|observed| observed.outcome = outcome.clone());
        }
        self
    }
}

impl RpmPipeline {
    /// Takes new interactions into an open user model without learning again.
    ///
    /// Their features are found as in [`learn`](Self::learn), go to the factors they fit or found
    /// [provisional](crate::data::FactorStatus) ones, and are counted. Observing one by one gives the same model as
    /// learning all at once, as long as the extractor finds the same features and the factor model groups by likeness;
    /// a factor model's own groups are kept, and what they do not hold joins the likest of them.
    ///
    /// The cost of an interaction newer than all others does not grow with the history, apart from the calibration,
    /// which is chosen anew each time the history has grown by a sixteenth. One that is older makes counts and factors
    /// anew.
    ///
    /// An id that is there with the same query, response and time changes nothing. One that is there with others is
    /// reported as [`Conflicting`](ObserveOutcome::Conflicting) and left as it is: forget it first. An interaction
    /// whose features could not be found is reported and *not* taken in; observe it again.
    ///
    /// # Errors
    /// [`Error::OtherTask`]; [`Error::Data`] naming the first interaction that cannot be used, or when the model would
    /// hold more than [`limits::INTERACTIONS`]; [`Error::Contract`] for a part that breaks its contract. Nothing is
    /// changed then, unless it was the path writer that broke it: the interactions are in, without paths.
    ///
    /// # Budget
    /// What was not asked for want of budget is reported as failed. Reasoning paths that could not be written are
    /// written on first use.
    ///
    /// # Cancellation
    /// Dropping the future leaves the model whole: as it was until all features are found and counted in, with the new
    /// interactions afterwards.
    pub async fn observe(
        &self,
        prepared: &mut Prepared,
        new: impl IntoIterator<Item = Interaction> + Send,
    ) -> Result<ObserveReport, Error> {
        let new: Vec<Interaction> = new.into_iter().collect();
        let ledger = self.ledger_on(prepared);
        let ctx = self.context(&ledger);
        let observing = async {
            let read = self.read_new(prepared.model(), new, &ctx).await?;
            let (mut report, ids) = self.count_in(prepared, read, &ctx).await;
            if self.paths == PathPolicy::Eager {
                let paths = self.write_new_paths(prepared.model(), &ids, &mut report, &ctx).await?;
                prepared.keep_paths(paths);
            }
            Ok::<_, Error>(report)
        };
        let mut report = Operation::named("observe").on(&ledger).run(observing).await?;
        report.usage = ledger.report();
        report.budget_reached = ledger.budget_reached();
        Ok(report)
    }

    /// Finds the features of the interactions that the model does not have.
    pub(crate) async fn read_new(
        &self,
        model: &UserModel,
        new: Vec<Interaction>,
        ctx: &StageContext<'_>,
    ) -> Result<ReadItems, Error> {
        self.check_task(model)?;
        operation::interactions(new.len() as u64);
        let mut report = ObserveReport::default();
        if new.is_empty() {
            return Ok(ReadItems { items: Vec::new(), report });
        }
        // Checks and orders them.
        let new = History::new(&self.task, model.user().as_str(), new)?;
        let mut fresh = Vec::new();
        for interaction in new.interactions() {
            match known(model, interaction) {
                Some(outcome) => report.items.push(ObservedItem::new(interaction.id().clone(), outcome, None)),
                None => fresh.push(interaction.clone()),
            }
        }
        let (size, limit) = (model.memory().len() + fresh.len(), limits::INTERACTIONS);
        if size > limit {
            let (item, what) = ("history".to_owned(), "number of interactions");
            return Err(DataError::TooLarge { item, what, size, limit }.into());
        }
        let mut items = Vec::new();
        let extractions = self.extract(&fresh, ctx).await?;
        for (interaction, extraction) in fresh.into_iter().zip(extractions) {
            let reading = extraction.as_ref().ok().map(|extraction| extraction.reading);
            let (features, outcome) = outcome(extraction, &mut report.dropped);
            let id = interaction.id().clone();
            let outcome = match outcome {
                ItemOutcome::Learned { features } => ObserveOutcome::Learned { features },
                ItemOutcome::NoFeatures => ObserveOutcome::NoFeatures,
                ItemOutcome::Failed { stage, reason } => ObserveOutcome::Failed { stage, reason },
            };
            if !matches!(outcome, ObserveOutcome::Failed { .. }) {
                items.push(MemoryItem::new(interaction, features)?);
            }
            report.items.push(ObservedItem::new(id, outcome, reading));
        }
        operation::failed_interactions(report.failed());
        report.items.sort_by(|a, b| a.id.cmp(&b.id));
        let items = self.judge_all(items, &mut report.unjudged, ctx).await?;
        Ok(ReadItems { items, report })
    }

    /// Takes in what was read, as far as the model does not have it by now. Asks no model, and can be done again on
    /// another state of the model. Gives the interactions that came.
    pub(super) async fn count_in(
        &self,
        prepared: &mut Prepared,
        read: ReadItems,
        ctx: &StageContext<'_>,
    ) -> (ObserveReport, Vec<ItemId>) {
        let ReadItems { items, mut report } = read;
        let mut fresh = Vec::with_capacity(items.len());
        for item in items {
            // Another writer may have been faster.
            match known(prepared.model(), item.interaction()) {
                Some(outcome) => {
                    let own = report.items.iter_mut().filter(|observed| observed.id == *item.id());
                    own.for_each(|observed| observed.outcome = outcome.clone());
                }
                None => fresh.push(item),
            }
        }
        let ids: Vec<ItemId> = fresh.iter().map(|item| item.id().clone()).collect();
        if !fresh.is_empty() {
            let groups = self.catalog_groups(&fresh);
            let (growth, change) = prepared.grow(fresh, groups).await;
            report.founded = growth.founded.into_iter().collect();
            report.established = growth.established.into_iter().collect();
            prepared.follow(&change, ctx).await;
        }
        report.revision = prepared.model().revision();
        (report, ids)
    }

    /// Has the paths of interactions written that came, and gives those to keep.
    pub(super) async fn write_new_paths(
        &self,
        model: &UserModel,
        ids: &[ItemId],
        report: &mut ObserveReport,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<(ItemId, ReasoningPath)>, Error> {
        let mut written = LearnReport::default();
        let paths = self.write_paths(model, ids, &mut written, ctx).await?;
        (report.paths_written, report.paths_composed) = (written.paths_written, written.paths_composed);
        Ok(paths)
    }

    /// Learns a user again from the interactions of their model, as after a change of extractor or prompts. Edits hold
    /// on: a factor is found again by its id, or else by its features. Snapshots end.
    ///
    /// # Errors
    /// As [`learn`](Self::learn); [`DataError::EmptyHistory`] for a model without interactions.
    ///
    /// # Cancellation
    /// Dropping the future stops; nothing is kept.
    pub async fn relearn(&self, model: &UserModel) -> Result<Learned, Error> {
        self.relearn_as_of(model, Moment::now()).await
    }

    /// The same with what was known at this moment.
    pub(super) async fn relearn_as_of(&self, model: &UserModel, moment: Moment) -> Result<Learned, Error> {
        let interactions = model.memory().items().iter().map(|item| item.interaction().clone());
        let history = History::new(&self.task, model.user().as_str(), interactions)?;
        let mut learned = self.learn_as_of(&history, moment).await?;
        learned.model.succeed(model);
        Ok(learned)
    }

    /// Tells what an edit would change, as [`UserModel::preview`] does, and changes nothing. Asks no model.
    ///
    /// # Errors
    /// [`Error::OtherTask`]; [`Error::Edit`] for an edit that cannot be made.
    pub fn preview(&self, prepared: &Prepared, edit: Edit) -> Result<EditEffect, Error> {
        self.check_task(prepared.model())?;
        Ok(prepared.preview(edit)?)
    }

    /// Enters an edit in the model, as [`UserModel::edit`] does, and gives its number.
    ///
    /// # Errors
    /// [`Error::Edit`]; nothing is changed then.
    ///
    /// # Cancellation
    /// Dropping the future leaves the model whole: as it was, or edited.
    pub async fn edit(&self, prepared: &mut Prepared, edit: Edit) -> Result<u32, Error> {
        let editing = async {
            let (number, change) = prepared.edit(edit)?;
            self.followed(prepared, &change).await;
            Ok(number)
        };
        Operation::named("edit").run(editing).await
    }

    /// Goes back to a snapshot, as [`UserModel::rollback`] does.
    ///
    /// # Errors
    /// [`Error::Edit`] when there is no such snapshot.
    ///
    /// # Cancellation
    /// Dropping the future leaves the model whole: as it was, or at the snapshot.
    pub async fn rollback(&self, prepared: &mut Prepared, snapshot: u32) -> Result<(), Error> {
        let change = prepared.roll_back(snapshot)?;
        self.followed(prepared, &change).await;
        Ok(())
    }

    /// Brings the index of a changed model up to date.
    pub(super) async fn followed(&self, prepared: &mut Prepared, change: &MemoryChange) {
        let ledger = self.ledger_on(prepared);
        prepared.follow(change, &self.context(&ledger)).await;
    }
}

/// The outcome of an interaction whose id the model has; `None` for a new id.
fn known(model: &UserModel, new: &Interaction) -> Option<ObserveOutcome> {
    let old = model.memory().get(new.id())?;
    Some(if old.interaction() == new { ObserveOutcome::Known } else { ObserveOutcome::Conflicting })
}
