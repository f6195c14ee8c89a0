//! The conformance suite finds the retrievers that break the contract, and asks no more than it says.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail loudly")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use pollster::block_on;
use rpm_core::answer::StatisticalAnswerer;
use rpm_core::context::StageContext;
use rpm_core::data::MemoryChange;
use rpm_core::embed::Embedder;
use rpm_core::extract::LexicalExtractor;
use rpm_core::factor::SimilarityFactorModel;
use rpm_core::reason::ComposedPathWriter;
use rpm_core::retrieve::{
    Applied, Bm25Retriever, MemoryIndex, MemoryView, OverlapRetriever, RetrievalRequest, RetrieveError, Retrieved,
    SavedIndex, top_k,
};
use rpm_core::testing::{ConformanceError, embedding_retriever_conformance, retriever_conformance};
use rpm_core::{History, Interaction, Query, ResponseSpace, Retriever, RpmPipeline, Task, async_trait};

#[test]
fn a_pipeline_lends_its_retriever_the_statistics_of_the_user() {
    let task = Task::new("How does the user vote?", ResponseSpace::labels(["yes", "no"]).unwrap()).unwrap();
    let rows = [("gripping plot", "yes"), ("weak acting", "no"), ("gripping music", "yes"), ("weak story", "no")];
    let interaction =
        |(n, (text, vote))| Interaction::new(format!("i{n}"), Query::new(text).unwrap(), vote).unwrap().at(n);
    let history = History::new(&task, "user", (0..).zip(rows).map(interaction)).unwrap();
    let known = Arc::new(Mutex::new(None));
    let told = Arc::clone(&known);
    let pipeline = RpmPipeline::builder(task)
        .extractor(LexicalExtractor::default())
        .factor_model(SimilarityFactorModel::default())
        .path_writer(ComposedPathWriter::default())
        .answerer(StatisticalAnswerer)
        .retriever(spoilt(move |all, request| {
            *told.lock().unwrap() = request.beliefs.map(|beliefs| beliefs.factors().len());
            first(all, request.k)
        }))
        .build()
        .unwrap();
    let model = block_on(async { pipeline.open(pipeline.learn(&history).await?.model).await }).unwrap();
    block_on(pipeline.personalize(&model, &Query::new("gripping plot").unwrap())).unwrap();
    assert_eq!(*known.lock().unwrap(), Some(model.model().factors().len()));
}

/// The sound ranking of the whole memory, spoilt.
struct Spoilt<F>(Arc<F>);

struct SpoiltIndex<F> {
    sound: Box<dyn MemoryIndex>,
    spoil: Arc<F>,
}

#[async_trait]
impl<F> Retriever for Spoilt<F>
where
    F: Fn(Vec<Retrieved>, &RetrievalRequest<'_>) -> Vec<Retrieved> + Send + Sync + 'static,
{
    async fn open(
        &self,
        view: MemoryView<'_>,
        saved: &[SavedIndex],
        ctx: &StageContext<'_>,
    ) -> Result<Box<dyn MemoryIndex>, RetrieveError> {
        let sound = OverlapRetriever::default().open(view, saved, ctx).await?;
        Ok(Box::new(SpoiltIndex { sound, spoil: Arc::clone(&self.0) }))
    }
}

#[async_trait]
impl<F> MemoryIndex for SpoiltIndex<F>
where
    F: Fn(Vec<Retrieved>, &RetrievalRequest<'_>) -> Vec<Retrieved> + Send + Sync,
{
    async fn rank(
        &self,
        request: RetrievalRequest<'_>,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<Retrieved>, RetrieveError> {
        let mut all = request;
        all.k = usize::MAX;
        Ok((self.spoil)(self.sound.rank(all, ctx).await?, &request))
    }
}

fn spoilt<F>(spoil: F) -> Spoilt<F>
where
    F: Fn(Vec<Retrieved>, &RetrievalRequest<'_>) -> Vec<Retrieved> + Send + Sync + 'static,
{
    Spoilt(Arc::new(spoil))
}

fn first(mut ranking: Vec<Retrieved>, k: usize) -> Vec<Retrieved> {
    ranking.truncate(k);
    ranking
}

fn hit(position: usize, score: f64) -> Retrieved {
    Retrieved { position, score, similarity: score }
}

#[track_caller]
fn caught<R: Retriever>(by: &str, make: impl Fn() -> R) {
    found(by, block_on(retriever_conformance(make)));
}

#[track_caller]
fn found(by: &str, result: Result<usize, ConformanceError>) {
    match result {
        Err(ConformanceError::Broken { failed, .. }) => {
            assert!(failed.iter().any(|line| line.ends_with(by)), "{by}: {failed:#?}");
        }
        other => panic!("{by}: {other:?}"),
    }
}

#[test]
fn an_index_that_only_ranks_passes_every_check() {
    let checks = block_on(retriever_conformance(|| spoilt(|all, request| first(all, request.k)))).unwrap();
    assert_eq!(checks, block_on(retriever_conformance(Bm25Retriever::default)).unwrap());
}

#[test]
fn a_faulty_ranking_is_caught_by_name() {
    caught(": best first", || {
        spoilt(|mut all, request| {
            all.reverse();
            first(all, request.k)
        })
    });
    caught(": equal scores by position", || {
        spoilt(|mut all, request| {
            all.sort_by(|a, b| b.score.total_cmp(&a.score).then(b.position.cmp(&a.position)));
            first(all, request.k)
        })
    });
    caught(": at most k items", || spoilt(|all, request| first(all, request.k.saturating_add(1))));
    caught(": nothing for k = 0", || spoilt(|all, request| first(all, request.k.max(1))));
    caught(": all there are for k beyond them", || {
        spoilt(|all, request| {
            let k = if request.k > request.memory.len() { 0 } else { request.k };
            first(all, k)
        })
    });
    caught(": positions in the memory", || spoilt(|_, request| first(vec![hit(0, 0.5)], request.k.max(1))));
    caught(": positions in the memory", || {
        spoilt(|all, request| first(all.into_iter().map(|h| hit(h.position + 1, h.score)).collect(), request.k))
    });
    caught(": each position once", || {
        spoilt(|all, request| first(all.into_iter().flat_map(|hit| [hit, hit]).collect(), request.k))
    });
    caught(": finite scores", || {
        spoilt(|mut all, request| {
            all.iter_mut().take(1).for_each(|hit| hit.score = f64::NAN);
            first(all, request.k)
        })
    });
    caught(": similarities from 0 to 1", || {
        spoilt(|all, request| {
            first(all.into_iter().map(|h| Retrieved { similarity: h.score * 3.0, ..h }).collect(), request.k)
        })
    });
    caught(": an item with the text of the query is found", || spoilt(|_, _| Vec::new()));
}

#[test]
fn a_ranking_whose_depth_depends_on_k_is_caught() {
    // Looks at twice as many as asked for, and reorders them.
    caught(": fewer are a prefix of more", || {
        spoilt(|all, request| {
            let seen = first(all, request.k.saturating_mul(2));
            top_k(seen.iter().map(|h| hit(h.position, h.position as f64 / 100.0)), request.k)
        })
    });
}

#[test]
fn a_ranking_that_changes_is_caught() {
    let calls = Arc::new(AtomicUsize::new(0));
    caught(": the same answer again", || {
        let calls = Arc::clone(&calls);
        spoilt(move |all, request| {
            let turn = calls.fetch_add(1, Ordering::SeqCst) as f64 / 1e6;
            first(all.into_iter().map(|h| Retrieved { score: h.score + turn, ..h }).collect(), request.k)
        })
    });
    let own = std::thread::current().id();
    caught(": the same on several threads", || {
        spoilt(move |all, request| if std::thread::current().id() == own { first(all, request.k) } else { Vec::new() })
    });
    caught(": the same from a clone of the memory", || {
        let seen: Mutex<Option<usize>> = Mutex::default();
        spoilt(move |all, request| {
            let place = std::ptr::from_ref(request.memory) as usize;
            let first_seen = *seen.lock().unwrap().get_or_insert(place);
            if place == first_seen { first(all, request.k) } else { Vec::new() }
        })
    });
}

#[test]
fn what_is_kept_from_another_memory_or_other_statistics_is_caught() {
    caught(": what a new retriever answers about a new memory", || {
        let kept: Mutex<Option<Vec<Retrieved>>> = Mutex::default();
        spoilt(move |all, request| {
            let kept = kept.lock().unwrap().get_or_insert(all).clone();
            first(kept.into_iter().filter(|hit| hit.position < request.memory.len()).collect(), request.k)
        })
    });
    // Its key does not say whose statistics they are.
    caught("with other statistics: what a new retriever answers about a new memory", || {
        let kept: Mutex<HashMap<String, Vec<Retrieved>>> = Mutex::default();
        spoilt(move |all, request| {
            let texts = request.memory.items().iter().map(|item| item.query().text());
            let key = format!("{} {} {:?}", request.query.text(), request.features.len(), texts.collect::<Vec<_>>());
            first(kept.lock().unwrap().entry(key).or_insert(all).clone(), request.k)
        })
    });
}

#[derive(Clone, Copy, PartialEq)]
enum Following {
    Sound,
    /// The index stays as it is.
    Stale,
    /// What came is not there.
    Deaf,
    /// What went is still there.
    Clinging,
    /// What came is put behind all others.
    Behind,
    /// What went is taken out the first first.
    FirstFirst,
    /// Fails.
    Failing,
    /// Its copies are no copies.
    Shared,
    /// Its bytes are those of an index without items.
    Forgetful,
}

/// Ranks by how many words of the query an item has, over texts that follow the memory.
struct Words(Following);

#[derive(Clone)]
struct WordsIndex {
    following: Following,
    texts: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Retriever for Words {
    async fn open(
        &self,
        view: MemoryView<'_>,
        saved: &[SavedIndex],
        _: &StageContext<'_>,
    ) -> Result<Box<dyn MemoryIndex>, RetrieveError> {
        let texts = match saved.iter().find(|saved| saved.name() == "words") {
            Some(saved) => serde_json::from_slice(saved.bytes()).map_err(|error| RetrieveError::Index(error.into()))?,
            None => view.memory.items().iter().map(|item| item.query().text().to_owned()).collect(),
        };
        Ok(Box::new(WordsIndex { following: self.0, texts: Arc::new(Mutex::new(texts)) }))
    }
}

#[async_trait]
impl MemoryIndex for WordsIndex {
    async fn rank(&self, request: RetrievalRequest<'_>, _: &StageContext<'_>) -> Result<Vec<Retrieved>, RetrieveError> {
        let words: Vec<&str> = request.query.text().split(' ').collect();
        let score = |text: &String| words.iter().filter(|word| text.contains(**word)).count() as f64;
        let texts = self.texts.lock().unwrap();
        let hits = texts.iter().take(request.memory.len()).map(score).enumerate();
        Ok(top_k(hits.map(|(position, score)| hit(position, score / words.len() as f64)), request.k))
    }

    async fn apply(
        &mut self,
        change: &MemoryChange,
        view: MemoryView<'_>,
        _: &StageContext<'_>,
    ) -> Result<Applied, RetrieveError> {
        let mut texts = self.texts.lock().unwrap();
        let mut removed = change.removed().to_vec();
        if self.following != Following::FirstFirst {
            removed.reverse();
        }
        if !matches!(self.following, Following::Stale | Following::Clinging) {
            for at in removed {
                // The faulty one asks for places that are not there any more.
                let len = texts.len();
                texts.drain(at.min(len)..(at + 1).min(len));
            }
        }
        if !matches!(self.following, Following::Stale | Following::Deaf) {
            for &at in change.inserted() {
                let place = if self.following == Following::Behind { texts.len() } else { at.min(texts.len()) };
                texts.insert(place, view.memory.items().get(at).unwrap().query().text().to_owned());
            }
        }
        match self.following {
            Following::Failing => Err(RetrieveError::Other("out".into())),
            _ => Ok(Applied::UpToDate),
        }
    }

    fn bytes(&self) -> Vec<SavedIndex> {
        let texts = self.texts.lock().unwrap();
        let kept = if self.following == Following::Forgetful { &[][..] } else { &texts[..] };
        vec![SavedIndex::new("words", serde_json::to_vec(kept).unwrap())]
    }

    fn copied(&self) -> Option<Box<dyn MemoryIndex>> {
        let texts = self.texts.lock().unwrap().clone();
        let own = Self { following: self.following, texts: Arc::new(Mutex::new(texts)) };
        Some(Box::new(if self.following == Following::Shared { self.clone() } else { own }))
    }
}

#[test]
fn a_retriever_that_does_not_follow_as_it_should_is_caught() {
    assert!(block_on(retriever_conformance(|| Words(Following::Sound))).is_ok());
    let by = [
        (Following::Stale, "comes last, a query that is a past one"),
        (Following::Deaf, "comes last, a query that is a past one"),
        (Following::Clinging, "items go, a query that is a past one"),
        (Following::Behind, "items come between others, a query of several words"),
        (Following::FirstFirst, "items go, a query that is a past one"),
    ];
    for (fault, step) in by {
        caught(&format!("{step}: what a new retriever answers about a new memory"), || Words(fault));
    }
    caught("an item comes last: is followed", || Words(Following::Failing));
    caught("items go: a copy stays as it was", || Words(Following::Shared));
    caught(": the same from its bytes", || Words(Following::Forgetful));
}

/// Takes vectors as they come.
struct Unchecked(Arc<dyn Embedder>);

struct UncheckedIndex {
    embedder: Arc<dyn Embedder>,
    vectors: Vec<Vec<f32>>,
}

#[async_trait]
impl Retriever for Unchecked {
    async fn open(
        &self,
        view: MemoryView<'_>,
        _: &[SavedIndex],
        _: &StageContext<'_>,
    ) -> Result<Box<dyn MemoryIndex>, RetrieveError> {
        let texts: Vec<String> = view.memory.items().iter().map(|item| item.query().text().to_owned()).collect();
        Ok(Box::new(UncheckedIndex { embedder: Arc::clone(&self.0), vectors: self.0.embed(&texts).await? }))
    }
}

#[async_trait]
impl MemoryIndex for UncheckedIndex {
    async fn rank(&self, request: RetrievalRequest<'_>, _: &StageContext<'_>) -> Result<Vec<Retrieved>, RetrieveError> {
        let query = self.embedder.embed(&[request.query.text().to_owned()]).await?.pop().unwrap_or_default();
        let hits = self.vectors.iter().enumerate().map(|(position, vector)| {
            let dot: f32 = vector.iter().zip(&query).map(|(a, b)| a * b).sum();
            Retrieved { position, score: f64::from(dot), similarity: f64::from(dot).clamp(0.0, 1.0) }
        });
        Ok(top_k(hits, request.k))
    }
}

#[test]
fn a_retriever_that_takes_vectors_as_they_come_is_caught() {
    let result = || block_on(embedding_retriever_conformance(Unchecked));
    for (fault, check) in [
        ("NaN for the memory", "is refused by a typed error"),
        ("NaN for the query", "is refused by a typed error"),
        ("too short a vector for the memory", "is refused by a typed error"),
        ("too many vectors for the memory", "is refused by a typed error"),
    ] {
        found(&format!("an embedder that gives {fault}: {check}"), result());
    }
    found("vectors of the largest values: finite scores", result());
}
