//! The replies that docs/llm.md shows are read as it says, without a repair and without asking again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;

use std::sync::Arc;

use common::{ScriptedBackend, query, reply, text_task};
use pollster::block_on;
use rpm_core::answer::OneCallAnswerer;
use rpm_core::catalog::{CatalogBuilder, CatalogNamer};
use rpm_core::data::Polarity;
use rpm_core::llm::{Stage, UsageReport};
use rpm_core::pipeline::{Learned, RpmPipelineBuilder};
use rpm_core::stats::{SupportThresholds, Tier};
use rpm_core::{Answer, Factor, Feature, History, Interaction, Preset, RpmPipeline};

const PAGE: &str = include_str!("../docs/llm.md");
const TEXT: &str = "A solver and a parser are joined.";

/// The example in the row of the table that begins so.
fn example(row: &str) -> String {
    let row = PAGE.lines().find(|line| line.starts_with(&format!("| {row}, "))).expect(row);
    let (_, example) = row.trim_end_matches("` |").rsplit_once("| `").expect("an example");
    serde_json::from_str::<serde_json::Value>(example).expect("JSON");
    example.to_owned()
}

/// A model that answers with the examples, given the row of its answers.
fn documented(answer: &str) -> Arc<ScriptedBackend> {
    let rows = [
        (Stage::Extract, example("extraction")),
        (Stage::Group, example("grouping and naming")),
        (Stage::Judge, example("judging")),
        (Stage::WritePath, example("path")),
        (Stage::Answer, example(answer)),
    ];
    ScriptedBackend::new(move |request| {
        let row = rows.iter().find(|(stage, _)| *stage == request.stage).expect("a row for each stage");
        Ok(reply(&row.1))
    })
}

#[track_caller]
fn at_once(usage: &UsageReport, stages: &[Stage]) {
    let total = usage.total();
    assert_eq!((total.reasks, total.repaired, total.failed_calls), (0, 0, 0), "{usage}");
    assert!(stages.iter().all(|stage| usage.stage(*stage).calls == 1), "{usage}");
}

fn learned_and_told(builder: RpmPipelineBuilder) -> (Learned, Answer) {
    let mut thresholds = SupportThresholds::default();
    (thresholds.least_interactions, thresholds.least_factors) = (1, 0);
    let pipeline = builder.thresholds(thresholds).build().unwrap();
    let past = Interaction::new("a", query(TEXT), "A Parser with a Solver").unwrap();
    let learned = block_on(pipeline.learn(&History::new(&text_task(), "ana", [past]).unwrap())).unwrap();
    let open = block_on(pipeline.open(learned.model.clone())).unwrap();
    let answer = block_on(pipeline.personalize(&open, &query(TEXT))).unwrap();
    (learned, answer)
}

#[test]
fn the_documented_replies_teach_a_user_and_answer() {
    let (learned, answer) = learned_and_told(RpmPipeline::builder(text_task()).backend(documented("answer")));
    at_once(&learned.report.usage, &[Stage::Extract, Stage::Judge, Stage::WritePath]);
    let item = &learned.model.memory().items()[0];
    let names: Vec<&str> = item.features().iter().map(Feature::name).collect();
    assert_eq!(names, ["grammar tooling", "exact search"]);
    let judged = item.features().iter().map(|feature| feature.judgement().unwrap());
    let judged: Vec<_> = judged.map(|judgement| (judgement.influential, judgement.polarity)).collect();
    assert_eq!(judged, [(true, Polarity::Positive), (false, Polarity::Neutral)]);
    assert_eq!(item.path().unwrap().steps()[0].text, "Titles name the tool.");
    at_once(&answer.usage, &[Stage::Answer]);
    assert_eq!((answer.support.tier, &*answer.response), (Tier::Full, "A Parser with a Solver"));
    assert_eq!(answer.path.steps()[0].text, "Titles name the tool.");
}

#[test]
fn the_documented_reply_names_groups() {
    let named = example("grouping and naming");
    let backend = ScriptedBackend::except(move |request| (request.stage == Stage::Group).then(|| named.clone()));
    let pipeline = RpmPipeline::builder(common::scale_task()).backend(backend).build().unwrap();
    let texts = ["A parser.", "A solver.", "A parser with a solver.", "One more parser.", "One more solver."];
    let rated: Vec<(&str, &str)> = texts.into_iter().zip(["1", "2", "3", "4", "5"]).collect();
    let learned = block_on(pipeline.learn(&common::history_of(pipeline.task(), &rated))).unwrap();
    at_once(&learned.report.usage, &[Stage::Group]);
    let mut labels: Vec<&str> = learned.model.factors().iter().map(Factor::label).collect();
    labels.sort_unstable();
    assert_eq!(labels, ["language tools", "search methods"]);
}

#[test]
fn the_documented_reply_of_one_call_answers() {
    let builder = RpmPipeline::builder(text_task()).backend(documented("answer in one call"));
    let (_, answer) = learned_and_told(builder.answerer(OneCallAnswerer::default()));
    at_once(&answer.usage, &[Stage::Answer]);
    assert_eq!(answer.response, "A Solver in a Parser");
    assert_eq!(answer.features.len(), 1);
    assert_eq!(answer.path.steps()[0].text, "Titles name the method.");
}

#[test]
fn the_documented_reply_names_a_catalog() {
    let scenes = ["a car chase", "a long car chase", "cars in pursuit"];
    let catalog = CatalogBuilder::default().least_texts(2).texts(scenes).build().unwrap();
    let named = example("naming a catalog");
    let backend = ScriptedBackend::new(move |_| Ok(reply(&named)));
    let pipeline = RpmPipeline::builder(text_task()).backend(backend).build().unwrap();
    let named = block_on(pipeline.name_catalog(&catalog, &CatalogNamer::default())).unwrap();
    at_once(&named.usage, &[Stage::Group]);
    assert_eq!((named.catalog.factors().len(), named.unanswered.len(), named.described), (1, 0, 1));
    assert_eq!(named.catalog.factors()[0].description(), "A chase by car.");
}

#[test]
fn the_documented_proposals_are_chosen_among() {
    let backend = documented("proposals");
    let builder = RpmPipeline::builder(text_task()).backend(Arc::clone(&backend)).preset(Preset::Fused);
    let (_, answer) = learned_and_told(builder);
    at_once(&answer.usage, &[Stage::Answer]);
    assert!(answer.proposals.iter().filter(|proposed| proposed.by_model).count() >= 1);
    assert!(answer.proposals.iter().any(|proposed| proposed.response == "Joining a Parser and a Solver"));
}
