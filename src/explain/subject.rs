//! The answer that is explained: the counterfactuals to try, in order, and the effect of each.

use std::collections::{BTreeMap, BTreeSet};

use crate::data::{AssignedFeature, Exemplar, FactorId, ItemId, MemoryItem, Query, ReasoningMemory, ReasoningPath};
use crate::pause::pause;
use crate::reason::{Removal, Without, claims_support};
use crate::stats::{Beliefs, Estimate, Estimator};

use super::{Candidate, Cited, Effect, Evidence, ExemplarEffect, FactorEffect, Measure, Outcome, effect};

/// An answer as it was given.
pub(crate) struct Given<'a> {
    pub(crate) response: &'a str,
    pub(crate) query: &'a Query,
    /// The features that the path is over.
    pub(crate) features: &'a [AssignedFeature],
    /// The features that the answerer was asked with.
    pub(crate) asked: &'a [AssignedFeature],
    pub(crate) path: &'a ReasoningPath,
    pub(crate) exemplars: &'a [Exemplar],
    pub(crate) estimate: Option<&'a Estimate>,
    /// The estimate with a model's view, where the answer is its decision.
    pub(crate) fused: Option<&'a Estimate>,
    /// The yardstick of effects.
    pub(crate) measure: Measure,
    /// True when the answerer reads the memory itself, so that an interaction taken away has to be missing there too.
    pub(crate) sees_memory: bool,
}

/// The answer that is explained, with what all its counterfactuals share.
pub(crate) struct Subject<'a> {
    pub(super) given: Given<'a>,
    pub(super) beliefs: Beliefs<'a>,
    pub(super) memory: &'a ReasoningMemory,
    estimator: Option<&'a Estimator>,
    /// Every feature the answer names: those it was asked with, then the answerer's own.
    features: Vec<AssignedFeature>,
    /// The query without each of its factors, and the estimate for it; `None` for one that is not removable.
    without: BTreeMap<FactorId, Option<(Without, Option<Estimate>)>>,
}

/// One counterfactual, as the answerer is asked.
pub(crate) struct Case<'a> {
    pub(crate) query: &'a Query,
    pub(crate) features: Vec<AssignedFeature>,
    pub(crate) exemplars: Vec<Exemplar>,
    /// The memory, where it is not the user's whole one.
    pub(crate) memory: Option<ReasoningMemory>,
    pub(crate) estimate: Option<Estimate>,
    /// The estimator of that memory.
    pub(crate) estimator: Option<Estimator>,
}

impl<'a> Subject<'a> {
    /// Takes each factor out of the query once, with a pause before each: the estimate reads the whole query.
    pub(crate) async fn new(
        given: Given<'a>,
        beliefs: Beliefs<'a>,
        memory: &'a ReasoningMemory,
        estimator: Option<&'a Estimator>,
    ) -> Self {
        let mut features = given.asked.to_vec();
        if !std::ptr::eq(given.asked, given.features) {
            features.extend_from_slice(given.features);
        }
        let removal = Removal::new(given.query, &features);
        let factors: BTreeSet<&FactorId> = features.iter().filter_map(|assigned| assigned.factor.as_ref()).collect();
        let mut without = BTreeMap::new();
        for factor in factors {
            pause().await;
            let cut = removal.without(factor).map(|cut| {
                let left = cut.left(given.asked);
                let estimate = estimator.map(|e| e.of_query(&beliefs, &cut.query, &left));
                (cut, estimate)
            });
            without.insert(factor.clone(), cut);
        }
        Self { given, beliefs, memory, estimator, features, without }
    }

    /// The factors that the path cites, in order, each once.
    fn cited(&self) -> Vec<&'a FactorId> {
        let mut cited: Vec<&FactorId> = Vec::new();
        for factor in self.given.path.steps().iter().filter_map(|step| step.factor.as_ref()) {
            if !cited.contains(&factor) {
                cited.push(factor);
            }
        }
        cited
    }

    /// The things to take away, in the order in which they are tried.
    pub(crate) fn candidates(&self, with_exemplars: bool) -> Vec<Candidate> {
        let cited = self.cited();
        let mut others: Vec<(f64, &FactorId)> =
            self.without.keys().filter(|id| !cited.contains(id)).map(|id| (self.support(id), id)).collect();
        others.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        let mut exemplars = self.given.exemplars.iter().filter(|_| with_exemplars).map(|e| e.item.id());
        let mut order: Vec<Candidate> = cited.into_iter().cloned().map(Candidate::Factor).collect();
        for (_, other) in others {
            order.push(Candidate::Factor(other.clone()));
            order.extend(exemplars.next().cloned().map(Candidate::Exemplar));
        }
        order.extend(exemplars.cloned().map(Candidate::Exemplar));
        order
    }

    /// The support of a factor for the response before it is tried: by the estimate, or for free text by its
    /// information. A factor that is not removable comes last.
    fn support(&self, factor: &FactorId) -> f64 {
        let Some(Some((_, without))) = self.without.get(factor) else { return f64::NEG_INFINITY };
        let probability = |estimate: &Estimate| estimate.probability(self.given.response);
        match self.given.estimate.zip(without.as_ref()) {
            Some((with, without)) => probability(with) - probability(without),
            None => self.beliefs.information(factor),
        }
    }

    /// The question without this thing; `None` when it is not removable.
    pub(crate) fn case(&self, candidate: &Candidate) -> Option<Case<'_>> {
        match candidate {
            Candidate::Factor(id) => {
                let (cut, estimate) = self.without.get(id)?.as_ref()?;
                Some(Case {
                    query: &cut.query,
                    features: cut.left(self.given.asked),
                    exemplars: self.given.exemplars.to_vec(),
                    memory: None,
                    estimate: estimate.clone(),
                    estimator: None,
                })
            }
            Candidate::Exemplar(id) => self.without_exemplar(id),
        }
    }

    fn without_exemplar(&self, id: &ItemId) -> Option<Case<'_>> {
        let Given { query, asked, exemplars, .. } = self.given;
        let position = self.memory.position(id)?;
        let others = || self.memory.items().iter().filter(|item| item.id() != id);
        let estimator = self.estimator.and_then(|all| {
            let items: Vec<MemoryItem> = others().cloned().collect();
            all.of_others(position, self.beliefs.task(), self.beliefs.factors(), &items)
        });
        Some(Case {
            query,
            features: asked.to_vec(),
            exemplars: exemplars.iter().filter(|exemplar| exemplar.item.id() != id).cloned().collect(),
            memory: self.given.sees_memory.then(|| ReasoningMemory::new(others().cloned())),
            estimate: estimator.as_ref().map(|e| e.of_query(&self.beliefs, query, asked)),
            estimator,
        })
    }

    /// The change from the given answer to this response of a counterfactual, and its estimate with the model's view where there is one.
    pub(crate) fn effect(&self, case: &Case<'_>, response: &str, fused: Option<&Estimate>) -> Effect {
        let (given, without) = match self.given.fused.zip(fused) {
            Some((given, without)) => (Some(given), Some(without)),
            None => (self.given.estimate, case.estimate.as_ref()),
        };
        let given = Outcome { response: self.given.response, estimate: given };
        let without = Outcome { response, estimate: without };
        effect(self.beliefs.task(), self.given.measure, given, without)
    }

    /// A factor's effect with its statistics and the words it was seen in.
    pub(super) fn factor_effect(&self, id: &FactorId, effect: Effect) -> Option<FactorEffect> {
        let query = self.given.query;
        Some(FactorEffect {
            factor: self.beliefs.summary(self.beliefs.factors().get(id)?, Some(query)),
            cited: self.given.path.steps().iter().position(|step| step.factor.as_ref() == Some(id)),
            effect,
            evidence: Evidence::in_query(query, &self.features, id),
        })
    }

    /// An exemplar's effect with its text.
    pub(super) fn exemplar_effect(&self, id: &ItemId, effect: Effect) -> Option<ExemplarEffect> {
        let exemplar = self.given.exemplars.iter().find(|exemplar| exemplar.item.id() == id)?;
        Some(ExemplarEffect {
            item: id.clone(),
            query: exemplar.item.query().text().to_owned(),
            response: exemplar.item.response().to_owned(),
            similarity: exemplar.similarity,
            effect,
        })
    }

    /// The cited factors with the effects that were found of them.
    pub(super) fn cited_with(&self, found: &[FactorEffect]) -> Vec<Cited> {
        let claims = |id: &FactorId| {
            let step = self.given.path.steps().iter().find(|step| step.factor.as_ref() == Some(id));
            step.is_none_or(|step| claims_support(self.given.query, self.given.features, self.given.path, step))
        };
        let cited = self.cited().into_iter().map(|id| {
            let found = found.iter().find(|factor| factor.factor.id == *id);
            Cited { size: found.map(|factor| factor.effect.size), towards: claims(id) }
        });
        cited.collect()
    }
}
