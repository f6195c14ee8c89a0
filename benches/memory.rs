//! How fast one user's stored memory is opened and asked: `cargo bench --bench memory`.
//!
//! 2,000 examples of about 400 bytes with five features and a vector of 384 values each. The packed file is set beside
//! reading the same bytes and scanning the vectors once, and beside the portable JSON, from which the index is computed.
//! Then 1,000 users of 200 examples are opened and asked one after another. All from the system's page cache, one thread.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "criterion's macros; a bench fails loudly and prints"
)]

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use criterion::Criterion;
use pollster::block_on;
use rpm_core::answer::StatisticalAnswerer;
use rpm_core::context::StageContext;
use rpm_core::embed::{Embedder, HashedEmbedder};
use rpm_core::extract::LexicalExtractor;
use rpm_core::factor::SimilarityFactorModel;
use rpm_core::llm::Ledger;
use rpm_core::model::PackedModel;
use rpm_core::prompt::PromptSet;
use rpm_core::reason::ComposedPathWriter;
use rpm_core::retrieve::{Bm25Index, Bm25Retriever, DenseIndex, DenseRetriever, MemoryView, RetrievalRequest};
use rpm_core::{History, Interaction, Query, ResponseSpace, Retriever, RpmPipeline, Task, UserModel};

const DIMENSIONS: usize = 384;
const EXAMPLES: usize = 2_000;
const USERS: usize = 1_000;
const EXAMPLES_PER_USER: usize = 200;
const TOP: usize = 10;

fn task() -> Task {
    Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5).unwrap()).unwrap()
}

fn embedder() -> HashedEmbedder {
    HashedEmbedder::with_dimensions(DIMENSIONS)
}

fn pipeline(retriever: impl Retriever + 'static) -> RpmPipeline {
    let builder = RpmPipeline::builder(task())
        .extractor(LexicalExtractor::default().max_features(5))
        .factor_model(SimilarityFactorModel::default())
        .path_writer(ComposedPathWriter::default())
        .answerer(StatisticalAnswerer)
        .paths(rpm_core::pipeline::PathPolicy::OnFirstUse)
        .retriever(retriever);
    builder.build().unwrap()
}

const PARTS: [&str; 20] = [
    "ka", "lo", "mi", "ne", "ru", "sa", "te", "vo", "zi", "pa", "dor", "fen", "gil", "hum", "jat", "kel", "lun", "mor",
    "nis", "tol",
];

/// Made-up texts of 64 words, the same in every run.
fn text(seed: &mut u64) -> String {
    let mut word = || {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let rank = 8_000_f64.powf((*seed >> 40) as f64 / f64::from(1_u32 << 24));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 8,000")]
        let rank = rank as usize;
        format!("{}{}{}", PARTS[rank % 20], PARTS[rank / 20 % 20], PARTS[rank / 400])
    };
    let words: Vec<String> = (0..64).map(|_| word()).collect();
    format!("{}.", words.join(" "))
}

fn learned(examples: usize, seed: u64) -> UserModel {
    let mut seed = seed;
    let interactions = (0..examples).map(|i| {
        let query = Query::new(text(&mut seed)).unwrap();
        Interaction::new(format!("i{i}"), query, (1 + i % 5).to_string()).unwrap().at(i64::try_from(i).unwrap())
    });
    let history = History::new(&task(), "ana", interactions.collect::<Vec<_>>()).unwrap();
    block_on(pipeline(Bm25Retriever::default()).learn(&history)).unwrap().model
}

/// The model with both indexes.
fn packed(model: &UserModel) -> PackedModel {
    let with = |pipeline: RpmPipeline| {
        let prepared = block_on(pipeline.open(model.clone())).unwrap();
        block_on(pipeline.pack(&prepared)).unwrap()
    };
    let (dense, bm25) = (with(pipeline(DenseRetriever::new(embedder()))), with(pipeline(Bm25Retriever::default())));
    bm25.indexes().fold(dense, |packed, (name, bytes)| packed.with_index(name, bytes.to_vec()))
}

fn index<'a>(packed: &'a PackedModel, kind: &str) -> &'a [u8] {
    packed.indexes().find(|(name, _)| name.starts_with(kind)).unwrap().1
}

/// Opens, finds the ten nearest and reads the nearest three.
fn ask_dense(path: &Path, query: &[f32]) -> usize {
    let packed = PackedModel::open(path).unwrap();
    let hits = DenseIndex::from_bytes(index(&packed, "dense")).unwrap().top_k(query, TOP).unwrap();
    hits.iter().take(3).map(|hit| packed.item(hit.position).unwrap().query().text().len()).sum()
}

fn ask_bm25(path: &Path, query: &str) -> usize {
    let packed = PackedModel::open(path).unwrap();
    let hits = Bm25Index::from_bytes(index(&packed, "bm25")).unwrap().rank(query, TOP);
    hits.iter().take(3).map(|hit| packed.item(hit.position).unwrap().query().text().len()).sum()
}

/// The same bytes, and one dot product with each vector in them.
fn read_and_scan(path: &Path, at: usize, query: &[f32]) -> f32 {
    let bytes = fs::read(path).unwrap();
    let vectors = &bytes[at..at + EXAMPLES * DIMENSIONS * 4];
    let mut best = f32::NEG_INFINITY;
    for row in vectors.chunks_exact(DIMENSIONS * 4) {
        let mut sums = [0.0_f32; 16];
        for (values, own) in row.chunks_exact(64).zip(query.chunks_exact(16)) {
            for (sum, (value, own)) in sums.iter_mut().zip(values.as_chunks::<4>().0.iter().zip(own)) {
                *sum += f32::from_le_bytes(*value) * own;
            }
        }
        best = best.max(sums.iter().sum());
    }
    best
}

/// Without a packed file: the JSON, its vectors embedded again, and the ten nearest.
async fn json_and_ask(path: &Path, query: &Query) -> usize {
    let model = from_json(path);
    let (prompts, ledger) = (PromptSet::default(), Ledger::new());
    let ctx = StageContext::offline(&prompts, &ledger);
    let request = RetrievalRequest::new(model.memory(), query, &[], TOP);
    let index = DenseRetriever::new(embedder()).open(MemoryView::new(model.memory()), &[], &ctx).await.unwrap();
    index.rank(request, &ctx).await.unwrap().len()
}

fn from_json(path: &Path) -> UserModel {
    UserModel::from_json(&fs::read_to_string(path).unwrap()).unwrap()
}

fn median(times: usize, mut run: impl FnMut()) -> f64 {
    let mut micros: Vec<f64> = (0..times)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    micros.sort_by(f64::total_cmp);
    micros[times / 2]
}

struct Files {
    folder: PathBuf,
}

impl Files {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("rpm-memory-bench-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self { folder }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn main() {
    let files = Files::new();
    let model = learned(EXAMPLES, 7);
    let packed_model = packed(&model);
    let bytes = packed_model.to_bytes().unwrap();
    let packed_file = files.write("packed", &bytes);
    let json_file = files.write("json", model.to_json().as_bytes());
    let words = text(&mut 99);
    let query = block_on(embedder().embed(std::slice::from_ref(&words))).unwrap().pop().unwrap();
    // The vectors stand somewhere in the file; where makes no difference to a scan.
    let at = bytes.len() - EXAMPLES * DIMENSIONS * 4 - 64;

    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("memory");
    group.sample_size(20).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2));
    group.bench_function("open/2000", |b| b.iter(|| PackedModel::open(&packed_file).unwrap()));
    group.bench_function("open_and_ask_dense/2000", |b| b.iter(|| ask_dense(&packed_file, &query)));
    group.bench_function("open_and_ask_bm25/2000", |b| b.iter(|| ask_bm25(&packed_file, &words)));
    group.finish();
    criterion.final_summary();

    let arguments: Vec<String> = std::env::args().collect();
    if arguments.iter().any(|argument| argument == "--test" || argument == "--list") {
        return;
    }
    let floor = median(201, || _ = black_box(read_and_scan(&packed_file, at, &query)));
    let open = median(201, || _ = black_box(PackedModel::open(&packed_file).unwrap()));
    let dense = median(201, || _ = black_box(ask_dense(&packed_file, &query)));
    let bm25 = median(201, || _ = black_box(ask_bm25(&packed_file, &words)));
    let whole = median(11, || _ = black_box(packed_model.model().unwrap()));
    let asked = Query::new(words.clone()).unwrap();
    let again = median(5, || _ = black_box(block_on(json_and_ask(&json_file, &asked))));
    let json = median(11, || _ = black_box(from_json(&json_file)));
    let sizes = [("dense", index(&packed_model, "dense").len()), ("bm25", index(&packed_model, "bm25").len())];
    println!(
        "\n{EXAMPLES} examples: {} bytes each, of which {:?}",
        bytes.len() / EXAMPLES,
        sizes.map(|(k, n)| (k, n / EXAMPLES))
    );
    println!("| what | us | / read and scan | / JSON |\n|---|---|---|---|");
    for (what, time) in [
        ("read the same bytes and scan once", floor),
        ("open, every checksum verified", open),
        ("open and ask by vectors", dense),
        ("open and ask by BM25", bm25),
        ("decode the whole model", whole),
        ("load the JSON", json),
        ("load the JSON, embed and ask by vectors", again),
    ] {
        println!("| {what} | {time:.0} | {:.2} | {:.4} |", time / floor, time / json);
    }

    let users: Vec<PathBuf> = (0..20)
        .map(|user| {
            let bytes = packed(&learned(EXAMPLES_PER_USER, 1_000 + user)).to_bytes().unwrap();
            (user, bytes)
        })
        .map(|(user, bytes)| files.write(&format!("user{user}"), &bytes))
        .collect();
    let copies: Vec<PathBuf> = (0..USERS)
        .map(|user| {
            let path = files.folder.join(format!("copy{user}"));
            fs::copy(&users[user % users.len()], &path).unwrap();
            path
        })
        .collect();
    for (kind, ask) in [("vectors", true), ("BM25", false)] {
        let start = Instant::now();
        for path in &copies {
            black_box(if ask { ask_dense(path, &query) } else { ask_bm25(path, &words) });
        }
        let each = start.elapsed().as_secs_f64() / USERS as f64;
        println!("{USERS} users of {EXAMPLES_PER_USER}, opened and asked by {kind}: {:.0} a second", 1.0 / each);
    }
}
