//! The statistics on simulated users of whom the truth is known: what is called 95 % sure is right 95 times of 100.
//!
//! Seeds are fixed. `cargo test --release` simulates ten times as many; both print their tables with `--nocapture`.

use std::iter::repeat_with;

use rpm_core::{
    Drift, Halves, Moments, association, benjamini_hochberg, credible_interval, lift_reliability, mean_difference,
    rank_sum, stability, wilson,
};

const fn times(n: usize) -> usize {
    if cfg!(debug_assertions) { n } else { 10 * n }
}

/// SplitMix64 (Steele, Lea and Flood 2014).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Within 0 and 1, both out of reach.
    fn uniform(&mut self) -> f64 {
        ((self.next() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// The logarithm of a Gamma(`shape`) number (Marsaglia and Tsang 2000), since small shapes give numbers below any float.
    fn ln_gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            return self.ln_gamma(shape + 1.0) + self.uniform().ln() / shape;
        }
        let d = shape - 1.0 / 3.0;
        loop {
            let x = self.normal();
            let v = (1.0 + x / (9.0 * d).sqrt()).powi(3);
            if v > 0.0 && self.uniform().ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d.ln() + v.ln();
            }
        }
    }

    fn beta(&mut self, a: f64, b: f64) -> f64 {
        let (x, y) = (self.ln_gamma(a), self.ln_gamma(b));
        1.0 / (1.0 + (y - x).exp())
    }

    fn dirichlet(&mut self, shapes: &[f64]) -> Vec<f64> {
        let logs: Vec<f64> = shapes.iter().map(|&shape| self.ln_gamma(shape)).collect();
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logs.iter().map(|x| (x - most).exp()).sum();
        logs.iter().map(|x| (x - most).exp() / sum).collect()
    }

    fn place(&mut self, shares: &[f64]) -> usize {
        let mut left = self.uniform();
        let found = shares.iter().position(|share| {
            left -= share;
            left < 0.0
        });
        found.unwrap_or(shares.len() - 1)
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Standard error of a mean.
fn error_of_mean(values: &[f64]) -> f64 {
    let mean = mean(values);
    let square: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    square.sqrt() / values.len() as f64
}

/// A scale of `points` on which the latent response is normal about `mean` (in points, the lowest being 0).
fn scale(points: usize, mean: f64, deviation: f64) -> Vec<f64> {
    let weight = |at: usize| (-((at as f64 - mean) / deviation).powi(2) / 2.0).exp();
    let sum: f64 = (0..points).map(weight).sum();
    (0..points).map(|at| weight(at) / sum).collect()
}

// Coverage ------------------------------------------------------------------------------------------------------------

#[test]
fn credible_intervals_cover_what_they_claim_under_the_model() {
    let mut chance = Chance(1);
    println!("share of p ~ Beta(κπ, κ(1−π)) inside the 95 % interval");
    println!("   π     κ |     n=3       5      10      30     100     300");
    for (base, kappa) in [(0.5, 0.5), (0.5, 4.0), (0.2, 2.0), (0.8, 8.0), (0.05, 4.0), (0.3, 16.0), (0.9, 64.0)] {
        print!("{base:5} {kappa:5} |");
        for n in [3_u32, 5, 10, 30, 100, 300] {
            let by_count: Vec<_> = (0..=n)
                .map(|count| credible_interval(f64::from(count), f64::from(n), base, kappa, 0.95))
                .collect();
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
        }
        println!();
    }
}

// False discoveries ---------------------------------------------------------------------------------------------------

struct Setting {
    name: &'static str,
    base: Vec<f64>,
    interactions: usize,
    ordered: bool,
}

/// One user: the q-value of each tested factor, and whether it is real.
fn user(setting: &Setting, real_share: f64, chance: &mut Chance) -> Vec<(f64, bool)> {
    const FACTORS: usize = 30;
    let places = setting.base.len();
    // A real factor takes over the response with its own distribution.
    let factors: Vec<(f64, Option<Vec<f64>>)> = (0..FACTORS)
        .map(|_| {
            let presence = 0.02 + 0.3 * chance.uniform().powi(2);
            let sharp: Vec<f64> = setting.base.iter().map(|_| 0.3).collect();
            (presence, (chance.uniform() < real_share).then(|| chance.dirichlet(&sharp)))
        })
        .collect();
    let mut all = vec![0.0; places];
    let mut with = vec![vec![0.0; places]; FACTORS];
    for _ in 0..setting.interactions {
        let present: Vec<usize> = (0..FACTORS).filter(|&m| chance.uniform() < factors[m].0).collect();
        let swaying: Vec<&Vec<f64>> = present.iter().filter_map(|&m| factors[m].1.as_ref()).collect();
        let shares = match swaying.len() {
            0 => &setting.base,
            n => swaying[usize::try_from(chance.next() % n as u64).unwrap()],
        };
        let response = chance.place(shares);
        all[response] += 1.0;
        present.iter().for_each(|&m| with[m][response] += 1.0);
    }
    let tested: Vec<usize> = (0..FACTORS).filter(|&m| with[m].iter().sum::<f64>() >= 3.0).collect();
    let p: Vec<f64> = tested
        .iter()
        .map(|&m| {
            let without: Vec<f64> = all.iter().zip(&with[m]).map(|(all, with)| all - with).collect();
            if setting.ordered { rank_sum(&with[m], &without) } else { association(&with[m], &without) }
        })
        .collect();
    tested.iter().zip(benjamini_hochberg(&p)).map(|(&m, q)| (q, factors[m].1.is_some())).collect()
}

#[test]
fn false_discoveries_stay_below_the_nominal_rate() {
    let mut chance = Chance(3);
    let labels = [
        ("2 labels, even", vec![0.5, 0.5]),
        ("2 labels, 9 to 1", vec![0.9, 0.1]),
        ("3 labels", vec![0.6, 0.3, 0.1]),
        ("5 labels", vec![0.4, 0.3, 0.15, 0.1, 0.05]),
    ];
    let scales = [
        ("5 points, even", vec![0.2; 5]),
        ("5 points, at the top", vec![0.01, 0.02, 0.03, 0.14, 0.8]),
        ("10 points", scale(10, 6.0, 2.0)),
    ];
    println!("mean share of false discoveries at q ≤ 0.1 and 0.05, and share of the real factors found at 0.1");
    println!("                         N | none real:  0.1    0.05 | 3 in 10 real:  0.1   0.05   found");
    for (ordered, base) in labels.map(|base| (false, base)).into_iter().chain(scales.map(|base| (true, base))) {
        for interactions in [30, 100, 300] {
            let setting = Setting { name: base.0, base: base.1.clone(), interactions, ordered };
            print!("{:>22} {interactions:4} |", setting.name);
            for real_share in [0.0, 0.3] {
                let users: Vec<_> = repeat_with(|| user(&setting, real_share, &mut chance)).take(times(100)).collect();
                for nominal in [0.1, 0.05] {
                    let shares: Vec<f64> = users
                        .iter()
                        .map(|tested| {
                            let called = tested.iter().filter(|(q, _)| *q <= nominal).count();
                            let wrong = tested.iter().filter(|(q, real)| *q <= nominal && !real).count();
                            wrong as f64 / called.max(1) as f64
                        })
                        .collect();
                    print!("  {:.4}", mean(&shares));
                    // Chance alone goes past three standard errors once in 700 times.
                    let allowed = nominal + 3.0 * error_of_mean(&shares).max(0.2 / (users.len() as f64).sqrt());
                    assert!(mean(&shares) <= allowed, "{} {interactions}: {}", setting.name, mean(&shares));
                }
                let real: Vec<f64> =
                    users.iter().flatten().filter(|t| t.1).map(|t| f64::from(u8::from(t.0 <= 0.1))).collect();
                print!("{}", if real.is_empty() { " |".to_owned() } else { format!("   {:.2}", mean(&real)) });
            }
            println!();
        }
    }
}

// Stability -----------------------------------------------------------------------------------------------------------

#[test]
fn stability_tells_real_factors_from_noise() {
    const KAPPA: f64 = 4.0;
    let mut chance = Chance(4);
    println!("mean stability of a factor, and median reliability of a user's 30 lifts");
    println!("base rates        sightings | noise   real | noise   real");
    for base in [vec![0.5, 0.5], vec![0.6, 0.3, 0.1], vec![0.2; 5]] {
        for sightings in [4_usize, 10, 20, 40, 100] {
            let mut alike = Vec::new();
            let mut reliable = Vec::new();
            for real in [false, true] {
                let (mut of_factors, mut of_users) = (Vec::new(), Vec::new());
                for _ in 0..times(40) {
                    let halves: Vec<[Vec<f64>; 2]> = (0..30)
                        .map(|_| {
                            let spread: Vec<f64> = base.iter().map(|share| 2.0 * share).collect();
                            let shares = if real { chance.dirichlet(&spread) } else { base.clone() };
                            let mut halves = [vec![0.0; base.len()], vec![0.0; base.len()]];
                            (0..sightings).for_each(|at| halves[at % 2][chance.place(&shares)] += 1.0);
                            halves
                        })
                        .collect();
                    let halves: Vec<Halves<'_>> =
                        halves.iter().map(|[odd, even]| Halves { odd, even }).collect();
                    of_factors.extend(halves.iter().filter_map(|&halves| stability(halves, &base, KAPPA)));
                    of_users.extend(lift_reliability(&halves, &base, KAPPA));
                }
                of_users.sort_by(f64::total_cmp);
                alike.push(mean(&of_factors));
                reliable.push(of_users[of_users.len() / 2]);
            }
            let name = format!("{base:?}");
            let (noise, real) = (alike[0], alike[1]);
            println!("{name:25} {sightings:3} | {noise:.3}  {real:.3} | {:.3}  {:.3}", reliable[0], reliable[1]);
        }
    }
}

// Drift ---------------------------------------------------------------------------------------------------------------

type Look = fn(&[usize], usize) -> Option<Drift>;

#[test]
fn drift_grid() {
    let mut chance = Chance(5);
    let thresholds = [0.01, 0.005, 0.003, 0.002, 0.001, 0.0005];
    println!("thresholds {thresholds:?}");
    let nulls: Vec<(&str, Vec<f64>, Look)> = vec![
        ("0.5", vec![0.5, 0.5], Drift::of_responses), ("0.8", vec![0.8, 0.2], Drift::of_responses),
        ("3", vec![0.6, 0.3, 0.1], Drift::of_responses), ("6", vec![1.0/6.0;6], Drift::of_responses),
        ("5pt", scale(5, 2.5, 1.0), Drift::of_points), ("5pt even", vec![0.2;5], Drift::of_points), ("top", vec![0.01, 0.02, 0.03, 0.14, 0.8], Drift::of_points),
        ("10pt", scale(10, 6.0, 2.0), Drift::of_points),
    ];
    for (name, shares, look) in &nulls {
        let mut any = [0.0; 6]; let mut each = [0.0; 6];
        let n = times(60);
        for _ in 0..n {
            let s: Vec<usize> = (0..109).map(|_| chance.place(shares)).collect();
            let ps: Vec<f64> = (10..110).map(|c| look(&s[..c], shares.len()).unwrap().p).collect();
            for (i, t) in thresholds.iter().enumerate() {
                let k = ps.iter().filter(|p| *p <= t).count();
                each[i] += k as f64 / 100.0 / n as f64;
                if k > 0 { any[i] += 1.0 / n as f64; }
            }
        }
        println!("null {name:9} per look {each:.4?} in 100 looks {any:.4?}");
    }
    let shifts: Vec<(&str, Vec<f64>, Vec<f64>, Look)> = vec![
        (".8>.6", vec![0.8,0.2], vec![0.6,0.4], Drift::of_responses),
        (".8>.4", vec![0.8,0.2], vec![0.4,0.6], Drift::of_responses),
        (".8>.2", vec![0.8,0.2], vec![0.2,0.8], Drift::of_responses),
        ("-.5", scale(5, 3.0, 1.0), scale(5, 2.5, 1.0), Drift::of_points),
        ("-1", scale(5, 3.0, 1.0), scale(5, 2.0, 1.0), Drift::of_points),
        ("-2", scale(5, 3.0, 1.0), scale(5, 1.0, 1.0), Drift::of_points),
    ];
    for before in [20, 40, 80] {
        for (name, old, new, look) in &shifts {
            let n = times(40);
            let mut out = vec![];
            let mut delays = vec![vec![]; 6];
            for _ in 0..n {
                let s: Vec<usize> = (0..before + 60).map(|i| chance.place(if i < before { old } else { new })).collect();
                let ps: Vec<f64> = (1..=60).map(|d| look(&s[..before + d], old.len()).unwrap().p).collect();
                for (i, t) in thresholds.iter().enumerate() {
                    if let Some(at) = ps.iter().position(|p| p <= t) { delays[i].push(at + 1); }
                }
            }
            for d in &mut delays { d.sort_unstable(); out.push((d.len() as f64 / n as f64, d.get(d.len()/2).copied().unwrap_or(0), d.iter().filter(|x| **x<=20).count() as f64/n as f64)); }
            println!("{before} {name:6} (share, median delay, within 20) {out:.2?}");
        }
    }
}
