//! What noise promises: no user moves a noised sum by more than is hidden, and the file says so.

use proptest::prelude::*;

use super::bounded::{Bounded, cut};
use super::reading::Told;
use super::tests::{item, task, two_kinds, users};
use super::*;
use crate::data::MemoryItem;

/// The user's queries with other responses, some of which the task does not know.
fn otherwise(items: &[MemoryItem], responses: &[usize]) -> Vec<MemoryItem> {
    let of = |(number, before): (usize, &MemoryItem)| {
        let response = ["1", "2", "3", "none of these"][responses[number % responses.len()] % 4];
        item(number, before.query().text(), response)
    };
    items.iter().enumerate().map(of).collect()
}

fn length(a: &Bounded, b: &Bounded) -> f64 {
    assert_eq!(a.moves.to_bits(), b.moves.to_bits());
    a.sums.iter().zip(&b.sums).map(|(a, b)| ((a - b) as f64).powi(2)).sum::<f64>().sqrt()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_user_responds_no_noised_sum_moves_by_more_than_is_hidden(
        users in users(), scale: bool, who in any::<prop::sample::Index>(), responses in prop::collection::vec(0_usize..4, 1..9),
        base in prop::collection::vec(0.05_f64..1.0, 3), reach in 1.0_f64..3.0, strength in 1.0_f64..100.0,
    ) {
        let task = task(scale);
        let census = Census::of_all(&task, &users).unwrap();
        let Ok(mut population) = Population::sharing(&census, 2) else { return Ok(()) };
        // Whatever base rates the noise came to.
        population.base = base.iter().map(|share| share / base.iter().sum::<f64>()).collect();
        population.strength = strength;
        let mut others = users.clone();
        let who = who.index(users.len());
        others[who] = otherwise(&users[who], &responses);
        let other = Census::of_all(&task, &others).unwrap();
        prop_assert_eq!((&other.terms, &other.texts, other.users), (&census.terms, &census.texts, census.users));
        let known = population.known(&users);
        let beside = population.known(&others);
        prop_assert_eq!((&known.likeness, &known.masses), (&beside.likeness, &beside.masses));
        let sums = |users: &[Vec<MemoryItem>]| {
            let words = population.words_of(users, known.mean, reach);
            [population.shares_of(users), population.pairs_of(users).0, population.tones_of(users), words]
        };
        for (a, b) in sums(&users).iter().zip(&sums(&others)) {
            prop_assert!(length(a, b) <= a.moves, "{} {}", length(a, b), a.moves);
        }
    }

    #[test]
    fn what_is_cut_is_no_longer_than_it_may_be_and_little_shorter(
        numbers in prop::collection::vec(-1_000_000_000_i64..1_000_000_000, 1..40), radius in 1_i64..100_000_000,
    ) {
        let length = |numbers: &[i64]| numbers.iter().map(|n| (*n as f64).powi(2)).sum::<f64>().sqrt();
        let mut short = numbers.clone();
        cut(&mut short, radius);
        let square: i128 = short.iter().map(|n| i128::from(*n).pow(2)).sum();
        prop_assert!(square <= i128::from(radius).pow(2));
        let least = length(&numbers).min(radius as f64) * 0.99 - (numbers.len() as f64).sqrt();
        prop_assert!(length(&short) >= least);
    }
}

/// Users who all like peace and no war.
fn of_one_mind(users: usize) -> Vec<Vec<MemoryItem>> {
    (0..users).map(|user| two_kinds()[(user % 6) * 2].clone()).collect()
}

fn learned(users: &[Vec<MemoryItem>], scale: bool, epsilon: f64, seed: u8) -> Population {
    Population::learn_private(&task(scale), users, 4, &Noise::new(epsilon, [seed; 32]).unwrap()).unwrap()
}

#[test]
fn a_file_says_what_it_promises_and_nothing_less_can_be_made_of_it() {
    let population = learned(&of_one_mind(12), true, 2.0, 1);
    assert_eq!(population.promise(), Some(Promise { epsilon: 2.0, delta: 1e-6 }));
    let json = population.to_json();
    let read = Population::from_json(&json).unwrap();
    assert_eq!((read.epsilon(), read.to_json()), (Some(2.0), json.clone()));
    let bad = json.replacen("\"epsilon\":2.0", "\"epsilon\":1.0", 1);
    assert_ne!(bad, json);
    assert!(Population::from_json(&bad).is_err());
    // Without noise nothing is promised, and the file has no word of it.
    let without = Population::learn(&task(true), &of_one_mind(12), 4).unwrap();
    assert_eq!(without.promise(), None);
    assert!(!without.to_json().contains("noise"));
    // Whoever counts users under it without noise has a population that promises nothing.
    let counts = population.count_all(&of_one_mind(12)).unwrap();
    assert_eq!(population.fitted(&counts).unwrap().promise(), None);
}

#[test]
fn the_same_seed_gives_the_same_bytes_whatever_the_order_of_users() {
    for scale in [true, false] {
        let users = of_one_mind(12);
        let backwards: Vec<_> = users.iter().rev().cloned().collect();
        assert_eq!(learned(&users, scale, 1.0, 1).to_json(), learned(&backwards, scale, 1.0, 1).to_json());
        assert_ne!(learned(&users, scale, 1.0, 1).to_json(), learned(&users, scale, 1.0, 2).to_json());
    }
}

#[test]
fn what_many_users_share_is_seen_through_the_noise_and_what_few_do_is_not() {
    let of = |population: &Population, text: &str| {
        let query = crate::data::Query::new(text).unwrap();
        population.says(&query)[0].last().copied().unwrap()
    };
    for scale in [true, false] {
        let many = learned(&of_one_mind(2_000), scale, 1.0, 3);
        let (peace, war) = (of(&many, "peace and slow"), of(&many, "war and quiet"));
        assert!(peace > 0.2 && war < -0.2, "{scale}: {peace} {war}");
        assert!(many.base[0] > 0.4 && many.base[1] < 0.1, "{:?}", many.base);
        for seed in 0..5 {
            let few = learned(&of_one_mind(12), scale, 0.1, seed);
            let most =
                few.axes.each[0].effects.iter().chain(&few.axes.texts).fold(0.0_f64, |most, n| most.max(n.abs()));
            assert!(most < 0.25, "{scale} {seed}: {most}");
            assert!(few.strength < 3.0, "{}", few.strength);
        }
    }
}

#[test]
fn what_has_no_responses_of_its_own_or_too_few_users_is_refused() {
    let noise = Noise::new(1.0, [0; 32]).unwrap();
    let learn = |users: usize, k| Population::learn_private(&task(true), &of_one_mind(users), k, &noise).unwrap_err();
    assert_eq!(learn(3, 4), PopulationError::TooFew { users: 3, k: 4 });
    assert_eq!(learn(3, 1), PopulationError::Single(1));
    let choices = crate::data::Task::new("Which?", crate::data::ResponseSpace::choices()).unwrap();
    let refused = Population::learn_private(&choices, &of_one_mind(9), 2, &noise);
    assert_eq!(refused, Err(PopulationError::OwnOptions));
}

/// All whole numbers of a file, wherever they stand.
fn numbers(value: &serde_json::Value, all: &mut Vec<u64>) {
    match value {
        serde_json::Value::Number(number) => all.extend(number.as_u64()),
        serde_json::Value::Array(values) => values.iter().for_each(|value| numbers(value, all)),
        serde_json::Value::Object(fields) => fields.values().for_each(|value| numbers(value, all)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn whatever_digest_stands_in_the_file_k_users_have_by_their_histories(
        users in users(), scale: bool, k in 2_usize..6, epsilon in prop::option::of(0.1_f64..10.0),
    ) {
        let task = task(scale);
        let learned = match epsilon {
            None => Population::learn(&task, &users, k),
            Some(epsilon) => Population::learn_private(&task, &users, k, &Noise::new(epsilon, [5; 32]).unwrap()),
        };
        let Ok(population) = learned else { return Ok(()) };
        // By digest: the users who have it, from what their histories hold.
        let mut having: std::collections::BTreeMap<u64, usize> = std::collections::BTreeMap::new();
        for user in &users {
            let told = user.iter().map(|item| Told::of(item.query()));
            let own: std::collections::BTreeSet<u64> = told.flat_map(|told| told.terms.into_iter().chain(told.text)).collect();
            for digest in own {
                *having.entry(digest).or_default() += 1;
            }
        }
        let file: serde_json::Value = serde_json::from_str(&population.to_json()).unwrap();
        for row in file["terms"].as_array().unwrap().iter().map(|row| &row[0]).chain(file["texts"].as_array().unwrap()) {
            let users = having.get(&row.as_u64().unwrap()).copied().unwrap_or_default();
            prop_assert!(users >= k, "{users} of {k}");
        }
        let mut all = Vec::new();
        numbers(&file, &mut all);
        for number in all {
            prop_assert!(having.get(&number).is_none_or(|users| *users >= k), "{number}");
        }
    }
}

/// The share of the first scores above the middle between both, less that of the second.
fn told_apart([with, without]: &[Vec<f64>; 2]) -> f64 {
    let mean = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len() as f64;
    let middle = f64::midpoint(mean(with), mean(without));
    let above = |scores: &[f64]| scores.iter().filter(|score| **score > middle).count() as f64 / scores.len() as f64;
    above(with) - above(without)
}

#[test]
fn the_best_attack_on_noised_sums_gains_no_more_than_is_promised() {
    const DRAWS: usize = 400;
    for scale in [true, false] {
        let users = of_one_mind(12);
        let mut others = users.clone();
        others[0] = otherwise(&users[0], &[0]);
        let mut population = Population::sharing(&Census::of_all(&task(scale), &users).unwrap(), 4).unwrap();
        population.base = vec![1.0 / 3.0; 3];
        let mean = population.known(&users).mean;
        let sums = |users: &[Vec<MemoryItem>]| [population.shares_of(users), population.words_of(users, mean, 1.0)];
        let (with, without) = (sums(&users), sums(&others));
        let attack = |epsilon: f64| {
            let (rho, mut coins) = (Promise { epsilon, delta: 1e-6 }.rho(), super::coins::Coins::new([3; 32]));
            // What tells two Gaussians apart best: how far the noised sums go the way in which both differ.
            let mut score = |sums: &[Bounded; 2]| -> f64 {
                let of = |(sums, (a, b)): (&Bounded, (&Bounded, &Bounded))| -> f64 {
                    let (noised, sigma) = sums.noised(rho / 2.0, &mut coins);
                    let way = a.sums.iter().zip(&b.sums).map(|(a, b)| (a - b) as f64 / sigma.powi(2));
                    noised.iter().zip(way).map(|(sum, way)| sum * way).sum()
                };
                sums.iter().zip(with.iter().zip(&without)).map(of).sum()
            };
            told_apart(&[&with, &without].map(|sums| (0..DRAWS).map(|_| score(sums)).collect()))
        };
        let (bound, error) = ((1_f64.exp() - 1.0) / (1_f64.exp() + 1.0), 3.0 * (0.5 / DRAWS as f64).sqrt());
        assert!(attack(1.0) < bound + error, "{scale}: {} of {bound}", attack(1.0));
        assert!(attack(100.0) > 0.8, "{scale}: {}", attack(100.0));
    }
}
