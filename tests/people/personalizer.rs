//! The short way in, by user id.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::sync::Arc;

use crate::common::{ScriptedBackend, interaction, scale_task};
use pollster::block_on;
use rpm_core::data::ItemId;
use rpm_core::extract::PromptedExtractor;
use rpm_core::personalizer::PersonalizerError;
use rpm_core::stats::Tier;
use rpm_core::{History, Personalizer, Query, ResponseSpace, RpmPipeline, Task, UserId};

const FILMS: [(&str, i32); 8] = [
    ("A quiet drama in natural light.", 5),
    ("Loud action and huge explosions.", 1),
    ("A quiet walk along a river.", 5),
    ("A heist with loud action and explosions.", 2),
    ("Two old friends and a quiet summer.", 4),
    ("Loud action in space, with explosions.", 1),
    ("A quiet drama of two sisters.", 4),
    ("Explosions, loud action, a car chase.", 2),
];

fn films() -> Personalizer {
    Personalizer::offline(scale_task())
}

#[test]
fn a_user_is_made_by_what_is_recorded_and_answered_with_reasons() {
    let films = films().blocking();
    for (film, rating) in FILMS {
        films.record("ana", film, rating).unwrap();
    }
    let told = films.answer("ana", "A quiet film about a lighthouse.").unwrap();
    assert_eq!(told.response, "4");
    let text = told.to_string();
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(text.starts_with("rating: 4. About ") && text.contains("Higher for: quiet (+"), "{text}");
    assert!(text.contains("  usually") && text.contains("  expected"), "{text}");
    assert!(films.profile("ana").unwrap().to_string().contains("* quiet (+"));
}

#[test]
fn recording_one_by_one_makes_the_model_that_learning_makes() {
    let films = films();
    let task = scale_task();
    block_on(async {
        let mut ids = Vec::new();
        for (film, rating) in FILMS {
            ids.push(films.record("ana", film, rating).await.unwrap());
        }
        let items = ids.iter().zip(FILMS);
        let items = items.map(|(id, (film, rating))| {
            rpm_core::Interaction::new(id.as_str(), Query::new(film).unwrap(), rating.to_string()).unwrap()
        });
        let learned =
            RpmPipeline::offline(task.clone()).learn(&History::new(&task, "ana", items).unwrap()).await.unwrap();
        let ana = UserId::new("ana").unwrap();
        assert_eq!(films.stored().load(&ana).await.unwrap().model.digest(), learned.model.digest());
    });
}

#[test]
fn made_ids_keep_the_order_of_recording_and_are_never_given_twice() {
    let films = films().blocking();
    let mut ids: Vec<ItemId> = Vec::new();
    for (film, rating) in FILMS {
        ids.push(films.record("ana", film, rating).unwrap());
    }
    let last = ids.pop().unwrap();
    assert!(ids.is_sorted() && ids.iter().all(|id| *id < last));
    films.forget("ana", [last.clone()]).unwrap();
    let (film, rating) = FILMS[7];
    let again = films.record("ana", film, rating).unwrap();
    assert!(again > last, "{again} {last}");
}

#[test]
fn writers_at_once_lose_no_record_and_one_makes_the_user() {
    for _ in 0..50 {
        let films = films();
        let start = std::sync::Barrier::new(4);
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let (films, start) = (films.clone().blocking(), &start);
                scope.spawn(move || {
                    start.wait();
                    for n in 0..3 {
                        films.record("ana", format!("Film {writer} of {n}, quiet."), 1 + (writer + n) % 5).unwrap();
                    }
                });
            }
        });
        let ana = block_on(films.stored().load(&UserId::new("ana").unwrap())).unwrap();
        assert_eq!(ana.model.memory().len(), 12);
    }
}

#[test]
fn the_same_interactions_with_ids_may_be_recorded_again() {
    let films = films().blocking();
    let items = || {
        FILMS.iter().enumerate().map(|(n, (film, rating))| interaction(&format!("f{n}"), film, &rating.to_string(), 1))
    };
    assert_eq!(films.record_all("ana", items()).unwrap().taken_in(), 8);
    assert_eq!(films.record_all("ana", items()).unwrap().taken_in(), 0);
}

#[test]
fn what_is_ignored_moves_no_answer_and_can_be_taken_back() {
    let films = films().blocking();
    for (film, rating) in FILMS {
        films.record("ana", film, rating).unwrap();
    }
    let asked = "A quiet film about a lighthouse.";
    let before = films.answer("ana", asked).unwrap();
    let edit = films.ignore("ana", "Quiet").unwrap();
    let without = films.answer("ana", asked).unwrap();
    assert!(!without.to_string().contains("Higher for: quiet"), "{without}");
    assert_eq!(films.profile("ana").unwrap().set_aside, ["quiet"]);
    films.undo("ana", edit).unwrap();
    assert_eq!(films.answer("ana", asked).unwrap().to_string(), before.to_string());
    let unknown = films.ignore("ana", "wizards").unwrap_err();
    assert!(matches!(unknown, PersonalizerError::UnknownFactor { .. }));
    assert!(!unknown.to_string().contains("wizards") && !unknown.is_transient());
}

#[test]
fn what_an_answer_depended_on_is_told_in_plain_sentences() {
    let films = films().blocking();
    for (film, rating) in FILMS {
        films.record("ana", film, rating).unwrap();
    }
    let told = films.answer("ana", "A quiet film with loud action.").unwrap();
    let what_if = films.what_if(&told).unwrap();
    let words = what_if.in_words();
    assert!(words.starts_with(&format!("rating: {}. Without \u{201c}", told.response)), "{words}");
    assert!(words.contains("\u{201c}quiet\u{201d} it would be") && !words.contains("0.0"), "{words}");
}

#[test]
fn a_stranger_is_answered_and_stays_unknown() {
    let films = films().blocking();
    let told = films.answer("zoe", "A quiet film.").unwrap();
    assert_eq!(told.reasons.support.tier, Tier::Generic);
    assert!(told.to_string().contains("Nothing is known of this person yet."), "{told}");
    assert!(films.profile("zoe").unwrap().to_string().contains("You have not answered anything yet."));
    assert!(!films.forget_user("zoe").unwrap(), "asking made her known");
}

#[test]
fn a_user_is_forgotten_whole() {
    let films = films().blocking();
    films.record("ana", "A quiet film.", 5).unwrap();
    assert!(films.forget_user("ana").unwrap());
    assert_eq!(films.profile("ana").unwrap().interactions, 0);
}

#[test]
fn what_cannot_be_used_is_named_without_its_text() {
    let films = films().blocking();
    for wrong in [
        films.record("ana", "A quiet film.", 9).unwrap_err(),
        films.record("ana", "  ", 5).unwrap_err(),
        films.record("", "A quiet film.", 5).unwrap_err(),
    ] {
        assert!(matches!(wrong, PersonalizerError::Data(_)), "{wrong:?}");
        assert!(!wrong.to_string().contains("quiet"), "{wrong}");
    }
    assert_eq!(films.profile("ana").unwrap().interactions, 0, "nothing of it was kept");
}

#[test]
fn options_and_labels_are_recorded_like_ratings() {
    let task = Task::new("Which does this person pick?", ResponseSpace::choices()).unwrap();
    let picks = Personalizer::offline(task).blocking();
    let query = |text: &str| Query::with_options(text, ["tea", "coffee"]).unwrap();
    for text in ["In the morning?", "At work?", "After lunch?"] {
        picks.record("ana", query(text), "coffee").unwrap();
    }
    assert_eq!(picks.answer("ana", &query("On a train?")).unwrap().response, "coffee");
}

#[test]
fn a_record_whose_features_could_not_be_found_is_an_error_and_is_not_kept() {
    let silent = ScriptedBackend::except(|_| Some("no JSON".to_owned()));
    let pipeline = RpmPipeline::builder(scale_task())
        .backend(Arc::clone(&silent))
        .extractor(PromptedExtractor::default())
        .build()
        .unwrap();
    let films = Personalizer::new(pipeline).blocking();
    let failed = films.record("ana", "A quiet film.", 5).unwrap_err();
    assert!(matches!(failed, PersonalizerError::NotRecorded { .. }), "{failed:?}");
    assert!(failed.is_transient() && !failed.to_string().contains("quiet"), "{failed}");
    assert_eq!(films.profile("ana").unwrap().interactions, 0);
}

#[test]
fn the_first_example_of_the_readme_prints_what_stands_below_it() {
    let readme = include_str!("../../README.md");
    let shown = readme.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let line =
        "Task::new(\"How would this person rate the film?\", ResponseSpace::scale(1, 5)?)?.response_name(\"rating\")?;";
    assert!(readme.contains(line));
    let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5).unwrap()).unwrap();
    let films = Personalizer::offline(task.response_name("rating").unwrap()).blocking();
    let seen = [
        ("Quiet drama", 5),
        ("Loud chase", 1),
        ("Quiet walk", 5),
        ("Loud heist", 2),
        ("Quiet summer", 4),
        ("Loud battle", 1),
        ("Quiet village", 5),
        ("Loud robots", 1),
        ("Quiet friends", 4),
        ("Loud race", 2),
        ("Quiet romance", 5),
        ("Loud monsters", 1),
    ];
    for (film, rating) in seen {
        assert!(readme.contains(&format!("(\"{film}\", {rating})")), "{film}");
        films.record("ana", film, rating).unwrap();
    }
    let told = films.answer("ana", "A quiet film about two lighthouse keepers").unwrap();
    let printed = format!("{told}\n{}", films.profile("ana").unwrap());
    assert!(printed == shown, "found:\n{printed}");
}

#[test]
fn the_example_for_the_web_gives_here_what_it_gives_there() {
    crate::wasm::main().unwrap();
}
