//! BM25: text in, the ten best out.
//!
//! Peers part by white space either the same text, stop words and all, or our tokens of it, joined by spaces: the
//! latter is less work than ours, which starts at the text.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion};
use rpm_core::retrieve::Bm25Index;

use crate::corpus::{Chance, Corpus};
use crate::floor::Floor;
use crate::table::{Table, percentiles};

const SIZES: [usize; 4] = [200, 2_000, 20_000, 100_000];
const TOP: usize = 10;
const K1: f32 = 1.2;
const B: f32 = 0.75;

fn joined(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| Bm25Index::tokens(text).join(" ")).collect()
}

pub fn criterion(c: &mut Criterion) {
    let mut group = c.benchmark_group("bm25");
    group.sample_size(20).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    for n in SIZES {
        // What is not asked for is not prepared.
        let index = std::cell::OnceCell::new();
        let corpus = std::cell::LazyCell::new(|| Corpus::of(n));
        let build = || Bm25Index::build(&corpus.texts, K1, B);
        group.bench_function(format!("query/{n}"), |b| {
            let index = index.get_or_init(build);
            let mut turn = corpus.queries.iter().cycle();
            b.iter(|| index.rank(black_box(turn.next().unwrap()), TOP));
        });
        if n > 20_000 {
            continue;
        }
        group.bench_function(format!("build/{n}"), |b| b.iter(build));
        group.bench_function(format!("insert_and_remove/{n}"), |b| {
            let mut index = index.get_or_init(build).clone();
            let (mut turn, mut chance) = (corpus.queries.iter().cycle(), Chance(1));
            b.iter(|| {
                index.insert(chance.below(n), turn.next().unwrap()).unwrap();
                index.remove(chance.below(n)).unwrap();
            });
        });
        group.bench_function(format!("save/{n}"), |b| b.iter(|| index.get_or_init(build).to_bytes()));
        group.bench_function(format!("open/{n}"), |b| {
            let bytes = index.get_or_init(build).to_bytes();
            b.iter_batched_ref(|| (), |()| Bm25Index::from_bytes(&bytes).unwrap(), BatchSize::PerIteration);
        });
    }
    group.finish();
}

/// One query in, how many found out.
type Engine<'a> = (&'static str, Box<dyn FnMut(usize) -> usize + 'a>);

pub fn ratios(table: &mut Table) {
    for n in SIZES {
        let corpus = Corpus::of(n);
        println!("\n{n} texts: {}", corpus.source);
        queries(table, n, &corpus);
        if n <= 20_000 {
            builds(table, n, &corpus);
            edits(table, n, &corpus);
        }
    }
}

/// Interleaved passes over the same queries; a query's latency is its median over the passes.
fn queries(table: &mut Table, n: usize, corpus: &Corpus) {
    let (texts, tokens) = (joined(&corpus.texts), joined(&corpus.queries));
    let (passes, asked) = if n > 2_000 { (3, 40) } else { (9, corpus.queries.len()) };
    let index = Bm25Index::build(&corpus.texts, K1, B);
    println!("{:.1} heap bytes a text, {:.1} bytes saved", index.heap_bytes() as f64 / n as f64, {
        index.to_bytes().len() as f64 / n as f64
    });
    let mut floor = Floor::build(&corpus.texts);
    let mut floor_tokens = Floor::build(&texts);
    let engines_of_crate = (n <= 20_000).then(|| (crate_engine(&corpus.texts), crate_engine(&texts)));
    let (tantivy, tantivy_tokens) = (tantivy::Engine::build(&corpus.texts), tantivy::Engine::build(&texts));
    let mut engines: Vec<Engine<'_>> = vec![
        ("rpm", Box::new(|query| index.rank(&corpus.queries[query], TOP).len())),
        ("floor", Box::new(|query| floor.rank(&corpus.queries[query], TOP).len())),
        ("floor, our tokens", Box::new(|query| floor_tokens.rank(&tokens[query], TOP).len())),
    ];
    if let Some((same_text, our_tokens)) = &engines_of_crate {
        engines.push(("bm25 crate", Box::new(|query| same_text.search(&corpus.queries[query], TOP).len())));
        engines.push(("bm25 crate, our tokens", Box::new(|query| our_tokens.search(&tokens[query], TOP).len())));
    }
    engines.extend::<[Engine<'_>; 2]>([
        ("tantivy", Box::new(|query| tantivy.rank(&corpus.queries[query], TOP))),
        ("tantivy, our tokens", Box::new(|query| tantivy_tokens.rank(&tokens[query], TOP))),
    ]);

    let mut times = vec![vec![Vec::new(); asked]; engines.len()];
    for pass in 0..=passes {
        for ((_, engine), times) in engines.iter_mut().zip(&mut times) {
            for (query, times) in times.iter_mut().enumerate() {
                let start = Instant::now();
                black_box(engine(black_box(query)));
                // The first pass warms up.
                if pass > 0 {
                    times.push(micros(start));
                }
            }
        }
    }
    for ((name, _), times) in engines.iter().zip(times) {
        let (p50, p99) = percentiles(times.into_iter().map(|times| percentiles(times).0).collect());
        table.line("bm25 query", n, name, p50, p99);
    }
}

fn builds(table: &mut Table, n: usize, corpus: &Corpus) {
    let texts = joined(&corpus.texts);
    let mut engines: Vec<Engine<'_>> = vec![
        ("rpm", Box::new(|_| Bm25Index::build(&corpus.texts, K1, B).len())),
        ("floor", Box::new(|_| Floor::build(&corpus.texts).rank("film", 1).len())),
    ];
    if n <= 2_000 {
        engines.push(("bm25 crate, our tokens", Box::new(|_| crate_engine(&texts).iter().count())));
    }
    engines.extend::<[Engine<'_>; 2]>([
        ("tantivy", Box::new(|_| tantivy::Engine::build(&corpus.texts).rank("film", 1))),
        ("tantivy, our tokens", Box::new(|_| tantivy::Engine::build(&texts).rank("film", 1))),
    ]);
    let mut times = vec![Vec::new(); engines.len()];
    for pass in 0..5 {
        for ((_, engine), times) in engines.iter_mut().zip(&mut times) {
            let start = Instant::now();
            black_box(engine(pass));
            times.push(micros(start));
        }
    }
    for ((name, _), times) in engines.iter().zip(times) {
        let (p50, p99) = percentiles(times);
        table.line("bm25 build", n, name, p50, p99);
    }
}

/// The cost of opening and changing an index, against building it anew.
fn edits(table: &mut Table, n: usize, corpus: &Corpus) {
    let mut index = Bm25Index::build(&corpus.texts, K1, B);
    let mut chance = Chance(2);
    let (mut inserts, mut removes, mut opens, mut copies, mut saves) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for turn in 0..400 {
        let at = chance.below(n);
        let start = Instant::now();
        index.insert(at, &corpus.queries[turn % corpus.queries.len()]).unwrap();
        inserts.push(micros(start));
        let at = chance.below(n);
        let start = Instant::now();
        index.remove(at).unwrap();
        removes.push(micros(start));
    }
    let index = Bm25Index::build(&corpus.texts, K1, B);
    let mut builds = Vec::new();
    for _ in 0..5 {
        let start = Instant::now();
        black_box(Bm25Index::build(&corpus.texts, K1, B));
        builds.push(micros(start));
        let start = Instant::now();
        let bytes = index.to_bytes();
        saves.push(micros(start));
        let start = Instant::now();
        black_box(Bm25Index::from_bytes(&bytes).unwrap());
        opens.push(micros(start));
        let start = Instant::now();
        black_box(bytes.clone());
        copies.push(micros(start));
    }
    let lines = [
        ("rpm insert", inserts),
        ("rpm remove", removes),
        ("rpm save", saves),
        ("rpm open", opens),
        ("rebuild", builds),
        ("copy of the bytes", copies),
    ];
    for (name, times) in lines {
        let (p50, p99) = percentiles(times);
        table.line("bm25 edit", n, name, p50, p99);
    }
}

fn micros(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e6
}

struct WhiteSpace;

impl bm25::Tokenizer for WhiteSpace {
    fn tokenize(&self, text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }
}

fn crate_engine(texts: &[String]) -> bm25::SearchEngine<u32, u32, WhiteSpace> {
    let documents = (0..).zip(texts).map(|(id, text)| bm25::Document::new(id, text.clone()));
    let documents: Vec<bm25::Document<u32>> = documents.collect();
    bm25::SearchEngineBuilder::with_tokenizer_and_documents(WhiteSpace, documents).k1(K1).b(B).build()
}

mod tantivy {
    use tantivy::collector::TopDocs;
    use tantivy::directory::RamDirectory;
    use tantivy::query::{BooleanQuery, Occur, Query, TermQuery};
    use tantivy::schema::{Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
    use tantivy::{Index, Searcher, SingleSegmentIndexWriter, TantivyDocument, Term};

    pub struct Engine {
        searcher: Searcher,
        field: Field,
    }

    impl Engine {
        pub fn build(texts: &[String]) -> Self {
            let mut schema = Schema::builder();
            let indexing = TextFieldIndexing::default().set_tokenizer("whitespace");
            let indexing = indexing.set_index_option(IndexRecordOption::WithFreqs);
            let field = schema.add_text_field("text", TextOptions::default().set_indexing_options(indexing));
            let builder = Index::builder().schema(schema.build());
            let mut writer: SingleSegmentIndexWriter =
                builder.single_segment_index_writer(RamDirectory::create(), 256 << 20).unwrap();
            for text in texts {
                let mut document = TantivyDocument::default();
                document.add_text(field, text);
                writer.add_document(document).unwrap();
            }
            Self { searcher: writer.finalize().unwrap().reader().unwrap().searcher(), field }
        }

        pub fn rank(&self, query: &str, k: usize) -> usize {
            let term = |token: &str| -> (Occur, Box<dyn Query>) {
                let term = Term::from_field_text(self.field, token);
                (Occur::Should, Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs)))
            };
            let query = BooleanQuery::new(query.split_whitespace().map(term).collect());
            self.searcher.search(&query, &TopDocs::with_limit(k).order_by_score()).unwrap().len()
        }
    }
}
