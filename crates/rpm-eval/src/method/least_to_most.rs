//! Least-to-most prompting: sub-questions first, then the answer.

use async_trait::async_trait;

use rpm_core::data::{History, Query};
use rpm_core::llm::UsageReport;
use rpm_core::prompt::frame;

use super::ask::{Ask, Asker};
use super::rag::{Choice, Shown};
use super::{Bench, Method, MethodError, Prediction, Session, retrievers};

/// Least-to-most prompting (Zhou et al. 2022): the model breaks the query down into at most three sub-questions, then
/// answers them in order and gives its response. Both times it sees the `k` past interactions most like the query.
///
/// Two requests for each query. The paper asks each sub-question in a request of its own; here the answers are written
/// in one, in order, before the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LeastToMost {
    k: usize,
}

/// The instructions for the model when it breaks a query down.
const QUESTIONS: &str = "You get past texts, each with the response the person gave, and one new text without a response. \
                         Do not answer yet. Write at most 3 short questions about the new text, numbered, the easiest \
                         first, whose answers lead to the response this person would give to it.";

/// The most tokens of all sub-questions together.
const QUESTION_TOKENS: u32 = 120;

/// The instructions for the model when it answers.
const RULES: &str = "You answer as one particular person would. You get past texts of this person, each with the response \
                     the person gave, then questions about the new text. First answer the questions in order, one short \
                     sentence each, then give the response this person would give to the new text, not your own.";

/// The text it writes before its response, and the most tokens of it.
const FIRST: (&str, u32) = ("your answers to the questions, in order", 200);

impl LeastToMost {
    /// Shows `k` past interactions.
    pub(super) fn new(k: usize) -> Self {
        Self { k }
    }
}

struct Ready {
    shown: Shown,
    k: usize,
    usage: UsageReport,
}

#[async_trait]
impl Method for LeastToMost {
    fn name(&self) -> String {
        "least-to-most".to_owned()
    }

    fn asks_model(&self) -> bool {
        true
    }

    async fn learn(&self, history: &History, bench: &Bench<'_>) -> Result<Box<dyn Session>, MethodError> {
        let shown = Shown::new(history, Choice::Retrieved(retrievers::bm25_queries()), bench).await?;
        Ok(Box::new(Ready { shown, k: self.k, usage: UsageReport::default() }))
    }
}

impl Ready {
    async fn ask_all(&mut self, asker: &Asker<'_>, query: &Query) -> Result<Prediction, MethodError> {
        let near = self.shown.first(query, self.k, &asker.context()).await?;
        let examples = asker.examples(near.into_iter().map(|(interaction, _)| interaction), |_| None);
        let asked = format!("{examples}\n{}", asker.new_item(query));
        let questions = asker.write(QUESTIONS, "your numbered questions", &asked, QUESTION_TOKENS).await?;
        // A model wrote them about the user's texts, so they are data as these are.
        let shown = format!("{examples}\nQuestions about the new text:\n{}", frame(&questions));
        Ok(asker.ask(query, &Ask { rules: RULES, shown, first: Some(FIRST), ..Ask::default() }).await?.prediction)
    }
}

#[async_trait]
impl Session for Ready {
    async fn answer(&mut self, query: &Query, bench: &Bench<'_>) -> Result<Prediction, MethodError> {
        let asker = Asker::new(bench)?;
        let outcome = self.ask_all(&asker, query).await;
        self.usage.add(&asker.usage());
        outcome
    }

    fn usage(&mut self) -> UsageReport {
        std::mem::take(&mut self.usage)
    }
}
