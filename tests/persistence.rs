//! A user model file of format version 1, kept as it was written, must load and write again to the same bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;

use std::path::Path;

use pollster::block_on;
use rpm_core::{Beliefs, FORMAT_NAME, RpmPipeline, UserModel};

const FILE: &str = "tests/golden/user_model_v1.json";

fn kept() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    // Version 1 stays as it is: only a missing file is written, and only when asked for.
    if !path.exists() && std::env::var_os("RPM_UPDATE_GOLDEN").is_some() {
        let task = common::scale_task();
        let model = block_on(RpmPipeline::offline(task).learn(&common::scale_history())).unwrap().model;
        std::fs::write(&path, model.to_json()).unwrap();
    }
    std::fs::read_to_string(path).unwrap().replace("\r\n", "\n")
}

#[test]
fn a_file_of_version_one_loads_and_writes_again_to_the_same_bytes() {
    let file = kept();
    let model = UserModel::from_json(&file).unwrap();
    assert!(model.to_json() == file);
    assert_eq!(model.user().as_str(), "ana");
    assert_eq!((model.revision(), model.memory().len()), (1, 6));
    assert_eq!(*model.task(), common::scale_task());
    assert!(model.memory().items().iter().all(|item| item.path().is_some()));
    let raw: serde_json::Value = serde_json::from_str(&file).unwrap();
    assert_eq!((raw["format"].as_str(), raw["version"].as_u64()), (Some(FORMAT_NAME), Some(1)));
}

#[test]
fn a_file_of_version_one_answers() {
    let model = UserModel::from_json(&kept()).unwrap();
    let new = common::query("A slow and quiet film.");
    let answer = block_on(RpmPipeline::offline(common::scale_task()).personalize(&model, &new)).unwrap();
    assert!(["4", "5"].contains(&answer.response.as_str()), "{}", answer.explanation(&model).to_string());
    assert!(!Beliefs::of(&model).summaries(None).is_empty());
}

#[test]
fn every_kind_of_task_is_saved_and_answers_the_same_after_loading() {
    for (kind, task, history, new) in common::cases() {
        let pipeline = RpmPipeline::offline(task);
        let model = block_on(pipeline.learn(&history)).unwrap().model;
        let copy = UserModel::from_json(&model.to_json()).unwrap();
        assert!(copy == model, "{kind}");
        assert_eq!(copy.to_json(), model.to_json(), "{kind}");
        let answers = [&model, &copy].map(|model| block_on(pipeline.personalize(model, &new)).unwrap());
        assert_eq!(answers[0], answers[1], "{kind}");
    }
}

#[test]
fn a_model_that_was_asked_is_saved_as_before() {
    let pipeline = RpmPipeline::offline(common::scale_task());
    let model = block_on(pipeline.learn(&common::scale_history())).unwrap().model;
    let before = model.to_json();
    block_on(pipeline.personalize(&model, &common::query("A slow film."))).unwrap();
    assert_eq!(model.to_json(), before);
}
