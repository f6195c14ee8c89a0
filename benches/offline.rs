//! How learning and answering without a model grow with the history.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench fails loudly")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use pollster::block_on;
use rpm_core::{History, Interaction, Query, ResponseSpace, RpmPipeline, Task, UserModel};

const SIZES: [usize; 3] = [200, 2_000, 20_000];

fn task() -> Task {
    Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5).unwrap()).unwrap()
}

/// A fixed stream of numbers (Knuth's 64-bit linear congruence).
struct Stream(u64);

impl Stream {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    /// A made-up word; low ranks come often, as words do.
    fn word(&mut self) -> String {
        let rank = {
            let bound = 1 + self.below(12_000);
            1 + self.below(bound)
        };
        let mut rest = rank * 7 + 11;
        let mut word = String::new();
        while rest > 0 {
            let pair = ["ka", "lo", "mi", "ne", "ru", "sa", "te", "vo", "zi", "pa"];
            word.push_str(pair.get(usize::try_from(rest % 10).unwrap()).unwrap());
            rest /= 10;
        }
        word
    }

    fn text(&mut self) -> String {
        let words: Vec<String> = (0..24).map(|_| self.word()).collect();
        format!("A {}.", words.join(" "))
    }
}

fn history(task: &Task, n: usize) -> History {
    let mut stream = Stream(7);
    let interactions = (0..n).map(|i| {
        let rating = (1 + stream.below(5)).to_string();
        Interaction::new(format!("i{i:06}"), Query::new(stream.text()).unwrap(), rating)
            .unwrap()
            .at(i64::try_from(i).unwrap())
    });
    History::new(task, "bench", interactions.collect::<Vec<_>>()).unwrap()
}

fn offline(c: &mut Criterion) {
    let task = task();
    let pipeline = RpmPipeline::offline(task.clone());
    let query = Query::new(Stream(99).text()).unwrap();
    for n in SIZES {
        let history = history(&task, n);
        let mut learn = c.benchmark_group("learn");
        learn.sample_size(10).throughput(Throughput::Elements(n as u64));
        learn.bench_function(format!("offline/{n} interactions"), |b| {
            b.iter(|| block_on(pipeline.learn(black_box(&history))).unwrap());
        });
        learn.finish();
        let model = block_on(pipeline.learn(&history)).unwrap().model;
        let mut personalize = c.benchmark_group("personalize");
        personalize.sample_size(20);
        personalize.bench_function(format!("offline, indexes ready/{n} memories"), |b| {
            b.iter(|| block_on(pipeline.personalize(&model, black_box(&query))).unwrap());
        });
        if n == 2_000 {
            let json = model.to_json();
            personalize.bench_function(format!("offline, model just read/{n} memories"), |b| {
                let read = || UserModel::from_json(&json).unwrap();
                b.iter_batched(
                    read,
                    |model| block_on(pipeline.personalize(&model, &query)).unwrap(),
                    BatchSize::LargeInput,
                );
            });
            personalize.bench_function(format!("read the model file/{n} memories"), |b| {
                b.iter(|| UserModel::from_json(black_box(&json)).unwrap());
            });
        }
        personalize.finish();
    }
}

criterion_group!(benches, offline);
criterion_main!(benches);
