//! Votes, means and their fallbacks on small histories.

use super::*;
use crate::method::{Spec, named};

fn rated(id: &str, text: &str, response: &str) -> Interaction {
    Interaction::new(id, Query::new(text).unwrap(), response).unwrap()
}

fn scale() -> Task {
    Task::new("Rate it", ResponseSpace::scale(1, 5).unwrap()).unwrap()
}

/// The prediction of the method of this spec for a query after this history.
fn said(spec: &str, task: &Task, past: &[Interaction], query: &Query) -> Prediction {
    let method = named(&spec.parse::<Spec>().unwrap()).unwrap();
    assert!(method.applies(task) && !method.asks_model());
    let history = History::new(task, "ana", past.iter().cloned()).unwrap();
    let bench = Bench::new(task, &[]);
    pollster::block_on(async { method.learn(&history, &bench).await?.answer(query, &bench).await }).unwrap()
}

fn films() -> Vec<Interaction> {
    vec![
        rated("a", "a slow quiet film", "5"),
        rated("b", "a slow film", "4"),
        rated("c", "a loud chase", "1"),
        rated("d", "a loud sequel", "2"),
        rated("e", "a loud chase again", "1"),
    ]
}

#[test]
fn a_tie_of_votes_goes_to_the_nearest_and_more_votes_win_over_it() {
    assert_eq!(vote([("5", 1.0), ("4", 1.0)]), Some("5"));
    assert_eq!(vote([("5", 1.0), ("4", 1.0), ("4", 1.0), ("5", 1.0)]), Some("5"));
    assert_eq!(vote([("5", 1.0), ("4", 1.0), ("4", 1.0)]), Some("4"));
    assert_eq!(vote([("5", 0.9), ("4", 0.3), ("4", 0.3)]), Some("5"));
    assert_eq!(vote([("5", 0.0)]), None);
    assert_eq!(vote([]), None);
}

#[test]
fn a_mean_weighs_ratings_and_none_without_weight() {
    assert_eq!(mean([("5", 1.0), ("2", 1.0)]), Some(3.5));
    assert_eq!(mean([("5", 3.0), ("1", 1.0)]), Some(4.0));
    assert_eq!(mean([("5", 0.0)]), None);
}

#[test]
fn the_nearest_decide_by_every_retriever() {
    for retriever in retrievers::NAMES {
        let spec = format!("knn:k=2:retriever={retriever}:weighted=on");
        let query = Query::new("another loud chase").unwrap();
        assert_eq!(said(&spec, &scale(), &films(), &query).response.as_deref(), Some("1"), "{retriever}");
    }
}

#[test]
fn a_mean_keeps_the_value_between_the_points() {
    let query = Query::new("a slow film").unwrap();
    let mean = said("knn:k=2:take=mean", &scale(), &films(), &query);
    assert_eq!((mean.value, mean.response.as_deref()), (Some(4.5), Some("5")));
    let labels = Task::new("Tag it", ResponseSpace::labels(["a", "b"]).unwrap()).unwrap();
    assert!(!named(&"knn:take=mean".parse().unwrap()).unwrap().applies(&labels));
}

#[test]
fn where_nothing_is_found_the_users_habit_answers() {
    let query = Query::new("zebra").unwrap();
    assert_eq!(said("knn", &scale(), &films(), &query).response.as_deref(), Some("1"));
    assert_eq!(said("knn:take=mean", &scale(), &films(), &query).value, Some(2.0));
    let one = [rated("a", "a slow film", "4")];
    assert_eq!(said("knn", &scale(), &one, &query).response.as_deref(), Some("4"));
}

#[test]
fn free_text_is_the_nearest_response_or_the_latest() {
    let task = Task::new("Name it", ResponseSpace::text(80).unwrap()).unwrap();
    let past = [rated("a", "a parser for text", "A Parser"), rated("b", "an exact solver", "A Solver")];
    let say = |text: &str| said("knn", &task, &past, &Query::new(text).unwrap()).response.unwrap();
    assert_eq!((say("a parser again"), say("zebra")), ("A Parser".to_owned(), "A Solver".to_owned()));
}

#[test]
fn only_options_of_the_query_count_and_otherwise_the_usual_place() {
    let task = Task::new("Choose", ResponseSpace::choices()).unwrap();
    let asked = |text: &str, options: [&str; 2]| Query::with_options(text, options).unwrap();
    let past = [
        Interaction::new("a", asked("roads or trains in town", ["roads", "trains"]), "trains").unwrap(),
        Interaction::new("b", asked("war or peace abroad", ["war", "peace"]), "peace").unwrap(),
    ];
    let say = |text: &str, options| said("knn:k=1", &task, &past, &asked(text, options)).response.unwrap();
    assert_eq!(say("trains in town", ["trains", "cars"]), "trains");
    assert_eq!(say("trains in town", ["buses", "cars"]), "cars");
}

#[test]
fn options_that_cannot_be_are_refused() {
    for (spec, told) in
        [("knn:k=0", "k is at least 1"), ("knn:retriever=magic", "okapi"), ("knn:take=best", "vote, mean")]
    {
        let error = named(&spec.parse().unwrap()).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
}
