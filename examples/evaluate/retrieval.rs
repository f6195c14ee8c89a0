//! Retrieval alone: `retrieve:NAME` or `retrieve:NAME@K` learns without a model and lets the K exemplars (5 unless
//! said) that a retriever finds vote by their similarity. A label or an option is the one of most weight, a rating the
//! point nearest to the weighted mean. Where nothing is found, the user's majority or median answers.
//!
//! `model` embeds with a model behind an OpenAI-compatible `/embeddings` (build with `--features providers`):
//! `RPM_EMBED_URL`, `RPM_EMBED_MODEL` and `RPM_EMBED_DIMENSIONS`.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rpm_core::{
    AssignedFeature, Beliefs, Bm25Retriever, Compared, DenseRetriever, FactorModel, Feature, HybridRetriever, Ledger,
    LexicalExtractor, MaxSimRetriever, MemoryItem, Observation, OverlapRetriever, PromptSet, Query, ReasoningMemory,
    RetrievalRequest, RetrieveError, Retrieved, Retriever, RpmPipeline, SimilarityFactorModel, Span, StageContext,
    UserModel, async_trait,
};

use crate::baselines;
use crate::data::{Kind, Row, Set};
use crate::metrics::Guess;

const PREFIX: &str = "retrieve:";

/// What is shown when a name is not known.
pub(crate) const NAMES: &str = "retrieve:{bm25,bm25-query,dense,dense-query,maxsim,overlap,hybrid,hybrid-overlap,model}, each with @K for K exemplars";

/// The retriever and the number of exemplars that a method names.
pub(crate) fn named(method: &str) -> Option<(Arc<dyn Retriever>, usize)> {
    let (name, k) = method.strip_prefix(PREFIX)?.split_once('@').unwrap_or((method.strip_prefix(PREFIX)?, "5"));
    let (bm25, dense) = (|| Arc::new(Bm25Retriever::default()), || Arc::new(DenseRetriever::default()));
    let retriever: Arc<dyn Retriever> = match name {
        "bm25" => bm25(),
        "bm25-query" => Arc::new(Bm25Retriever::default().over(Compared::Queries)),
        "dense" => dense(),
        "dense-query" => Arc::new(WholeText(DenseRetriever::default())),
        "maxsim" => Arc::new(MaxSimRetriever::default()),
        #[cfg(feature = "providers")]
        "model" => Arc::new(DenseRetriever::new(embedder()?)),
        "overlap" => Arc::new(OverlapRetriever::default()),
        "hybrid" => Arc::new(HybridRetriever::new(bm25(), dense())),
        "hybrid-overlap" => Arc::new(HybridRetriever::new(bm25(), Arc::new(OverlapRetriever::default()))),
        _ => return None,
    };
    Some((retriever, k.parse().ok().filter(|k| *k > 0)?))
}

/// The embedder that the environment names.
#[cfg(feature = "providers")]
fn embedder() -> Option<rpm_core::OpenAiEmbedder> {
    let set = |name: &str| std::env::var(name).ok();
    let dimensions = set("RPM_EMBED_DIMENSIONS")?.parse().ok()?;
    let embedder = rpm_core::OpenAiEmbedder::new(&set("RPM_EMBED_URL")?, set("RPM_EMBED_MODEL")?, dimensions);
    Some(embedder.ok()?.timeout(Duration::from_secs(600)))
}

/// What retrieval gave on one set.
#[derive(Default)]
pub(crate) struct Run {
    pub(crate) guesses: Vec<Guess>,
    pub(crate) learning: Duration,
    pub(crate) answering: Vec<Duration>,
}

/// Learns every user and answers that user's test items; `None` for tasks with no response to vote for.
pub(crate) fn run(retriever: &dyn Retriever, k: usize, set: &Set) -> Result<Option<Run>, Box<dyn Error>> {
    let otherwise = match set.kind {
        Kind::Rating => baselines::predict("user-median", set),
        _ => baselines::predict("user-majority", set),
    };
    let Some(otherwise) = otherwise else { return Ok(None) };
    let mut otherwise = otherwise.into_iter();
    let pipeline = RpmPipeline::offline(set.task.clone());
    let mut run = Run::default();
    // An embedder over HTTP needs tokio.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for (position, user) in set.users.iter().enumerate() {
        let history = set.history(position)?;
        let begin = Instant::now();
        let model = runtime.block_on(pipeline.learn(&history))?.model;
        run.learning += begin.elapsed();
        for (test, otherwise) in user.test.iter().zip(otherwise.by_ref()) {
            let query = test.query(set.kind)?;
            let begin = Instant::now();
            let hits = runtime.block_on(retrieve(retriever, k, &model, &query))?;
            run.answering.push(begin.elapsed());
            let near: Vec<(&str, f64)> =
                hits.iter().map(|hit| (model.memory().items()[hit.position].response(), hit.similarity)).collect();
            run.guesses.push(vote(set.kind, test, &near).unwrap_or(otherwise));
        }
    }
    Ok(Some(run))
}

/// As the pipeline does it: the query's features, their factors, the user's statistics.
async fn retrieve(
    retriever: &dyn Retriever,
    k: usize,
    model: &UserModel,
    query: &Query,
) -> Result<Vec<Retrieved>, Box<dyn Error>> {
    let (prompts, ledger) = (PromptSet::default(), Ledger::new());
    let ctx = StageContext::offline(&prompts, &ledger);
    let seen = Observation::new(model.task(), "query", query).knowing(model.factors()).past(model.memory().items());
    let features = LexicalExtractor::default().read(&seen).features;
    let factors = SimilarityFactorModel::default().assign(model.factors(), &features, query, &ctx).await?;
    let assigned = features.into_iter().zip(factors);
    let features: Vec<AssignedFeature> =
        assigned.map(|(known, factor)| AssignedFeature { feature: known.feature, factor }).collect();
    let beliefs = Beliefs::of(model);
    let request = RetrievalRequest::new(model.memory(), query, &features, k).beliefs(&beliefs);
    Ok(retriever.retrieve(request, &ctx).await?)
}

/// What the nearest say, each with its weight; `None` when they say nothing.
fn vote(kind: Kind, test: &Row, near: &[(&str, f64)]) -> Option<Guess> {
    if kind == Kind::Rating {
        let (sum, weight) = near.iter().fold((0.0, 0.0), |(sum, all), (response, weight)| {
            let value: f64 = response.parse().unwrap_or_default();
            (sum + weight * value, all + weight)
        });
        return (weight > 0.0).then(|| Guess::value(sum / weight));
    }
    // By response, its weight and the rank it first has.
    let mut heard: BTreeMap<&str, (f64, usize)> = BTreeMap::new();
    for (rank, (response, weight)) in near.iter().enumerate() {
        if kind != Kind::Opinion || test.options().iter().any(|option| option == response) {
            heard.entry(response).or_insert((0.0, rank)).0 += weight;
        }
    }
    let best = heard.into_iter().max_by(|(_, a), (_, b)| a.0.total_cmp(&b.0).then(Reverse(a.1).cmp(&Reverse(b.1))))?;
    (best.1.0 > 0.0).then(|| Guess::response(best.0))
}

/// Shows a retriever the text of every query instead of its features: one feature that spans it all, with a name that
/// is no word to search for.
struct WholeText<R>(R);

impl<R> WholeText<R> {
    fn feature(query: &Query) -> Result<Feature, RetrieveError> {
        Feature::new(query, "the", Span { start: 0, end: query.text().len() })
            .map_err(|e| RetrieveError::Other(e.into()))
    }

    fn memory(memory: &ReasoningMemory) -> Result<ReasoningMemory, RetrieveError> {
        let item = |item: &MemoryItem| {
            let feature = Self::feature(item.query())?;
            MemoryItem::new(item.interaction().clone(), vec![feature]).map_err(|e| RetrieveError::Other(e.into()))
        };
        Ok(ReasoningMemory::new(memory.items().iter().map(item).collect::<Result<Vec<_>, _>>()?))
    }
}

#[async_trait]
impl<R: Retriever> Retriever for WholeText<R> {
    async fn retrieve(
        &self,
        request: RetrievalRequest<'_>,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<Retrieved>, RetrieveError> {
        let memory = match request.memory.ready::<ReasoningMemory>("whole text") {
            Some(memory) => memory,
            None => {
                let memory = Self::memory(request.memory)?;
                request.memory.derived("whole text", |_| memory)
            }
        };
        let features = [AssignedFeature::unknown(Self::feature(request.query)?)];
        self.0.retrieve(RetrievalRequest::new(&memory, request.query, &features, request.k), ctx).await
    }
}
