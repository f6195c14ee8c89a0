use rpm_core::*;
use std::hint::black_box;
use std::time::Instant;
fn median(mut f: impl FnMut()) -> f64 {
    let mut v: Vec<f64> = (0..41)
        .map(|_| {
            let t = Instant::now();
            for _ in 0..20 {
                f();
            }
            t.elapsed().as_secs_f64() / 20.0 * 1e6
        })
        .collect();
    v.sort_by(f64::total_cmp);
    v[20]
}
#[test]
fn timing() {
    let a = [4., 3., 5., 4., 7.];
    let b = [30., 40., 50., 60., 50.];
    println!(
        "rank_sum n=23 of 253, K=5: {:.1}",
        median(|| {
            black_box(rank_sum(black_box(&a), &b));
        })
    );
    println!(
        "rank_sum n=10, K=5: {:.1}",
        median(|| {
            black_box(rank_sum(black_box(&[1., 2., 3., 2., 2.]), &b));
        })
    );
    println!(
        "rank_sum n=5, K=5: {:.1}",
        median(|| {
            black_box(rank_sum(black_box(&[1., 0., 1., 1., 2.]), &b));
        })
    );
    println!(
        "rank_sum normal: {:.2}",
        median(|| {
            black_box(rank_sum(black_box(&[40., 30., 50., 40., 70.]), &b));
        })
    );
    println!(
        "association fisher K=5 n=10: {:.1}",
        median(|| {
            black_box(association(black_box(&[1., 2., 3., 2., 2.]), &b));
        })
    );
    println!(
        "chi2 : {:.2}",
        median(|| {
            black_box(association(black_box(&[40., 30., 50., 40., 70.]), &b));
        })
    );
    for c in [20usize, 100, 1000, 10000] {
        let s: Vec<usize> = (0..c).map(|i| (i * 7919 + i * i) % 5).collect();
        println!(
            "drift c={c}: labels {:.1} points {:.1}",
            median(|| {
                black_box(Drift::of_responses(black_box(&s), 5));
            }),
            median(|| {
                black_box(Drift::of_points(black_box(&s), 5));
            })
        );
    }
}
