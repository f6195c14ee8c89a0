//! How finding the most similar memories grows with their number.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "criterion's macros; a bench fails loudly"
)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use pollster::block_on;
use rpm_core::{
    AssignedFeature, Bm25Retriever, DenseRetriever, HashedEmbedder, Interaction, Ledger, LexicalExtractor, MemoryItem,
    Observation, PromptSet, Query, ReasoningMemory, ResponseSpace, RetrievalRequest, Retriever, StageContext, Task,
};

const SIZES: [usize; 3] = [200, 2_000, 20_000];
const TOP: usize = 3;
/// Different queries asked in turn, so that no single one decides.
const QUERIES: usize = 16;

/// Made-up text from a seed, the same in every run; the same text as in `offline.rs`.
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

fn features(task: &Task, query: &Query) -> Vec<AssignedFeature> {
    LexicalExtractor::default().read(&Observation::new(task, "query", query)).features
}

fn memory(task: &Task, n: usize) -> ReasoningMemory {
    let mut made_up = MadeUp(7);
    ReasoningMemory::new((0_i64..).take(n).map(|i| {
        let rating = (1 + made_up.bits() % 5).to_string();
        let query = made_up.query();
        let features = features(task, &query).into_iter().map(|assigned| assigned.feature).collect();
        MemoryItem::new(Interaction::new(format!("i{i}"), query, rating).unwrap().at(i), features).unwrap()
    }))
}

fn top(c: &mut Criterion) {
    let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5).unwrap()).unwrap();
    let (prompts, ledger) = (PromptSet::default(), Ledger::new());
    let ctx = StageContext::offline(&prompts, &ledger);
    let mut made_up = MadeUp(99);
    let queries: Vec<(Query, Vec<AssignedFeature>)> = (0..QUERIES)
        .map(|_| {
            let query = made_up.query();
            let features = features(&task, &query);
            (query, features)
        })
        .collect();
    let retrievers: [(&str, Box<dyn Retriever>); 2] = [
        ("bm25", Box::new(Bm25Retriever::default())),
        ("dense", Box::new(DenseRetriever::new(HashedEmbedder::default()))),
    ];
    for n in SIZES {
        let memory = memory(&task, n);
        for (name, retriever) in &retrievers {
            let find = |(query, features): &(Query, Vec<AssignedFeature>)| {
                let request = RetrievalRequest::new(&memory, query, features, TOP);
                block_on(retriever.retrieve(request, &ctx)).unwrap()
            };
            // The first request builds the index; it stays with the memory.
            for query in &queries {
                assert!(!find(query).is_empty());
            }
            let mut turn = queries.iter().cycle();
            let mut group = c.benchmark_group(*name);
            group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
            group.bench_function(format!("top{TOP}/{n}"), |b| b.iter(|| find(black_box(turn.next().unwrap()))));
            group.finish();
        }
    }
}

criterion_group!(benches, top);
criterion_main!(benches);
