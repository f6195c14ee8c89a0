//! Factors that say something are stable, those that do not are stable by chance alone.

use rpm_core::stats::{Halves, Moments, lift_reliability, scale_stability, split_half_reliability, stability};

use crate::chance::{Chance, mean, scale};
use crate::times;

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
                    let halves: Vec<Halves<'_>> = halves.iter().map(|[odd, even]| Halves { odd, even }).collect();
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
            // Few sightings coincide by chance more often.
            assert!(noise < if sightings < 20 { 0.45 } else { 0.25 } && real > noise + 0.15, "{base:?} {sightings}");
            assert!(reliable[0] < 0.2 && reliable[1] > 0.5, "{base:?} {sightings}: {reliable:?}");
        }
    }
}

#[test]
fn stability_tells_real_factors_from_noise_on_a_scale() {
    let mut chance = Chance(6);
    println!(
        "five points, deviation 1 about the middle one: mean stability of a factor, and median reliability of a user's 30 differences"
    );
    println!("sightings | noise   real | noise   real");
    for sightings in [4_usize, 10, 20, 40, 100] {
        let (mut alike, mut reliable) = (Vec::new(), Vec::new());
        for spread in [0.0, 0.7] {
            let (mut of_factors, mut of_users) = (Vec::new(), Vec::new());
            for _ in 0..times(40) {
                let halves: Vec<[Moments; 2]> = (0..30)
                    .map(|_| {
                        let shares = scale(5, 2.0 + spread * chance.normal(), 1.0);
                        let mut halves = [Moments::default(); 2];
                        (0..sightings).for_each(|at| halves[at % 2].add(chance.place(&shares) as f64, 1.0));
                        halves
                    })
                    .collect();
                of_factors.extend(halves.iter().filter_map(|[odd, even]| scale_stability(odd, even, 2.0, 4.0)));
                let away = |half: &Moments| half.mean().unwrap() - 2.0;
                let pairs: Vec<(f64, f64)> = halves.iter().map(|[odd, even]| (away(odd), away(even))).collect();
                of_users.extend(split_half_reliability(&pairs));
            }
            of_users.sort_by(f64::total_cmp);
            alike.push(mean(&of_factors));
            reliable.push(of_users[of_users.len() / 2]);
        }
        println!("{sightings:9} | {:.3}  {:.3} | {:.3}  {:.3}", alike[0], alike[1], reliable[0], reliable[1]);
        assert!(alike[0] < 0.3 && alike[1] > alike[0] + 0.1, "{sightings}: {alike:?}");
        assert!(reliable[0] < 0.2 && reliable[1] > 0.4, "{sightings}: {reliable:?}");
    }
}
