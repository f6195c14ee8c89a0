//! The checks of retrievers over an embedder.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use super::error::{ConformanceError, with_causes};
use super::memories::{Asked, Person, UNHEARD};
use super::question::Question;
use super::tally::Tally;
use crate::embed::{EmbedError, Embedder, HashedEmbedder};
use crate::retrieve::{RetrieveError, Retriever};

/// A fault of an embedder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    NotANumber,
    Infinite,
    TooShort,
    TooLong,
    TooFew,
    TooMany,
    Failure,
}

const FAULTS: [(Fault, &str); 7] = [
    (Fault::NotANumber, "NaN"),
    (Fault::Infinite, "an infinite value"),
    (Fault::TooShort, "too short a vector"),
    (Fault::TooLong, "too long a vector"),
    (Fault::TooFew, "too few vectors"),
    (Fault::TooMany, "too many vectors"),
    (Fault::Failure, "an error"),
];

/// A sound embedder but for its fault, which it has for texts of the query or for the others, as long as it is ill.
struct Ill {
    sound: HashedEmbedder,
    fault: Fault,
    /// For texts with the word that only the query has.
    query: bool,
    now: AtomicBool,
}

#[async_trait]
impl Embedder for Ill {
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let mut vectors = self.sound.embed(texts).await?;
        let concerned = texts.iter().any(|text| text.contains(UNHEARD)) == self.query;
        if !concerned || !self.now.load(Ordering::SeqCst) {
            return Ok(vectors);
        }
        let last = vectors.pop().unwrap_or_default();
        let with = |value| last.iter().skip(1).copied().chain([value]).collect();
        match self.fault {
            Fault::NotANumber => vectors.push(with(f32::NAN)),
            Fault::Infinite => vectors.push(with(f32::INFINITY)),
            Fault::TooShort => vectors.push(last.iter().skip(1).copied().collect()),
            Fault::TooLong => vectors.push(last.iter().copied().chain([0.5]).collect()),
            Fault::TooFew => {}
            Fault::TooMany => vectors.extend([last.clone(), last]),
            Fault::Failure => return Err(EmbedError::Other("the embedder is out".into())),
        }
        Ok(vectors)
    }

    fn dimensions(&self) -> usize {
        self.sound.dimensions()
    }

    fn fingerprint(&self) -> String {
        self.sound.fingerprint()
    }
}

/// An embedder whose vectors have this value at every place.
struct Flat(f32);

#[async_trait]
impl Embedder for Flat {
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        Ok(vec![vec![self.0; self.dimensions()]; texts.len()])
    }

    fn dimensions(&self) -> usize {
        32
    }

    fn fingerprint(&self) -> String {
        format!("flat {}", self.0)
    }
}

pub(super) async fn checks<R: Retriever>(
    run: &mut Tally,
    make: &impl Fn(Arc<dyn Embedder>) -> R,
) -> Result<(), ConformanceError> {
    let persons = Person::all()?;
    let Some(person) = persons.first() else { return Ok(()) };
    let asked = Asked::new("a query", &format!("{UNHEARD} music, story"))?;
    let sound = || make(Arc::new(HashedEmbedder::default()));
    let memory = person.memory()?;
    let k = memory.len();
    let healthy = Question { memory: &memory, asked: &asked, beliefs: None }.ask(&sound(), k).await.ok();
    for (fault, gives) in FAULTS {
        for (query, of) in [(false, "the memory"), (true, "the query")] {
            let memory = person.memory()?;
            let question = Question { memory: &memory, asked: &asked, beliefs: None };
            let embedder = Arc::new(Ill { sound: HashedEmbedder::default(), fault, query, now: AtomicBool::new(true) });
            let retriever = make(Arc::<Ill>::clone(&embedder));
            let name = format!("an embedder that gives {gives} for {of}");
            let result = question.ask(&retriever, k).await;
            run.check(&format!("{name}: is refused by a typed error"), matches!(result, Err(RetrieveError::Embed(_))));
            if let Err(error) = &result {
                run.check(&format!("{name}: no text of the user in the error"), !with_causes(error).contains(UNHEARD));
            }
            embedder.now.store(false, Ordering::SeqCst);
            let after = question.ask(&retriever, k).await.ok();
            run.check(&format!("{name}: does not harm the next request"), after == healthy);
        }
    }
    for (value, of) in [(0.0, "zeros"), (f32::MAX, "the largest values"), (-f32::MAX, "the smallest values")] {
        let memory = person.memory()?;
        let question = Question { memory: &memory, asked: &asked, beliefs: None };
        let result = question.ask(&make(Arc::new(Flat(value))), k).await;
        let name = format!("vectors of {of}");
        run.check(&format!("{name}: is answered"), result.is_ok());
        run.check_ranking(&name, &result.unwrap_or_default(), k, k);
    }
    // One memory, two embedders in turn.
    for dimensions in [32, 256, 32] {
        let embedder = || make(Arc::new(HashedEmbedder::with_dimensions(dimensions)));
        let new = person.memory()?;
        let question = Question { memory: &memory, asked: &asked, beliefs: None };
        let expected = Question { memory: &new, ..question }.ask(&embedder(), k).await.ok();
        let found = question.ask(&embedder(), k).await.ok();
        run.check("two embedders and one memory: their vectors are kept apart", found.is_some() && found == expected);
    }
    Ok(())
}
