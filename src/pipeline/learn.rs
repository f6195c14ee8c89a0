//! The order of the stages of learning.

use std::error::Error as _;

use crate::context::StageContext;
use crate::data::grouping::{Grouping, LIKENESS};
use crate::data::{DataError, Feature, History, Interaction, ItemId, MemoryItem, PathOrigin, ReasoningPath, UserId};
use crate::extract::{Dropped, ExtractError, Extraction, ExtractionRequest};
use crate::factor::{FactorError, FactorFit, FitRequest, SimilarityFactorModel};
use crate::llm::{Ledger, Moment, Stage};
use crate::model::fitted;
use crate::model::{Provenance, UserModel};
use crate::operation::{self, Operation};
use crate::pause::Pace;
use crate::reason::{PathRequest, WriteError, item_path};
use crate::stats::Beliefs;

use super::{Error, ItemOutcome, ItemReport, LearnReport, Learned, PathPolicy, RpmPipeline};

impl RpmPipeline {
    /// Learns a user: features, factors, statistics and reasoning paths of a history.
    ///
    /// The same history gives the same user model, byte for byte, whatever the order the interactions were handed over
    /// in and however many threads there are, as long as the backend gives the same replies.
    ///
    /// # Errors
    /// [`Error::NothingLearned`] when every interaction failed, [`Error::Budget`] when the budget did not suffice for
    /// one; [`Error::Factor`] when factors could not be fitted. An interaction that fails by itself is reported and
    /// stays in the memory without features.
    ///
    /// # Budget
    /// When the budget is reached, what was done stands and the rest is done without the model: interactions that were
    /// not asked about are reported as failed, groups that were not named keep the name of their most typical feature,
    /// paths are composed from the statistics. [`LearnReport::budget_reached`] says so.
    ///
    /// # Cancellation
    /// Dropping the future stops; nothing is kept.
    pub async fn learn(&self, history: &History) -> Result<Learned, Error> {
        self.learn_as_of(history, Moment::now()).await
    }

    /// The same with what was known at this moment.
    pub(super) async fn learn_as_of(&self, history: &History, moment: Moment) -> Result<Learned, Error> {
        let ledger = self.ledger().begun_at(moment);
        Operation::named("learn").on(&ledger).run(self.learning(history, ledger)).await
    }

    /// The model of a user of whom nothing is known yet, to open, to answer from beside a
    /// [population](crate::stats::population), and to [observe](Self::observe) into. Asks no model: there is nothing to group.
    ///
    /// # Errors
    /// [`Error::Factor`] when the factor model cannot do with nothing.
    pub async fn newcomer(&self, user: UserId) -> Result<UserModel, Error> {
        let ledger = self.ledger();
        let grouping = self.fit(&[], &mut LearnReport::default(), &self.context(&ledger)).await?;
        Ok(UserModel::grown(user, self.task.clone(), grouping, self.decay, Vec::new(), self.provenance()).await?)
    }

    pub(super) async fn learning(&self, history: &History, ledger: Ledger) -> Result<Learned, Error> {
        operation::interactions(history.len() as u64);
        let ctx = self.context(&ledger);
        let mut report = LearnReport::default();
        let items = self.extract_all(history, &mut report, &ctx).await?;
        let items = self.judge_all(items, &mut report.unjudged, &ctx).await?;
        let grouping = self.fit(&items, &mut report, &ctx).await?;
        let user = history.user().clone();
        let mut model =
            UserModel::grown(user, self.task.clone(), grouping, self.decay, items, self.provenance()).await?;
        if self.paths == PathPolicy::Eager {
            let ids: Vec<ItemId> = model.memory().items().iter().map(|item| item.id().clone()).collect();
            let paths = self.write_paths(&model, &ids, &mut report, &ctx).await?;
            model.keep_paths(paths);
        }
        operation::failed_interactions(report.failed());
        report.factors = model.factors().len();
        report.usage = ledger.report();
        report.budget_reached = ledger.budget_reached();
        Ok(Learned { model, report })
    }

    fn provenance(&self) -> Provenance {
        let asks =
            [self.extractor.needs_backend(), self.factor_model.needs_backend(), self.path_writer.needs_backend()];
        Provenance {
            extractor: self.extractor.name().to_owned(),
            factor_model: self.factor_model.name().to_owned(),
            path_writer: self.path_writer.name().to_owned(),
            catalog: self.catalog_mark(),
            prompts: if asks.contains(&true) { self.prompts.fingerprint() } else { String::new() },
        }
    }

    async fn extract_all(
        &self,
        history: &History,
        report: &mut LearnReport,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<MemoryItem>, Error> {
        for interaction in history.interactions() {
            // The history may have been checked against another task.
            self.task.check_query(interaction.id().as_str(), interaction.query())?;
            self.task.check_response(interaction.id().as_str(), interaction.query(), interaction.response())?;
        }
        let extractions = self.extract(history.interactions(), ctx).await?;
        if extractions.iter().all(Result::is_err) {
            if let Some(limit) = extractions.iter().find_map(|e| e.as_ref().err()?.budget_reached()) {
                return Err(Error::Budget { stage: Stage::Extract, limit });
            }
            let first = history.interactions().iter().zip(extractions).next();
            return Err(match first {
                Some((interaction, Err(source))) => {
                    Error::NothingLearned { item: interaction.id().clone(), source: Box::new(source) }
                }
                _ => Error::Contract { part: "feature extractor", problem: "no result for any query" },
            });
        }
        let (mut items, mut pace) = (Vec::with_capacity(history.len()), Pace::default());
        for (interaction, extraction) in history.interactions().iter().zip(extractions) {
            let reading = extraction.as_ref().ok().map(|extraction| extraction.reading);
            let (features, outcome) = outcome(extraction, &mut report.dropped);
            pace.step_features(interaction.query().text().len()).await;
            items.push(MemoryItem::new(interaction.clone(), features)?);
            report.items.push(ItemReport::new(interaction.id().clone(), outcome, reading));
        }
        Ok(items)
    }

    /// The features of past queries, one result each.
    pub(super) async fn extract(
        &self,
        interactions: &[Interaction],
        ctx: &StageContext<'_>,
    ) -> Result<Vec<Result<Extraction, ExtractError>>, Error> {
        let seen: Vec<ExtractionRequest<'_>> = interactions
            .iter()
            .map(|interaction| ExtractionRequest::new(&self.task, interaction.id().as_str(), interaction.query()))
            .collect();
        let extractions = self.extractor.extract_batch(&seen, ctx).await;
        if extractions.len() != seen.len() {
            return Err(Error::Contract { part: "feature extractor", problem: "not one result per query" });
        }
        Ok(extractions)
    }

    /// For open-ended tasks: the items with what swayed their responses; counts those that were not judged, or not
    /// whole.
    pub(super) async fn judge_all(
        &self,
        items: Vec<MemoryItem>,
        unjudged: &mut usize,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<MemoryItem>, Error> {
        if !self.task.space().is_open_ended() {
            return Ok(items);
        }
        let judged = self.factor_model.judge(FitRequest::new(&self.task, &items), ctx).await;
        if judged.len() != items.len() {
            return Err(Error::Contract { part: "factor model", problem: "not one judgement list per interaction" });
        }
        let mut with_judgements = Vec::with_capacity(items.len());
        for (item, judgements) in items.into_iter().zip(judged) {
            let judgements = judgements.unwrap_or_else(|_| {
                *unjudged += 1;
                Vec::new()
            });
            let missing = judgements.iter().filter(|judgement| judgement.is_none()).count();
            if missing > 0 && missing < judgements.len() {
                *unjudged += 1;
            }
            let mut judgements = judgements.into_iter();
            let features = item.features().iter().map(|feature| match judgements.next().flatten() {
                Some(judgement) => feature.clone().judged(judgement),
                None => feature.clone(),
            });
            with_judgements.push(MemoryItem::new(item.interaction().clone(), features.collect())?);
        }
        Ok(with_judgements)
    }

    async fn fit(
        &self,
        items: &[MemoryItem],
        report: &mut LearnReport,
        ctx: &StageContext<'_>,
    ) -> Result<Grouping, Error> {
        let groups = self.catalog_groups(items);
        let items = &*self.ungrouped(items);
        let fit = self.factor_model.fit(FitRequest::new(&self.task, items), ctx).await;
        let fit = match fit {
            Err(FactorError::Ask(_)) if ctx.ledger().budget_reached().is_some() => {
                let likely = SimilarityFactorModel::default();
                let groups = likely.groups_in_steps(FitRequest::new(&self.task, items)).await;
                FactorFit { unplaced: groups.len(), ..FactorFit::default().by_likeness(LIKENESS) }
            }
            fit => fit.map_err(|error| Error::Factor(Box::new(error)))?,
        };
        report.refused_groups = fit.refused;
        report.unplaced_groups = fit.unplaced;
        let mut grouping = fitted(fit).map_err(|error| Error::Factor(Box::new(FactorError::NotAPartition(error))))?;
        grouping.take_in(groups);
        Ok(grouping)
    }

    /// The reasoning path of a past interaction: the user's own or the model's, where there is one that holds, and
    /// otherwise composed from the statistics as they are now. Asks no model.
    ///
    /// # Errors
    /// [`Error::Data`] with [`DataError::UnknownItem`] for an interaction that is not in the memory.
    pub fn path(&self, model: &UserModel, item: &ItemId) -> Result<ReasoningPath, Error> {
        let known = model.memory().get(item).ok_or_else(|| DataError::UnknownItem { item: item.clone() })?;
        let shown = model.heard_item(known, &model.muted());
        match shown.path() {
            Some(path) => Ok(path.clone()),
            None => item_path(&shown, &model.beliefs()).map_err(unsound),
        }
    }

    /// Has the paths of these items written, and gives those to keep; where the writer fails, one that is composed from
    /// the statistics.
    pub(super) async fn write_paths(
        &self,
        model: &UserModel,
        ids: &[ItemId],
        report: &mut LearnReport,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<(ItemId, ReasoningPath)>, Error> {
        if self.path_writer.follows_from_statistics() {
            return Ok(Vec::new());
        }
        let muted = model.muted();
        let items: Vec<MemoryItem> =
            ids.iter().filter_map(|id| model.memory().get(id)).map(|item| model.heard_item(item, &muted)).collect();
        let beliefs = model.beliefs();
        let written = self.write_all(&items, model.memory().items(), &beliefs, report, ctx).await?;
        let kept = written.into_iter().filter(|path| path.keep);
        Ok(kept.map(|written| (written.item.id().clone(), written.path)).collect())
    }

    /// The path of every item; where the writer fails, it is composed from the statistics.
    pub(super) async fn write_all<'i>(
        &self,
        items: &'i [MemoryItem],
        past: &[MemoryItem],
        beliefs: &Beliefs<'_>,
        report: &mut LearnReport,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<WrittenPath<'i>>, Error> {
        let requests: Vec<PathRequest<'_>> =
            items.iter().map(|item| PathRequest::new(&self.task, item, beliefs).past(past)).collect();
        let paths = self.path_writer.write_batch(&requests, ctx).await;
        if paths.len() != items.len() {
            return Err(Error::Contract { part: "path writer", problem: "not one path per interaction" });
        }
        let mut written = Vec::with_capacity(items.len());
        for (item, path) in items.iter().zip(paths) {
            // What the budget did not suffice for is asked for when it is needed.
            let keep = !matches!(&path, Err(WriteError::Ask(ask)) if ask.budget_reached().is_some());
            let path = match path {
                Ok(path) => path,
                Err(_) => item_path(item, beliefs).map_err(unsound)?,
            };
            match path.origin() {
                PathOrigin::Statistics => report.paths_composed += 1,
                _ => report.paths_written += 1,
            }
            written.push(WrittenPath { item, path, keep });
        }
        Ok(written)
    }
}

/// A path, and whether it is to be kept.
pub(super) struct WrittenPath<'i> {
    pub(super) item: &'i MemoryItem,
    pub(super) path: ReasoningPath,
    pub(super) keep: bool,
}

pub(super) fn unsound(_: WriteError) -> Error {
    Error::Contract { part: "path writer", problem: "a composed path failed its check" }
}

pub(super) fn outcome(
    extraction: Result<Extraction, ExtractError>,
    dropped: &mut Dropped,
) -> (Vec<Feature>, ItemOutcome) {
    match extraction {
        Ok(extraction) => {
            dropped.add(&extraction.dropped);
            let features: Vec<Feature> = extraction.features.into_iter().map(|assigned| assigned.feature).collect();
            let outcome = match features.len() {
                0 => ItemOutcome::NoFeatures,
                features => ItemOutcome::Learned { features },
            };
            (features, outcome)
        }
        Err(error) => {
            let reason = match (error.budget_reached(), error.source()) {
                (Some(limit), _) => format!("the budget's limit of {limit} was reached"),
                (None, Some(cause)) => format!("{error}: {cause}"),
                (None, None) => error.to_string(),
            };
            (Vec::new(), ItemOutcome::Failed { stage: Stage::Extract, reason })
        }
    }
}
