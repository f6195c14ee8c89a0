//! Which question to ask a user next: the one whose answer tells most of the others'.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::sync::Arc;

use pollster::block_on;
use proptest::prelude::*;
use rpm_core::stats::population::Population;
use rpm_core::{
    History, InMemoryStore, Interaction, Prepared, Query, ResponseSpace, RpmPipeline, Task, UserId, UserModel,
};

fn task() -> Task {
    Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5).unwrap()).unwrap()
}

fn queries(texts: &[&str]) -> Vec<Query> {
    texts.iter().map(|text| Query::new(*text).unwrap()).collect()
}

fn newcomer(pipeline: &RpmPipeline) -> Prepared {
    let new = UserId::new("new").unwrap();
    block_on(async { pipeline.open(pipeline.newcomer(new).await.unwrap()).await.unwrap() })
}

const POOL: [&str; 7] = [
    "A submarine hides under the polar ice.",
    "A baker bakes slow bread.",
    "A baker bakes slow cakes.",
    "A baker bakes slow buns.",
    "A train robbery at high noon.",
    "A train robbery at midnight.",
    "A chess master forgets his name.",
];

#[test]
fn what_is_like_most_of_the_pool_is_asked_first_and_what_is_like_the_rest_next() {
    let pipeline = RpmPipeline::offline(task());
    let (mut user, pool) = (newcomer(&pipeline), queries(&POOL));
    let first = user.next_question(&pool).unwrap();
    assert!((1..4).contains(&first.place), "{}", first.query.text());
    assert_eq!(first.query, pool[first.place]);
    assert_eq!((first.alike, first.of, first.of_others), (2, 6, 0.0));
    assert_eq!(
        first.reason(),
        "2 of 6 other questions are like it in words, and this person has said little about such"
    );
    let answered = Interaction::new("asked 1", first.query.clone(), "5").unwrap();
    block_on(pipeline.observe(&mut user, [answered])).unwrap();
    let second = user.next_question(&pool).unwrap();
    assert!((4..6).contains(&second.place), "{}", second.query.text());
    assert!(second.expected_bits < first.expected_bits);
    assert!(!format!("{first:?}").contains("baker"));
}

#[test]
fn nothing_is_asked_when_no_answer_would_tell_anything() {
    let pipeline = RpmPipeline::offline(task());
    let mut user = newcomer(&pipeline);
    assert!(user.next_question(&[]).is_none());
    let pool = queries(&["A slow film.", "A slow film again."]);
    assert!(user.next_question(&pool).is_some());
    assert!(user.next_question(&pool[..1]).is_none());
    let film = |n: usize| Query::new(format!("A slow film{}", "!".repeat(n + 1))).unwrap();
    let many = (0..200).map(|n| Interaction::new(format!("i{n}"), film(n), "4"));
    block_on(pipeline.observe(&mut user, many.map(Result::unwrap))).unwrap();
    assert!(user.next_question(&pool).is_none());
    // What was asked, or cannot be, is not asked.
    let mut other = newcomer(&pipeline);
    let asked = Interaction::new("asked", pool[0].clone(), "4").unwrap();
    block_on(pipeline.observe(&mut other, [asked])).unwrap();
    let odd = Query::with_options("A slow film again?", ["good", "bad"]).unwrap();
    assert_eq!(other.next_question(&[pool.clone(), vec![odd.clone()]].concat()).unwrap().place, 1);
    assert!(other.next_question(&[pool[0].clone(), odd]).is_none());
    let titles = Task::new("Which title?", ResponseSpace::text(80).unwrap()).unwrap();
    assert!(newcomer(&RpmPipeline::offline(titles)).next_question(&pool).is_none());
}

/// Two kinds of people: of one mind on ferries; who likes fog does not like rain, and the reverse.
fn population() -> Arc<Population> {
    let (task, pipeline) = (task(), RpmPipeline::offline(task()));
    let of = |user: usize| -> UserModel {
        let rated = (0..12).map(|n| {
            let (subject, rating) = match (n % 3, user % 2) {
                (0, _) => ("ferry", "3"),
                (1, 0) | (2, 1) => (if n % 3 == 1 { "fog" } else { "rain" }, "5"),
                _ => (if n % 3 == 1 { "fog" } else { "rain" }, "1"),
            };
            let text = format!("A {subject} {n}.");
            Interaction::new(format!("i{n}"), Query::new(text).unwrap(), rating).unwrap()
        });
        let history = History::new(&task, format!("user {user}"), rated).unwrap();
        block_on(pipeline.learn(&history)).unwrap().model
    };
    let models: Vec<UserModel> = (0..24).map(of).collect();
    let histories: Vec<_> = models.iter().map(|model| model.memory().items()).collect();
    Arc::new(Population::learn(&task, &histories, 4).unwrap())
}

#[test]
fn beside_a_population_what_people_are_divided_on_is_asked_from_the_first_question_on() {
    let pipeline = RpmPipeline::offline_builder(task()).population(population()).build().unwrap();
    let pool = queries(&["A ferry at dawn.", "A ferry at noon.", "A rain at night.", "The fog."]);
    let asked = newcomer(&pipeline).next_question(&pool).unwrap();
    assert!(asked.place >= 2 && asked.of_others > 0.5 * asked.expected_bits, "{asked:?} {}", asked.of_others);
    assert!(asked.reason().starts_with("people who are alike in other answers are divided on it"));
}

#[test]
fn a_user_in_a_store_begins_with_nothing_and_is_asked() {
    let pipeline = RpmPipeline::offline_builder(task()).population(population()).build().unwrap();
    let stored = pipeline.with_store(InMemoryStore::new());
    let (user, pool) = (UserId::new("new").unwrap(), queries(&POOL));
    block_on(async {
        assert!(stored.newcomer(&user).await.unwrap());
        let asked = stored.next_question(&user, &pool).await.unwrap().unwrap();
        let answer = Interaction::new("asked", asked.query, "2").unwrap();
        stored.observe(&user, [answer]).await.unwrap();
        assert!(!stored.newcomer(&user).await.unwrap());
        assert_eq!(stored.load(&user).await.unwrap().model.memory().len(), 1);
    });
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn bits_are_finite_and_fall_with_what_is_known(
        chosen in prop::collection::vec(0_usize..POOL.len(), 2..12), known in 1_usize..6,
    ) {
        let pipeline = RpmPipeline::offline(task());
        let mut user = newcomer(&pipeline);
        let pool: Vec<Query> = chosen.iter().map(|place| Query::new(POOL[*place]).unwrap()).collect();
        let before = user.next_question(&pool).unwrap();
        prop_assert!(before.expected_bits.is_finite() && before.expected_bits > 0.0);
        let told = (0..known).map(|n| Interaction::new(format!("i{n}"), pool[n % pool.len()].clone(), "4").unwrap());
        block_on(pipeline.observe(&mut user, told)).unwrap();
        let after = user.next_question(&pool).map_or(0.0, |asked| asked.expected_bits);
        prop_assert!(after <= before.expected_bits, "{after} {}", before.expected_bits);
    }
}
