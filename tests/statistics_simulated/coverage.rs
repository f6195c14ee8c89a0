//! Intervals hold the truth as often as they claim.

use std::iter::repeat_with;

use rpm_core::stats::{
    CountRow, Interval, Moments, cautious_interval, credible_interval, mean_difference, plausible_kappa, wilson,
};

use crate::chance::{Chance, mean, scale};
use crate::times;

#[test]
fn credible_intervals_cover_what_they_claim_under_the_model() {
    let mut chance = Chance(1);
    println!("share of p ~ Beta(κπ, κ(1−π)) inside the 95 % interval");
    println!("   π     κ |     n=3       5      10      30     100     300");
    for (base, kappa) in [(0.5, 0.5), (0.5, 4.0), (0.2, 2.0), (0.8, 8.0), (0.05, 4.0), (0.3, 16.0), (0.9, 64.0)] {
        print!("{base:5} {kappa:5} |");
        for n in [3_u32, 5, 10, 30, 100, 300] {
            let by_count: Vec<_> =
                (0..=n).map(|count| credible_interval(f64::from(count), f64::from(n), base, kappa, 0.95)).collect();
            let draws = times(4000);
            let inside = repeat_with(|| {
                let p = chance.beta(kappa * base, kappa * (1.0 - base));
                let count = (0..n).filter(|_| chance.uniform() < p).count();
                by_count[count].low <= p && p <= by_count[count].high
            });
            let covered = inside.take(draws).filter(|&inside| inside).count() as f64 / draws as f64;
            print!("  {covered:.4}");
            assert!((0.93..=0.97).contains(&covered), "{base} {kappa} {n}: {covered}");
        }
        println!();
    }
}

#[test]
fn cautious_intervals_cover_what_they_claim_when_the_model_is_estimated() {
    let mut chance = Chance(8);
    println!("the same where π and κ are estimated from the user's 30 factors: at the chosen κ alone, and cautious");
    println!("   π     κ |     n=3            5           10           30          100");
    for (base, kappa) in [(0.5, 1.0), (0.5, 4.0), (0.2, 2.0), (0.8, 8.0), (0.3, 32.0)] {
        print!("{base:5} {kappa:5} |");
        for n in [3_u32, 5, 10, 30, 100] {
            let (mut chosen, mut cautious) = (Vec::new(), Vec::new());
            for _ in 0..times(40) {
                let truth: Vec<f64> = (0..30).map(|_| chance.beta(kappa * base, kappa * (1.0 - base))).collect();
                let counts: Vec<[f64; 2]> = truth
                    .iter()
                    .map(|&p| {
                        let count = (0..n).filter(|_| chance.uniform() < p).count() as f64;
                        [count, f64::from(n) - count]
                    })
                    .collect();
                let share = counts.iter().map(|two| two[0]).sum::<f64>() / (30.0 * f64::from(n));
                let rows: Vec<CountRow<'_>> =
                    counts.iter().map(|by_response| CountRow { coverage: f64::from(n), by_response }).collect();
                let kappa = plausible_kappa(&rows, &[share, 1.0 - share]);
                for (two, p) in counts.iter().zip(truth) {
                    let holds = |interval: Interval| f64::from(u8::from(interval.low <= p && p <= interval.high));
                    chosen.push(holds(credible_interval(two[0], f64::from(n), share, kappa.high, 0.95)));
                    cautious.push(holds(cautious_interval(two[0], f64::from(n), share, kappa, 0.95)));
                }
            }
            print!("  {:.3} {:.3}", mean(&chosen), mean(&cautious));
            assert!(mean(&cautious) >= 0.93, "{base} {kappa} {n}: {}", mean(&cautious));
        }
        println!();
    }
}

/// The probability of each count of `n` draws.
fn binomial(n: u32, p: f64) -> Vec<f64> {
    let mut shares = vec![1.0];
    for _ in 0..n {
        let missed = shares.iter().map(|share| share * (1.0 - p)).chain([0.0]);
        let hit = std::iter::once(0.0).chain(shares.iter().map(|share| share * p));
        shares = missed.zip(hit).map(|(a, b)| a + b).collect();
    }
    shares
}

#[test]
fn wilson_intervals_cover_on_average_what_they_claim() {
    println!("share of samples whose 95 % interval holds a fixed p (exact sums)");
    println!("                    n | p=0.02    0.1    0.3    0.5    0.8   mean over p");
    for n in [3_u32, 5, 10, 30, 100, 300] {
        let wilsons: Vec<_> = (0..=n).map(|count| wilson(f64::from(count), f64::from(n), 0.95)).collect();
        let credible: Vec<_> =
            (0..=n).map(|count| credible_interval(f64::from(count), f64::from(n), 0.5, 4.0, 0.95)).collect();
        for (name, intervals) in [("Wilson", wilsons), ("posterior, π=.5 κ=4", credible)] {
            let covered = |p: f64| -> f64 {
                let inside = intervals.iter().zip(binomial(n, p)).filter(|(i, _)| i.low <= p && p <= i.high);
                inside.map(|(_, share)| share).sum()
            };
            let over: Vec<f64> = (1..100).map(|p| covered(f64::from(p) / 100.0)).collect();
            let at: Vec<String> = [0.02, 0.1, 0.3, 0.5, 0.8].iter().map(|&p| format!("{:.3}", covered(p))).collect();
            println!("{name:>19} {n:3} |  {}   {:.3}", at.join("  "), mean(&over));
            if name == "Wilson" {
                assert!((0.945..=0.975).contains(&mean(&over)), "{n}: {}", mean(&over));
            }
        }
    }
}

#[test]
fn welch_intervals_cover_what_they_claim_on_a_scale() {
    let mut chance = Chance(2);
    let truth = |shares: &[f64]| shares.iter().enumerate().map(|(at, share)| at as f64 * share).sum::<f64>();
    println!("share of samples whose 95 % Welch interval holds the difference of means");
    println!("five points                |  3, 30  5, 5  5, 50  10, 90  30, 30  100, 300");
    for (name, with, without) in [
        ("the same, middling", scale(5, 2.0, 1.0), scale(5, 2.0, 1.0)),
        ("the same, at the top", scale(5, 4.0, 1.2), scale(5, 4.0, 1.2)),
        ("a point apart", scale(5, 3.0, 0.8), scale(5, 2.0, 1.3)),
    ] {
        print!("{name:26} |");
        for (n, m) in [(3, 30), (5, 5), (5, 50), (10, 90), (30, 30), (100, 300)] {
            let draws = times(400);
            let mut inside = 0;
            for _ in 0..draws {
                let mut sample = |shares: &[f64], size: usize| {
                    let mut moments = Moments::default();
                    (0..size).for_each(|_| moments.add(chance.place(shares) as f64, 1.0));
                    moments
                };
                let (own, other) = (sample(&with, n), sample(&without, m));
                let interval = mean_difference(&own, &other, 0.95).unwrap().interval;
                let difference = truth(&with) - truth(&without);
                inside += usize::from(interval.low <= difference && difference <= interval.high);
            }
            let covered = inside as f64 / draws as f64;
            print!("  {covered:.3}");
            // Four standard errors, below what a skewed scale is known to cost.
            let allowed = 0.92 - 4.0 * (0.92 * 0.08 / draws as f64).sqrt();
            assert!(covered >= allowed, "{name} {n} {m}: {covered}");
        }
        println!();
    }
}
