//! What is called significant is seldom chance.

use std::iter::repeat_with;

use rpm_core::stats::{association, benjamini_hochberg, rank_sum};

use crate::chance::{Chance, error_of_mean, mean, scale};
use crate::times;

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
        for &m in &present {
            with[m][response] += 1.0;
        }
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
