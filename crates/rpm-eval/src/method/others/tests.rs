//! Who teaches whom, and what was said by then.

use proptest::prelude::*;

use super::*;
use rpm_core::data::{Query, ResponseSpace};

const FOLDS: Others = Others { whom: Whom::Folds(3), shared: 2, epsilon: None };
const SET: Others = Others { whom: Whom::Set, shared: 2, epsilon: None };

fn task() -> Task {
    Task::new("Tag it", ResponseSpace::labels(["a", "b"]).unwrap()).unwrap()
}

/// A user who said something about the same texts at these times.
fn user(times: &[i64], response: &str) -> Vec<Interaction> {
    let past = |(n, time): (usize, &i64)| {
        let query = Query::new(format!("a text of number {}", n % 4)).unwrap();
        Interaction::new(format!("h{n:03}"), query, response).unwrap().at(*time)
    };
    times.iter().enumerate().map(past).collect()
}

fn users(times: &[Vec<i64>]) -> Vec<Vec<Interaction>> {
    times.iter().enumerate().map(|(n, times)| user(times, if n % 2 == 0 { "a" } else { "b" })).collect()
}

fn heard(others: Others, bench: &Bench<'_>) -> Option<Arc<Population>> {
    pollster::block_on(others.population(bench)).unwrap()
}

fn at<'a>(bench: &Bench<'a>, user: usize, now: impl Into<Option<i64>>) -> Bench<'a> {
    Bench { user: Some(user), before: now.into(), ..bench.clone() }
}

#[test]
fn nobody_teaches_their_own_fold_and_people_of_one_number_are_of_one() {
    let (task, all) = (task(), users(&vec![vec![1, 2]; 7]));
    let alone = Bench::new(&task, &all);
    // Users 1, 4 and 7 are of one fold, so four teach.
    assert_eq!(heard(FOLDS, &at(&alone, 0, None)).unwrap().users(), 4);
    let together = Bench { people: &[0, 0, 1, 1, 2, 2, 3], ..Bench::new(&task, &all) };
    let teach = |user| heard(FOLDS, &at(&together, user, None)).unwrap().users();
    assert_eq!([0, 1, 2, 3, 6].map(teach), [4, 4, 5, 5, 4]);
}

#[test]
fn all_users_of_another_set_teach_and_without_one_there_is_an_error() {
    let (task, all, more) = (task(), users(&vec![vec![1, 2]; 3]), users(&vec![vec![1, 5]; 4]));
    let mut bench = Bench::new(&task, &all);
    let missing = pollster::block_on(SET.population(&at(&bench, 0, None)));
    assert!(matches!(missing, Err(MethodError::NoTeachers)));
    bench.teachers = Some(&more);
    let (whole, early) = (heard(SET, &at(&bench, 0, None)).unwrap(), heard(SET, &at(&bench, 0, 5)).unwrap());
    assert_eq!((whole.users(), whole.interactions(), early.interactions()), (4, 8, 4));
}

#[test]
fn too_few_others_teach_nothing_and_neither_do_those_who_said_nothing_yet() {
    let (task, all) = (task(), users(&vec![vec![10, 20]; 7]));
    let bench = Bench::new(&task, &all);
    assert!(heard(Others { shared: 5, ..FOLDS }, &at(&bench, 0, None)).is_none());
    assert!(heard(FOLDS, &at(&bench, 0, 10)).is_none());
    assert!(heard(FOLDS, &at(&bench, 0, 11)).is_some());
}

#[test]
fn methods_of_one_run_learn_a_population_once() {
    let (task, all) = (task(), users(&vec![vec![1, 2]; 7]));
    let bench = Bench::new(&task, &all);
    let one = heard(FOLDS, &at(&bench, 0, 9)).unwrap();
    let other = Others { whom: Whom::Folds(3), shared: 2, epsilon: None };
    assert!(Arc::ptr_eq(&one, &heard(other, &at(&bench, 3, 9)).unwrap()));
    assert!(!Arc::ptr_eq(&one, &heard(other, &at(&bench, 1, 9)).unwrap()));
}

#[test]
fn a_later_question_hears_what_was_said_in_between() {
    let (task, all) = (task(), users(&vec![vec![10, 20, 30, 40]; 7]));
    let asked = vec![vec![15, 25, 45]; 7];
    let bench = Bench { asked: &asked, ..Bench::new(&task, &all) };
    let said = |now| heard(FOLDS, &at(&bench, 0, now)).unwrap().interactions();
    assert_eq!([15, 25, 45].map(said), [4, 8, 16]);
}

/// Times of interactions or questions.
fn times(most: usize) -> impl Strategy<Value = Vec<i64>> {
    prop::collection::vec(0_i64..40, 1..most)
}

proptest! {
    #[test]
    fn a_cut_off_is_a_question_and_none_hears_what_was_said_at_its_time_or_later(
        asked in times(60),
        said in times(60),
        most in 1_usize..10,
    ) {
        let cuts = cut_offs(asked.clone(), said.clone(), most);
        prop_assert!(cuts.len() <= most && cuts.is_sorted_by(|a, b| a < b));
        prop_assert_eq!(cuts.first(), asked.iter().min());
        prop_assert!(cuts.iter().all(|cut| asked.contains(cut)));
        let heard = |time: i64| said.iter().filter(|said| **said < time).count();
        for question in &asked {
            prop_assert!(latest(&cuts, *question) <= *question);
        }
        // Few enough times lose nothing of what was said before.
        let mut levels: Vec<usize> = asked.iter().map(|time| heard(*time)).collect();
        levels.sort_unstable();
        levels.dedup();
        if levels.len() <= most {
            prop_assert!(asked.iter().all(|question| heard(latest(&cuts, *question)) == heard(*question)));
        }
    }

    #[test]
    fn many_questions_are_parted_into_about_equal_shares(said in Just((0_i64..200).collect::<Vec<_>>()), n in 20_i64..200) {
        let asked: Vec<i64> = (0..n).collect();
        let cuts = cut_offs(asked.clone(), said, 8);
        prop_assert_eq!(cuts.len(), 8);
        let share = |cut: &i64| asked.iter().filter(|question| latest(&cuts, **question) == *cut).count();
        prop_assert!(cuts.iter().all(|cut| share(cut).abs_diff(asked.len() / 8) <= 1));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn nothing_that_was_said_when_a_question_is_asked_or_later_teaches_it(
        said in prop::collection::vec(times(6), 7),
        asked in prop::collection::vec(times(4), 7),
        asks in 0_usize..7,
    ) {
        let task = task();
        let told = users(&said);
        for question in asked.get(asks).unwrap() {
            // Others said the opposite, and more of it, from the time of the question on.
            let mut turned = told.clone();
            for (place, items) in turned.iter_mut().enumerate().filter(|(place, _)| place % 3 != asks % 3) {
                let late = |item: &Interaction| item.time().is_some_and(|time| time >= *question);
                let response = if place % 2 == 0 { "b" } else { "a" };
                for item in items.iter_mut().filter(|item| late(item)) {
                    let other = Interaction::new(item.id().as_str(), item.query().clone(), response).unwrap();
                    *item = other.at(item.time().unwrap());
                }
            }
            let of = |all: &[Vec<Interaction>]| {
                let bench = Bench { asked: &asked, ..Bench::new(&task, all) };
                heard(FOLDS, &at(&bench, asks, *question)).map(|it| it.digest().to_owned())
            };
            prop_assert_eq!(of(&told), of(&turned));
        }
    }
}
