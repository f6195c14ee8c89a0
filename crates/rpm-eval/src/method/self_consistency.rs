//! Self-consistency: the majority of several sampled chains of thought.

use async_trait::async_trait;

use crate::EvalError;
use rpm_core::data::{History, Query};
use rpm_core::llm::AskError;
use rpm_core::llm::UsageReport;

use super::ask::{Ask, Asker};
use super::rag::{Choice, Shown};
use super::spec::Options;
use super::{Bench, Method, MethodError, Prediction, Session, cot, retrievers};

/// Self-consistency (Wang et al. 2022): several chains of thought for each query, sampled, and the response that most
/// of them lead to.
///
/// `n` requests (5) for each query, at temperature 0.7 with the run's seed and the numbers that follow it; with `k`
/// past interactions (none) as examples. Ties go to the earliest sample. The probability of a response is its share of
/// the samples. A sample without a usable reply is left out; an error if none has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SelfConsistency {
    n: u32,
    k: usize,
}

/// Sampling temperature, as in the paper.
const TEMPERATURE: f32 = 0.7;

/// The instructions for the model where there are examples; without them they are those of [`cot`].
const WITH_EXAMPLES: &str = "You answer as one particular person would. The examples are past texts of this person, each \
                             with the response the person gave. Think step by step: first write your reasoning about the \
                             new text in a few short sentences, then give the response this person would give, not your \
                             own.";

impl SelfConsistency {
    /// Reads the options `n` and `k`.
    pub(super) fn read(options: &mut Options<'_>) -> Result<Self, EvalError> {
        let (n, k) = (options.number("n", 5)?, options.number("k", 0)?);
        if n == 0 {
            return Err(options.wrong("n is at least 1"));
        }
        Ok(Self { n, k })
    }
}

struct Ready {
    method: SelfConsistency,
    shown: Shown,
    usage: UsageReport,
}

#[async_trait]
impl Method for SelfConsistency {
    fn name(&self) -> String {
        "self-consistency".to_owned()
    }

    fn asks_model(&self) -> bool {
        true
    }

    async fn learn(&self, history: &History, bench: &Bench<'_>) -> Result<Box<dyn Session>, MethodError> {
        let shown = Shown::new(history, Choice::Retrieved(retrievers::bm25_queries()), bench).await?;
        Ok(Box::new(Ready { method: *self, shown, usage: UsageReport::default() }))
    }
}

/// The response most samples gave, the earliest of equals; `None` of none.
fn most(samples: &[String]) -> Option<&String> {
    let times = |response: &String| samples.iter().filter(|other| *other == response).count();
    // `max_by_key` keeps the last of equals, so the earliest comes last.
    samples.iter().rev().max_by_key(|response| times(response))
}

impl Ready {
    async fn ask_all(
        &mut self,
        asker: &Asker<'_>,
        query: &Query,
        bench: &Bench<'_>,
    ) -> Result<Prediction, MethodError> {
        let near = self.shown.first(query, self.method.k, &asker.context()).await?;
        let shown = asker.examples(near.into_iter().map(|(interaction, _)| interaction), |_| None);
        let rules = if shown.is_empty() { cot::RULES } else { WITH_EXAMPLES };
        let (mut samples, mut failed) = (Vec::new(), None);
        for n in 0..u64::from(self.method.n) {
            let ask = Ask {
                rules,
                shown: shown.clone(),
                first: Some(cot::FIRST),
                temperature: TEMPERATURE,
                seed: Some(bench.seed.wrapping_add(n)),
            };
            match asker.ask(query, &ask).await {
                Ok(outcome) => samples.extend(outcome.prediction.response),
                Err(error @ MethodError::Ask(AskError::Unusable { .. })) => failed = Some(error),
                Err(error) => return Err(error),
            }
        }
        let Some(response) = most(&samples) else {
            return Err(failed.unwrap_or(MethodError::Ask(AskError::NoResult)));
        };
        let share =
            |response: &String| samples.iter().filter(|other| *other == response).count() as f64 / samples.len() as f64;
        let probabilities = bench.task.responses(query).iter().map(share).collect();
        Ok(Prediction { probabilities, ..Prediction::response(response) })
    }
}

#[async_trait]
impl Session for Ready {
    async fn answer(&mut self, query: &Query, bench: &Bench<'_>) -> Result<Prediction, MethodError> {
        let asker = Asker::new(bench)?;
        let outcome = self.ask_all(&asker, query, bench).await;
        self.usage.add(&asker.usage());
        outcome
    }

    fn usage(&mut self) -> UsageReport {
        std::mem::take(&mut self.usage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_samples_win_and_ties_go_to_the_earliest() {
        let of = |samples: &[&str]| most(&samples.iter().map(ToString::to_string).collect::<Vec<_>>()).cloned();
        assert_eq!(of(&["3", "5", "5", "3"]).as_deref(), Some("3"));
        assert_eq!(of(&["3", "5", "5"]).as_deref(), Some("5"));
        assert_eq!(of(&["4"]).as_deref(), Some("4"));
        assert_eq!(of(&[]), None);
    }
}
