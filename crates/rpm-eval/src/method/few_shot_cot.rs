//! Few-shot chain of thought: past interactions with rationales, then the answer.

use std::collections::BTreeMap;

use async_trait::async_trait;

use rpm_core::data::{History, Interaction, ItemId, Query};
use rpm_core::llm::UsageReport;

use super::ask::{Ask, Asker};
use super::rag::{Choice, Shown};
use super::{Bench, Method, MethodError, Prediction, Session, cot, retrievers};

/// Few-shot chain of thought with generic rationales (Zhang et al. 2022, Auto-CoT, over retrieved examples; the paper's
/// generic CoT): the model sees the `k` past interactions most like the query, each with a rationale for its response,
/// writes its reasoning and then its response. Where nothing is like the query it is asked as [`cot`] asks it.
///
/// A rationale is written by the model from nothing but its own interaction, once, when that first serves as an
/// example: at most `k` requests more than the one for the answer. The model that learns ([`Bench::learner`]) writes
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FewShotCot {
    k: usize,
}

/// The instructions for the model when it writes a rationale.
const RATIONALE: &str = "You get one past text with the response the person gave. Explain in one to three short sentences, \
                         step by step, how the text leads to that response. Say only what the text supports.";

/// The most tokens of a rationale.
const RATIONALE_TOKENS: u32 = 100;

/// The instructions for the model when it answers.
const RULES: &str = "You answer as one particular person would. The examples are past texts of this person, each with \
                     reasoning and the response the person gave. Reason about the new text in the same way: first write \
                     your reasoning in a few short sentences, then give the response this person would give, not your own.";

impl FewShotCot {
    /// Shows `k` past interactions.
    pub(super) fn new(k: usize) -> Self {
        Self { k }
    }
}

struct Ready {
    shown: Shown,
    k: usize,
    rationales: BTreeMap<ItemId, String>,
    usage: UsageReport,
}

#[async_trait]
impl Method for FewShotCot {
    fn name(&self) -> String {
        "few-shot-cot".to_owned()
    }

    fn asks_model(&self) -> bool {
        true
    }

    async fn learn(&self, history: &History, bench: &Bench<'_>) -> Result<Box<dyn Session>, MethodError> {
        let shown = Shown::new(history, Choice::Retrieved(retrievers::bm25_queries()), bench).await?;
        Ok(Box::new(Ready { shown, k: self.k, rationales: BTreeMap::new(), usage: UsageReport::default() }))
    }
}

impl Ready {
    async fn ask_all(
        &mut self,
        asker: &Asker<'_>,
        writer: &Asker<'_>,
        query: &Query,
    ) -> Result<Prediction, MethodError> {
        let near = self.shown.first(query, self.k, &asker.context()).await?;
        let near: Vec<&Interaction> = near.into_iter().map(|(interaction, _)| interaction).collect();
        for past in &near {
            if !self.rationales.contains_key(past.id()) {
                let text = writer
                    .write(RATIONALE, "your explanation", &writer.examples([*past], |_| None), RATIONALE_TOKENS)
                    .await?;
                self.rationales.insert(past.id().clone(), text);
            }
        }
        let shown = asker.examples(near, |past| self.rationales.get(past.id()).cloned());
        let rules = if shown.is_empty() { cot::RULES } else { RULES };
        let ask = Ask { rules, shown, first: Some(cot::FIRST), ..Ask::default() };
        Ok(asker.ask(query, &ask).await?.prediction)
    }
}

#[async_trait]
impl Session for Ready {
    async fn answer(&mut self, query: &Query, bench: &Bench<'_>) -> Result<Prediction, MethodError> {
        let (asker, writer) = (Asker::new(bench)?, Asker::learning(bench)?);
        let outcome = self.ask_all(&asker, &writer, query).await;
        self.usage.add(&writer.usage());
        self.usage.add(&asker.usage());
        outcome
    }

    fn usage(&mut self) -> UsageReport {
        std::mem::take(&mut self.usage)
    }

    fn counts(&self) -> Vec<(&'static str, u64)> {
        vec![("rationales", self.rationales.len() as u64)]
    }
}
