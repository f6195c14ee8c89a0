//! Factors and edits in German: inflected words are one, by the language of the whole history.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use pollster::block_on;
use rpm_core::data::Language;
use rpm_core::{Edit, History, Interaction, Prepared, Query, ResponseSpace, RpmPipeline, Task, UserModel};

const THESES: [(&str, &str); 12] = [
    ("Die Steuer auf Zucker soll steigen und nicht sinken.", "no"),
    ("Das Land soll die Steuern für Vereine senken.", "no"),
    ("Eine Steuer auf Plastik ist nicht nötig.", "no"),
    ("Der Hafen soll für große Schiffe vertieft werden.", "yes"),
    ("Die Häfen des Landes sind mit der Bahn zu verbinden.", "yes"),
    ("Für den Hafen soll eine neue Brücke gebaut werden.", "yes"),
    ("Kindergärten sollen länger geöffnet sein und nicht mehr kosten.", "yes"),
    ("Im Kindergarten soll das Essen umsonst sein.", "yes"),
    ("Für jeden Kindergarten ist ein Garten anzulegen.", "no"),
    ("Die Brücken des Landes werden zu selten geprüft.", "no"),
    ("Auf der Brücke soll es einen Radweg geben.", "yes"),
    ("Eine Brücke zu der Insel ist nicht nötig.", "no"),
];

fn task() -> Task {
    Task::new("Does this person agree?", ResponseSpace::labels(["yes", "no"]).unwrap()).unwrap()
}

fn history(task: &Task, texts: impl IntoIterator<Item = (&'static str, &'static str)>) -> History {
    let made = |(at, (text, response)): (usize, (&str, &str))| {
        Interaction::new(format!("i{at:02}"), Query::new(text).unwrap(), response).unwrap()
    };
    History::new(task, "ana", texts.into_iter().enumerate().map(made).collect::<Vec<_>>()).unwrap()
}

fn learned(task: &Task) -> (RpmPipeline, Prepared) {
    let pipeline = RpmPipeline::offline(task.clone());
    let model = block_on(pipeline.learn(&history(task, THESES))).unwrap().model;
    let prepared = block_on(pipeline.open(model)).unwrap();
    (pipeline, prepared)
}

fn labels(model: &UserModel) -> Vec<(String, f64)> {
    let mut labels: Vec<(String, f64)> =
        model.factors().iter().map(|factor| (factor.label().to_owned(), factor.stats().coverage)).collect();
    labels.sort_by(|a, b| a.0.cmp(&b.0));
    labels
}

#[test]
fn inflected_words_are_one_factor_which_is_called_by_a_noun() {
    let (_, prepared) = learned(&task());
    assert_eq!(prepared.model().language(), Language::German);
    let found = labels(prepared.model());
    for (label, seen) in [("steuer", 3.0), ("hafen", 3.0), ("kindergarten", 3.0), ("brücke", 4.0)] {
        assert!(found.contains(&(label.to_owned(), seen)), "{label}: {found:?}");
    }
    for (label, _) in &found {
        assert!(!["soll", "nicht", "nötig", "eine brücke", "die steuer"].contains(&label.as_str()), "{found:?}");
    }
}

#[test]
fn the_host_may_say_another_language() {
    let (_, prepared) = learned(&task().in_language(Language::English));
    assert_eq!(prepared.model().language(), Language::English);
    assert!(!labels(prepared.model()).contains(&("steuer".to_owned(), 3.0)));
    let json = prepared.model().to_json();
    assert_eq!(UserModel::from_json(&json).unwrap().task().language(), Some(Language::English));
}

#[test]
fn the_language_is_that_of_the_whole_history_however_it_came() {
    let task = task();
    let pipeline = RpmPipeline::offline(task.clone());
    let english = ["A new bridge is built.", "Ships pay tax.", "Schools open late.", "The bridge is closed."];
    let mixed = || english.map(|text| (text, "yes")).into_iter().chain(THESES);
    let at_once = block_on(pipeline.learn(&history(&task, mixed()))).unwrap().model;
    let first = block_on(pipeline.learn(&history(&task, mixed().take(4)))).unwrap().model;
    assert_eq!((first.language(), at_once.language()), (Language::English, Language::German));
    let mut grown = block_on(pipeline.open(first)).unwrap();
    for interaction in history(&task, mixed()).interactions().iter().skip(4) {
        block_on(pipeline.observe(&mut grown, [interaction.clone()])).unwrap();
    }
    assert_eq!(grown.model().digest(), at_once.digest());
}

#[test]
fn a_muted_word_is_muted_in_all_its_forms() {
    let (pipeline, mut prepared) = learned(&task());
    let steuer = prepared.model().factors().iter().find(|factor| factor.label() == "steuer").unwrap().id().clone();
    block_on(pipeline.edit(&mut prepared, Edit::Mute { factor: steuer })).unwrap();
    let asked = |text: &str| block_on(pipeline.personalize(&prepared, &Query::new(text).unwrap())).unwrap();
    let with = asked("Für Häfen sollen die Steuern sinken.");
    let without = asked("Für Häfen sollen sinken.");
    assert_eq!(with.estimate, without.estimate);
    assert!(!with.set_aside.is_empty());
}

#[test]
fn a_user_with_a_muted_factor_who_grew_is_calibrated_as_one_who_was_learned_at_once() {
    let task = task();
    let words = ["steuer", "zucker", "hafen", "schiff", "brücke", "insel", "schule", "garten"];
    let text = |n: usize| {
        // What goes with the muted word is one idea with it only later.
        let other = if n > 63 { 0 } else { n * 5 };
        format!(
            "Das Land soll für {} und {} nicht zahlen, Nummer {n}.",
            words[n * n % 8],
            words[(n * n + 1 + other) % 8]
        )
    };
    let made = |n: usize| {
        Interaction::new(format!("i{n:02}"), Query::new(text(n)).unwrap(), ["yes", "no"][n * 7 % 3 % 2]).unwrap()
    };
    let pipeline = RpmPipeline::offline(task.clone());
    let learned = |n: usize| {
        let history = History::new(&task, "ana", (0..n).map(made).collect::<Vec<_>>()).unwrap();
        block_on(pipeline.learn(&history)).unwrap().model
    };
    let mute = |model: &UserModel| {
        let key = rpm_core::data::FeatureKey::of("steuer");
        Edit::Mute { factor: model.factors().factor_of(&key).unwrap().id().clone() }
    };
    let mut grown = block_on(pipeline.open(learned(64))).unwrap();
    let edit = mute(grown.model());
    block_on(pipeline.edit(&mut grown, edit)).unwrap();
    for n in 64..67 {
        block_on(pipeline.observe(&mut grown, [made(n)])).unwrap();
        let mut at_once = learned(n + 1);
        at_once.edit(mute(&at_once)).unwrap();
        assert_eq!(grown.model().calibration(), at_once.calibration(), "{n}");
        assert_eq!(grown.model().set_aside(), at_once.set_aside(), "{n}");
    }
}

#[test]
fn what_is_negated_is_another_factor() {
    let not = |key: &str| rpm_core::data::FeatureKey::of(key);
    let texts = (0..8).map(|n| match n % 2 {
        0 => ("Das Land soll die Steuern senken, und das ist gut.", "yes"),
        _ => ("Das Land soll keine Steuern senken, und das ist gut.", "no"),
    });
    let task = task();
    let pipeline = RpmPipeline::offline(task.clone());
    let model = block_on(pipeline.learn(&history(&task, texts))).unwrap().model;
    let of = |key: &str| model.factors().factor_of(&not(key)).map(|factor| factor.id().clone());
    assert!(of("not steuern").is_some());
    assert_ne!(of("not steuern"), of("steuern"));
}

#[test]
fn a_german_negation_turns_what_follows() {
    let task = task();
    let texts = (0..4).map(|_| ("Das Land braucht keine Atomkraft und kein Endlager.", "yes"));
    let pipeline = RpmPipeline::offline(task.clone());
    let model = block_on(pipeline.learn(&history(&task, texts))).unwrap().model;
    let keys: Vec<String> = model.memory().items()[0].features().iter().map(|f| f.key().to_string()).collect();
    assert!(keys.contains(&"not atomkraft".to_owned()), "{keys:?}");
}
