//! User model files of each format version, kept as they were written, must load; those of the latest version must be
//! written again to the same bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use crate::common::{ModelAtOnce as _, ReasonsOf as _};

use std::path::Path;

use pollster::block_on;
use rpm_core::data::{Decay, EditedStep};
use rpm_core::model::FORMAT_NAME;
use rpm_core::{Edit, RpmPipeline, UserModel};

const FIRST: &str = "tests/golden/user_model_v1.json";
const SECOND: &str = "tests/golden/user_model_v2.json";
const THIRD: &str = "tests/golden/user_model_v3.json";
const FOURTH: &str = "tests/golden/user_model_v4.json";
const FIFTH: &str = "tests/golden/user_model_v5.json";

fn read(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap().replace("\r\n", "\n")
}

fn kept() -> String {
    read(FIRST)
}

/// A model with everything that a file can hold, but for factors that follow from nothing.
fn lived() -> UserModel {
    let task = crate::common::scale_task();
    let backend = crate::common::ScriptedBackend::obedient();
    let decay = Decay::half_life(40).unwrap();
    let pipeline = RpmPipeline::builder(task).backend(backend).decay(decay).build().unwrap();
    let mut model = block_on(pipeline.learn(&crate::common::scale_history())).unwrap().model;
    let factor = |model: &UserModel, at: usize| model.factors().iter().nth(at).unwrap().id().clone();
    model.edit(Edit::Pin { factor: factor(&model, 0) }).unwrap();
    model.edit(Edit::Boost { factor: factor(&model, 1), by: 2.0 }).unwrap();
    model.snapshot();
    let new = crate::common::interaction("new", "A loud chase, and a quiet harbour.", "3", 70);
    block_on(pipeline.observe_model(&mut model, [new])).unwrap();
    let muted = factor(&model, 2);
    model.edit(Edit::NotMe { factor: muted }).unwrap();
    let item = model.memory().items()[0].clone();
    let steps = vec![EditedStep { feature: item.features()[0].key(), text: "I said so.".to_owned() }];
    let number = model.edit(Edit::Path { item: item.id().clone(), steps }).unwrap();
    model.edit(Edit::Undo { edit: number }).unwrap();
    model
}

#[test]
fn a_file_of_version_one_is_read_and_written_as_the_latest() {
    let file = kept();
    let model = UserModel::from_json(&file).unwrap();
    let raw: serde_json::Value = serde_json::from_str(&file).unwrap();
    assert_eq!((raw["format"].as_str(), raw["version"].as_u64()), (Some(FORMAT_NAME), Some(1)));
    assert_eq!(model.user().as_str(), "ana");
    assert_eq!((model.revision(), model.memory().len()), (1, 6));
    assert_eq!(*model.task(), crate::common::scale_task());
    // Paths that were composed from the statistics are composed again; the factors stay as they are.
    assert!(model.memory().items().iter().all(|item| item.path().is_none() && item.is_composed()));
    let ids = |value: &serde_json::Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|factor| factor["id"].as_str().unwrap().to_owned()).collect()
    };
    let now: serde_json::Value = serde_json::from_str(&model.to_json()).unwrap();
    assert_eq!(now["version"].as_u64(), Some(5));
    let kept: Vec<&str> = model.factors().iter().map(|factor| factor.id().as_str()).collect();
    assert_eq!(kept, ids(&raw["model"]["factors"]["factors"]));
    assert_eq!(UserModel::from_json(&model.to_json()).unwrap().to_json(), model.to_json());
}

#[test]
fn a_file_of_version_two_loads_with_the_factors_that_recur_and_its_edits_hold() {
    let file = read(SECOND);
    let model = UserModel::from_json(&file).unwrap();
    let raw: serde_json::Value = serde_json::from_str(&file).unwrap();
    assert_eq!((raw["version"].as_u64(), model.memory().len()), (Some(2), 7));
    assert_eq!((model.edits().len(), model.edits_in_force().len(), model.snapshots().len()), (5, 3, 1));
    assert_eq!((model.set_aside().len(), model.decay().unwrap().time()), (1, 40));
    let before = raw["model"]["factors"]["factors"].as_array().unwrap().len();
    assert!(model.factors().len() <= before);
    let again = UserModel::from_json(&model.to_json()).unwrap();
    assert_eq!(again.to_json(), model.to_json());
}

#[test]
fn a_file_of_version_three_loads_with_its_edits_and_the_factors_that_this_version_makes() {
    let model = UserModel::from_json(&read(THIRD)).unwrap();
    assert_eq!((model.edits().len(), model.edits_in_force().len(), model.snapshots().len()), (5, 3, 1));
    assert_eq!((model.set_aside().len(), model.decay().unwrap().time()), (1, 40));
    assert!(model == UserModel::from_json(&model.to_json()).unwrap());
}

#[test]
fn a_file_of_version_four_loads_with_its_factors_and_edits_under_the_ids_of_today() {
    let raw: serde_json::Value = serde_json::from_str(&read(FOURTH)).unwrap();
    let model = UserModel::from_json(&read(FOURTH)).unwrap();
    assert_eq!((model.edits().len(), model.edits_in_force().len(), model.snapshots().len()), (5, 3, 1));
    assert_eq!((model.set_aside().len(), model.factors().len()), (lived().set_aside().len(), lived().factors().len()));
    let named = |edit: &serde_json::Value| edit["edit"]["factor"].as_str().map(str::to_owned);
    let old: Vec<_> = raw["model"]["edits"].as_array().unwrap().iter().map(named).collect();
    let new: Vec<_> = model.edits().iter().map(|record| named(&serde_json::to_value(record).unwrap())).collect();
    assert_eq!(old.iter().flatten().count(), 3);
    for (old, new) in old.iter().flatten().zip(new.iter().flatten()) {
        // The groups of a factor model keep the ids they were given.
        assert!(new.starts_with(old.as_str()), "{old} {new}");
    }
    assert!(UserModel::from_json(&model.to_json()).unwrap() == model);
}

#[test]
fn a_file_of_version_five_loads_and_writes_again_to_the_same_bytes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FIFTH);
    if !path.exists() && std::env::var_os("RPM_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, lived().to_json()).unwrap();
    }
    let file = read(FIFTH);
    let model = UserModel::from_json(&file).unwrap();
    assert!(model.to_json() == file);
    // But for the hash of the wording, which says nothing of the form.
    let form =
        |file: &str| file.lines().filter(|line| !line.contains("\"prompts\":")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(form(&file), form(&lived().to_json()), "the file holds what this version makes");
}

#[test]
fn a_file_of_an_earlier_rule_of_reading_is_the_model_that_this_rule_makes() {
    let model = offline();
    let file = model.to_json();
    let earlier = file.replacen("\"rule\": 2", "\"rule\": 1", 1);
    assert_ne!(earlier, file);
    assert!(UserModel::from_json(&earlier).unwrap().to_json() == file);
}

/// Learned offline from texts of the length that reviews have.
fn offline() -> UserModel {
    let words = ["slow", "quiet", "loud", "harbour", "chase", "baker", "river", "ferry", "night", "village", "train"];
    let texts: Vec<(String, &str)> = (0..120_usize)
        .map(|n| {
            let text: Vec<&str> = (0..24).map(|at| words[(n * 7 + at * (n % 5 + 1) + at * at) % words.len()]).collect();
            (format!("{} {n}.", text.join(" ")), if n % 3 == 0 { "5" } else { "2" })
        })
        .collect();
    let texts: Vec<(&str, &str)> = texts.iter().map(|(text, response)| (text.as_str(), *response)).collect();
    let history = crate::common::history_of(&crate::common::scale_task(), &texts);
    block_on(RpmPipeline::offline(crate::common::scale_task()).learn(&history)).unwrap().model
}

#[test]
fn a_model_that_was_learned_offline_takes_at_most_three_times_its_text() {
    let model = offline();
    let text: usize = model.memory().items().iter().map(|item| item.query().text().len() + item.response().len()).sum();
    assert!(model.to_json_line().len() <= 3 * text, "{} of {text}", model.to_json_line().len());
    assert!(model.to_json().len() <= 3 * text, "{} of {text}", model.to_json().len());
    let pipeline = RpmPipeline::offline(crate::common::scale_task());
    let packed = block_on(async { pipeline.pack(&pipeline.open(model).await.unwrap()).await.unwrap() });
    assert!(packed.to_bytes().unwrap().len() <= 3 * text, "{} of {text}", packed.to_bytes().unwrap().len());
}

#[test]
fn a_file_leaves_out_what_follows_and_nothing_else() {
    let model = offline();
    let mut file: serde_json::Value = serde_json::from_str(&model.to_json()).unwrap();
    assert!(file["model"].get("factors").is_none() && file["model"]["memory"][0].get("features").is_none());
    assert_eq!(file["model"]["reader"], serde_json::json!({"name": "lexical", "rule": 2}));
    assert!(UserModel::from_json(&crate::common::whole_file(&model).to_string()).unwrap() == model);
    // Counts that are none of its items stay what they are.
    let mut told = crate::common::whole_file(&model);
    told["model"]["factors"]["totals"]["interactions"] = serde_json::json!(7.0);
    let told = UserModel::from_json(&told.to_string()).unwrap();
    assert!(told != model && UserModel::from_json(&told.to_json()).unwrap() == told);
    // A feature that the reader does not read stays too.
    file["model"]["memory"][0]["features"] = serde_json::json!([{"name": "mood", "span": {"start": 0, "end": 3}}]);
    let other = UserModel::from_json(&file.to_string()).unwrap();
    assert_eq!(other.memory().items()[0].features()[0].name(), "mood");
    assert!(UserModel::from_json(&other.to_json()).unwrap() == other);
}

#[test]
fn features_that_no_known_reader_reads_are_an_error_that_names_the_item() {
    let model = offline();
    let file: serde_json::Value = serde_json::from_str(&model.to_json()).unwrap();
    let changed = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut file = file.clone();
        change(&mut file);
        UserModel::from_json(&file.to_string()).unwrap_err().to_string()
    };
    let first = model.memory().items()[0].id().as_str();
    let alone = changed(&|file| drop(file["model"].as_object_mut().unwrap().remove("reader")));
    assert!(alone.starts_with(&format!("{first}: ")), "{alone}");
    for change in
        [("name", serde_json::json!("magic")), ("rule", serde_json::json!(0)), ("rule", serde_json::json!(99))]
    {
        let unknown = changed(&|file| file["model"]["reader"][change.0] = change.1.clone());
        assert!(unknown.contains("a reader that is not known"), "{unknown}");
    }
    let both = changed(&|file| {
        let item = &mut file["model"]["memory"][0];
        (item["features"], item["first_features"]) = (serde_json::json!([]), serde_json::json!(1));
    });
    let none = changed(&|file| file["model"]["memory"][0]["first_features"] = serde_json::json!(0));
    assert!(both.starts_with(&format!("{first}: ")) && none.starts_with(&format!("{first}: ")), "{both} {none}");
    let early = changed(&|file| file["version"] = serde_json::json!(3));
    assert!(early.contains("leaves out what its version does not"), "{early}");
}

#[test]
fn a_file_of_version_one_answers() {
    let model = UserModel::from_json(&kept()).unwrap();
    let new = crate::common::query("A slow and quiet film.");
    let answer = block_on(RpmPipeline::offline(crate::common::scale_task()).personalize_model(&model, &new)).unwrap();
    assert!(["4", "5"].contains(&answer.response.as_str()), "{}", answer.reasons_of(&model).to_string());
    assert!(!model.beliefs().summaries(None).is_empty());
}

#[test]
fn every_kind_of_task_is_saved_and_answers_the_same_after_loading() {
    for (kind, task, history, new) in crate::common::cases() {
        let pipeline = RpmPipeline::offline(task);
        let model = block_on(pipeline.learn(&history)).unwrap().model;
        let copy = UserModel::from_json(&model.to_json()).unwrap();
        assert!(copy == model, "{kind}");
        assert_eq!(copy.to_json(), model.to_json(), "{kind}");
        let answers = [&model, &copy].map(|model| block_on(pipeline.personalize_model(model, &new)).unwrap());
        assert_eq!(answers[0], answers[1], "{kind}");
    }
}

#[test]
fn a_model_that_was_asked_is_saved_as_before() {
    let pipeline = RpmPipeline::offline(crate::common::scale_task());
    let model = block_on(pipeline.learn(&crate::common::scale_history())).unwrap().model;
    let before = model.to_json();
    block_on(pipeline.personalize_model(&model, &crate::common::query("A slow film."))).unwrap();
    assert_eq!(model.to_json(), before);
}

#[test]
fn a_count_of_snapshots_or_revisions_at_its_end_neither_wraps_nor_gives_a_number_to_two_marks() {
    let learned = block_on(RpmPipeline::offline(crate::common::scale_task()).learn(&crate::common::scale_history()))
        .unwrap()
        .model;
    let mut last: serde_json::Value = serde_json::from_str(&learned.to_json()).unwrap();
    last["model"]["snapshots"] = serde_json::json!({"taken": u32::MAX - 2, "numbers": [1]});
    last["model"]["revision"] = serde_json::json!(u64::MAX);
    let mut model = UserModel::from_json(&last.to_string()).unwrap();
    assert_eq!([model.snapshot(), model.snapshot(), model.snapshot()], [u32::MAX - 1; 3]);
    assert_eq!(model.snapshots(), [1, u32::MAX - 1]);
    let factor = model.factors().iter().next().unwrap().id().clone();
    model.edit(Edit::Pin { factor }).unwrap();
    model.rollback(u32::MAX - 1).unwrap();
    assert_eq!(model.revision(), u64::MAX);
    assert_eq!(UserModel::from_json(&model.to_json()), Ok(model));
}
