//! Comparisons of methods on simulated users whose items are alike.
//!
//! Seeds are fixed. `cargo test --release` simulates more; both print their tables with `--nocapture`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    missing_docs
)]

#[allow(dead_code, reason = "shared with rpm-core's own simulations")]
#[path = "../../../../tests/statistics_simulated/chance.rs"]
mod chance;

use std::iter::repeat_with;
use std::time::Instant;

use rpm_eval::compare::{Paired, RESAMPLES, Resamples, holm, paired};

use chance::{Chance, error_of_mean, mean};

/// Few in a debug build, and as many as the claim asks for otherwise.
const ROUNDS: usize = if cfg!(debug_assertions) { 12 } else { 1_000 };
const DRAWN: usize = if cfg!(debug_assertions) { 200 } else { RESAMPLES };

/// Users of 5 to 50 items each. A share `alike` of the items' variance (the intraclass correlation) is between users.
fn simulated(chance: &mut Chance, users: usize, mut item_of_user: impl FnMut(&mut Chance) -> Draw) -> Vec<Vec<f64>> {
    (0..users)
        .map(|_| {
            let mut item = item_of_user(chance);
            let items = 5 + (chance.next() % 46) as usize;
            (0..items).map(|_| item(chance)).collect()
        })
        .collect()
}

type Draw = Box<dyn FnMut(&mut Chance) -> f64>;

/// Differences around 0 with variance 1.
fn difference(alike: f64) -> impl Fn(&mut Chance) -> Draw {
    move |chance| {
        let user = alike.sqrt() * chance.normal();
        Box::new(move |chance: &mut Chance| user + (1.0 - alike).sqrt() * chance.normal())
    }
}

/// Right or wrong, right in 85 of 100.
fn accuracy(alike: f64) -> impl Fn(&mut Chance) -> Draw {
    move |chance| {
        let kappa = 1.0 / alike - 1.0;
        let share = chance.beta(0.85 * kappa, 0.15 * kappa);
        Box::new(move |chance: &mut Chance| f64::from(u8::from(chance.uniform() < share)))
    }
}

fn seed(chance: &mut Chance) -> u64 {
    chance.next()
}

fn share(hits: impl Iterator<Item = bool>) -> f64 {
    mean(&hits.map(|hit| f64::from(u8::from(hit))).collect::<Vec<_>>())
}

/// The share of intervals over users that hold the truth, and of those over items.
fn coverage(users: usize, truth: f64, item_of_user: impl Fn(&mut Chance) -> Draw) -> [f64; 2] {
    let mut chance = Chance(31);
    let rounds: Vec<[bool; 2]> = repeat_with(|| {
        let items = simulated(&mut chance, users, &item_of_user);
        let resamples = Resamples::new(users, DRAWN, seed(&mut chance));
        let measured = resamples.mean(&items).unwrap().measured(0.95);
        let interval = measured.interval.unwrap();
        // What a bootstrap over items comes to.
        let naive = 1.96 * error_of_mean(&items.concat());
        [interval.low <= truth && truth <= interval.high, (measured.value - truth).abs() <= naive]
    })
    .take(ROUNDS)
    .collect();
    [0, 1].map(|way| share(rounds.iter().map(|round| round[way])))
}

#[test]
fn intervals_over_users_cover_what_they_claim_and_those_over_items_do_not() {
    println!("share of 95 % intervals that hold the truth: over users, over items");
    println!("users alike |  differences    accuracy of .85");
    let mut all = Vec::new();
    for users in [8, 12, 24, 64] {
        for alike in [0.1, 0.3, 0.5] {
            let even = coverage(users, 0.0, difference(alike));
            let skewed = coverage(users, 0.85, accuracy(alike));
            println!("{users:5} {alike:5} |  {:.3} {:.3}    {:.3} {:.3}", even[0], even[1], skewed[0], skewed[1]);
            if !cfg!(debug_assertions) {
                let least = if users < 24 { 0.915 } else { 0.925 };
                assert!((least..=0.965).contains(&even[0]), "{users} {alike}: {even:?}");
                assert!(users < 24 || skewed[0] >= 0.89, "{users} {alike}: {skewed:?}");
                assert!(even[1] < 0.7 && skewed[1] < 0.7, "{users} {alike}: {even:?} {skewed:?}");
            }
            all.push([even, skewed]);
        }
    }
    let [over_users, over_items] = [0, 1].map(|way| mean(&all.iter().map(|both| both[0][way]).collect::<Vec<_>>()));
    assert!(over_users > 0.88 && over_items < 0.65, "{over_users} {over_items}");
}

/// A comparison of two methods that are as good as each other.
fn of_equals(chance: &mut Chance, users: usize) -> Paired {
    let items = simulated(chance, users, difference(0.3));
    let nothing: Vec<Vec<f64>> = items.iter().map(|items| vec![0.0; items.len()]).collect();
    paired(&Resamples::new(users, DRAWN, seed(chance)), &items, &nothing, 0.95).unwrap()
}

#[test]
fn equal_methods_are_rarely_called_different() {
    println!("of equal methods, the share called different at p ≤ 0.05, and with p in each quarter");
    println!("users |  resamples                      |  sign flips");
    let mut all = Vec::new();
    for users in [8, 12, 24, 64] {
        let mut chance = Chance(77);
        let found: Vec<Paired> = repeat_with(|| of_equals(&mut chance, users)).take(4 * ROUNDS).collect();
        let line = |p: fn(&Paired) -> f64| {
            let alarms = share(found.iter().map(|found| p(found) <= 0.05));
            let quarter = |at: i32| {
                let to = f64::from(at + 1) / 4.0;
                share(found.iter().map(|found| p(found) > to - 0.25 && p(found) <= to))
            };
            (alarms, [0, 1, 2, 3].map(quarter))
        };
        let [drawn, flipped] = [line(|found| found.p), line(|found| found.sign_flip_p)];
        println!("{users:5} |  {:.3} {:.2?}  |  {:.3} {:.2?}", drawn.0, drawn.1, flipped.0, flipped.1);
        if !cfg!(debug_assertions) {
            assert!(drawn.0 <= 0.085 && (users < 24 || drawn.0 <= 0.07), "{users}: {drawn:?}");
            assert!(flipped.0 <= 0.06, "{users}: {flipped:?}");
            assert!(flipped.1.iter().all(|share| (0.22..=0.28).contains(share)), "{users}: {flipped:?}");
        }
        all.push([drawn.0, flipped.0]);
    }
    let [drawn, flipped] = [0, 1].map(|way| mean(&all.iter().map(|both| both[way]).collect::<Vec<_>>()));
    assert!(drawn <= 0.12 && flipped <= 0.12, "{drawn} {flipped}");
}

#[test]
fn of_ten_equal_comparisons_holm_rarely_calls_any() {
    let mut chance = Chance(5);
    let rounds = ROUNDS / 4;
    let any = repeat_with(|| {
        let p: Vec<f64> = (0..10).map(|_| of_equals(&mut chance, 24).sign_flip_p).collect();
        [&p, &holm(&p)].map(|p| p.iter().any(|&p| p <= 0.05))
    });
    let rounds: Vec<[bool; 2]> = any.take(rounds.max(6)).collect();
    let [plain, corrected] = [0, 1].map(|way| share(rounds.iter().map(|round| round[way])));
    println!("any of ten equal methods called different: {plain:.3} uncorrected, {corrected:.3} by Holm");
    assert!(corrected <= if cfg!(debug_assertions) { 0.35 } else { 0.08 }, "{corrected}");
    assert!(cfg!(debug_assertions) || plain > 0.3, "{plain}");
}

#[test]
#[ignore = "reads a clock: --release -- --ignored full_size --nocapture"]
fn a_full_size_report_takes_well_under_two_seconds() {
    let (users, methods, metrics) = (64, 30, 6);
    let mut chance = Chance(3);
    let one: Vec<Vec<f64>> = simulated(&mut chance, users, accuracy(0.3));
    let all: Vec<Vec<Vec<f64>>> = (0..methods * metrics)
        .map(|_| one.iter().map(|items| items.iter().map(|_| chance.uniform()).collect()).collect())
        .collect();
    let start = Instant::now();
    let resamples = Resamples::new(users, RESAMPLES, 7);
    let drawn = start.elapsed();
    let bounded = all.iter().filter_map(|items| resamples.mean(items)?.measured(0.95).interval).count();
    let measured = start.elapsed();
    let pairs = all.chunks(methods).flat_map(|of_metric| {
        of_metric.iter().enumerate().flat_map(|(at, a)| of_metric[..at].iter().map(move |b| (a, b)))
    });
    let found = pairs.filter_map(|(a, b)| paired(&resamples, a, b, 0.95)).count();
    println!("draws {drawn:?}, and {bounded} intervals {measured:?}, and {found} pairs {:?}", start.elapsed());
    assert_eq!((bounded, found), (180, 2_610));
    assert!(measured.as_secs_f64() < 2.0);
}
