//! How learning and answering without a model grow with the history, and where an answer's time goes
//! (`cargo bench --bench offline -- stages` for that alone).
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "criterion's macros; a bench fails loudly"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, SamplingMode, Throughput, criterion_group};
use pollster::block_on;
use rpm_core::answer::{AnswerError, AnswerRequest, Draft, StatisticalAnswerer};
use rpm_core::context::StageContext;
use rpm_core::extract::{ExtractError, Extraction, ExtractionRequest, LexicalExtractor};
use rpm_core::factor::{AssignRequest, FactorError, FactorFit, FitRequest, SimilarityFactorModel};
use rpm_core::reason::ComposedPathWriter;
use rpm_core::retrieve::{
    Bm25Retriever, MemoryIndex, MemoryView, RetrievalRequest, RetrieveError, Retrieved, SavedIndex,
};
use rpm_core::{
    Answerer, FactorId, FactorModel, FeatureExtractor, History, Interaction, Query, ResponseSpace, Retriever,
    RpmPipeline, Task, UserModel, async_trait,
};

const SIZES: [usize; 3] = [200, 2_000, 20_000];
/// The size at which a model file is read, written and asked for the first time.
const STORED: usize = 2_000;
/// Different queries asked in turn, so that no single one decides.
const QUERIES: usize = 16;

/// Made-up text from a seed, the same in every run.
struct MadeUp(u64);

impl MadeUp {
    const WORDS: f64 = 12_000.0;
    const COMMON: [&str; 12] = ["the", "a", "of", "and", "to", "in", "with", "film", "is", "story", "for", "good"];
    const SYLLABLES: [&str; 10] = ["ka", "lo", "mi", "ne", "ru", "sa", "te", "vo", "zi", "pa"];

    /// The next 32 bits of Knuth's linear congruential generator (MMIX).
    fn bits(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 32).unwrap()
    }

    /// A word; the one of rank r comes about 1/r as often as the first (Zipf), and the first are function words.
    fn word(&mut self) -> String {
        let rank = Self::WORDS.powf(f64::from(self.bits()) / f64::from(u32::MAX));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to WORDS")]
        let rank = rank as usize - 1;
        Self::COMMON.get(rank).map_or_else(
            || rank.to_string().bytes().map(|digit| Self::SYLLABLES[usize::from(digit - b'0')]).collect(),
            ToString::to_string,
        )
    }

    /// A sentence of 12 words.
    fn query(&mut self) -> Query {
        let words: Vec<String> = (0..12).map(|_| self.word()).collect();
        Query::new(format!("{}.", words.join(" "))).unwrap()
    }
}

fn task() -> Task {
    Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5).unwrap()).unwrap()
}

fn history(task: &Task, n: usize) -> History {
    let mut made_up = MadeUp(7);
    let interactions = (0_i64..).take(n).map(|i| {
        let rating = (1 + made_up.bits() % 5).to_string();
        Interaction::new(format!("i{i}"), made_up.query(), rating).unwrap().at(i)
    });
    History::new(task, "bench", interactions.collect::<Vec<_>>()).unwrap()
}

fn queries() -> Vec<Query> {
    let mut made_up = MadeUp(99);
    (0..QUERIES).map(|_| made_up.query()).collect()
}

fn learn(c: &mut Criterion) {
    let pipeline = RpmPipeline::offline(task());
    let mut group = c.benchmark_group("learn");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    for n in SIZES {
        let history = history(pipeline.task(), n);
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(format!("offline/{n}"), |b| {
            b.iter_with_large_drop(|| block_on(pipeline.learn(black_box(&history))).unwrap());
        });
    }
    group.finish();
}

fn personalize(c: &mut Criterion) {
    let pipeline = RpmPipeline::offline(task());
    let queries = queries();
    let mut group = c.benchmark_group("personalize");
    group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    for n in SIZES {
        let model = block_on(pipeline.learn(&history(pipeline.task(), n))).unwrap().model;
        let prepared = block_on(pipeline.open(model.clone())).unwrap();
        let mut turn = queries.iter().cycle();
        // The first answer computes what the others find.
        block_on(pipeline.personalize(&prepared, &queries[0])).unwrap();
        group.bench_function(format!("warm/{n}"), |b| {
            b.iter(|| block_on(pipeline.personalize(&prepared, black_box(turn.next().unwrap()))).unwrap());
        });
        if n == STORED {
            let json = model.to_json();
            group.bench_function(format!("cold/{n}"), |b| {
                b.iter_batched(
                    || UserModel::from_json(&json).unwrap(),
                    |model| {
                        let prepared = block_on(pipeline.open(model)).unwrap();
                        let answer =
                            block_on(pipeline.personalize(&prepared, black_box(turn.next().unwrap()))).unwrap();
                        (prepared, answer)
                    },
                    BatchSize::PerIteration,
                );
            });
        }
    }
    group.finish();
}

fn file(c: &mut Criterion) {
    let pipeline = RpmPipeline::offline(task());
    let model = block_on(pipeline.learn(&history(pipeline.task(), STORED))).unwrap().model;
    let json = model.to_json();
    let mut group = c.benchmark_group("file");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    group.throughput(Throughput::Bytes(json.len() as u64));
    group.bench_function(format!("to_json/{STORED}"), |b| {
        b.iter_with_large_drop(|| black_box(&model).to_json());
    });
    group.bench_function(format!("from_json/{STORED}"), |b| {
        b.iter_with_large_drop(|| UserModel::from_json(black_box(&json)).unwrap());
    });
    group.finish();
}

/// A part with the time that it took.
struct Timed<T> {
    part: T,
    nanos: Arc<AtomicU64>,
}

impl<T> Timed<T> {
    fn new(part: T) -> (Self, Arc<AtomicU64>) {
        let nanos = Arc::new(AtomicU64::new(0));
        (Self { part, nanos: Arc::clone(&nanos) }, nanos)
    }

    async fn time<O>(&self, work: impl Future<Output = O>) -> O {
        let start = Instant::now();
        let done = work.await;
        self.nanos.fetch_add(u64::try_from(start.elapsed().as_nanos()).unwrap(), Ordering::Relaxed);
        done
    }
}

#[async_trait]
impl FeatureExtractor for Timed<LexicalExtractor> {
    async fn extract(&self, seen: ExtractionRequest<'_>, ctx: &StageContext<'_>) -> Result<Extraction, ExtractError> {
        self.time(self.part.extract(seen, ctx)).await
    }
}

#[async_trait]
impl FactorModel for Timed<SimilarityFactorModel> {
    async fn fit(&self, request: FitRequest<'_>, ctx: &StageContext<'_>) -> Result<FactorFit, FactorError> {
        self.part.fit(request, ctx).await
    }

    async fn assign(
        &self,
        request: AssignRequest<'_>,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<Option<FactorId>>, FactorError> {
        self.time(self.part.assign(request, ctx)).await
    }
}

#[async_trait]
impl Retriever for Timed<Bm25Retriever> {
    async fn open(
        &self,
        view: MemoryView<'_>,
        saved: &[SavedIndex],
        ctx: &StageContext<'_>,
    ) -> Result<Box<dyn MemoryIndex>, RetrieveError> {
        let part = self.part.open(view, saved, ctx).await?;
        Ok(Box::new(Timed { part, nanos: Arc::clone(&self.nanos) }))
    }
}

#[async_trait]
impl MemoryIndex for Timed<Box<dyn MemoryIndex>> {
    async fn rank(
        &self,
        request: RetrievalRequest<'_>,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<Retrieved>, RetrieveError> {
        self.time(self.part.rank(request, ctx)).await
    }
}

#[async_trait]
impl Answerer for Timed<StatisticalAnswerer> {
    async fn answer(&self, request: AnswerRequest<'_>, ctx: &StageContext<'_>) -> Result<Draft, AnswerError> {
        self.time(self.part.answer(request, ctx)).await
    }
}

/// Where a warm answer's time goes, and its spread over many queries.
fn stages() {
    const ASKED: usize = 2_000;
    let (extractor, extracting) = Timed::new(LexicalExtractor::default());
    let (factor_model, assigning) = Timed::new(SimilarityFactorModel::default());
    let (retriever, retrieving) = Timed::new(Bm25Retriever::default());
    let (answerer, answering) = Timed::new(StatisticalAnswerer);
    let builder = RpmPipeline::builder(task()).extractor(extractor).factor_model(factor_model).retriever(retriever);
    let builder = builder.answerer(answerer).path_writer(ComposedPathWriter::default());
    let pipeline = builder.build().unwrap();
    let model = block_on(pipeline.learn(&history(pipeline.task(), STORED))).unwrap().model;
    let prepared = block_on(pipeline.open(model)).unwrap();
    let mut made_up = MadeUp(99);
    block_on(pipeline.personalize(&prepared, &made_up.query())).unwrap();
    let parts = [("extract", extracting), ("assign", assigning), ("retrieve", retrieving), ("answer", answering)];
    for (_, nanos) in &parts {
        nanos.store(0, Ordering::Relaxed);
    }
    let mut micros: Vec<f64> = (0..ASKED)
        .map(|_| {
            let query = made_up.query();
            let start = Instant::now();
            black_box(block_on(pipeline.personalize(&prepared, &query)).unwrap());
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    let total = micros.iter().sum::<f64>() / ASKED as f64;
    micros.sort_by(f64::total_cmp);
    println!(
        "\npersonalize, {STORED} memories: p50 {:.0} us, p99 {:.0} us",
        micros[ASKED / 2],
        micros[ASKED * 99 / 100]
    );
    let mut rest = total;
    for (name, nanos) in parts {
        let each = nanos.load(Ordering::Relaxed) as f64 / 1e3 / ASKED as f64;
        rest -= each;
        println!("  {name}: {each:.1} us, {:.0} %", 100.0 * each / total);
    }
    println!("  estimate, support and checks: {rest:.1} us, {:.0} %", 100.0 * rest / total);
}

criterion_group!(benches, learn, personalize, file);

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let filter = arguments.iter().find(|argument| !argument.starts_with('-'));
    if !arguments.iter().any(|argument| argument == "--test" || argument == "--list")
        && filter.is_none_or(|filter| filter == "stages")
    {
        stages();
    }
}
