//! Whatever a model replies, an error says which form was expected and repeats nothing of the reply or of the user.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::fmt::Write as _;

use crate::common::{cases, history_of, query, scale_history, scale_task, told};
use pollster::block_on;
use proptest::prelude::*;
use rpm_core::catalog::{CatalogBuilder, CatalogNamer};
use rpm_core::llm::Stage;
use rpm_core::pipeline::ItemOutcome;
use rpm_core::testing::ScriptedBackend;
use rpm_core::{Completion, History, Preset, Query, RpmPipeline, Task};
use serde_json::{Map, Value, json};

/// The stages that a model is asked in, by what it replies to.
const STAGES: [Stage; 5] = [Stage::Extract, Stage::Group, Stage::Judge, Stage::WritePath, Stage::Answer];
/// No message of ours has these letters side by side.
const MARK: &str = "zqx";
/// Words that only the code has.
const OF_CODE: [&str; 12] = [
    "struct",
    "enum",
    "variant",
    "serde",
    "Reply",
    "Written",
    "Answered",
    "Wrapped",
    "Value",
    "::",
    "expected string",
    "invalid type",
];

/// A text that begins with the mark, as long as a word or as odd as a model makes one.
fn word() -> impl Strategy<Value = String> {
    "[a-z\"\\\\{}\\[\\]:,\n ]{0,12}".prop_map(|rest| format!("{MARK}{rest}"))
}

/// Names of fields that stages ask for, and others.
fn name() -> impl Strategy<Value = String> {
    let asked = [
        "items",
        "about",
        "features",
        "name",
        "quote",
        "factors",
        "reasons",
        "feature",
        "why",
        "response",
        "answer",
        "proposals",
        "id",
    ];
    prop_oneof![4 => proptest::sample::select(asked.to_vec()).prop_map(str::to_owned), 1 => word()]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => word().prop_map(Value::String),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => (-9_i64..9).prop_map(|number| json!(number)),
        1 => Just(json!("x1")),
        1 => Just(json!("t1")),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::vec((name(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A reply: JSON of some shape, with words around it, cut somewhere, or no JSON at all.
fn reply() -> impl Strategy<Value = String> {
    let cut = (value(), 0_usize..400).prop_map(|(value, end)| value.to_string().chars().take(end).collect());
    let around = (word(), value(), word()).prop_map(|(before, value, after)| format!("{before} {value} {after}"));
    prop_oneof![value().prop_map(|value| value.to_string()), cut, around, word()]
}

/// Everything that an operation says has gone wrong when every stage is answered so.
fn errors(replies: &[String], task: &Task, history: &History, question: &Query, preset: Preset) -> String {
    let mut model = ScriptedBackend::new();
    for (stage, reply) in STAGES.into_iter().zip(replies) {
        model = model.always(stage, reply.as_str());
    }
    let pipeline = RpmPipeline::builder(task.clone()).backend(model).preset(preset).build().unwrap();
    let mut said = String::new();
    match block_on(pipeline.learn(history)) {
        Ok(learned) => {
            for item in &learned.report.items {
                if let ItemOutcome::Failed { .. } = &item.outcome {
                    let _ = writeln!(said, "{:?}", item.outcome);
                }
            }
            let _ = writeln!(said, "{}", learned.report);
            let open = block_on(pipeline.open(learned.model)).unwrap();
            if let Err(error) = block_on(pipeline.personalize(&open, question)) {
                said.push_str(&told(&error));
            }
        }
        Err(error) => said.push_str(&told(&error)),
    }
    said
}

#[track_caller]
fn is_clean(said: &str) {
    assert!(!said.contains(MARK), "{said}");
    // Debug output names this crate's public types; the messages are what a user of a host may see.
    for word in OF_CODE {
        assert!(!messages(said).contains(word), "{word}: {said}");
    }
}

/// The messages of errors without their Debug output.
fn messages(said: &str) -> String {
    let shown: Vec<&str> = said.split(" / ").step_by(2).collect();
    shown.join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn errors_repeat_no_word_of_any_reply_and_name_no_type(
        replies in proptest::collection::vec(reply(), STAGES.len()),
        preset in proptest::sample::select(vec![Preset::Paper, Preset::Balanced, Preset::Frugal, Preset::Fused]),
    ) {
        for (_, task, history, question) in cases() {
            is_clean(&errors(&replies, &task, &history, &question, preset));
        }
    }
}

#[test]
fn an_answer_in_another_form_names_the_form_that_was_expected() {
    let model = ScriptedBackend::new().always(Stage::Answer, r#"{"zqx":["secret"]}"#);
    let pipeline = RpmPipeline::builder(scale_task()).backend(model).build().unwrap();
    let open = block_on(pipeline.open(block_on(pipeline.learn(&scale_history())).unwrap().model)).unwrap();
    let error = block_on(pipeline.personalize(&open, &query("A slow film."))).unwrap_err();
    let said = crate::common::causes(&error);
    let form = r#"not in the form asked for; expected {"reasons":[{"feature":"x1","why":"…"}],"response":"…"}"#;
    assert!(said.contains(form), "{said}");
    assert!(!said.contains("secret") && !said.contains(MARK));
}

#[test]
fn features_in_another_form_name_the_form_that_was_expected() {
    let task = scale_task();
    let history = history_of(&task, &[("A slow film.", "4"), ("A loud film.", "2")]);
    let model = ScriptedBackend::new().always(Stage::Extract, r#"{"feature":"secret"}"#);
    let pipeline = RpmPipeline::builder(task).backend(model).build().unwrap();
    let said = crate::common::causes(&block_on(pipeline.learn(&history)).unwrap_err());
    let form = r#"expected {"items":[{"about":"t1","features":[{"name":"…","quote":"…"}]}]}"#;
    assert!(said.contains(form), "{said}");
    assert!(!said.contains("secret"));
}

#[test]
fn a_users_options_are_no_part_of_the_form() {
    let (_, task, history, question) = cases().into_iter().find(|(name, ..)| *name == "choices").unwrap();
    let model = ScriptedBackend::new().always(Stage::Answer, "[]");
    let pipeline = RpmPipeline::builder(task).backend(model).build().unwrap();
    let open = block_on(pipeline.open(block_on(pipeline.learn(&history)).unwrap().model)).unwrap();
    let said = crate::common::causes(&block_on(pipeline.personalize(&open, &question)).unwrap_err());
    assert!(said.contains(r#""response":"…"}"#), "{said}");
    assert!(crate::common::OPTIONS.iter().all(|option| !said.contains(option)));
}

#[test]
fn names_of_a_catalog_in_another_form_name_the_form_that_was_expected() {
    let scenes = ["a car chase", "a long car chase", "cars in pursuit"];
    let catalog = CatalogBuilder::default().least_texts(2).texts(scenes).build().unwrap();
    let model = ScriptedBackend::new().always(Stage::Group, Completion::new(r#"{"secret":1}"#));
    let pipeline = RpmPipeline::builder(scale_task()).backend(model).build().unwrap();
    let named = block_on(pipeline.name_catalog(&catalog, &CatalogNamer::default())).unwrap();
    let said = told(&named.unanswered[0].error);
    assert!(said.contains(r#"expected {"factors":{"c1":{"name":"…","about":"…"}},"merge":["#), "{said}");
    assert!(!said.contains("secret"));
}
