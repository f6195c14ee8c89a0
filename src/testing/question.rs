//! One question about a memory, asked of a retriever under test.

use super::memories::Asked;
use super::tally::Tally;
use crate::context::StageContext;
use crate::data::ReasoningMemory;
use crate::llm::Ledger;
use crate::prompt::PromptSet;
use crate::retrieve::{MemoryIndex, MemoryView, RetrievalRequest, RetrieveError, Retrieved, Retriever, SavedIndex};
use crate::stats::Beliefs;

/// One question about a memory.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) memory: &'a ReasoningMemory,
    pub(super) asked: &'a Asked,
    pub(super) beliefs: Option<&'a Beliefs<'a>>,
}

impl<'a> Question<'a> {
    pub(super) fn view(self) -> MemoryView<'a> {
        let view = MemoryView::new(self.memory);
        self.beliefs.map_or(view, |beliefs| view.factors(beliefs.factors()))
    }

    /// The retriever's index of the memory.
    pub(super) async fn open(self, retriever: &impl Retriever, saved: &[SavedIndex]) -> Result<Index, RetrieveError> {
        let (prompts, ledger) = (PromptSet::default(), Ledger::new());
        retriever.open(self.view(), saved, &StageContext::offline(&prompts, &ledger)).await
    }

    /// The answer of an index.
    pub(super) async fn rank(self, index: &Index, k: usize) -> Result<Vec<Retrieved>, RetrieveError> {
        let (prompts, ledger) = (PromptSet::default(), Ledger::new());
        let request = RetrievalRequest::new(self.memory, &self.asked.query, &self.asked.features, k);
        let request = match self.beliefs {
            Some(beliefs) => request.beliefs(beliefs),
            None => request,
        };
        index.rank(request, &StageContext::offline(&prompts, &ledger)).await
    }

    /// The answer of a new index.
    pub(super) async fn ask(self, retriever: &impl Retriever, k: usize) -> Result<Vec<Retrieved>, RetrieveError> {
        self.rank(&self.open(retriever, &[]).await?, k).await
    }

    /// All that a request for everything gives; `None` for an error.
    pub(super) async fn all(self, index: &Index) -> Option<Vec<Retrieved>> {
        self.rank(index, self.memory.len()).await.ok()
    }

    /// All that a new index gives; `None` for an error.
    pub(super) async fn anew(self, retriever: &impl Retriever) -> Option<Vec<Retrieved>> {
        self.ask(retriever, self.memory.len()).await.ok()
    }
}

pub(super) type Index = Box<dyn MemoryIndex>;

impl Tally {
    /// Checks what every ranking must be, and for `k` items.
    pub(super) fn check_ranking(&mut self, name: &str, ranking: &[Retrieved], memory: usize, k: usize) {
        self.check(&format!("{name}: at most k items"), ranking.len() <= k);
        self.check(&format!("{name}: positions in the memory"), ranking.iter().all(|hit| hit.position < memory));
        let mut positions: Vec<usize> = ranking.iter().map(|hit| hit.position).collect();
        positions.sort_unstable();
        positions.dedup();
        self.check(&format!("{name}: each position once"), positions.len() == ranking.len());
        self.check(&format!("{name}: finite scores"), ranking.iter().all(|hit| hit.score.is_finite()));
        let fair = |hit: &Retrieved| (0.0..=1.0).contains(&hit.similarity);
        self.check(&format!("{name}: similarities from 0 to 1"), ranking.iter().all(fair));
        let pairs = || ranking.iter().zip(ranking.iter().skip(1));
        self.check(&format!("{name}: best first"), pairs().all(|(a, b)| a.score.total_cmp(&b.score).is_ge()));
        let tied = |(a, b): (&Retrieved, &Retrieved)| a.score.total_cmp(&b.score).is_ne() || a.position < b.position;
        self.check(&format!("{name}: equal scores by position"), pairs().all(tied));
    }
}
