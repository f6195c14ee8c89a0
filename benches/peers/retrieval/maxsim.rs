//! Late interaction top-10: 8 query vectors against `n` examples of 8 vectors of 384 values, against a GEMM and the
//! maximum of its products. One thread, default build.

use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use rpm_core::retrieve::{MaxSimIndex, Screening};

use super::dense::best;
use super::dense::{DIMENSIONS, Engine, TOP, Vectors, measure};
use crate::table::Table;

/// Vectors per query and per example.
const EACH: usize = 8;

fn examples(n: usize) -> Vec<Vec<Vec<f32>>> {
    let mut vectors = Vectors::new(7);
    (0..n).map(|_| vectors.many(EACH)).collect()
}

fn queries(n: usize) -> Vec<Vec<Vec<f32>>> {
    let mut vectors = Vectors::new(99);
    (0..n).map(|_| vectors.many(EACH)).collect()
}

/// Sums, per example, the maxima of its products with each query vector; a row of `products` per example vector.
fn late(products: &[f32], scores: &mut [f32]) {
    for (score, products) in scores.iter_mut().zip(products.chunks_exact(EACH * EACH)) {
        let mut greatest = [f32::NEG_INFINITY; EACH];
        for products in products.as_chunks::<EACH>().0 {
            for (greatest, product) in greatest.iter_mut().zip(products) {
                *greatest = greatest.max(*product);
            }
        }
        *score = greatest.iter().sum();
    }
}

/// Our engines and the peers at every size.
pub fn ratios(table: &mut Table) {
    for n in [200, 2_000, 20_000] {
        let (examples, queries) = (examples(n), queries(1_000));
        let exact = MaxSimIndex::new(DIMENSIONS, &examples).unwrap().screening(Screening::Never);
        let screened = exact.clone().screening(Screening::Always);
        let flat: Vec<f32> = examples.concat().concat();
        drop(examples);
        let find = |index: &MaxSimIndex, query: usize| -> Vec<usize> {
            index.top_k(&queries[query], TOP).unwrap().into_iter().map(|item| item.position).collect()
        };
        for query in &queries[..if n > 2_000 { 20 } else { 1_000 }] {
            assert_eq!(exact.top_k(query, TOP).unwrap(), screened.top_k(query, TOP).unwrap());
        }

        let (asked, passes) = if n <= 2_000 { (100, 3) } else { (10, 3) };
        let mut engines: Vec<Engine<'_>> = vec![
            ("rpm f32", Box::new(|query| find(&exact, query))),
            ("rpm screened", Box::new(|query| find(&screened, query))),
        ];
        engines.extend(peers(&flat, &queries[..asked]));
        let times = measure(&mut engines, asked, passes);
        for ((engine, _), (p50, p99)) in engines.iter().zip(times) {
            table.line("maxsim", n, engine, p50, p99);
        }
    }
}

/// The peers that are no dependencies of the library.
fn peers<'a>(flat: &'a [f32], queries: &[Vec<Vec<f32>>]) -> [Engine<'a>; 2] {
    let n = flat.len() / (EACH * DIMENSIONS);
    let asked: Vec<Vec<f32>> = queries.iter().map(|query| query.concat()).collect();
    let again = asked.clone();
    let mut products = vec![0.0_f32; n * EACH * EACH];
    let (mut by_faer, mut by_simsimd) = (vec![0.0_f32; n], vec![0.0_f32; n]);
    [
        (
            "faer",
            Box::new(move |query| {
                faer::linalg::matmul::matmul(
                    faer::MatMut::from_column_major_slice_mut(&mut products, EACH, n * EACH),
                    faer::Accum::Replace,
                    faer::MatRef::from_row_major_slice(&asked[query], EACH, DIMENSIONS),
                    faer::MatRef::from_column_major_slice(flat, DIMENSIONS, n * EACH),
                    1.0,
                    faer::Par::Seq,
                );
                late(&products, &mut by_faer);
                best(&by_faer)
            }),
        ),
        (
            "simsimd",
            Box::new(move |query: usize| {
                for (score, example) in by_simsimd.iter_mut().zip(flat.chunks_exact(EACH * DIMENSIONS)) {
                    let greatest = again[query].chunks_exact(DIMENSIONS).map(|query| {
                        let dot = |row| simsimd::SpatialSimilarity::dot(row, query).unwrap();
                        example.chunks_exact(DIMENSIONS).map(dot).fold(f64::NEG_INFINITY, f64::max)
                    });
                    #[expect(clippy::cast_possible_truncation, reason = "a sum of eight cosines")]
                    {
                        *score = greatest.sum::<f64>() as f32;
                    }
                }
                best(&by_simsimd)
            }),
        ),
    ]
}

/// Our two engines under criterion.
pub fn criterion(c: &mut Criterion) {
    let queries = queries(16);
    let mut group = c.benchmark_group("maxsim");
    group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    for n in [200, 2_000] {
        let exact = MaxSimIndex::new(DIMENSIONS, examples(n)).unwrap().screening(Screening::Never);
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
