//! Properties of populations: exact sums, k users behind everything, kinds that are found.

use proptest::prelude::*;

use super::reading::Told;
use super::*;
use crate::data::{Interaction, MemoryItem, Query, ResponseSpace, Task};

const WORDS: [&str; 8] = ["slow", "quiet", "treaty", "fish", "peace", "quota", "war", "trade"];

pub(super) fn task(scale: bool) -> Task {
    let space = if scale { ResponseSpace::scale(1, 3) } else { ResponseSpace::labels(["1", "2", "3"]) };
    Task::new("What does this person say?", space.unwrap()).unwrap()
}

pub(super) fn item(number: usize, text: &str, response: &str) -> MemoryItem {
    let query = Query::new(text).unwrap();
    MemoryItem::new(Interaction::new(format!("i{number}"), query, response).unwrap(), Vec::new()).unwrap()
}

fn user() -> impl Strategy<Value = Vec<MemoryItem>> {
    let row = (prop::collection::vec(0..WORDS.len(), 1..4), 1_usize..4);
    prop::collection::vec(row, 0..6).prop_map(|rows| {
        let text = |words: &[usize]| words.iter().map(|word| WORDS[*word]).collect::<Vec<_>>().join(" ");
        let of = |(number, (words, response)): (usize, &(Vec<usize>, usize))| {
            item(number, &text(words), &response.to_string())
        };
        rows.iter().enumerate().map(of).collect()
    })
}

pub(super) fn users() -> impl Strategy<Value = Vec<Vec<MemoryItem>>> {
    prop::collection::vec(user(), 3..12)
}

/// Users of two kinds: of one, everybody likes peace and no war; of the other it is the other way around.
pub(super) fn two_kinds() -> Vec<Vec<MemoryItem>> {
    let says = |kind: usize, number: usize, word: &str, good: bool| {
        let response = if good == (kind == 0) { "3" } else { "1" };
        item(number, &format!("{word} and {}", WORDS[number % 4]), response)
    };
    let of = |user: usize| {
        (0..12)
            .map(move |n| if n % 2 == 0 { says(user % 2, n, "peace", true) } else { says(user % 2, n, "war", false) })
    };
    (0..12).map(|user| of(user).collect()).collect()
}

proptest! {
    #[test]
    fn sums_are_the_same_however_users_are_merged_and_taken_out(
        users in users(), scale: bool, order in any::<u64>(), split in 1_usize..5,
    ) {
        let task = task(scale);
        let mut whole = Census::new(&task).unwrap();
        for user in &users {
            whole.merge(&Census::of(&task, user).unwrap()).unwrap();
        }
        let mut shuffled: Vec<&Vec<MemoryItem>> = users.iter().collect();
        shuffled.sort_by_key(|user| (user.len() as u64 + 1).wrapping_mul(order | 1).rotate_left(7));
        let mut parts = Census::new(&task).unwrap();
        for chunk in shuffled.chunks(split) {
            let mut part = Census::new(&task).unwrap();
            for user in chunk {
                part.merge(&Census::of(&task, user).unwrap()).unwrap();
            }
            part.merge(&parts).unwrap();
            parts = part;
        }
        prop_assert_eq!(&whole, &parts);
        let first = Census::of(&task, &users[0]).unwrap();
        let mut without = whole.clone();
        without.take_out(&first).unwrap();
        let mut others = Census::new(&task).unwrap();
        for user in &users[1..] {
            others.merge(&Census::of(&task, user).unwrap()).unwrap();
        }
        prop_assert_eq!(&without, &others);
        without.merge(&first).unwrap();
        prop_assert_eq!(&without, &whole);

        let Ok(population) = Population::begin(&whole, &users, 2) else { return Ok(()) };
        let mut counts = population.nobody();
        for user in &users {
            counts.merge(&population.count(user)).unwrap();
        }
        let mut again = population.nobody();
        for user in shuffled.iter().rev() {
            let mut part = population.count(user);
            part.merge(&again).unwrap();
            again = part;
        }
        prop_assert_eq!(&counts, &again);
        let out = population.count(&users[0]);
        again.take_out(&out).unwrap();
        let mut others = population.nobody();
        for user in &users[1..] {
            others.merge(&population.count(user)).unwrap();
        }
        prop_assert_eq!(&again, &others);
    }

    #[test]
    fn a_population_does_not_depend_on_the_order_of_its_users_and_is_read_as_it_was_written(
        users in users(), scale: bool, k in 2_usize..4,
    ) {
        let task = task(scale);
        let Ok(population) = Population::learn(&task, &users, k) else { return Ok(()) };
        let backwards: Vec<Vec<MemoryItem>> = users.iter().rev().cloned().collect();
        prop_assert_eq!(&Population::learn(&task, &backwards, k).unwrap(), &population);
        let json = population.to_json();
        let read = Population::from_json(&json).unwrap();
        prop_assert_eq!(&read, &population);
        prop_assert_eq!(read.to_json(), json);
    }

    #[test]
    fn nothing_is_kept_that_fewer_than_k_users_share(users in users(), scale: bool, k in 2_usize..5) {
        let task = task(scale);
        let Ok(population) = Population::learn(&task, &users, k) else { return Ok(()) };
        let told: Vec<Vec<Told>> =
            users.iter().map(|user| user.iter().map(|item| Told::of(item.query())).collect()).collect();
        let having = |has: &dyn Fn(&Told) -> bool| told.iter().filter(|user| user.iter().any(has)).count();
        for (term, _) in &population.terms {
            prop_assert!(having(&|told| told.terms.contains(term)) >= k);
        }
        for text in &population.texts {
            prop_assert!(having(&|told| told.text == Some(*text)) >= k);
        }
        let json = population.to_json();
        let read = WORDS.iter().find(|word| json.contains(&format!("\"{word}")));
        prop_assert!(read.is_none(), "{:?}", read);
    }
}

#[test]
fn kinds_of_people_are_found_and_tell_who_is_which() {
    for scale in [false, true] {
        let (task, users) = (task(scale), two_kinds());
        let population = Population::learn(&task, &users, 4).unwrap();
        assert_eq!(population.kinds.len(), 2, "{:?}", population.sizes());
        let query = Query::new("peace and slow").unwrap();
        let says = population.says(&query);
        let last = |says: &Vec<f64>| *says.last().unwrap();
        assert!(says.iter().any(|says| last(says) > 0.1) && says.iter().any(|says| last(says) < -0.1), "{says:?}");
        for user in &users {
            let member = population.membership(&population.own(user));
            let shares = member.shares();
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            assert!(shares.iter().any(|share| *share > 0.7), "{shares:?}");
            assert!((member.without(0).iter().sum::<f64>() - 1.0).abs() < 1e-9);
        }
    }
}

#[test]
fn kinds_of_too_few_users_become_one_with_those_like_them() {
    let (task, users) = (task(true), two_kinds());
    // Six users are of each.
    for (k, kinds) in [(2, 2), (6, 2), (7, 1), (12, 1)] {
        assert_eq!(Population::learn(&task, &users, k).unwrap().sizes().2, kinds, "{k}");
    }
}

#[test]
fn a_user_who_is_unlike_all_others_keeps_to_themselves() {
    for scale in [false, true] {
        let (task, mut users) = (task(scale), two_kinds());
        users = users.into_iter().step_by(2).chain(two_kinds().into_iter().step_by(2)).collect();
        let population = Population::learn(&task, &users, 4).unwrap();
        let edge = &two_kinds()[1];
        let member = population.membership(&population.own(edge));
        let shares = member.shares();
        assert!(*shares.last().unwrap() > 0.8, "{shares:?}");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let texts = Task::new("Write a title.", ResponseSpace::text(80).unwrap()).unwrap();
    assert_eq!(Census::new(&texts).unwrap_err(), PopulationError::FreeText);
    let (task, users) = (task(true), two_kinds());
    assert_eq!(Population::learn(&task, &users, 1).unwrap_err(), PopulationError::Single(1));
    assert_eq!(Population::learn(&task, &users, 13).unwrap_err(), PopulationError::TooFew { users: 12, k: 13 });
    let population = Population::learn(&task, &users, 4).unwrap();
    let other = Population::learn(&task, &users[..8], 4).unwrap();
    let mut counts = population.nobody();
    assert_eq!(counts.merge(&other.nobody()).unwrap_err(), PopulationError::Other("population"));
    assert_eq!(counts.take_out(&population.count(&users[0])).unwrap_err(), PopulationError::NotIn);
    assert_eq!(population.fitted(&counts).unwrap_err(), PopulationError::TooFew { users: 0, k: 4 });
    let mut census = Census::of(&task, &users[0]).unwrap();
    let other = Census::of(&task, &[item(0, "something else", "1")]).unwrap();
    assert_eq!(census.take_out(&other).unwrap_err(), PopulationError::NotIn);
    let json = population.to_json();
    for (from, to) in [
        ("\"format_version\":1", "\"format_version\":0"),
        ("\"k\":4", "\"k\":5"),
        ("\"strength\":", "\"strength\":-"),
        ("population\"", "catalog\""),
    ] {
        let bad = json.replacen(from, to, 1);
        assert!(matches!(Population::from_json(&bad), Err(PopulationError::NotAPopulation { .. })), "{from}");
    }
    assert!(matches!(
        Population::from_json(&json.replacen("\"format_version\":1", "\"format_version\":2", 1)),
        Err(PopulationError::FutureVersion { found: 2, supported: 1 })
    ));
    assert!(Population::from_json(&json[..json.len() / 2]).is_err());
}

#[test]
fn what_too_few_of_one_kind_have_tells_of_all_alike() {
    // Five of each kind have answered the quay, and one of the second kind the dam.
    for scale in [false, true] {
        let (task, mut users) = (task(scale), two_kinds());
        for (number, user) in users.iter_mut().enumerate() {
            let (liked, response) = (number % 2 == 0, if number % 2 == 0 { "3" } else { "1" });
            if number < 10 {
                user.push(item(50, "the old quay", response));
            }
            if liked || number == 1 {
                user.push(item(51, "the new dam", response));
            }
        }
        let population = Population::learn(&task, &users, 5).unwrap();
        assert_eq!(population.kinds.len(), 2);
        let of = |text: &str| {
            let told = Told::of(&Query::new(text).unwrap()).text.unwrap();
            let place = population.texts.binary_search(&told).unwrap();
            population.kinds.iter().map(|kind| kind.masses[place] / kind.share).collect::<Vec<f64>>()
        };
        let (quay, dam) = (of("the old quay"), of("the new dam"));
        let alike = |masses: &[f64]| (masses[0] / masses[1] - 1.0).abs();
        // The dam's seven are spread over both kinds as their users are, so the one cannot be told from the six.
        assert!(alike(&dam) < 0.2, "{dam:?} {quay:?}");
        let users: Vec<f64> = population.kinds.iter().map(|kind| kind.share).collect();
        assert!((users[0] - users[1]).abs() < 0.2, "{users:?}");
    }
}

#[test]
fn a_long_scale_is_read_as_it_was_written() {
    let task = Task::new("How good?", ResponseSpace::scale(0, 100).unwrap()).unwrap();
    let of = |user: usize| (0..37).map(move |n| item(n, "a b c", &((user * 31 + n * 17) % 101).to_string())).collect();
    let users: Vec<Vec<MemoryItem>> = (0..40).map(of).collect();
    let population = Population::learn(&task, &users, 10).unwrap();
    assert_eq!(Population::from_json(&population.to_json()).unwrap(), population);
}

type Change = fn(&mut Population);

#[test]
fn numbers_that_no_population_has_are_refused() {
    let population = Population::learn(&task(false), &two_kinds(), 4).unwrap();
    let changes: [Change; 5] = [
        |population| population.kinds[0].effects[0] = 1.7e308,
        |population| population.kinds[0].masses[0] = -1.0,
        |population| population.terms[0].1 = 1e-200,
        |population| population.terms = (0..2_000).map(|digest| (digest, 1.0)).collect(),
        |population| population.strength = f64::MIN_POSITIVE,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut hostile = population.clone();
        change(&mut hostile);
        hostile.seal();
        assert!(Population::from_json(&hostile.to_json()).is_err(), "{number}");
    }
}

#[test]
fn texts_without_words_are_no_question() {
    let [up, down] = ["👍", "???"].map(|text| Told::of(&Query::new(text).unwrap()));
    assert!(up.text.is_none() && down.text.is_none() && up.terms.is_empty());
}

proptest! {
    #[test]
    fn shares_of_kinds_sum_to_one_and_silent_interactions_change_nothing(
        likely in prop::collection::vec(prop::collection::vec(0.01_f64..1.0, 3), 0..50),
        silent in 0_usize..5,
    ) {
        let prior = [0.5, 0.3, 0.2];
        let member = Membership::new(&prior, &likely, &[]);
        let sum = |shares: &[f64]| shares.iter().sum::<f64>();
        prop_assert!((sum(member.shares()) - 1.0).abs() < 1e-9);
        let more: Vec<Vec<f64>> = likely.iter().cloned().chain(vec![vec![0.4; 3]; silent]).collect();
        let beside = Membership::new(&prior, &more, &[]);
        prop_assert_eq!(beside.shares(), member.shares());
        for left in 0..likely.len() {
            let mut others = likely.clone();
            others.remove(left);
            let without = member.without(left);
            prop_assert!((sum(&without) - 1.0).abs() < 1e-9);
            if likely.len() <= 32 {
                let others = Membership::new(&prior, &others, &[]);
                prop_assert_eq!(&without[..], others.shares());
            }
        }
    }
}
