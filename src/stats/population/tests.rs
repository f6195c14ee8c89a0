//! Properties of populations: exact sums, k users behind everything, axes that are found.

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
    // Each case begins or learns a population or two.
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

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
fn an_axis_on_which_people_differ_is_found_and_tells_who_is_where() {
    for scale in [false, true] {
        let (task, users) = (task(scale), two_kinds());
        let population = Population::learn(&task, &users, 4).unwrap();
        assert_eq!(population.sizes().2, 1, "{population:?}");
        let says = population.says(&Query::new("peace and slow").unwrap());
        let last = |says: &Vec<f64>| *says.last().unwrap();
        // In common they have nothing.
        assert!(last(&says[0]).abs() < 0.05 && last(&says[1]).abs() > 0.1, "{says:?}");
        let places: Vec<f64> = users.iter().map(|user| position(&population, user).at()[1]).collect();
        for (number, place) in places.iter().enumerate() {
            assert!(place.abs() > 0.7 && (place * places[0] > 0.0) == (number % 2 == 0), "{places:?}");
        }
    }
}

#[test]
fn an_axis_on_which_too_few_users_stand_apart_is_none() {
    let (task, users) = (task(true), two_kinds());
    for (k, axes) in [(2, 1), (6, 1), (12, 0)] {
        assert_eq!(Population::learn(&task, &users, k).unwrap().sizes().2, axes, "{k}");
    }
    // Nine of one side, and one, or three, of the other.
    for (others, axes) in [(1, 0), (3, 1)] {
        let one_side = two_kinds().into_iter().step_by(2).cycle().take(9);
        let users: Vec<_> = one_side.chain(two_kinds().into_iter().skip(1).step_by(2).take(others)).collect();
        assert_eq!(Population::learn(&task, &users, 10).unwrap().sizes().2, axes, "{others}");
    }
    let population = Population::learn(&task, &users, 4).unwrap();
    let of = |users: &[Vec<MemoryItem>]| {
        let mut counts = population.nobody();
        for user in users {
            counts.merge(&population.count(user)).unwrap();
        }
        counts
    };
    assert_eq!(population.fitted(&of(&users)).unwrap().sizes().2, 1);
    // Of these only one tells where they stand, and the others of nothing that is known.
    let strangers = (0..11).map(|user| vec![item(0, &format!("nothing {user} like it"), "2")]);
    let few: Vec<_> = users.iter().take(1).cloned().chain(strangers).collect();
    assert_eq!(population.fitted(&of(&few)).unwrap().sizes().2, 0);
}

#[test]
fn people_of_one_mind_have_no_axis() {
    for scale in [false, true] {
        let users: Vec<_> = two_kinds().into_iter().step_by(2).cycle().take(30).collect();
        assert_eq!(Population::learn(&task(scale), &users, 4).unwrap().sizes().2, 0);
    }
}

/// Where a user stands in a population.
fn position(population: &Population, user: &[MemoryItem]) -> Position {
    let own = population.own(user);
    let says = population.says_of(&own);
    let heard = own.heard(&says);
    Position::new(population.axes(), population.variance, &heard).gated(population.alone, &heard)
}

#[test]
fn a_user_who_is_unlike_all_others_keeps_to_themselves() {
    for scale in [false, true] {
        let users: Vec<_> = two_kinds().into_iter().step_by(2).chain(two_kinds().into_iter().step_by(2)).collect();
        let population = Population::learn(&task(scale), &users, 4).unwrap();
        let with = |user: usize| 1.0 - position(&population, &two_kinds()[user]).alone();
        let (alike, edge) = (with(0), with(1));
        assert!(alike > 0.9 && edge < 0.1, "{scale}: {alike} {edge}");
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
fn a_word_of_one_against_many_says_nothing_on_an_axis() {
    // Of the harbour five of each side speak; of the dam all six of the first side and one of the second, who could be told from the six.
    for scale in [false, true] {
        let (task, mut users) = (task(scale), two_kinds());
        for (number, user) in users.iter_mut().enumerate() {
            let response = if number % 2 == 0 { "3" } else { "1" };
            if number < 10 {
                user.push(item(50, "harbour", response));
            }
            if number % 2 == 0 || number == 1 {
                user.push(item(51, "dam", response));
            }
        }
        let population = Population::learn(&task, &users, 5).unwrap();
        assert_eq!(population.sizes().2, 1);
        let most = |text: &str| {
            let says = population.says(&Query::new(text).unwrap());
            says[1].iter().fold(0.0_f64, |most, says| most.max(says.abs()))
        };
        assert!(most("harbour") > 0.1 && most("dam") == 0.0, "{scale}: {} {}", most("harbour"), most("dam"));
        let texts: Vec<f64> = ["harbour", "dam"].map(|text| mass(&population, text)).to_vec();
        assert_eq!(texts, [10.0, 7.0]);
    }
}

/// How many have answered a text.
fn mass(population: &Population, text: &str) -> f64 {
    let told = Told::of(&Query::new(text).unwrap()).text.unwrap();
    population.axes.masses[population.texts.binary_search(&told).unwrap()]
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
    let changes: [Change; 10] = [
        |population| population.ridge = 0.0,
        |population| population.axes.texts[0] = 1e13,
        |population| population.axes.masses.truncate(1),
        |population| population.variance = 0.0,
        |population| population.alone = 1.5,
        |population| population.axes.each[0].effects[0] = 1.7e308,
        |population| population.axes.masses[0] = -1.0,
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

/// Interactions of which the axes say this.
fn heard<'s>(says: &'s [Vec<Vec<f64>>], given: &[usize]) -> Vec<Heard<'s>> {
    let of = |(number, (says, given)): (usize, (&'s Vec<Vec<f64>>, &usize))| {
        let ground = std::sync::Arc::new(super::ground::Ground::new(vec![0.5, 0.3, 0.2], false));
        let left = ground.left(*given);
        Heard { number, weight: 1.0, says, left, toned: 0.0, ground, given: *given, own: 0.3 }
    };
    says.iter().zip(given).enumerate().map(of).collect()
}

proptest! {
    #[test]
    fn an_interaction_that_is_left_out_has_no_say_and_silent_ones_change_nothing(
        said in prop::collection::vec((prop::collection::vec(prop::collection::vec(-0.5_f64..0.5, 3), 3), 0_usize..3), 0..20),
        silent in 0_usize..5, alone in 0.01_f64..0.99,
    ) {
        let (mut says, mut given): (Vec<_>, Vec<_>) = said.iter().cloned().unzip();
        let all = heard(&says, &given);
        let position = Position::new(3, 0.2, &all).gated(alone, &all);
        prop_assert!((0.0..=1.0).contains(&position.alone()));
        for out in 0..said.len() {
            let (mut says, mut given) = (says.clone(), given.clone());
            let (query, _) = (says.remove(out), given.remove(out));
            let others = heard(&says, &given);
            let without = Position::new(3, 0.2, &others);
            // Where the user stands is exactly that, and how far they go with others is one part of all that is added.
            let (added_without, from_there) = (position.adds_without(out, &query, 3), added(without.at(), &query, 3));
            let largest = (0..3).max_by(|a, b| from_there[*a].abs().total_cmp(&from_there[*b].abs())).unwrap();
            let with = added_without[largest] / from_there[largest];
            prop_assert!((0.0..=1.0).contains(&with), "{}", with);
            let off = |(a, b): (&f64, &f64)| (a - with * b).abs();
            prop_assert!(added_without.iter().zip(&from_there).map(off).fold(0.0, f64::max) < 1e-9);
        }
        let nothing = vec![vec![0.0; 3]; 3];
        says.extend(vec![nothing; silent]);
        given.extend(vec![1; silent]);
        let more = heard(&says, &given);
        let beside = Position::new(3, 0.2, &more).gated(alone, &more);
        prop_assert_eq!(beside.at(), position.at());
        prop_assert_eq!(beside.alone().to_bits(), position.alone().to_bits());
    }
}
