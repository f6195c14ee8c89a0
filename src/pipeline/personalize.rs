//! The order of the stages of an answer.

use crate::answer::Draft;
use crate::context::StageContext;
use crate::data::{
    AssignedFeature, Exemplar, Factor, FactorId, FactorStatus, Feature, ItemId, MemoryItem, Query, ReasoningPath,
};
use crate::extract::{Dropped, ExtractionRequest};
use crate::llm::Ledger;
use crate::model::Heard;
use crate::operation::{self, Operation};
use crate::reason::item_path;
use crate::retrieve::{RetrievalRequest, Retrieved};
use crate::stats::{Beliefs, Estimate, Muted, SIGNIFICANT, Support, Tier, gate};

use super::heard::HeardQuery;
use super::learn::{WrittenPath, unsound};
use super::{Answer, Error, LearnReport, Prepared, RpmPipeline};

impl RpmPipeline {
    /// Answers a query the way the user would, with the evidence.
    ///
    /// The response is inside the task's response space, or the call fails. The user model is not changed; paths written
    /// on the way are in [`Answer::written_paths`].
    ///
    /// # Errors
    /// [`Error`], with the stage that failed; [`Error::Budget`] when the budget did not suffice for an answer.
    ///
    /// # Cancellation
    /// Dropping the future stops; nothing is kept.
    pub async fn personalize(&self, prepared: &Prepared, query: &Query) -> Result<Answer, Error> {
        let ledger = self.ledger_on(prepared);
        Operation::named("personalize").on(&ledger).run(self.answering(prepared, query, ledger)).await
    }

    pub(super) async fn answering(&self, prepared: &Prepared, query: &Query, ledger: Ledger) -> Result<Answer, Error> {
        let model = prepared.model();
        self.check_task(model)?;
        self.task.check_query("query", query)?;
        let ctx = self.context(&ledger);
        let estimator = prepared.estimator_in_steps().await;
        let beliefs = prepared.beliefs();
        let (heard, features, mut dropped) = self.read_query(prepared, query, &ctx).await?;
        let read = heard.query();
        let retrieved = self.ranked(prepared, read, &features, &ctx).await?;
        let estimate = estimator.map(|estimator| estimator.of_query(&beliefs, read, &features));
        let support = self.support(&beliefs, prepared, &features, &retrieved, estimate.as_ref());
        operation::tier(support.tier.as_str());
        let mut exemplars = self.chosen(prepared, &support, &retrieved)?;
        let mut written_paths = Vec::new();
        if support.tier == Tier::Full && self.answerer.wants_paths() {
            written_paths = self.fill_in_paths(prepared, &mut exemplars, &beliefs, &ctx).await?;
        }
        let mut request = prepared.answer_request(read, &features, &beliefs, &support).exemplars(&exemplars);
        if let (Some(estimate), Some(estimator)) = (&estimate, estimator) {
            request = request.estimated(estimate, estimator);
        }
        let mut draft = self.answerer.answer(request, &ctx).await.map_err(Error::of_answer)?;
        self.check_response(query, &draft)?;
        let (features, asked) = match draft.features.take() {
            Some(found) => (own_features(prepared, read, found)?, Some(features)),
            None => (features, None),
        };
        check_path(&draft, &features)?;
        dropped.add(&draft.dropped);
        let whole = heard.all_in_whole(&features);
        let (read, set_aside) = heard.into_parts();
        Ok(Answer {
            drifting: drifting(prepared, &features),
            response: draft.response,
            stated: draft.stated,
            path: draft.path,
            features: whole,
            set_aside,
            exemplars,
            estimate,
            proposals: draft.proposals,
            fused: draft.fused,
            unfused: draft.unfused,
            support,
            dropped,
            usage: ledger.report(),
            written_paths,
            query: query.clone(),
            read: read.map(|query| (query, features)),
            asked,
        })
    }

    /// The query as it is read, and its features with their factors.
    async fn read_query<'q>(
        &self,
        prepared: &Prepared,
        query: &'q Query,
        ctx: &StageContext<'_>,
    ) -> Result<(HeardQuery<'q>, Vec<AssignedFeature>, Dropped), Error> {
        let mut heard = HeardQuery::new(prepared, query);
        let (factors, past) = (prepared.factors(), prepared.memory().items());
        let seen = ExtractionRequest::new(&self.task, "query", heard.query()).knowing(factors).past(past);
        let extraction = self.extractor.extract(seen, ctx).await.map_err(Error::of_extract)?;
        for (position, assigned) in extraction.features.iter().enumerate() {
            assigned.feature.check(heard.query(), "query", position)?;
        }
        let features = heard.without(prepared, extraction.features);
        let features = self.assign(prepared, features, heard.query(), ctx).await?;
        Ok((heard, features, extraction.dropped))
    }

    /// The past interactions most like the query.
    async fn ranked(
        &self,
        prepared: &Prepared,
        query: &Query,
        features: &[AssignedFeature],
        ctx: &StageContext<'_>,
    ) -> Result<Vec<Retrieved>, Error> {
        let (memory, beliefs) = (prepared.memory(), prepared.beliefs());
        let request = RetrievalRequest::new(memory, query, features, self.exemplars).beliefs(&beliefs);
        let index = prepared.index(&*self.retriever, &[], ctx).await.map_err(Error::of_retrieve)?;
        let retrieved = index.rank(request, ctx).await.map_err(Error::of_retrieve)?;
        check_ranking(&retrieved, self.exemplars, memory.len())?;
        Ok(retrieved)
    }

    /// The evidence there is for an answer, and the tier that it allows.
    fn support(
        &self,
        beliefs: &Beliefs<'_>,
        prepared: &Prepared,
        features: &[AssignedFeature],
        retrieved: &[Retrieved],
        estimate: Option<&Estimate>,
    ) -> Support {
        let mut known = prepared.factors().present_in_assigned(features);
        known.retain(|factor| factor.status() == FactorStatus::Established);
        let significant = known.iter().filter(|factor| beliefs.q(factor.id()) <= SIGNIFICANT).count();
        let best = retrieved.first().map_or(0.0, |hit| hit.similarity);
        gate(&self.thresholds, prepared.memory().len(), known.len(), significant, best, estimate)
    }

    /// The exemplars that the tier allows: alike enough, and not disowned by the user.
    fn chosen(&self, prepared: &Prepared, support: &Support, retrieved: &[Retrieved]) -> Result<Vec<Exemplar>, Error> {
        let mut exemplars = Vec::new();
        if support.tier < Tier::Pairs {
            return Ok(exemplars);
        }
        let (model, none) = (prepared.model(), Muted::default());
        let muted = prepared.heard().map_or(&none, Heard::muted);
        for hit in retrieved.iter().filter(|hit| hit.similarity >= self.thresholds.least_similarity) {
            let item = model.memory().items().get(hit.position);
            let item = item.ok_or(Error::Contract { part: "retriever", problem: "a position outside the memory" })?;
            let shown = model.heard_item(item, muted);
            if !prepared.is_hidden(&shown) {
                exemplars.push(Exemplar::new(shown, hit.score, hit.similarity));
            }
        }
        Ok(exemplars)
    }

    fn check_response(&self, query: &Query, draft: &Draft) -> Result<(), Error> {
        let inside = self.task.parse_response(query, &draft.response).as_deref() == Some(draft.response.as_str());
        if inside && draft.path.response() == draft.response {
            return Ok(());
        }
        Err(Error::Contract { part: "answerer", problem: "a response outside the task's response space" })
    }

    /// Gives each exemplar without a path one: composed from the statistics, or written by the path writer. What it wrote is
    /// returned.
    async fn fill_in_paths(
        &self,
        prepared: &Prepared,
        exemplars: &mut [Exemplar],
        beliefs: &Beliefs<'_>,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<(ItemId, ReasoningPath)>, Error> {
        for exemplar in exemplars.iter_mut().filter(|e| e.item.path().is_none() && e.item.is_composed()) {
            let path = item_path(&exemplar.item, beliefs).map_err(unsound)?;
            exemplar.item = exemplar.item.clone().with_path(path);
        }
        let missing: Vec<MemoryItem> =
            exemplars.iter().filter(|e| e.item.path().is_none()).map(|e| e.item.clone()).collect();
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        let past = prepared.memory().items();
        let written = self.write_all(&missing, past, beliefs, &mut LearnReport::default(), ctx).await?;
        for WrittenPath { item, path, .. } in &written {
            let of = exemplars.iter_mut().filter(|e| e.item.id() == item.id());
            of.for_each(|e| e.item = e.item.clone().with_path(path.clone()));
        }
        let kept = written.into_iter().filter(|written| written.keep && !self.path_writer.follows_from_statistics());
        let revision = prepared.model().revision();
        Ok(kept.map(|written| (written.item.id().clone(), written.path.begun_at(revision))).collect())
    }

    async fn assign(
        &self,
        prepared: &Prepared,
        features: Vec<AssignedFeature>,
        query: &Query,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<AssignedFeature>, Error> {
        let assigned = self.factor_model.assign(prepared.assign_request(query, &features), ctx).await;
        let assigned = assigned.map_err(Error::of_factor)?;
        let known = |factor: &Option<_>| factor.as_ref().is_none_or(|id| prepared.factors().get(id).is_some());
        if assigned.len() != features.len() || !assigned.iter().all(known) {
            return Err(Error::Contract { part: "factor model", problem: "a factor that the user does not have" });
        }
        let pairs = features.into_iter().zip(assigned);
        Ok(pairs.map(|(known, factor)| AssignedFeature { feature: known.feature, factor }).collect())
    }
}

/// The factors of these features that are drifting, in order of id.
fn drifting(prepared: &Prepared, features: &[AssignedFeature]) -> Vec<FactorId> {
    let present = prepared.factors().present_in_assigned(features);
    let alarm = |id: &&FactorId| prepared.drift(id).is_some_and(|drift| drift.alarm);
    present.into_iter().map(Factor::id).filter(alarm).cloned().collect()
}

/// A path cites what is there.
fn check_path(draft: &Draft, features: &[AssignedFeature]) -> Result<(), Error> {
    let bare: Vec<Feature> = features.iter().map(|assigned| assigned.feature.clone()).collect();
    let factor_of = |place: usize| features.get(place).and_then(|assigned| assigned.factor.clone());
    let (path, steps) = (&draft.path, draft.path.steps().to_vec());
    if ReasoningPath::new(steps, path.response(), path.origin(), &bare, factor_of).is_err() {
        return Err(Error::Contract { part: "answerer", problem: "a path that cites what is not there" });
    }
    Ok(())
}

/// Features that an answerer found itself: in the query, and of factors that the user has.
fn own_features(
    prepared: &Prepared,
    query: &Query,
    found: Vec<AssignedFeature>,
) -> Result<Vec<AssignedFeature>, Error> {
    for (position, assigned) in found.iter().enumerate() {
        assigned.feature.check(query, "query", position)?;
        if assigned.factor.as_ref().is_some_and(|id| prepared.factors().get(id).is_none()) {
            return Err(Error::Contract { part: "answerer", problem: "a factor that the user does not have" });
        }
    }
    Ok(found)
}

/// A ranking is at most `k` different positions of the memory, best first, equal scores by position.
fn check_ranking(ranking: &[Retrieved], k: usize, memory: usize) -> Result<(), Error> {
    let broken = |problem| Err(Error::Contract { part: "retriever", problem });
    if ranking.len() > k {
        return broken("more items than asked for");
    }
    if ranking.iter().any(|hit| hit.position >= memory) {
        return broken("a position outside the memory");
    }
    if ranking.iter().any(|hit| !hit.score.is_finite() || !(0.0..=1.0).contains(&hit.similarity)) {
        return broken("a score that is no number, or a similarity outside 0 to 1");
    }
    let ordered = |pair: &[Retrieved]| match pair {
        [a, b] => a.score > b.score || (a.score.total_cmp(&b.score).is_eq() && a.position < b.position),
        _ => true,
    };
    let different: std::collections::BTreeSet<usize> = ranking.iter().map(|hit| hit.position).collect();
    if different.len() < ranking.len() || !ranking.windows(2).all(ordered) {
        return broken("an item twice, or items out of order");
    }
    Ok(())
}
