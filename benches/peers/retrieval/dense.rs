//! Cosine top-10 over `n` vectors of 384 values, against what else scans vectors exactly. One thread, default build.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;
use rpm_core::retrieve::{DenseIndex, Screening};

use crate::table::Table;

pub(crate) const DIMENSIONS: usize = 384;
pub(crate) const TOP: usize = 10;
const CENTRES: usize = 50;

/// Unit vectors around [`CENTRES`] directions, the same in every run.
pub(crate) struct Vectors {
    state: u64,
    centres: Vec<Vec<f32>>,
}

impl Vectors {
    pub(crate) fn new(seed: u64) -> Self {
        let mut vectors = Self { state: 17, centres: Vec::new() };
        vectors.centres = (0..CENTRES).map(|_| (0..DIMENSIONS).map(|_| vectors.normal()).collect()).collect();
        vectors.state = seed;
        vectors
    }

    fn bits(&mut self) -> u32 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.state >> 32).unwrap()
    }

    /// Near enough to a standard normal: the sum of four uniforms.
    fn normal(&mut self) -> f32 {
        let sum: f64 = (0..4).map(|_| f64::from(self.bits()) / f64::from(u32::MAX) - 0.5).sum();
        #[expect(clippy::cast_possible_truncation, reason = "a value from -4 to 4")]
        {
            (sum * 3.0_f64.sqrt()) as f32
        }
    }

    /// As far from its centre as the centre is from the origin: a cosine of about 0.5 within a centre.
    pub(crate) fn one(&mut self) -> Vec<f32> {
        let centre = self.bits() as usize % CENTRES;
        let vector: Vec<f32> = (0..DIMENSIONS).map(|place| self.centres[centre][place] + self.normal()).collect();
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        vector.into_iter().map(|value| value / length).collect()
    }

    pub(crate) fn many(&mut self, n: usize) -> Vec<Vec<f32>> {
        (0..n).map(|_| self.one()).collect()
    }
}

/// The positions of the [`TOP`] greatest, greatest first: a compare per block and an insertion per hit.
pub(crate) fn best(scores: &[f32]) -> Vec<usize> {
    let mut kept: Vec<(f32, usize)> = Vec::with_capacity(TOP + 1);
    let mut threshold = f32::NEG_INFINITY;
    for (block, scores) in scores.chunks(64).enumerate() {
        if scores.iter().filter(|score| **score > threshold).count() == 0 {
            continue;
        }
        for (place, &score) in scores.iter().enumerate() {
            if score > threshold {
                let at = kept.partition_point(|(other, _)| *other >= score);
                kept.insert(at, (score, block * 64 + place));
                kept.truncate(TOP);
                if kept.len() == TOP {
                    threshold = kept[TOP - 1].0;
                }
            }
        }
    }
    kept.into_iter().map(|(_, position)| position).collect()
}

/// One way to answer query number `i`: the positions found.
pub(crate) type Engine<'a> = (&'static str, Box<dyn FnMut(usize) -> Vec<usize> + 'a>);

/// Runs the engines in turn, pass by pass over the queries; a query's time is its median over the passes. Returns p50
/// and p99 over the queries, in microseconds, per engine.
pub(crate) fn measure(engines: &mut [Engine<'_>], queries: usize, passes: usize) -> Vec<(f64, f64)> {
    let mut times = vec![vec![Vec::with_capacity(passes); queries]; engines.len()];
    for _ in 0..passes {
        for ((_, engine), times) in engines.iter_mut().zip(&mut times) {
            for (query, times) in times.iter_mut().enumerate() {
                let start = Instant::now();
                black_box(engine(query));
                times.push(start.elapsed().as_secs_f64() * 1e6);
            }
        }
    }
    let median = |values: &mut Vec<f64>, share: f64| {
        values.sort_by(f64::total_cmp);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
        values[((values.len() - 1) as f64 * share) as usize]
    };
    times
        .into_iter()
        .map(|queries| {
            let mut typical: Vec<f64> = queries.into_iter().map(|mut times| median(&mut times, 0.5)).collect();
            (median(&mut typical, 0.5), median(&mut typical, 0.99))
        })
        .collect()
}

/// Queries asked and passes made, fewer where a query takes long.
fn effort(n: usize) -> (usize, usize) {
    match n {
        0..=2_000 => (1_000, 5),
        2_001..=20_000 => (200, 3),
        _ => (50, 3),
    }
}

/// Our engines and the peers at every size.
pub fn ratios(table: &mut Table) {
    for n in [200, 2_000, 20_000, 100_000] {
        let rows = Vectors::new(7).many(n);
        let queries = Vectors::new(99).many(1_000);
        let exact = DenseIndex::new(DIMENSIONS, &rows).unwrap().screening(Screening::Never);
        let screened = exact.clone().screening(Screening::Always);
        let flat: Vec<f32> = rows.concat();
        drop(rows);
        let find = |index: &DenseIndex, query: usize| -> Vec<usize> {
            index.top_k(&queries[query], TOP).unwrap().into_iter().map(|item| item.position).collect()
        };
        for query in &queries[..if n > 20_000 { 100 } else { 1_000 }] {
            assert_eq!(exact.top_k(query, TOP).unwrap(), screened.top_k(query, TOP).unwrap());
        }

        let (asked, passes) = effort(n);
        let matrix = ndarray::ArrayView2::from_shape((n, DIMENSIONS), &flat).unwrap();
        let mut engines: Vec<Engine<'_>> = vec![
            ("rpm f32", Box::new(|query| find(&exact, query))),
            ("rpm screened", Box::new(|query| find(&screened, query))),
            (
                "ndarray",
                Box::new(|query| {
                    let scores = matrix.dot(&ndarray::ArrayView1::from(&queries[query]));
                    best(scores.as_slice().unwrap())
                }),
            ),
        ];
        engines.extend(peers(&flat, &queries));
        let times = measure(&mut engines, asked, passes);
        for ((engine, _), (p50, p99)) in engines.iter().zip(times) {
            table.line("dense", n, engine, p50, p99);
        }
    }
}

/// The peers that are no dependencies of the library.
fn peers<'a>(flat: &'a [f32], queries: &'a [Vec<f32>]) -> [Engine<'a>; 2] {
    let n = flat.len() / DIMENSIONS;
    let (mut by_faer, mut by_simsimd) = (vec![0.0_f32; n], vec![0.0_f32; n]);
    [
        (
            "faer",
            Box::new(move |query| {
                faer::linalg::matmul::matmul(
                    faer::MatMut::from_column_major_slice_mut(&mut by_faer, n, 1),
                    faer::Accum::Replace,
                    faer::MatRef::from_row_major_slice(flat, n, DIMENSIONS),
                    faer::MatRef::from_column_major_slice(&queries[query], DIMENSIONS, 1),
                    1.0,
                    faer::Par::Seq,
                );
                best(&by_faer)
            }),
        ),
        (
            "simsimd",
            Box::new(move |query| {
                for (score, row) in by_simsimd.iter_mut().zip(flat.chunks_exact(DIMENSIONS)) {
                    #[expect(clippy::cast_possible_truncation, reason = "it was f32")]
                    {
                        *score = simsimd::SpatialSimilarity::dot(row, &queries[query]).unwrap() as f32;
                    }
                }
                best(&by_simsimd)
            }),
        ),
    ]
}

/// Our two engines under criterion.
pub fn criterion(c: &mut Criterion) {
    let queries = Vectors::new(99).many(64);
    let mut group = c.benchmark_group("dense");
    group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    for n in [200, 2_000, 20_000] {
        let exact = DenseIndex::new(DIMENSIONS, Vectors::new(7).many(n)).unwrap().screening(Screening::Never);
        let screened = exact.clone().screening(Screening::Always);
        for (name, index) in [("f32", &exact), ("screened", &screened)] {
            let mut turn = queries.iter().cycle();
            group.bench_function(format!("{name}/{n}"), |b| {
                b.iter(|| index.top_k(black_box(turn.next().unwrap()), TOP).unwrap());
            });
        }
    }
    group.finish();
}
