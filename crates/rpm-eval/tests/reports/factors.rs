//! `rpm-eval factors` from the command line.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::process::{Command, Output};
use std::sync::Arc;

use rpm_core::Budget;
use rpm_core::extract::PromptedExtractor;
use rpm_core::factor::PromptedFactorModel;
use rpm_core::pipeline::DryBackend;
use rpm_eval::dataset::{Limits, ReadOptions, read};
use rpm_eval::factors::{Learner, SetFactors, to_markdown};
use serde_json::Value;

const RATERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/raters");

fn factors(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rpm-eval")).arg("factors").args(args).output().unwrap()
}

fn printed(args: &[&str]) -> String {
    let output = factors(args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn set(args: &[&str]) -> Value {
    serde_json::from_str::<Value>(&printed(args)).unwrap()["sets"][0].clone()
}

#[test]
fn the_factors_of_the_raters_are_told_in_numbers_and_the_same_each_time() {
    let args = ["--data", RATERS, "--json"];
    let first = printed(&args);
    assert_eq!(first, printed(&args));
    let set = set(&args);
    assert_eq!((set["name"].as_str(), set["users"].as_u64()), (Some("raters"), Some(8)));
    for share in ["shown_redundancy", "shown_coverage", "coverage_of_recurring", "same_direction", "replicated"] {
        assert!((0.0..=1.0).contains(&set[share].as_f64().unwrap()), "{share}: {}", set[share]);
    }
    assert!(set["tested_later"].as_u64().unwrap() > 0);
    assert!(set["factors_per_user"].as_f64() >= set["seen3_per_user"].as_f64());
    let detail = set["users_detail"].as_array().unwrap();
    let sum = |field: &str| detail.iter().map(|user| user[field].as_u64().unwrap()).sum::<u64>();
    for field in ["tested_later", "labels_shown", "label_faults"] {
        assert_eq!(set[field].as_u64(), Some(sum(field)), "{field}");
    }
    assert!(detail.iter().all(|user| user["labels_shown"].as_u64() <= Some(12)));
    // A scale has both kinds of fidelity, or says by the figures why not.
    for (fidelity, gain) in [("fidelity", "accuracy"), ("fidelity_mae", "mae")] {
        assert_eq!(set[fidelity], set[gain]["fidelity"]);
        assert_eq!(set[gain]["items"].as_u64(), Some(96));
        assert!(set[gain]["factors"].is_number());
    }
}

#[test]
fn a_models_factors_are_looked_at_with_what_they_took_and_no_test_item_is_asked() {
    let set = read(RATERS.as_ref(), None, &ReadOptions::default()).unwrap();
    let set = set.limited(Limits { users: Some(2), ..Limits::default() });
    let naming = PromptedFactorModel::default();
    let learner = Learner::default().latest(30);
    let learner = learner.by_model(Arc::new(DryBackend::new(Budget::default())), PromptedExtractor::default(), naming);
    let looked = pollster::block_on(SetFactors::of(&set, &learner)).unwrap();
    let calls = looked.usage.as_ref().unwrap().total().calls;
    assert!((60..90).contains(&calls), "{calls}");
    assert_eq!((looked.users_detail[0].interactions, looked.accuracy, looked.tested_later), (30, None, 0));
    assert!(looked.features > 20 && looked.features_on_recurring > 0.0 && looked.features_on_catalog < 1e-9);
    assert!(looked.users_detail.iter().all(|user| user.factors == user.seen3), "what does not recur is no factor");
    let table = to_markdown(&[looked]);
    assert!(table.contains("with test items not asked") && table.contains(&format!("by a model: {calls} requests")));
}

#[test]
fn labels_are_printed_only_when_they_are_asked_for() {
    let plain = set(&["--data", RATERS, "--json"]);
    assert!(plain["labels"].is_null() && !plain.to_string().contains("\"label\""));
    let drawn = set(&["--data", RATERS, "--json", "--labels", "5", "--seed", "3"]);
    let labels: Vec<&str> =
        drawn["labels"].as_array().unwrap().iter().map(|label| label["label"].as_str().unwrap()).collect();
    assert_eq!(labels.len(), 5);
    let table = printed(&["--data", RATERS, "--labels", "5", "--seed", "3"]);
    assert!(labels.iter().all(|label| table.contains(label)), "{table}");
    assert!(table.contains("| raters | 8 |"), "{table}");
}

#[test]
fn fewer_users_may_be_looked_at_and_each_set_once() {
    assert_eq!(set(&["--data", RATERS, "--users", "2", "--json"])["users"], 2);
    let twice = factors(&["--data", RATERS, "--data", RATERS, "--users", "1"]);
    assert!(!twice.status.success() && String::from_utf8_lossy(&twice.stderr).contains("given twice"));
}

#[test]
fn data_that_is_not_there_is_an_error_in_a_sentence() {
    let output = factors(&["--data", RATERS, "no/such/folder"]);
    assert!(!output.status.success() && output.stdout.is_empty());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "Error: no/such/folder: there is no such data set\n");
}
