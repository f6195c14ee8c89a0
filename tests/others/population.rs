//! What others teach: a user who has said little begins at the population, and one unlike all others keeps to themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::sync::{Arc, Mutex, OnceLock};

use pollster::block_on;
use proptest::prelude::*;
use rpm_core::pipeline::ConfigError;
use rpm_core::stats::Source;
use rpm_core::stats::population::{Census, Counts, Population, PopulationError, Upkeep};
use rpm_core::{
    Answer, Edit, Forget, History, InMemoryStore, Interaction, ItemId, Query, ResponseSpace, RpmPipeline, Task, UserId,
    UserModel,
};

const SUBJECTS: [&str; 6] = ["harbour", "lamp", "ferry", "bread", "tower", "dance"];

fn task(scale: bool) -> Task {
    let space = if scale { ResponseSpace::scale(1, 5) } else { ResponseSpace::labels(["1", "3", "5"]) };
    Task::new("How would this person rate the film?", space.unwrap()).unwrap()
}

/// People who like fog and no rain, and people of whom the reverse is true.
fn says(kind: usize, number: usize) -> (String, &'static str) {
    let fog = number.is_multiple_of(2);
    let text = format!("A {} in the {}.", SUBJECTS[number % 6], if fog { "fog" } else { "rain" });
    (text, if fog == (kind == 0) { "5" } else { "1" })
}

fn interactions(kind: usize, n: usize) -> Vec<Interaction> {
    let of = |(number, time): (usize, i64)| {
        let (text, response) = says(kind, number);
        Interaction::new(format!("i{number}"), Query::new(text).unwrap(), response).unwrap().at(time)
    };
    (0..n).zip(0..).map(of).collect()
}

fn learned(task: &Task, user: &str, interactions: Vec<Interaction>) -> UserModel {
    let history = History::new(task, user, interactions).unwrap();
    block_on(RpmPipeline::offline(task.clone()).learn(&history)).unwrap().model
}

/// One population for each task; learning it takes longer than the tests.
fn population(task: &Task) -> Arc<Population> {
    static KNOWN: [OnceLock<Arc<Population>>; 2] = [OnceLock::new(), OnceLock::new()];
    let scale = matches!(task.space(), ResponseSpace::Scale { .. });
    Arc::clone(KNOWN[usize::from(scale)].get_or_init(|| learn_population(task)))
}

fn learn_population(task: &Task) -> Arc<Population> {
    let models: Vec<UserModel> =
        (0..24).map(|user| learned(task, &format!("user {user}"), interactions(user % 2, 8 + user % 5))).collect();
    let histories: Vec<_> = models.iter().map(|model| model.memory().items()).collect();
    Arc::new(Population::learn(task, &histories, 4).unwrap())
}

fn among(task: &Task) -> RpmPipeline {
    RpmPipeline::offline_builder(task.clone()).population(population(task)).build().unwrap()
}

fn among_people_of_one_mind(task: &Task) -> RpmPipeline {
    let models: Vec<UserModel> =
        (0..12).map(|user| learned(task, &format!("user {user}"), interactions(0, 12))).collect();
    let histories: Vec<_> = models.iter().map(|model| model.memory().items()).collect();
    let population = Population::learn(task, &histories, 4).unwrap();
    RpmPipeline::offline_builder(task.clone()).population(population).build().unwrap()
}

fn answer(pipeline: &RpmPipeline, model: UserModel, text: &str) -> Answer {
    let query = Query::new(text).unwrap();
    block_on(async { pipeline.personalize(&pipeline.open(model).await.unwrap(), &query).await.unwrap() })
}

/// What others added to the probability of the answer; 0 where they added nothing.
fn of_others(answer: &Answer) -> f64 {
    let contributions = answer.estimate.as_ref().unwrap().contributions(&answer.response);
    contributions.iter().find(|(source, _)| **source == Source::Others).map_or(0.0, |(_, added)| *added)
}

/// Every response's base rate and what the parts added come to its probability.
fn assert_adds_up(answer: &Answer) {
    let estimate = answer.estimate.as_ref().unwrap();
    for (place, response) in estimate.responses().iter().enumerate() {
        let added: f64 = estimate.parts().iter().map(|part| part.added[place]).sum();
        assert!((response.base + added - response.probability).abs() < 1e-9);
    }
}

#[test]
fn two_interactions_tell_whom_a_user_is_like() {
    for scale in [true, false] {
        let task = task(scale);
        let pipeline = among(&task);
        for kind in [0, 1] {
            let model = learned(&task, "new", interactions(kind, 2));
            // Both have named a fog and a rain once; the others tell how surely they go by it.
            for (text, fog) in [("A tower in the fog.", true), ("A dance in the rain.", false)] {
                let answer = answer(&pipeline, model.clone(), text);
                assert_eq!(answer.response, if fog == (kind == 0) { "5" } else { "1" }, "{scale} {kind} {text}");
                assert!(of_others(&answer) > 0.05, "{scale} {kind} {text}: {}", of_others(&answer));
                assert_adds_up(&answer);
            }
        }
    }
}

#[test]
fn a_user_of_whom_nothing_is_known_has_the_base_rates_of_all() {
    let task = task(true);
    let (pipeline, population) = (among(&task), population(&task));
    let query = Query::new("A lamp in the fog.").unwrap();
    let answer = block_on(async {
        let mut nobody = pipeline.open(learned(&task, "new", interactions(0, 1))).await.unwrap();
        pipeline.forget(&mut nobody, &Forget::All).await.unwrap();
        let answer = pipeline.personalize(&nobody, &query).await.unwrap();
        let reasons = answer.reasons(&nobody).to_string();
        assert!(reasons.contains("made of: most people ") && !reasons.contains("usually"), "{reasons}");
        answer
    });
    let base: Vec<f64> = answer.estimate.as_ref().unwrap().responses().iter().map(|response| response.base).collect();
    assert!(base.iter().zip(population.base()).all(|(a, b)| (a - b).abs() < 1e-12), "{base:?}");
}

#[test]
fn who_answers_opposite_to_everybody_is_answered_as_alone() {
    for scale in [true, false] {
        let task = task(scale);
        let pipeline = among_people_of_one_mind(&task);
        let edge = learned(&task, "edge", interactions(1, 24));
        for text in ["A tower in the fog.", "A dance in the rain."] {
            let alone = answer(&RpmPipeline::offline(task.clone()), edge.clone(), text);
            let beside = answer(&pipeline, edge.clone(), text);
            assert_eq!(beside.response, alone.response);
            let p = |answer: &Answer| answer.estimate.as_ref().unwrap().probability(&answer.response);
            assert!(p(&beside) > p(&alone) - 0.1, "{scale} {text}: {} {}", p(&beside), p(&alone));
        }
    }
}

#[test]
fn what_is_muted_moves_nothing_through_others() {
    for scale in [true, false] {
        let task = task(scale);
        let pipeline = among(&task);
        let mut model = learned(&task, "new", interactions(0, 12));
        for word in ["fog", "rain"] {
            let factor = model.factors().iter().find(|factor| factor.label() == word).unwrap().id().clone();
            model.edit(Edit::Mute { factor }).unwrap();
        }
        let [fog, rain] =
            ["A tower in the fog.", "A tower in the rain."].map(|text| answer(&pipeline, model.clone(), text));
        assert_eq!(fog.estimate, rain.estimate);
    }
}

#[test]
fn the_effect_of_an_edit_is_told_as_answers_beside_others_have_it() {
    let task = task(true);
    let model = learned(&task, "new", interactions(0, 6));
    let factor = model.factors().iter().find(|factor| factor.label() == "fog").unwrap().id().clone();
    let effect = |pipeline: &RpmPipeline| {
        block_on(async {
            let open = pipeline.open(model.clone()).await.unwrap();
            pipeline.preview(&open, Edit::Mute { factor: factor.clone() }).unwrap()
        })
    };
    // Others know how much fog says; the user's three mentions alone say less.
    let (alone, beside) = (effect(&RpmPipeline::offline(task.clone())), effect(&among(&task)));
    assert!(beside.mean_shift > alone.mean_shift, "{} {}", beside.mean_shift, alone.mean_shift);
}

#[test]
fn a_population_of_other_responses_is_refused() {
    let population = population(&task(true));
    for space in [ResponseSpace::scale(1, 4).unwrap(), ResponseSpace::text(80).unwrap(), ResponseSpace::choices()] {
        let task = Task::new("What does this person say?", space).unwrap();
        let built = RpmPipeline::offline_builder(task).population(Arc::clone(&population)).build();
        assert_eq!(built.unwrap_err(), ConfigError::OtherPopulation);
    }
}

#[test]
fn who_writes_another_language_or_uses_responses_of_their_own_is_kept_to_themselves() {
    let labels: Vec<String> = (0..256).map(|label| format!("label {label}")).collect();
    let task = Task::new("Which shelf?", ResponseSpace::labels(labels.clone()).unwrap()).unwrap();
    let of = |response: usize, text: String, number: usize| {
        Interaction::new(format!("i{number}"), Query::new(text).unwrap(), labels[response].clone()).unwrap()
    };
    let common = |user: usize| {
        let shelved = |n: usize| of(n % 2, format!("A {} in the {}.", SUBJECTS[n % 6], ["fog", "rain"][n % 2]), n);
        learned(&task, &format!("user {user}"), (0..12).map(shelved).collect())
    };
    let models: Vec<UserModel> = (0..12).map(common).collect();
    let histories: Vec<_> = models.iter().map(|model| model.memory().items()).collect();
    let population = Population::learn(&task, &histories, 4).unwrap();
    let among = RpmPipeline::offline_builder(task.clone()).population(population).build().unwrap();
    let alone = RpmPipeline::offline(task.clone());
    let foreign = |n: usize| of(n % 2, format!("{} {n}", ["Leuchtturm Nebel", "Regen Brot"][n % 2]), n);
    let own_labels = |n: usize| of(2 + n % 250, format!("A {} in the fog {n}.", SUBJECTS[n % 6]), n);
    let users = [
        learned(&task, "foreign", (0..24).map(foreign).collect()),
        learned(&task, "own", (0..24).map(own_labels).collect()),
    ];
    for (model, text) in users.into_iter().zip(["Leuchtturm", "A lamp in the fog."]) {
        let (alone, beside) = (answer(&alone, model.clone(), text), answer(&among, model, text));
        assert!(of_others(&beside) < 0.05, "{text}: {}", of_others(&beside));
        let p = |answer: &Answer| answer.estimate.as_ref().unwrap().probability(&alone.response);
        assert!(p(&beside) > 0.5 * p(&alone), "{text}: {} {}", p(&beside), p(&alone));
        let people = beside.estimate.as_ref().unwrap().people().unwrap();
        assert_eq!(people.users, 12);
        assert!(people.alone.is_none_or(|alone| alone > 0.2), "{text}: {people:?}");
    }
}

#[test]
fn a_question_that_others_answered_is_known_by_its_content() {
    let task = Task::new("What does this person say?", ResponseSpace::choices()).unwrap();
    let question = |n: usize| {
        let text = format!("Do you like the {} by the {}?", SUBJECTS[n % 6], ["lake", "road"][n / 6 % 2]);
        Query::with_options(text, ["Very much", "A little", "Not at all"]).unwrap()
    };
    let asked = |kind: usize, n: usize| {
        let response = if (n + kind).is_multiple_of(2) { "Very much" } else { "Not at all" };
        Interaction::new(format!("q{n}"), question(n), response).unwrap()
    };
    let models: Vec<UserModel> = (0..50)
        .map(|user| learned(&task, &format!("user {user}"), (0..10).map(|n| asked(user % 2, n)).collect()))
        .collect();
    let histories: Vec<_> = models.iter().map(|model| model.memory().items()).collect();
    let population = Arc::new(Population::learn(&task, &histories, 4).unwrap());
    let read = Population::from_json(&population.to_json()).unwrap();
    assert_eq!(read, *population);
    let (census, counts) = (Census::of_all(&task, &histories).unwrap(), population.count_all(&histories).unwrap());
    assert!(Census::from_json(&census.to_json()).unwrap() == census);
    assert!(Counts::from_json(&counts.to_json()).unwrap() == counts);
    let among = RpmPipeline::offline_builder(task.clone()).population(population).build().unwrap();
    for kind in [0, 1] {
        let model = learned(&task, "new", (0..4).map(|n| asked(kind, n)).collect());
        for n in 4..10 {
            let answer = block_on(async {
                among.personalize(&among.open(model.clone()).await.unwrap(), &question(n)).await.unwrap()
            });
            assert_eq!(answer.response, asked(kind, n).response(), "{kind} {n}");
            assert!(of_others(&answer) > 0.05, "{kind} {n}: {}", of_others(&answer));
            assert_adds_up(&answer);
        }
    }
}

#[test]
fn reasons_tell_how_a_user_differs_from_most_people() {
    for scale in [true, false] {
        let task = task(scale);
        let pipeline = among_people_of_one_mind(&task);
        for (kind, differs) in [(0, false), (1, true)] {
            let user = block_on(pipeline.open(learned(&task, "new", interactions(kind, 24)))).unwrap();
            let found: Vec<String> =
                user.beliefs().distinctive(None).into_iter().map(|summary| summary.label).collect();
            assert_eq!(found.contains(&"fog".to_owned()), differs, "{scale} {kind} {found:?}");
            let answer = block_on(pipeline.personalize(&user, &Query::new("A tower in the fog.").unwrap())).unwrap();
            let told = answer.reasons(&user).to_string();
            assert!(told.contains("than most people would, n 12") || told.contains("most people "), "{told}");
            assert!(told.contains("others: 12 people"), "{told}");
        }
        let alone =
            block_on(RpmPipeline::offline(task.clone()).open(learned(&task, "new", interactions(1, 24)))).unwrap();
        assert!(alone.beliefs().distinctive(None).is_empty());
    }
}

#[test]
fn a_population_whose_users_share_no_words_gives_its_base_rates_alone() {
    for scale in [true, false] {
        let task = task(scale);
        let of = |user: usize, n: usize| {
            let query = Query::new(format!("word{user}n{n}")).unwrap();
            Interaction::new(format!("i{n}"), query, ["1", "5"][n % 2]).unwrap()
        };
        let models: Vec<UserModel> = (0..12)
            .map(|user| learned(&task, &format!("user {user}"), (0..8).map(|n| of(user, n)).collect()))
            .collect();
        let histories: Vec<_> = models.iter().map(|model| model.memory().items()).collect();
        let population = Population::learn(&task, &histories, 4).unwrap();
        assert_eq!(population.sizes(), (0, 0, 0));
        let pipeline = RpmPipeline::offline_builder(task.clone()).population(population).build().unwrap();
        let user = block_on(pipeline.open(learned(&task, "new", interactions(0, 4)))).unwrap();
        let query = Query::new("A tower in the fog.").unwrap();
        let answer = block_on(pipeline.personalize(&user, &query)).unwrap();
        assert!(of_others(&answer).abs() < 1e-12);
        assert_eq!(answer.estimate.as_ref().unwrap().people().unwrap().alone, None);
        assert!(user.next_question(&[query, Query::new("A lamp in the rain.").unwrap()]).is_some());
    }
}

#[test]
fn what_a_user_takes_back_in_a_store_leaves_the_next_fit_of_the_population() {
    let task = task(true);
    let secret = |n: usize| {
        let (text, response) = says(0, n);
        Interaction::new(format!("i{n}"), Query::new(format!("{text} Marzipan.")).unwrap(), response).unwrap()
    };
    let upkeep = Arc::new(Mutex::new(Upkeep::of_nobody(population(&task))));
    let told = Arc::clone(&upkeep);
    let stored = RpmPipeline::offline(task.clone()).with_store(InMemoryStore::new()).told_of_changes(move |change| {
        told.lock().unwrap().change(change.before, change.after);
    });
    let user = |number: usize| UserId::new(format!("user {number}")).unwrap();
    block_on(async {
        for number in 0..12 {
            let of: Vec<Interaction> = if number < 4 { (0..6).map(secret).collect() } else { interactions(1, 9) };
            stored.learn(&History::new(&task, user(number).as_str(), of).unwrap()).await.unwrap();
        }
        let more = interactions(1, 11).split_off(9);
        stored.observe(&user(7), more).await.unwrap();
        stored.forget(&user(0), &Forget::Items(vec![ItemId::new("i2").unwrap()])).await.unwrap();
        assert!(stored.delete(&user(1)).await.unwrap());
        assert!(!stored.delete(&user(1)).await.unwrap());
    });
    let under = population(&task);
    let mut anew = under.nobody();
    for number in (0..12).filter(|number| *number != 1) {
        let model = block_on(stored.load(&user(number))).unwrap().model;
        anew.merge(&under.count(model.memory().items())).unwrap();
    }
    let upkeep = upkeep.lock().unwrap();
    assert!(*upkeep.counts().unwrap() == anew && anew.users() == 11);
    assert_eq!(upkeep.fitted().unwrap().to_json(), under.fitted(&anew).unwrap().to_json());
}

#[test]
fn changes_may_be_told_in_any_order_and_one_that_is_missing_is_found() {
    let task = task(true);
    let under = population(&task);
    let models: Vec<UserModel> =
        (0..8).map(|user| learned(&task, &format!("user {user}"), interactions(user % 2, 9))).collect();
    let items = |user: usize| models[user].memory().items();
    let mut upkeep = Upkeep::of_nobody(Arc::clone(&under));
    // The first user came with five interactions and has nine; that is told before they came.
    upkeep.change(&items(0)[..5], items(0));
    assert_eq!(upkeep.fitted().unwrap_err(), PopulationError::NotIn);
    assert!(upkeep.counts().is_none());
    for user in 1..8 {
        upkeep.change(&[], items(user));
    }
    upkeep.change(&[], &items(0)[..5]);
    let mut anew = under.nobody();
    (0..8).for_each(|user| anew.merge(&under.count(items(user))).unwrap());
    assert!(*upkeep.counts().unwrap() == anew);
    assert!(upkeep.fitted().is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn observing_is_learning_at_once_among_others_too(
        scale: bool, kinds in prop::collection::vec(0_usize..2, 4..20), first in 1_usize..4,
    ) {
        let task = task(scale);
        let pipeline = among(&task);
        let of = |(number, kind): (usize, &usize)| interactions(*kind, number + 1).pop().unwrap();
        let all: Vec<Interaction> = kinds.iter().enumerate().map(of).collect();
        let query = Query::new("A bread tower in the fog.").unwrap();
        let (grown, at_once) = block_on(async {
            let mut grown = pipeline.open(learned(&task, "new", all[..first].to_vec())).await.unwrap();
            pipeline.personalize(&grown, &query).await.unwrap();
            for next in &all[first..] {
                pipeline.observe(&mut grown, [next.clone()]).await.unwrap();
            }
            let at_once = pipeline.open(learned(&task, "new", all.clone())).await.unwrap();
            (
                pipeline.personalize(&grown, &query).await.unwrap().estimate,
                pipeline.personalize(&at_once, &query).await.unwrap().estimate,
            )
        });
        prop_assert_eq!(grown, at_once);
    }
}
