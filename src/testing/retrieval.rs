//! The checks of retrievers.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::thread::{self, Thread};

use super::ConformanceError;
use super::memories::{Asked, Person, SAME, Step};
use super::vectors;
use crate::data::ReasoningMemory;
use crate::embed::{Embedder, HashedEmbedder};
use crate::llm::Ledger;
use crate::prompt::{PromptSet, StageContext};
use crate::retrieve::{RetrievalRequest, RetrieveError, Retrieved, Retriever};
use crate::stats::Beliefs;

/// Checks a retriever on made-up memories, and returns how many checks it passed.
///
/// Checked are: order, ties by position, different positions inside the memory, finite scores and similarities from 0
/// to 1; that fewer items are a prefix of more; none for 0, all for more than there are, nothing from an empty memory;
/// that an item which says what the query says is found; the same answer again, from a new retriever, from a clone of
/// the memory and on several threads at once; that another user's memory, an edited one and other statistics are not
/// mixed up; and that after each of several changes it [`follow`](Retriever::follow)ed, of items that come and go
/// anywhere, it answers what a new retriever answers. The memories hold duplicates, texts without words, and times that are missing or extreme.
///
/// One check polls on threads of its own, outside of any runtime; a retriever that needs one must bring it.
///
/// # Errors
/// [`ConformanceError::Broken`] with every check that failed.
pub async fn retriever_conformance<R, F>(make: F) -> Result<usize, ConformanceError>
where
    R: Retriever,
    F: Fn() -> R,
{
    let mut run = Run::default();
    ranking(&mut run, &make).await?;
    run.result()
}

/// [`retriever_conformance`] for a retriever over an embedder, and what such a one must do beyond: refuse vectors of
/// the wrong length or number and values that are not finite by [`RetrieveError::Embed`], without the user's text in
/// the error and without harm to the next request; give no NaN for vectors of zeros or of the largest values; and keep
/// the vectors of two embedders apart.
///
/// # Errors
/// [`ConformanceError::Broken`] with every check that failed.
pub async fn embedding_retriever_conformance<R, F>(make: F) -> Result<usize, ConformanceError>
where
    R: Retriever,
    F: Fn(Arc<dyn Embedder>) -> R,
{
    let mut run = Run::default();
    ranking(&mut run, &|| make(Arc::new(HashedEmbedder::default()))).await?;
    vectors::checks(&mut run, &make).await?;
    run.result()
}

#[derive(Default)]
pub(super) struct Run {
    checks: usize,
    failed: Vec<String>,
}

impl Run {
    pub(super) fn check(&mut self, name: &str, passed: bool) {
        self.checks += 1;
        if !passed {
            self.failed.push(format!("- {name}"));
        }
    }

    pub(super) fn result(self) -> Result<usize, ConformanceError> {
        match self.failed {
            failed if failed.is_empty() => Ok(self.checks),
            failed => Err(ConformanceError::Broken { checks: self.checks, failed }),
        }
    }

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

/// One question to a retriever.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) memory: &'a ReasoningMemory,
    pub(super) asked: &'a Asked,
    pub(super) beliefs: Option<&'a Beliefs<'a>>,
}

impl Question<'_> {
    pub(super) async fn ask(self, retriever: &impl Retriever, k: usize) -> Result<Vec<Retrieved>, RetrieveError> {
        let (prompts, ledger) = (PromptSet::default(), Ledger::new());
        let request = RetrievalRequest::new(self.memory, &self.asked.query, &self.asked.features, k);
        let request = match self.beliefs {
            Some(beliefs) => request.beliefs(beliefs),
            None => request,
        };
        retriever.retrieve(request, &StageContext::offline(&prompts, &ledger)).await
    }

    /// All that a request for everything gives; `None` for an error.
    async fn all(self, retriever: &impl Retriever) -> Option<Vec<Retrieved>> {
        self.ask(retriever, self.memory.len()).await.ok()
    }
}

async fn ranking<R: Retriever>(run: &mut Run, make: &impl Fn() -> R) -> Result<(), ConformanceError> {
    // The one that is asked everything; each answer must be that of a new one about a new memory.
    let retriever = make();
    let (persons, asked) = (Person::all()?, Asked::all()?);
    let memories = persons.iter().map(Person::memory).collect::<Result<Vec<_>, _>>()?;
    for asked in &asked {
        for (person, memory) in persons.iter().zip(&memories) {
            for (n, beliefs) in person.beliefs().iter().enumerate() {
                let statistics = ["without statistics", "with statistics", "with other statistics"];
                let name =
                    format!("{}, {}, {}", person.name, asked.name, statistics.get(n).copied().unwrap_or_default());
                let question = Question { memory, asked, beliefs: beliefs.as_ref() };
                one(run, &name, question, &retriever).await;
                let fresh = person.memory()?;
                let new = Question { memory: &fresh, ..question }.all(&make()).await;
                run.check(
                    &format!("{name}: what a new retriever answers about a new memory"),
                    question.all(&retriever).await == new,
                );
                let on_threads = on_threads(Question { memory: &person.memory()?, ..question }, &make());
                run.check(
                    &format!("{name}: the same on several threads"),
                    on_threads.iter().all(|answer| *answer == new),
                );
            }
        }
    }
    edited(run, &retriever, make, &persons, &asked).await?;
    followed(run, &retriever, make, &persons, &asked).await
}

async fn one(run: &mut Run, name: &str, question: Question<'_>, retriever: &impl Retriever) {
    let n = question.memory.len();
    let whole = question.ask(retriever, n).await;
    run.check(&format!("{name}: is answered"), whole.is_ok());
    let Ok(whole) = whole else { return };
    run.check_ranking(name, &whole, n, n);
    for k in [0, 1, 2, 3, n / 2, n.saturating_sub(1)] {
        let some = question.ask(retriever, k).await.unwrap_or_default();
        if k == 0 {
            run.check(&format!("{name}: nothing for k = 0"), some.is_empty());
        }
        run.check(&format!("{name}: at most k items"), some.len() <= k);
        let prefix = whole.get(..k.min(whole.len())).unwrap_or_default();
        run.check(&format!("{name}: fewer are a prefix of more"), some.get(..k.min(some.len())) == Some(prefix));
    }
    for k in [n + 1, n + 100, usize::MAX] {
        let more = question.ask(retriever, k).await.ok();
        run.check(&format!("{name}: all there are for k beyond them"), more.as_ref() == Some(&whole));
    }
    let again = question.all(retriever).await;
    run.check(&format!("{name}: the same answer again"), again.as_ref() == Some(&whole));
    let clone = question.memory.clone();
    let of_clone = Question { memory: &clone, ..question }.all(retriever).await;
    run.check(&format!("{name}: the same from a clone of the memory"), of_clone.as_ref() == Some(&whole));
    if question.asked.query.text() == SAME && n > 0 {
        let same = |hit: &Retrieved| question.memory.items().get(hit.position).map(|item| item.query().text());
        let found = whole.iter().any(|hit| same(hit) == Some(SAME));
        run.check(&format!("{name}: an item that says what the query says is found"), found);
    }
}

/// An item that was taken out is not found any more.
async fn edited<R: Retriever>(
    run: &mut Run,
    retriever: &R,
    make: &impl Fn() -> R,
    persons: &[Person],
    asked: &[Asked],
) -> Result<(), ConformanceError> {
    let Some(person) = persons.first() else { return Ok(()) };
    let memory = person.memory()?;
    for asked in asked {
        let before = Question { memory: &memory, asked, beliefs: None };
        let _ = before.all(retriever).await;
        let kept = || ReasoningMemory::new(memory.items().iter().skip(3).cloned());
        let (edited, new) = (kept(), kept());
        let found = Question { memory: &edited, ..before }.all(retriever).await;
        let name = format!("an edited memory, {}", asked.name);
        run.check_ranking(&name, found.as_deref().unwrap_or_default(), edited.len(), edited.len());
        let expected = Question { memory: &new, ..before }.all(&make()).await;
        run.check(&format!("{name}: what a new retriever answers about a new memory"), found == expected);
    }
    Ok(())
}

/// A memory that changes step by step, with the retriever following, is answered about as if it had always been so.
async fn followed<R: Retriever>(
    run: &mut Run,
    retriever: &R,
    make: &impl Fn() -> R,
    persons: &[Person],
    asked: &[Asked],
) -> Result<(), ConformanceError> {
    let Some(person) = persons.first() else { return Ok(()) };
    let statistics = person.beliefs();
    let questions: Vec<_> =
        asked.iter().flat_map(|asked| statistics.iter().map(move |b| (asked, b.as_ref()))).collect();
    let mut memory = person.memory()?;
    for Step { name, gone, new } in Step::all()? {
        // The answers make the indexes that are to follow.
        for &(asked, beliefs) in &questions {
            let _ = Question { memory: &memory, asked, beliefs }.all(retriever).await;
        }
        let (after, change) = memory.changed(&gone, new);
        let (prompts, ledger) = (PromptSet::default(), Ledger::new());
        let result = retriever.follow(&after, &change, &StageContext::offline(&prompts, &ledger)).await;
        run.check(&format!("a memory that changes, {name}: is followed"), result.is_ok());
        for &(asked, beliefs) in &questions {
            let found = Question { memory: &after, asked, beliefs }.all(retriever).await;
            let new = ReasoningMemory::new(after.items().iter().cloned());
            let expected = Question { memory: &new, asked, beliefs }.all(&make()).await;
            let name = format!("a memory that changes, {name}, {}", asked.name);
            run.check(&format!("{name}: what a new retriever answers about a new memory"), found == expected);
        }
        memory = after;
    }
    Ok(())
}

/// What several threads get that share a retriever and a memory nothing was derived from yet.
fn on_threads(question: Question<'_>, retriever: &impl Retriever) -> Vec<Option<Vec<Retrieved>>> {
    thread::scope(|scope| {
        let started: Vec<_> = (0..3).map(|_| scope.spawn(|| wait(question.all(retriever)))).collect();
        started.into_iter().map(|thread| thread.join().unwrap_or_default()).collect()
    })
}

/// Drives a future on this thread.
pub(super) fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}
