//! Retrieval augmentation: the model sees past interactions and answers.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::Chance;
use rpm_core::data::{History, Interaction, Query, ReasoningMemory};
use rpm_core::llm::{BoxError, UsageReport};
use rpm_core::retrieve::{MemoryIndex, MemoryView, RetrievalRequest, Retriever};

use super::ask::{Ask, Asker};
use super::near::{bare_memory, opened};
use super::{Bench, Method, MethodError, Prediction, Session};

/// Which past interactions a prompt shows.
#[derive(Clone)]
pub enum Choice {
    /// The latest, the latest first.
    Latest,
    /// Any, anew for each query.
    Random,
    /// Those that a retriever finds for the query's text among the texts of the history.
    Retrieved(Arc<dyn Retriever>),
}

/// Retrieval augmentation (Salemi et al. 2023, `LaMP`): the model sees past interactions with their responses, and
/// answers.
#[derive(Debug, Clone)]
pub struct Rag {
    choice: Choice,
    k: usize,
}

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Latest => "Latest",
            Self::Random => "Random",
            Self::Retrieved(retriever) => retriever.name(),
        })
    }
}

/// The instructions for the model about the examples.
const RULES: &str = "You answer as one particular person would. The examples are past texts of this person, each with the \
                     response the person gave. Give the response this person would give, not your own.";

impl Rag {
    /// Shows `k` past interactions.
    pub fn new(choice: Choice, k: usize) -> Self {
        Self { choice, k }
    }
}

/// The interactions of a history in the order that a choice shows them, for one query after another.
pub(super) struct Shown {
    memory: ReasoningMemory,
    /// Of a retriever's choice.
    index: Option<Box<dyn MemoryIndex>>,
    choice: Choice,
    chance: Chance,
}

impl Shown {
    pub(super) async fn new(history: &History, choice: Choice, bench: &Bench<'_>) -> Result<Self, MethodError> {
        let memory = bare_memory(history)?;
        let index = match &choice {
            Choice::Retrieved(retriever) => Some(opened(&**retriever, MemoryView::new(&memory)).await?),
            _ => None,
        };
        Ok(Self { memory, index, choice, chance: Chance::of(bench.seed, history.user().as_str()) })
    }

    /// At most `k` interactions with their similarity, the best first.
    pub(super) async fn first(
        &mut self,
        query: &Query,
        k: usize,
        ctx: &rpm_core::context::StageContext<'_>,
    ) -> Result<Vec<(&Interaction, f64)>, MethodError> {
        let items = self.memory.items();
        let places: Vec<(usize, f64)> = match &self.choice {
            Choice::Latest => (0..items.len()).rev().take(k).map(|place| (place, 1.0)).collect(),
            Choice::Random => self.chance.sample(items.len(), k).into_iter().map(|place| (place, 1.0)).collect(),
            Choice::Retrieved(_) => {
                let Some(index) = &self.index else { return Ok(Vec::new()) };
                let found = index.rank(RetrievalRequest::new(&self.memory, query, &[], k), ctx).await;
                let found = found.map_err(|error| MethodError::Other(BoxError::from(error)))?;
                found.into_iter().map(|hit| (hit.position, hit.similarity)).collect()
            }
        };
        Ok(places.into_iter().filter_map(|(place, alike)| Some((items.get(place)?.interaction(), alike))).collect())
    }
}

struct Ready {
    shown: Shown,
    k: usize,
    usage: UsageReport,
}

#[async_trait]
impl Method for Rag {
    fn name(&self) -> String {
        "rag".to_owned()
    }

    fn asks_model(&self) -> bool {
        true
    }

    async fn learn(&self, history: &History, bench: &Bench<'_>) -> Result<Box<dyn Session>, MethodError> {
        let shown = Shown::new(history, self.choice.clone(), bench).await?;
        Ok(Box::new(Ready { shown, k: self.k, usage: UsageReport::default() }))
    }
}

#[async_trait]
impl Session for Ready {
    async fn answer(&mut self, query: &Query, bench: &Bench<'_>) -> Result<Prediction, MethodError> {
        let asker = Asker::new(bench)?;
        let near = self.shown.first(query, self.k, &asker.context()).await?;
        let shown = asker.examples(near.into_iter().map(|(interaction, _)| interaction), |_| None);
        let outcome = asker.ask(query, &Ask { rules: RULES, shown, ..Ask::default() }).await;
        self.usage.add(&asker.usage());
        Ok(outcome?.prediction)
    }

    fn usage(&mut self) -> UsageReport {
        std::mem::take(&mut self.usage)
    }
}
