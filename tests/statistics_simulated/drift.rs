//! The drift alarm is quiet while nothing changes, and goes off soon after something does.

use rpm_core::stats::Drift;

use crate::chance::{Chance, scale};
use crate::times;

type Look = fn(&[usize], usize) -> Option<Drift>;

fn sightings(chance: &mut Chance, shares: &[f64], count: usize) -> Vec<usize> {
    (0..count).map(|_| chance.place(shares)).collect()
}

#[test]
fn a_factor_that_stays_as_it_is_seldom_gives_an_alarm() {
    let mut chance = Chance(5);
    let unchanging: [(&str, Vec<f64>, Look); 8] = [
        ("2 labels, even", vec![0.5, 0.5], Drift::of_responses),
        ("2 labels, 8 to 2", vec![0.8, 0.2], Drift::of_responses),
        ("3 labels", vec![0.6, 0.3, 0.1], Drift::of_responses),
        ("6 labels", vec![1.0 / 6.0; 6], Drift::of_responses),
        ("5 points, even", vec![0.2; 5], Drift::of_points),
        ("5 points, middling", scale(5, 2.5, 1.0), Drift::of_points),
        ("5 points, at the top", vec![0.01, 0.02, 0.03, 0.14, 0.8], Drift::of_points),
        ("10 points", scale(10, 6.0, 2.0), Drift::of_points),
    ];
    println!("alarms without any change, from the 10th sighting to the 109th");
    println!("                      | per look  in 100 looks");
    let factors = times(30);
    let mut fired_in_all = 0;
    for (name, shares, look) in &unchanging {
        let (mut alarms, mut fired) = (0, 0);
        for _ in 0..factors {
            let seen = sightings(&mut chance, shares, 109);
            let alarm = |upto: &usize| look(&seen[..*upto], shares.len()).unwrap().alarm;
            let count = (10..110).filter(alarm).count();
            alarms += count;
            fired += usize::from(count > 0);
        }
        fired_in_all += fired;
        let share = fired as f64 / factors as f64;
        println!("{name:>21} |  {:.5}  {share:.4}", alarms as f64 / (100 * factors) as f64);
        assert!(share <= 0.05 + 3.0 * (0.05 * 0.95 / factors as f64).sqrt(), "{name}: {share}");
    }
    assert!(fired_in_all * 20 <= factors * unchanging.len(), "{fired_in_all}");
}

#[test]
fn a_change_gives_an_alarm_the_sooner_the_larger_it_is() {
    let mut chance = Chance(7);
    let yes = |p: f64| vec![p, 1.0 - p];
    let point = |mean: f64| scale(5, mean, 1.0);
    let changes: [(&str, [Vec<f64>; 2], Look); 6] = [
        ("P(yes) .8 to .6", [yes(0.8), yes(0.6)], Drift::of_responses),
        ("P(yes) .8 to .4", [yes(0.8), yes(0.4)], Drift::of_responses),
        ("P(yes) .8 to .2", [yes(0.8), yes(0.2)], Drift::of_responses),
        ("half a point down", [point(3.0), point(2.5)], Drift::of_points),
        ("one point down", [point(3.0), point(2.0)], Drift::of_points),
        ("two points down", [point(3.0), point(1.0)], Drift::of_points),
    ];
    println!("alarms after a change, of sightings after it");
    println!("            change  before | within 10     20     40     60   median delay of those within 60");
    for (name, [old, new], look) in &changes {
        let mut found = Vec::new();
        for before in [20, 40, 80] {
            let factors = times(12);
            let mut delays = Vec::new();
            for _ in 0..factors {
                let mut seen = sightings(&mut chance, old, before);
                seen.extend(sightings(&mut chance, new, 60));
                let alarm = |after: &usize| look(&seen[..before + after], old.len()).unwrap().alarm;
                delays.extend((1..=60).find(alarm));
            }
            delays.sort_unstable();
            let within = |most: usize| delays.iter().filter(|&&delay| delay <= most).count() as f64 / factors as f64;
            let shares: Vec<String> = [10, 20, 40, 60].iter().map(|&most| format!("{:.3}", within(most))).collect();
            let median = delays.get(delays.len() / 2).map_or("none".to_owned(), ToString::to_string);
            println!("{name:>18} {before:7} |    {}  {median:>8}", shares.join("  "));
            found.push(within(60));
        }
        // Of the large changes all are found, of the small ones more the longer it was otherwise.
        if name.ends_with(".2") || name.starts_with("two") {
            assert!(found[0] >= 0.6 && found[1] >= 0.95 && found[2] >= 0.95, "{name}: {found:?}");
        }
    }
}
