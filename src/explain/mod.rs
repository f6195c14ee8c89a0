//! Says why an answer came out as it did: the [`Reasons`] as they were given, and [`WhatIf`] one of them had been
//! missing.
//!
//! [`Answer::reasons`](crate::Answer::reasons) tells what an answer was made from, at no cost.
//! [`RpmPipeline::explain`](crate::RpmPipeline::explain) tests it: one factor or exemplar is taken away at a time and
//! the question asked again.
//!
//! ```text
//! given answer → Subject → candidates → Case (one thing taken away) → asked again → Effect → Findings → WhatIf
//! ```
//!
//! [`RpmPipeline::explain`](crate::RpmPipeline::explain) has the definition of a counterfactual. The order of the
//! stages is the pipeline's; here are what is taken away, what is made of the change, and how it is told.
//!
//! Guide: [the method](crate::guide::method).

mod effect;
mod evidence;
mod faithfulness;
mod findings;
mod plain;
mod render;
mod subject;
mod waterfall;
mod why;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::data::{FactorId, ItemId};
use crate::llm::{BudgetLimit, UsageReport};
use crate::stats::FactorSummary;

pub use effect::{Effect, Measure};
pub use evidence::{Evidence, PastEvidence};
pub use faithfulness::Faithfulness;
pub use waterfall::{Waterfall, WaterfallStep, WaterfallUnit};
pub use why::{CitedStep, Contribution, ExemplarSummary, ModelPart, Reasons, SetAside};

pub(crate) use evidence::past_evidence;
pub(crate) use findings::Findings;
pub(crate) use subject::{Case, Given, Subject};

use effect::{Outcome, effect};
use faithfulness::{Cited, faithfulness};

/// The extent of an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExplainOptions {
    pub(crate) counterfactuals: usize,
    pub(crate) exemplars: bool,
    pub(crate) evidence: usize,
}

impl Default for ExplainOptions {
    fn default() -> Self {
        Self { counterfactuals: 8, exemplars: true, evidence: 3 }
    }
}

impl ExplainOptions {
    /// The most counterfactuals that are tried. With a model each is a request, or more where a reply cannot be used.
    /// Default: 8.
    #[must_use]
    pub fn counterfactuals(mut self, most: usize) -> Self {
        self.counterfactuals = most;
        self
    }

    /// Takes no exemplars away, factors alone. Default: exemplars are tried too.
    #[must_use]
    pub fn factors_alone(mut self) -> Self {
        self.exemplars = false;
        self
    }

    /// The most past interactions quoted for each factor. Default: 3.
    #[must_use]
    pub fn evidence(mut self, most: usize) -> Self {
        self.evidence = most;
        self
    }
}

/// An answer's dependence on each factor and exemplar, tested: each was taken away in turn and the question asked
/// again. [`RpmPipeline::explain`](crate::RpmPipeline::explain) makes it; [`Reasons`] tells instead what an answer was
/// made from.
///
/// It quotes the user's own material, in [`Display`](fmt::Display) and as data; treat it as such. `Debug` prints ids
/// and numbers only.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WhatIf {
    /// The task's word for a response.
    pub response_name: String,
    /// The response that is explained.
    pub response: String,
    /// The yardstick of the effects.
    pub measure: Measure,
    /// The factors that were taken out, the one with the largest effect first; equals by the estimate's change, then in
    /// the order of citation, then by id.
    pub factors: Vec<FactorEffect>,
    /// The exemplars that were taken away, the one with the largest effect first; equals by the estimate's change, then
    /// by id.
    pub exemplars: Vec<ExemplarEffect>,
    /// The things that were not tried, in the order in which they would have been, and why.
    pub untried: Vec<Untried>,
    /// The agreement of the path with what the counterfactuals show.
    pub faithfulness: Faithfulness,
    /// The limit of the budget that was reached; `None` when it sufficed.
    pub budget_reached: Option<BudgetLimit>,
    /// Calls and tokens by stage.
    pub usage: UsageReport,
}

/// One factor of the query and what became of the answer without it.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FactorEffect {
    /// Its statistics, over the responses open to the query.
    pub factor: FactorSummary,
    /// The first step of the path that cites it, from 0; `None` when none does.
    pub cited: Option<usize>,
    /// The change of the answer.
    pub effect: Effect,
    /// The words it was seen in.
    pub evidence: Evidence,
}

/// One exemplar and what became of the answer without it.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ExemplarEffect {
    /// The interaction.
    pub item: ItemId,
    /// The question.
    pub query: String,
    /// The user's response.
    pub response: String,
    /// Its similarity to the query, from 0 to 1.
    pub similarity: f64,
    /// The change of the answer.
    pub effect: Effect,
}

/// A factor or an exemplar that may be taken away to test an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Candidate {
    /// A factor of the query.
    Factor(FactorId),
    /// An interaction that the answer rests on.
    Exemplar(ItemId),
}

/// A [`Candidate`] that was not taken away, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Untried {
    /// The thing that was not taken away.
    pub candidate: Candidate,
    /// Why not.
    pub reason: UntriedReason,
}

/// Why a counterfactual was not tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UntriedReason {
    /// [`ExplainOptions::counterfactuals`] were tried.
    Enough,
    /// The budget was reached.
    Budget,
    /// It is not removable: without its words the query would say nothing.
    NothingLeft,
    /// It was tried, and the answerer gave no answer.
    NoAnswer,
}

impl UntriedReason {
    /// The reason in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enough => "as many as allowed were tried",
            Self::Budget => "the budget was reached",
            Self::NothingLeft => "nothing would be left of the query",
            Self::NoAnswer => "there was no answer without it",
        }
    }
}

impl fmt::Debug for WhatIf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WhatIf")
            .field("measure", &self.measure)
            .field("factors", &self.factors)
            .field("exemplars", &self.exemplars)
            .field("untried", &self.untried)
            .field("faithfulness", &self.faithfulness)
            .field("budget_reached", &self.budget_reached)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for FactorEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FactorEffect")
            .field("factor", &self.factor.id)
            .field("cited", &self.cited)
            .field("effect", &self.effect)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ExemplarEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExemplarEffect")
            .field("item", &self.item)
            .field("similarity", &self.similarity)
            .field("effect", &self.effect)
            .finish_non_exhaustive()
    }
}
