//! The profile of a user: as data, as text and as a page.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use crate::common::{interaction, labels_task, scale_task, text_history, text_task};
use pollster::block_on;
use rpm_core::catalog::{Catalog, CatalogFactor};
use rpm_core::data::Language;
use rpm_core::profile::{MostPeople, Profile, ProfileOptions, Sureness, SwayEffect, Usual};
use rpm_core::stats::population::Population;
use rpm_core::{Edit, History, ResponseSpace, RpmPipeline, Task};

/// Twenty-four films: slow ones are liked, loud ones are not, and the lake is in both.
fn films(task: &Task, responses: [&str; 3]) -> History {
    let items = (0..24).map(|n| {
        let (text, response) = match n % 3 {
            0 => ("A slow drama among friends, with an open ending.", responses[0]),
            1 => ("Loud action and explosions at the lake.", responses[1]),
            _ => ("A quiet walk along the lake with old friends.", responses[2]),
        };
        interaction(&format!("i{n:02}"), text, response, n)
    });
    History::new(task, "ana", items).unwrap()
}

fn catalog() -> Catalog {
    Catalog::of([
        CatalogFactor::new("slow films").with_terms(["slow"]),
        CatalogFactor::new("action").with_terms(["loud action", "explosions"]),
        CatalogFactor::new("lakes").with_terms(["lake"]),
    ])
    .unwrap()
}

fn profile_of(task: &Task, history: &History) -> Profile {
    let pipeline = RpmPipeline::offline_builder(task.clone()).catalog(catalog()).build().unwrap();
    block_on(async { pipeline.open(pipeline.learn(history).await.unwrap().model).await.unwrap().profile() })
}

#[test]
fn a_profile_says_what_raises_and_lowers_a_rating_and_how_sure_that_is() {
    let profile = profile_of(&scale_task(), &films(&scale_task(), ["5", "1", "4"]));
    let sway = |label: &str| profile.sways.iter().find(|sway| sway.label == label).unwrap();
    let SwayEffect::Points { higher, low, high, with, without } = sway("slow films").effect else { panic!("points") };
    assert!((with - 5.0).abs() < 1e-9 && (without - 2.5).abs() < 1e-9, "{with} {without}");
    assert!((higher - 2.5).abs() < 1e-9 && low > 0.0 && high > higher, "{higher} {low} {high}");
    assert_eq!((sway("slow films").seen, sway("slow films").sureness), (8.0, Sureness::Sure));
    let SwayEffect::Points { higher, .. } = sway("action").effect else { panic!("points") };
    assert!((higher + 3.5).abs() < 1e-9, "{higher}");
    let Usual::Mean { mean, min, max } = profile.usual else { panic!("a mean") };
    assert!((mean - 10.0 / 3.0).abs() < 1e-9 && (min, max) == (1, 5));
    assert_eq!(profile.interactions, 24);
}

#[test]
fn the_text_of_a_profile_is_as_in_its_golden_file() {
    let profile = profile_of(&scale_task(), &films(&scale_task(), ["5", "1", "4"]));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/profile_scale.txt");
    if std::env::var_os("RPM_UPDATE_GOLDEN").is_some() {
        std::fs::write(path, profile.to_string()).unwrap();
    }
    assert_eq!(profile.to_string(), std::fs::read_to_string(path).unwrap(), "RPM_UPDATE_GOLDEN=1 writes it anew");
    assert!(profile.to_string().lines().all(|line| line.chars().count() <= 82));
}

#[test]
fn labels_are_told_in_hundredths() {
    let history = films(&labels_task(), ["drama", "thriller", "drama"]);
    let profile = profile_of(&labels_task(), &history);
    let text = profile.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("You usually answer: \u{201c}drama\u{201d} 67%, \u{201c}thriller\u{201d} 33%."), "{text}");
    let action = profile.sways.iter().find(|sway| sway.label == "action").unwrap();
    let SwayEffect::Share { response, with, usual, low, high } = &action.effect else { panic!("a share") };
    assert!(response == "thriller" && with > usual && low < with && with < high, "{response} {with} {usual}");
}

#[test]
fn free_text_is_told_by_what_is_taken_up() {
    let pipeline = RpmPipeline::offline(text_task());
    let profile = block_on(async {
        let learned = pipeline.learn(&text_history()).await.unwrap();
        pipeline.open(learned.model).await.unwrap().profile()
    });
    assert_eq!(profile.usual, Usual::Nothing);
    assert!(profile.sways.iter().all(|sway| matches!(sway.effect, SwayEffect::TakenUp { .. })));
}

#[test]
fn the_language_of_the_task_is_that_of_the_profile() {
    let german = Task::new("Wie würde diese Person den Film bewerten?", ResponseSpace::scale(1, 5).unwrap()).unwrap();
    let german = german.in_language(Language::German);
    let items = (0..12).map(|n| {
        let (text, response) = if n % 2 == 0 {
            ("Ein langsames Drama am See.", "5")
        } else {
            ("Laute Verfolgungsjagd mit Explosionen.", "1")
        };
        interaction(&format!("i{n:02}"), text, response, n)
    });
    let history = History::new(&german, "ana", items).unwrap();
    let pipeline = RpmPipeline::offline(german);
    let profile = block_on(async {
        let learned = pipeline.learn(&history).await.unwrap();
        pipeline.open(learned.model).await.unwrap().profile()
    });
    let (text, page) = (profile.to_string(), profile.html());
    assert!(text.starts_with("Was wir über Sie herausgefunden haben\n"), "{text}");
    let told = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        told.contains("Gelernt aus 12 Ihrer Antworten. Im Schnitt antworten Sie mit 3,0, auf einer Skala von 1 bis 5."),
        "{text}"
    );
    assert!(page.contains("<html lang=\"de\">") && !page.contains("What "), "{page}");
}

#[test]
fn beside_others_it_says_how_the_user_differs_from_most_people() {
    let task = scale_task();
    let pipeline = RpmPipeline::offline_builder(task.clone()).catalog(catalog()).build().unwrap();
    let others: Vec<_> = (0..12)
        .map(|_| {
            let learned = block_on(pipeline.learn(&films(&task, ["2", "4", "3"]))).unwrap();
            learned.model.memory().items().to_vec()
        })
        .collect();
    let population = Population::learn(&task, &others, 2).unwrap();
    let pipeline =
        RpmPipeline::offline_builder(task.clone()).catalog(catalog()).population(population).build().unwrap();
    let profile = block_on(async {
        let learned = pipeline.learn(&films(&task, ["5", "1", "4"])).await.unwrap();
        pipeline.open(learned.model).await.unwrap().profile()
    });
    assert_eq!(profile.people, Some(12));
    let action = profile.sways.iter().find(|sway| sway.label == "action").unwrap();
    let Some(MostPeople::Points { higher }) = &action.most_people else { panic!("most people") };
    assert!(*higher < -1.0, "{higher}");
    assert!(profile.to_string().contains("higher than you."), "{profile}");
    assert!(profile.to_string().contains("12 other people"), "{profile}");
}

#[test]
fn what_is_set_aside_is_told_and_is_no_longer_among_what_counts() {
    let task = scale_task();
    let pipeline = RpmPipeline::offline_builder(task.clone()).catalog(catalog()).build().unwrap();
    let profile = block_on(async {
        let learned = pipeline.learn(&films(&task, ["5", "1", "4"])).await.unwrap();
        let mut ana = pipeline.open(learned.model).await.unwrap();
        let factor = ana.model().factors().iter().find(|factor| factor.label() == "action").unwrap().id().clone();
        pipeline.edit(&mut ana, Edit::Mute { factor }).await.unwrap();
        ana.profile()
    });
    assert_eq!(profile.set_aside, ["action"]);
    assert!(profile.sways.iter().all(|sway| sway.label != "action"));
    assert!(profile.to_string().contains("Ignored because you asked for it: action."), "{profile}");
    assert!(profile.sways.iter().all(|sway| sway.examples.iter().all(|example| !example.words.contains("explosion"))));
}

#[test]
fn a_page_loads_nothing_runs_nothing_and_escapes_what_people_wrote() {
    let task = scale_task();
    let hostile = "A slow <script>alert('x')</script> & \"drama\" </main>.";
    let items = (0..8).map(|n| interaction(&format!("i{n}"), hostile, if n % 2 == 0 { "5" } else { "4" }, n));
    let profile = profile_of(&task, &History::new(&task, "ana", items).unwrap());
    let page = profile.html();
    assert!(!page.contains("<script") && page.matches("</main>").count() == 1, "{page}");
    assert!(
        page.contains("default-src 'none'")
            && page.matches("http").count()
                == page.matches("http-equiv").count() + page.matches("xmlns=\"http").count()
    );
    for outside in ["src=", "href=", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert_eq!(page, profile.html(), "the same to the byte");
}

#[test]
fn without_examples_no_text_of_the_user_is_in_a_profile() {
    let task = scale_task();
    let pipeline = RpmPipeline::offline_builder(task.clone()).catalog(catalog()).build().unwrap();
    let profile = block_on(async {
        let learned = pipeline.learn(&films(&task, ["5", "1", "4"])).await.unwrap();
        let ana = pipeline.open(learned.model).await.unwrap();
        ana.profile_with(&ProfileOptions::default().examples(0).factors(2))
    });
    assert_eq!(profile.sways.len(), 2);
    let data = serde_json::to_string(&profile).unwrap();
    assert!(!data.contains("open ending.") && !data.contains("Loud action and explosions"), "{data}");
}

#[test]
fn somebody_new_is_told_that_nothing_is_known() {
    let pipeline = RpmPipeline::offline(scale_task());
    let profile = block_on(async {
        let nobody = pipeline.newcomer(rpm_core::UserId::new("new").unwrap()).await.unwrap();
        pipeline.open(nobody).await.unwrap().profile()
    });
    let text = profile.to_string();
    assert!(text.contains("You have not answered anything yet.") && text.contains("Nothing yet"), "{text}");
    assert!(profile.picture().is_empty());
    assert!(profile.html().contains("</html>"));
}

#[test]
fn nothing_of_the_user_is_in_debug() {
    let profile = profile_of(&scale_task(), &films(&scale_task(), ["5", "1", "4"]));
    let shown = format!("{profile:?} {:?} {:?}", profile.sways, profile.usual);
    for word in ["slow", "loud", "lake", "friends"] {
        assert!(!shown.contains(word), "{shown}");
    }
}
