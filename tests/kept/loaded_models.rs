//! A model file that is accepted can be lived with: observed, edited, forgotten from, saved and loaded for ever.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::sync::OnceLock;

use crate::common::{ModelAtOnce as _, ScriptedBackend, cases, interaction, scale_history, scale_task, whole_file};
use pollster::block_on;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use rpm_core::catalog::Catalog;
use rpm_core::data::{Decay, EditedStep, FeatureKey};
use rpm_core::{Edit, FactorId, Forget, RpmPipeline, UserModel};
use serde_json::{Value, json};

const TEXTS: [&str; 5] = [
    "A slow and quiet walk to the harbour.",
    "A loud chase with a baker.",
    "A slow, loud parser.",
    "A zebra and a solver in a quiet harbour.",
    "Nothing much.",
];

/// How a model is lived with: with a catalog, as a model finds features, or by words alone.
fn pipelines() -> &'static [RpmPipeline; 3] {
    static MADE: OnceLock<[RpmPipeline; 3]> = OnceLock::new();
    MADE.get_or_init(|| {
        let catalog = Catalog::of(["slow", "quiet", "loud", "baker", "zebra", "parser", "solver"]).unwrap();
        [
            RpmPipeline::offline(scale_task()),
            RpmPipeline::offline_builder(scale_task()).catalog(catalog).build().unwrap(),
            RpmPipeline::builder(scale_task())
                .backend(ScriptedBackend::obedient())
                .decay(Decay::half_life(40).unwrap())
                .build()
                .unwrap(),
        ]
    })
}

/// Files that differ in what they hold: edits, snapshots, groups, factors that follow from nothing, paths.
fn files() -> &'static [(usize, Value)] {
    static MADE: OnceLock<Vec<(usize, Value)>> = OnceLock::new();
    MADE.get_or_init(|| {
        let mut files = Vec::new();
        for (at, pipeline) in pipelines().iter().enumerate() {
            let mut model = block_on(pipeline.learn(&scale_history())).unwrap().model;
            files.push((at, serde_json::from_str(&model.to_json()).unwrap()));
            let ids: Vec<FactorId> = model.factors().iter().map(|factor| factor.id().clone()).collect();
            model.edit(Edit::Mute { factor: ids[0].clone() }).unwrap();
            if let [_, second, third, ..] = &ids[..] {
                model.edit(Edit::Merge { factor: second.clone(), into: third.clone() }).unwrap();
            }
            model.snapshot();
            let item = model.memory().items()[0].clone();
            let steps = vec![EditedStep { feature: item.features()[0].key(), text: "I said so.".to_owned() }];
            model.edit(Edit::Path { item: item.id().clone(), steps }).unwrap();
            block_on(pipeline.observe_model(&mut model, [interaction("later", TEXTS[1], "2", 80)])).unwrap();
            files.push((at, serde_json::from_str(&model.to_json()).unwrap()));
            files.push((at, whole_file(&model)));
        }
        files
    })
}

/// The places of a document, by JSON pointer, but for the texts and the task, which say what a history is.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Array(members) => {
            members.iter().enumerate().for_each(|(place, member)| places(member, &format!("{at}/{place}"), found));
        }
        Value::Object(members) => {
            members
                .iter()
                .for_each(|(name, member)| places(member, &format!("{at}/{}", name.replace('/', "~1")), found));
        }
        _ => {}
    }
}

/// A change of a file: what, where, and with what from elsewhere.
#[derive(Debug, Clone)]
struct Mutation {
    kind: u8,
    at: prop::sample::Index,
    other: prop::sample::Index,
}

fn is_id(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.starts_with(['f', 'c']) && text.len() >= 9 && text.is_ascii() && !text.contains(' '))
}

fn mutate(file: &mut Value, mutation: &Mutation) {
    let mut all = Vec::new();
    places(file, "", &mut all);
    let of = |wanted: &dyn Fn(&str, &Value) -> bool| -> Vec<String> {
        all.iter().filter(|at| wanted(at, file.pointer(at).unwrap())).cloned().collect()
    };
    let pick = |from: &[String], index: &prop::sample::Index| {
        (!from.is_empty()).then(|| from[index.index(from.len())].clone())
    };
    let set = |file: &mut Value, at: Option<String>, to: Value| {
        if let Some(place) = at.and_then(|at| file.pointer_mut(&at)) {
            *place = to;
        }
    };
    match mutation.kind {
        // An id becomes another, or that of a feature of any item.
        0..=2 => {
            let ids = of(&|_, value| is_id(value));
            let of_features: Vec<String> = TEXTS
                .iter()
                .flat_map(|text| text.split(' '))
                .map(|word| {
                    let word = word.to_lowercase();
                    rpm_core::data::FactorSet::from_groups([("a", "", [FeatureKey::of(word.trim_matches(['.', ',']))])])
                        .unwrap()
                        .iter()
                        .next()
                        .unwrap()
                        .id()
                        .to_string()
                })
                .collect();
            let to = match mutation.kind {
                0 => pick(&ids, &mutation.other).and_then(|at| file.pointer(&at).cloned()).unwrap_or_default(),
                1 => json!(of_features[mutation.other.index(of_features.len())]),
                _ => json!(["zz", "f", "f00000000", "fffffffffffff", "a b"][mutation.other.index(5)]),
            };
            set(file, pick(&ids, &mutation.at), to);
        }
        // A text becomes another text of the file.
        3 => {
            let texts = of(&|at, value| value.is_string() && !at.contains("/task") && !at.contains("/provenance"));
            let to = pick(&texts, &mutation.other).and_then(|at| file.pointer(&at).cloned()).unwrap_or_default();
            set(file, pick(&texts, &mutation.at), to);
        }
        // A number becomes another.
        4 => {
            let numbers = of(&|at, value| value.is_number() && !at.contains("/task"));
            let to =
                [json!(0), json!(1), json!(7), json!(-1), json!(0.5), json!(1e300), json!(u32::MAX), json!(u64::MAX)];
            set(file, pick(&numbers, &mutation.at), to[mutation.other.index(to.len())].clone());
        }
        // Members of a list are swapped, doubled or left out.
        _ => {
            let lists = of(&|at, value| value.as_array().is_some_and(|list| !list.is_empty()) && !at.contains("/task"));
            let Some(list) = pick(&lists, &mutation.at).and_then(|at| file.pointer_mut(&at)) else { return };
            let list = list.as_array_mut().unwrap();
            let place = mutation.other.index(list.len());
            match mutation.kind {
                5 => list.swap(0, place),
                6 => list.push(list[place].clone()),
                _ => drop(list.remove(place)),
            }
        }
    }
}

/// One step of living with a model.
#[derive(Debug, Clone)]
enum Step {
    Observe(usize, u8, bool),
    Edit(u8, prop::sample::Index, prop::sample::Index),
    ForgetItem(prop::sample::Index),
    ForgetFactor(prop::sample::Index),
    Snapshot,
    Rollback(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..TEXTS.len(), 1_u8..6, any::<bool>()).prop_map(|(text, response, last)| Step::Observe(text, response, last)),
        4 => (0_u8..8, any::<prop::sample::Index>(), any::<prop::sample::Index>()).prop_map(|(kind, a, b)| Step::Edit(kind, a, b)),
        2 => any::<prop::sample::Index>().prop_map(Step::ForgetItem),
        2 => any::<prop::sample::Index>().prop_map(Step::ForgetFactor),
        1 => Just(Step::Snapshot),
        1 => any::<prop::sample::Index>().prop_map(Step::Rollback),
    ]
}

/// Does a step; what is refused, such as an edit of what is not there, changes nothing.
fn take(pipeline: &RpmPipeline, model: &mut UserModel, step: &Step, number: usize) {
    let ids: Vec<FactorId> =
        model.factors().iter().chain(model.set_aside().iter()).map(|factor| factor.id().clone()).collect();
    let items: Vec<_> = model.memory().items().iter().map(|item| item.id().clone()).collect();
    match step {
        Step::Observe(text, response, last) => {
            let time = if *last { 1_000 + i64::try_from(number).unwrap() } else { 5 };
            let new = interaction(&format!("walk{number}"), TEXTS[*text], &response.to_string(), time);
            block_on(pipeline.observe_model(model, [new])).unwrap();
        }
        Step::Edit(kind, a, b) if !ids.is_empty() => {
            let (factor, into) = (ids[a.index(ids.len())].clone(), ids[b.index(ids.len())].clone());
            let features =
                model.factors().get(&factor).map(|factor| factor.features().iter().take(1).cloned().collect());
            let edit = match kind {
                0 => Edit::Mute { factor },
                1 => Edit::NotMe { factor },
                2 => Edit::Pin { factor },
                3 => Edit::Boost { factor, by: 2.0 },
                4 => Edit::Rename { factor, label: "mine".to_owned() },
                5 => Edit::Merge { factor, into },
                6 => Edit::Split { factor, features: features.unwrap_or_default() },
                _ => Edit::Undo { edit: u32::try_from(a.index(model.edits().len() + 1)).unwrap() },
            };
            let _ = model.edit(edit);
        }
        Step::ForgetItem(which) if !items.is_empty() => {
            block_on(pipeline.forget_model(model, &Forget::Items(vec![items[which.index(items.len())].clone()])))
                .unwrap();
        }
        Step::ForgetFactor(which) if !ids.is_empty() => {
            block_on(pipeline.forget_model(model, &Forget::Factor(ids[which.index(ids.len())].clone()))).unwrap();
        }
        Step::Snapshot => drop(model.snapshot()),
        Step::Rollback(which) if !model.snapshots().is_empty() => {
            let snapshots = model.snapshots().to_vec();
            model.rollback(snapshots[which.index(snapshots.len())]).unwrap();
        }
        _ => {}
    }
}

#[track_caller]
fn saved_and_loaded(model: &UserModel, after: &dyn std::fmt::Debug) -> UserModel {
    let file = model.to_json();
    let read = UserModel::from_json(&file).unwrap_or_else(|error| panic!("{error:?} after {after:?}"));
    assert!(read.to_json() == file, "another file after {after:?}");
    read
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]
    #[test]
    fn a_file_that_is_read_can_be_lived_with(
        which in any::<prop::sample::Index>(),
        mutations in proptest::collection::vec(
            (0_u8..8, any::<prop::sample::Index>(), any::<prop::sample::Index>())
                .prop_map(|(kind, at, other)| Mutation { kind, at, other }),
            0..4,
        ),
        steps in proptest::collection::vec(step(), 1..10),
    ) {
        let (at, file) = &files()[which.index(files().len())];
        let mut file = file.clone();
        for mutation in &mutations {
            mutate(&mut file, mutation);
        }
        // What is refused harms nobody.
        let Ok(mut model) = UserModel::from_json(&file.to_string()) else { return Ok(()) };
        model = saved_and_loaded(&model, &"reading");
        for (number, step) in steps.iter().enumerate() {
            take(&pipelines()[*at], &mut model, step, number);
            model = saved_and_loaded(&model, step);
        }
    }
}

#[test]
fn enough_of_the_changed_files_are_read_to_say_something() {
    let mut read = 0;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let change = (0_u8..8, any::<prop::sample::Index>(), any::<prop::sample::Index>());
    for round in 0..200 {
        let (kind, at, other) = change.new_tree(&mut runner).unwrap().current();
        let mut file = files()[round % files().len()].1.clone();
        let before = file.clone();
        mutate(&mut file, &Mutation { kind, at, other });
        read += usize::from(file != before && UserModel::from_json(&file.to_string()).is_ok());
    }
    assert!(read >= 40, "{read} of 200 changed files are read");
}

#[test]
fn every_kind_of_task_survives_a_walk() {
    for (kind, task, history, query) in cases() {
        let pipeline = RpmPipeline::offline(task);
        let mut model = block_on(pipeline.learn(&history)).unwrap().model;
        let id = model.factors().iter().next().map(|factor| factor.id().clone());
        if let Some(factor) = id {
            model.edit(Edit::NotMe { factor }).unwrap();
            model = saved_and_loaded(&model, &kind);
        }
        block_on(pipeline.personalize_model(&model, &query)).unwrap();
    }
}

#[test]
fn a_group_under_another_id_is_refused_or_lived_with() {
    let pipeline = &pipelines()[1];
    let (mut refused, mut read) = (0, 0);
    for (_, file) in files().iter().filter(|(at, _)| *at == 1) {
        let groups = file["model"]["grouping"]["fitted"].as_array().unwrap().len();
        for (group, id) in (0..groups).flat_map(|group| ["c", "c80000000", "f00000000", "zz"].map(|id| (group, id))) {
            let mut renamed = file.clone();
            renamed["model"]["grouping"]["fitted"][group]["id"] = json!(id);
            let Ok(mut model) = UserModel::from_json(&renamed.to_string()) else {
                refused += 1;
                continue;
            };
            read += 1;
            for (number, text) in TEXTS.iter().enumerate() {
                let new = interaction(&format!("new{number}"), text, "2", 100 + i64::try_from(number).unwrap());
                block_on(pipeline.observe_model(&mut model, [new])).unwrap();
                model = saved_and_loaded(&model, &(group, id, number));
            }
        }
    }
    assert!(refused > 0 && read > 0, "{refused} refused, {read} read");
}
