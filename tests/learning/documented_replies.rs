//! The replies that the page of `rpm_core::prompt` and docs/llm.md show are read as they say, without a repair and without
//! asking again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::collections::BTreeMap;

use crate::common::{labels_history, labels_task, query, scale_task, text_task};
use pollster::block_on;
use rpm_core::answer::OneCallAnswerer;
use rpm_core::catalog::{CatalogBuilder, CatalogNamer};
use rpm_core::data::{PathOrigin, Polarity};
use rpm_core::llm::{Stage, UsageReport};
use rpm_core::pipeline::{Learned, RpmPipelineBuilder};
use rpm_core::prompt::Prompt;
use rpm_core::stats::{SupportThresholds, Tier};
use rpm_core::testing::ScriptedBackend;
use rpm_core::{Answer, Factor, Feature, History, Interaction, Preset, RpmPipeline, Task};

const PAGE: &str = include_str!("../../src/prompt/replies.md");
const GUIDE: &str = include_str!("../../docs/llm.md");
const TEXT: &str = "A solver and a parser are joined.";

/// A section of the page: the stage that its heading names, and its examples.
#[derive(Default)]
struct Documented {
    stage: String,
    examples: Vec<String>,
}

/// The sections by the prompt that their heading names, as `Prompt::Extract`.
fn page() -> BTreeMap<String, Documented> {
    let mut sections: BTreeMap<String, Documented> = BTreeMap::new();
    let (mut prompt, mut open) = (String::new(), None::<String>);
    for line in PAGE.lines() {
        let fence = line.strip_prefix("```");
        match (&mut open, fence) {
            (None, Some(language)) => {
                assert!(["json", "text"].contains(&language), "{line}");
                open = Some(String::new());
            }
            (Some(example), Some(_)) => {
                sections.get_mut(&prompt).expect("an example under a heading").examples.push(std::mem::take(example));
                open = None;
            }
            (Some(example), None) => example.push_str(line),
            (None, None) if line.starts_with("## ") => {
                let quoted: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
                let [named, stage] = quoted.as_slice() else { panic!("{line}") };
                named.strip_prefix("Prompt::").expect(line).clone_into(&mut prompt);
                let section = Documented { stage: (*stage).to_owned(), examples: Vec::new() };
                assert!(sections.insert(prompt.clone(), section).is_none(), "{line}");
            }
            (None, None) => {}
        }
    }
    sections
}

/// The examples of a prompt's reply.
fn examples(prompt: Prompt) -> Vec<String> {
    page().remove(&format!("{prompt:?}")).map(|section| section.examples).unwrap_or_default()
}

fn example(prompt: Prompt) -> String {
    examples(prompt).into_iter().next().expect("an example")
}

/// A model that answers with the examples, given the prompt of its answers.
fn documented(answer: Prompt) -> ScriptedBackend {
    let model = ScriptedBackend::new().strict();
    let stages = [
        (Stage::Extract, Prompt::Extract),
        (Stage::Group, Prompt::Group),
        (Stage::Judge, Prompt::Judge),
        (Stage::WritePath, Prompt::Path),
        (Stage::Answer, answer),
    ];
    stages.into_iter().fold(model, |model, (stage, prompt)| model.always(stage, example(prompt)))
}

#[track_caller]
fn at_once(usage: &UsageReport, stages: &[Stage]) {
    let total = usage.total();
    assert_eq!((total.reasks, total.repaired, total.failed_calls), (0, 0, 0), "{usage}");
    assert!(stages.iter().all(|stage| usage.stage(*stage).calls == 1), "{usage}");
}

/// Learns one interaction and answers its query again, whatever the support.
fn of_one(builder: RpmPipelineBuilder, task: &Task, response: &str) -> (Learned, Answer) {
    let mut thresholds = SupportThresholds::default();
    (thresholds.least_interactions, thresholds.least_factors) = (1, 0);
    let past = Interaction::new("a", query(TEXT), response).unwrap();
    learned_and_told(builder.thresholds(thresholds), &History::new(task, "ana", [past]).unwrap())
}

fn learned_and_told(builder: RpmPipelineBuilder, history: &History) -> (Learned, Answer) {
    let pipeline = builder.build().unwrap();
    let learned = block_on(pipeline.learn(history)).unwrap();
    let open = block_on(pipeline.open(learned.model.clone())).unwrap();
    let answer = block_on(pipeline.personalize(&open, &query(TEXT))).unwrap();
    (learned, answer)
}

#[test]
fn every_request_has_its_reply_documented_with_its_stage() {
    let page = page();
    let named: Vec<String> = Prompt::ALL.iter().map(|prompt| format!("{prompt:?}")).collect();
    for name in &named {
        let section =
            page.get(name).unwrap_or_else(|| panic!("src/prompt/replies.md has no section for Prompt::{name}"));
        assert!(!section.examples.is_empty(), "Prompt::{name} has no example");
    }
    assert_eq!(page.len(), named.len(), "a section for a prompt that there is none of");
    // Every stage that asks a model is there.
    for stage in [Stage::Extract, Stage::Group, Stage::Judge, Stage::WritePath, Stage::Answer] {
        assert!(page.values().any(|section| section.stage == format!("{stage:?}")), "{stage:?}");
    }
}

#[test]
fn the_guides_table_has_the_first_example_of_each_request() {
    let rows: Vec<(String, String)> = GUIDE
        .lines()
        .filter_map(|line| line.strip_suffix("` |")?.rsplit_once(" | `"))
        .map(|(row, example)| (row.to_owned(), example.to_owned()))
        .collect();
    for prompt in Prompt::ALL {
        let example = example(prompt);
        let (row, _) =
            rows.iter().find(|(_, shown)| *shown == example).unwrap_or_else(|| panic!("{prompt:?}: {example}"));
        let stage = &page()[&format!("{prompt:?}")].stage;
        assert!(row.contains(&format!("`{stage}`")), "{row}");
    }
}

#[test]
fn the_documented_replies_teach_a_user_and_answer() {
    let builder = RpmPipeline::builder(text_task()).backend(documented(Prompt::Answer));
    let (learned, answer) = of_one(builder, &text_task(), "A Parser with a Solver");
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
fn the_documented_path_repeats_a_response_that_is_not_free_text() {
    let path = examples(Prompt::Path).pop().unwrap();
    let backend = documented(Prompt::Answer).always(Stage::WritePath, path);
    let backend = backend.reply_with(Stage::Answer, |request| Ok(ScriptedBackend::made_up(request)));
    let (learned, _) = of_one(RpmPipeline::builder(scale_task()).backend(backend), &scale_task(), "4");
    at_once(&learned.report.usage, &[Stage::Extract, Stage::WritePath]);
    let path = learned.model.memory().items()[0].path().unwrap();
    assert_eq!((path.origin(), path.steps()[0].text.as_str()), (PathOrigin::Model, "It tells of the tool."));
}

#[test]
fn the_documented_reply_answers_without_the_user() {
    let pipeline = RpmPipeline::builder(text_task()).backend(documented(Prompt::AnswerGeneric));
    let past = Interaction::new("a", query(TEXT), "A Parser with a Solver").unwrap();
    let (_, answer) = learned_and_told(pipeline, &History::new(&text_task(), "ana", [past]).unwrap());
    at_once(&answer.usage, &[Stage::Answer]);
    assert_eq!((answer.support.tier, &*answer.response), (Tier::Generic, "A Parser with a Solver"));
}

#[test]
fn the_documented_reply_names_groups() {
    // Of each text the word for what it is of; the rest is made up.
    let backend = ScriptedBackend::new()
        .always(Stage::Group, example(Prompt::Group))
        .reply_with(Stage::Extract, |request| Ok(crate::common::reply(&crate::common::obey(request))));
    let pipeline = RpmPipeline::builder(scale_task()).backend(backend).build().unwrap();
    let texts = ["A parser.", "A solver.", "A parser with a solver.", "One more parser.", "One more solver."];
    let rated: Vec<(&str, &str)> = texts.into_iter().zip(["1", "2", "3", "4", "5"]).collect();
    let learned = block_on(pipeline.learn(&crate::common::history_of(pipeline.task(), &rated))).unwrap();
    at_once(&learned.report.usage, &[Stage::Group]);
    let mut labels: Vec<&str> = learned.model.factors().iter().map(Factor::label).collect();
    labels.sort_unstable();
    assert_eq!(labels, ["language tools", "search methods"]);
}

#[test]
fn the_documented_reply_of_one_call_answers() {
    let builder = RpmPipeline::builder(text_task()).backend(documented(Prompt::AnswerMerged));
    let (_, answer) = of_one(builder.answerer(OneCallAnswerer::default()), &text_task(), "A Parser with a Solver");
    at_once(&answer.usage, &[Stage::Answer]);
    assert_eq!(answer.response, "A Solver in a Parser");
    assert_eq!(answer.features.len(), 1);
    assert_eq!(answer.path.steps()[0].text, "Titles name the method.");
}

#[test]
fn the_documented_reply_names_a_catalog() {
    let scenes = ["a car chase", "a long car chase", "cars in pursuit"];
    let catalog = CatalogBuilder::default().least_texts(2).texts(scenes).build().unwrap();
    let backend = ScriptedBackend::new().always(Stage::Group, example(Prompt::Catalog));
    let pipeline = RpmPipeline::builder(text_task()).backend(backend).build().unwrap();
    let named = block_on(pipeline.name_catalog(&catalog, &CatalogNamer::default())).unwrap();
    at_once(&named.usage, &[Stage::Group]);
    assert_eq!((named.catalog.factors().len(), named.unanswered.len(), named.described), (1, 0, 1));
    assert_eq!(named.catalog.factors()[0].description(), "A chase by car.");
}

#[test]
fn the_documented_proposals_are_chosen_among() {
    let builder = RpmPipeline::builder(text_task()).backend(documented(Prompt::Propose)).preset(Preset::Fused);
    let (_, answer) = of_one(builder, &text_task(), "A Parser with a Solver");
    at_once(&answer.usage, &[Stage::Answer]);
    assert!(answer.proposals.iter().filter(|proposed| proposed.by_model).count() >= 1);
    assert!(answer.proposals.iter().any(|proposed| proposed.response == "Joining a Parser and a Solver"));
}

#[test]
fn the_documented_letter_and_numeral_are_the_models_view() {
    let [letter, numeral] = <[String; 2]>::try_from(examples(Prompt::AnswerLetter)).unwrap();
    for (task, history, reply, place) in
        [(labels_task(), labels_history(), letter, 1), (scale_task(), crate::common::scale_history(), numeral, 3)]
    {
        let backend = ScriptedBackend::new().always(Stage::Answer, reply);
        let builder = RpmPipeline::builder(task).backend(backend).preset(Preset::Fused);
        let (_, answer) = learned_and_told(builder, &history);
        at_once(&answer.usage, &[Stage::Answer]);
        let view = answer.fused.expect("a view").view;
        let most = view.shares().iter().copied().fold(0.0, f64::max);
        assert!(view.shares()[place] >= most, "{:?}", view.shares());
    }
}
