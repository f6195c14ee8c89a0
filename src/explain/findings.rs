//! The effects that were found, made into an explanation.

use std::cmp::Ordering;

use crate::llm::UsageReport;

use super::{
    Candidate, Effect, ExemplarEffect, FactorEffect, Subject, Untried, UntriedReason, WhatIf, faithfulness,
    past_evidence,
};

/// The effect of each thing that was tried, and the reasons why others were not.
#[derive(Default)]
pub(crate) struct Findings {
    factors: Vec<FactorEffect>,
    exemplars: Vec<ExemplarEffect>,
    untried: Vec<Untried>,
}

impl Findings {
    /// Enters one thing with its effect, or the reason why it was not tried.
    pub(crate) fn enter(&mut self, subject: &Subject<'_>, candidate: Candidate, found: Result<Effect, UntriedReason>) {
        match (found, candidate) {
            (Ok(effect), Candidate::Factor(id)) => self.factors.extend(subject.factor_effect(&id, effect)),
            (Ok(effect), Candidate::Exemplar(id)) => self.exemplars.extend(subject.exemplar_effect(&id, effect)),
            (Err(reason), candidate) => self.untried.push(Untried { candidate, reason }),
        }
    }

    /// True when no effect was found.
    pub(crate) fn is_empty(&self) -> bool {
        self.factors.is_empty() && self.exemplars.is_empty()
    }

    /// The explanation, with at most `evidence` past interactions quoted for each factor and nothing yet of its cost.
    pub(crate) fn into_what_if(self, subject: &Subject<'_>, evidence: usize) -> WhatIf {
        let Self { mut factors, mut exemplars, untried } = self;
        let sizes: Vec<f64> = factors.iter().map(|factor| factor.effect.size).collect();
        let faithfulness = faithfulness(&subject.cited_with(&factors), &sizes);
        let place = |factor: &FactorEffect| factor.cited.unwrap_or(usize::MAX);
        factors.sort_by(|a, b| {
            let ties = || place(a).cmp(&place(b)).then_with(|| a.factor.id.cmp(&b.factor.id));
            larger(&a.effect, &b.effect).then_with(ties)
        });
        exemplars.sort_by(|a, b| larger(&a.effect, &b.effect).then_with(|| a.item.cmp(&b.item)));
        let (given, known) = (&subject.given, subject.beliefs.factors());
        let wanted = factors.iter().map(|factor| &factor.factor.id);
        let mut past = past_evidence(known, subject.memory, given.exemplars, wanted, evidence);
        for factor in &mut factors {
            factor.evidence.past = past.remove(&factor.factor.id).unwrap_or_default();
        }
        WhatIf {
            response_name: subject.beliefs.task().response_name_str().to_owned(),
            response: given.response.to_owned(),
            measure: given.measure,
            factors,
            exemplars,
            untried,
            faithfulness,
            budget_reached: None,
            usage: UsageReport::default(),
        }
    }
}

/// The larger effect first; of equal ones the larger change of the estimate.
fn larger(a: &Effect, b: &Effect) -> Ordering {
    let change = |effect: &Effect| effect.estimate.unwrap_or_default();
    b.size.total_cmp(&a.size).then_with(|| change(b).total_cmp(&change(a)))
}
