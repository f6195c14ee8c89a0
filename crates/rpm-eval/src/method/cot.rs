//! Zero-shot chain of thought: reasoning first, then the answer.

use async_trait::async_trait;

use rpm_core::data::{History, Query};
use rpm_core::llm::UsageReport;

use super::ask::{Ask, Asker};
use super::{Bench, Method, MethodError, Prediction, Session};

/// Zero-shot chain of thought (Kojima et al. 2022): the model sees the task and the query, writes its reasoning and
/// then its response. One request for each query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cot;

/// The instructions for the model.
pub(super) const RULES: &str = "Think step by step: first write your reasoning in a few short sentences, then give the \
                                response that follows from it.";

/// The text it writes before its response, and the most tokens of it.
pub(super) const FIRST: (&str, u32) = ("your reasoning, step by step", 200);

struct Ready(UsageReport);

#[async_trait]
impl Method for Cot {
    fn name(&self) -> String {
        "cot".to_owned()
    }

    fn asks_model(&self) -> bool {
        true
    }

    async fn learn(&self, _: &History, _: &Bench<'_>) -> Result<Box<dyn Session>, MethodError> {
        Ok(Box::new(Ready(UsageReport::default())))
    }
}

#[async_trait]
impl Session for Ready {
    async fn answer(&mut self, query: &Query, bench: &Bench<'_>) -> Result<Prediction, MethodError> {
        let asker = Asker::new(bench)?;
        let outcome = asker.ask(query, &Ask { rules: RULES, first: Some(FIRST), ..Ask::default() }).await;
        self.0.add(&asker.usage());
        Ok(outcome?.prediction)
    }

    fn usage(&mut self) -> UsageReport {
        std::mem::take(&mut self.0)
    }
}
