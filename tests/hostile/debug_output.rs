//! What is printed for debugging holds counts and ids, and nothing of what the user wrote or chose.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::fmt::Debug;

use crate::common::{choices_task, interaction, scale_task, text_task};
use pollster::block_on;
use rpm_core::catalog::{CatalogFactor, CatalogTerm};
use rpm_core::container::{Sections, Writer};
use rpm_core::data::FeatureKey;
use rpm_core::factor::{FactorFit, FactorGroup};
use rpm_core::llm::ReplySchema;
use rpm_core::model::Proposal;
use rpm_core::testing::{Canned, Recorded};
use rpm_core::{Edit, FactorId, History, Interaction, Query, RpmPipeline, Task};

/// Stands in all that the user wrote.
const MARKER: &str = "zqmark";

#[track_caller]
fn silent(kind: &str, value: &dyn Debug) {
    for printed in [format!("{value:?}"), format!("{value:#?}")] {
        assert!(!printed.to_lowercase().contains(MARKER), "{kind}: {printed}");
    }
}

fn query(task: &Task, text: &str) -> Query {
    let options = if *task == choices_task() { &["Zqmark first", "Zqmark second"][..] } else { &[] };
    Query::with_options(text, options.iter().copied()).unwrap()
}

fn history(task: &Task, responses: [&str; 2]) -> History {
    let texts = ["A slow zqmark film.", "A loud zqmark chase.", "A slow, quiet zqmark town.", "A zqmark of a sequel."];
    let past = texts.iter().zip(0..).map(|(text, n)| {
        let response = responses[usize::try_from(n).unwrap() % 2];
        Interaction::new(format!("i{n}"), query(task, text), response).unwrap().at(n)
    });
    History::new(task, "ana", past).unwrap()
}

#[test]
fn nothing_that_is_printed_for_debugging_repeats_the_users_text() {
    let past = vec![interaction("a", "A slow zqmark film.", "4", 1)];
    let history = History::new(&scale_task(), "ana", past.clone()).unwrap();
    let learned = block_on(RpmPipeline::offline(scale_task()).learn(&history)).unwrap();
    let model = &learned.model;
    let item = &model.memory().items()[0];
    let printed = format!("{past:?} {history:?} {model:?} {item:?} {:?} {}", model.memory(), learned.report);
    assert!(!printed.contains(MARKER), "{printed}");
    for factor in model.factors().iter() {
        assert!(!format!("{factor:?}").contains(MARKER));
    }
    for feature in item.features() {
        assert!(!format!("{feature:?}").contains(MARKER));
    }
}

#[test]
fn statistics_and_answers_print_neither_words_nor_options() {
    let tasks = [
        (scale_task(), ["4", "1"]),
        (choices_task(), ["Zqmark first", "Zqmark second"]),
        (text_task(), ["A zqmark title", "Another zqmark title"]),
    ];
    for (task, responses) in tasks {
        let pipeline = RpmPipeline::offline(task.clone());
        let model = block_on(pipeline.learn(&history(&task, responses))).unwrap().model;
        silent("factors", model.factors());
        silent("totals", model.factors().totals());
        let prepared = block_on(pipeline.open(model.clone())).unwrap();
        let answer = block_on(pipeline.personalize(&prepared, &query(&task, "A slow zqmark film."))).unwrap();
        assert!(prepared.estimator().is_some() || task == text_task());
        silent("prepared", &prepared);
        silent("estimator", &prepared.estimator());
        silent("beliefs", &prepared.beliefs());
        silent("answer", &answer);
        silent("estimate", &answer.estimate);
        for factor in model.factors().iter() {
            silent("statistics", factor.stats());
            let summary = prepared.beliefs().summary(factor, None);
            silent("summary", &summary);
            silent("beliefs of responses", &summary.responses);
        }
        for response in answer.estimate.iter().flat_map(rpm_core::stats::Estimate::responses) {
            silent("probability", response);
        }
    }
}

#[test]
fn keys_and_groups_print_no_words() {
    let key = FeatureKey::of("zqmark pacing");
    assert!(key.as_str().contains(MARKER), "else this shows nothing");
    silent("key", &key);
    let factor = FactorId::new("f0").unwrap();
    silent("proposal", &Proposal::Split { factor: factor.clone(), feature: key.clone(), p: 0.01 });
    silent("edit", &Edit::Split { factor, features: [key.clone()].into() });
    let label = "zqmark pace".to_owned();
    let term = CatalogTerm::new("zqmark pacing", 1.0);
    silent("term", &term);
    silent("factor of a catalog", &CatalogFactor::new("zqmark pace").with_terms(vec![term]));
    let schema = serde_json::json!({ "enum": ["zqmark first"] });
    silent("schema", &ReplySchema { name: "reply", schema });
    silent("fit", &FactorFit::new(vec![FactorGroup { description: label.clone(), label, features: vec![key] }]));
}

#[test]
fn files_print_no_bodies() {
    // Bytes are printed as numbers, so no word would show.
    let mut writer = Writer::new("test", 1);
    writer.section("items", &[201; 64]);
    let printed = format!("{writer:?}");
    let bytes = writer.finish();
    let sections = Sections::read(&bytes, "test", 1).unwrap();
    for printed in [printed, format!("{sections:?}")] {
        assert!(!printed.contains("201, 201"), "{printed}");
    }
}

#[test]
fn what_mock_servers_are_asked_and_answer_prints_no_words() {
    silent("recorded", &Recorded::new("zqmark"));
    silent("canned", &Canned::new(200, "zqmark"));
}
