//! The checks of retrievers.

use std::sync::Arc;
use std::thread;

use super::error::ConformanceError;
use super::memories::{Asked, Person, SAME, Step};
use super::question::{Index, Question};
use super::tally::Tally;
use super::vectors;
use super::wait::wait;
use crate::context::StageContext;
use crate::data::ReasoningMemory;
use crate::embed::{Embedder, HashedEmbedder};
use crate::llm::Ledger;
use crate::prompt::PromptSet;
use crate::retrieve::{Applied, Retrieved, Retriever};

/// Checks a retriever on made-up memories, and returns how many checks it passed.
///
/// Checked are: order, ties by position, different positions inside the memory, finite scores and similarities from 0
/// to 1; that fewer items are a prefix of more; none for 0, all for more than there are, nothing from an empty memory;
/// that an item with the query's own text is found; the same answer again, from a new retriever, from a clone of
/// the memory, from the index that its bytes make and on several threads at once; that another user's memory, an edited
/// one and other statistics are not mixed up; that after each of several changes that an index
/// [applied](crate::retrieve::MemoryIndex::apply), of items that come and go anywhere, it answers what a new index answers; and that a copy
/// of an index may change while the index stays. The memories hold duplicates, texts without words, and times that are
/// missing or extreme.
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
    let mut run = Tally::default();
    ranking(&mut run, &make).await?;
    run.result()
}

/// [`retriever_conformance`] for a retriever over an embedder, and what such a one must do beyond: refuse vectors of
/// the wrong length or number and values that are not finite by [`RetrieveError::Embed`](crate::retrieve::RetrieveError::Embed), without the user's text in
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
    let mut run = Tally::default();
    ranking(&mut run, &|| make(Arc::new(HashedEmbedder::default()))).await?;
    vectors::checks(&mut run, &make).await?;
    run.result()
}

async fn ranking<R: Retriever>(run: &mut Tally, make: &impl Fn() -> R) -> Result<(), ConformanceError> {
    // The one that opens everything; each answer must be that of a new one about a new memory.
    let retriever = make();
    let (persons, asked) = (Person::all()?, Asked::all()?);
    let memories = persons.iter().map(Person::memory).collect::<Result<Vec<_>, _>>()?;
    for (person, memory) in persons.iter().zip(&memories) {
        for (n, beliefs) in person.beliefs().iter().enumerate() {
            let statistics = ["without statistics", "with statistics", "with other statistics"];
            let statistics = statistics.get(n).copied().unwrap_or_default();
            for asked in &asked {
                let name = format!("{}, {}, {statistics}", person.name, asked.name);
                let question = Question { memory, asked, beliefs: beliefs.as_ref() };
                let index = question.open(&retriever, &[]).await;
                run.check(&format!("{name}: is opened"), index.is_ok());
                let Ok(index) = index else { continue };
                one(run, &name, question, &index).await;
                let fresh = person.memory()?;
                let new = Question { memory: &fresh, ..question }.anew(&make()).await;
                run.check(
                    &format!("{name}: what a new retriever answers about a new memory"),
                    question.all(&index).await == new,
                );
                let saved = question.open(&make(), &index.bytes()).await;
                let of_saved = match &saved {
                    Ok(index) => question.all(index).await,
                    Err(_) => None,
                };
                run.check(&format!("{name}: the same from its bytes"), of_saved == new);
                let on_threads = on_threads(question, &index);
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

async fn one(run: &mut Tally, name: &str, question: Question<'_>, index: &Index) {
    let n = question.memory.len();
    let whole = question.rank(index, n).await;
    run.check(&format!("{name}: is answered"), whole.is_ok());
    let Ok(whole) = whole else { return };
    run.check_ranking(name, &whole, n, n);
    for k in [0, 1, 2, 3, n / 2, n.saturating_sub(1)] {
        let some = question.rank(index, k).await.unwrap_or_default();
        if k == 0 {
            run.check(&format!("{name}: nothing for k = 0"), some.is_empty());
        }
        run.check(&format!("{name}: at most k items"), some.len() <= k);
        let prefix = whole.get(..k.min(whole.len())).unwrap_or_default();
        run.check(&format!("{name}: fewer are a prefix of more"), some.get(..k.min(some.len())) == Some(prefix));
    }
    for k in [n + 1, n + 100, usize::MAX] {
        let more = question.rank(index, k).await.ok();
        run.check(&format!("{name}: all there are for k beyond them"), more.as_ref() == Some(&whole));
    }
    let again = question.all(index).await;
    run.check(&format!("{name}: the same answer again"), again.as_ref() == Some(&whole));
    let clone = question.memory.clone();
    let of_clone = Question { memory: &clone, ..question }.all(index).await;
    run.check(&format!("{name}: the same from a clone of the memory"), of_clone.as_ref() == Some(&whole));
    if question.asked.query.text() == SAME && n > 0 {
        let same = |hit: &Retrieved| question.memory.items().get(hit.position).map(|item| item.query().text());
        let found = whole.iter().any(|hit| same(hit) == Some(SAME));
        run.check(&format!("{name}: an item with the text of the query is found"), found);
    }
}

/// An item that was taken out is not found any more.
async fn edited<R: Retriever>(
    run: &mut Tally,
    retriever: &R,
    make: &impl Fn() -> R,
    persons: &[Person],
    asked: &[Asked],
) -> Result<(), ConformanceError> {
    let Some(person) = persons.first() else { return Ok(()) };
    let memory = person.memory()?;
    for asked in asked {
        let before = Question { memory: &memory, asked, beliefs: None };
        let _ = before.anew(retriever).await;
        let kept = || ReasoningMemory::new(memory.items().iter().skip(3).cloned());
        let (edited, new) = (kept(), kept());
        let found = Question { memory: &edited, ..before }.anew(retriever).await;
        let name = format!("an edited memory, {}", asked.name);
        run.check_ranking(&name, found.as_deref().unwrap_or_default(), edited.len(), edited.len());
        let expected = Question { memory: &new, ..before }.anew(&make()).await;
        run.check(&format!("{name}: what a new retriever answers about a new memory"), found == expected);
    }
    Ok(())
}

/// An index that applies one change after another answers as if the memory had always been so.
async fn followed<R: Retriever>(
    run: &mut Tally,
    retriever: &R,
    make: &impl Fn() -> R,
    persons: &[Person],
    asked: &[Asked],
) -> Result<(), ConformanceError> {
    let (Some(person), Some(first)) = (persons.first(), asked.first()) else { return Ok(()) };
    for beliefs in person.beliefs() {
        let mut memory = person.memory()?;
        let beliefs = beliefs.as_ref();
        let Ok(mut index) = Question { memory: &memory, asked: first, beliefs }.open(retriever, &[]).await else {
            continue;
        };
        for Step { name, gone, new } in Step::all()? {
            let name = format!("a memory that changes, {name}");
            let before = memory.clone();
            let old = Question { memory: &before, asked: first, beliefs }.all(&index).await;
            let copy = index.copied();
            let (after, change) = memory.changed(&gone, new);
            let now = Question { memory: &after, asked: first, beliefs };
            let (prompts, ledger) = (PromptSet::default(), Ledger::new());
            let applied = index.apply(&change, now.view(), &StageContext::offline(&prompts, &ledger)).await;
            run.check(&format!("{name}: is followed"), applied.is_ok());
            if !matches!(applied, Ok(Applied::UpToDate)) {
                let Ok(opened) = now.open(retriever, &[]).await else { continue };
                index = opened;
            }
            for asked in asked {
                let found = Question { asked, ..now }.all(&index).await;
                let expected = Question { asked, ..now }.anew(&make()).await;
                let name = format!("{name}, {}", asked.name);
                run.check(&format!("{name}: what a new retriever answers about a new memory"), found == expected);
            }
            // Without copies there is none that could change.
            let stayed = match copy {
                Some(copy) => Question { memory: &before, asked: first, beliefs }.all(&copy).await == old,
                None => true,
            };
            run.check(&format!("{name}: a copy stays as it was"), stayed);
            memory = after;
        }
    }
    Ok(())
}

/// The answers that several threads get which share an index.
fn on_threads(question: Question<'_>, index: &Index) -> Vec<Option<Vec<Retrieved>>> {
    thread::scope(|scope| {
        let started: Vec<_> = (0..3).map(|_| scope.spawn(|| wait(question.all(index)))).collect();
        started.into_iter().map(|thread| thread.join().unwrap_or_default()).collect()
    })
}
