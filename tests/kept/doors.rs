//! Whatever reads our data runs its checks: serde refuses what the constructors and `from_json` refuse, by any format.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::sync::LazyLock;

use pollster::block_on;
use proptest::prelude::*;
use rpm_core::data::{
    Calibration, Decay, EditRecord, EditedStep, FactorSet, FactorStats, FeatureKey, MemoryItem, PathStep,
    PolarityCounts, ReasoningMemory, Span, Totals,
};
use rpm_core::stats::Estimate;
use rpm_core::{
    Edit, Factor, FactorId, Feature, Forget, Interaction, ItemId, Query, ReasoningPath, ResponseSpace, RpmPipeline,
    Task, UserId, UserModel,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde::de::value::{Error as ValueError, F64Deserializer, MapDeserializer};
use serde_json::{Value, json};

/// Stands in user text; no error may say it.
const MARKER: &str = "zqmark";

/// A file with a path, an edit of each kind with text, a snapshot and a factor set aside.
static FILE: LazyLock<String> = LazyLock::new(|| {
    let decay = Decay::half_life(40).unwrap();
    let pipeline = RpmPipeline::builder(crate::common::scale_task())
        .backend(crate::common::ScriptedBackend::obedient())
        .decay(decay)
        .build()
        .unwrap();
    let mut model = block_on(pipeline.learn(&crate::common::scale_history())).unwrap().model;
    let factor = |model: &UserModel, at: usize| model.factors().iter().nth(at).unwrap().id().clone();
    model.edit(Edit::Boost { factor: factor(&model, 1), by: 2.0 }).unwrap();
    model.edit(Edit::Rename { factor: factor(&model, 0), label: "calm".to_owned() }).unwrap();
    model.snapshot();
    model.edit(Edit::NotMe { factor: factor(&model, 2) }).unwrap();
    let item = model.memory().items()[0].clone();
    let steps = vec![EditedStep { feature: item.features()[0].key(), text: "I said so.".to_owned() }];
    model.edit(Edit::Path { item: item.id().clone(), steps }).unwrap();
    model.to_json()
});

fn file() -> Value {
    serde_json::from_str(&FILE).unwrap()
}

/// Reads by both doors of serde; they agree.
fn read<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    let by_text = serde_json::from_str::<T>(&value.to_string());
    let by_value = serde_json::from_value::<T>(value.clone());
    assert_eq!(by_text.is_ok(), by_value.is_ok(), "{value}");
    by_text.map_err(|error| error.to_string())
}

/// Each is refused with an error that says `names` and nothing of the text.
fn refused<T: DeserializeOwned>(good: &Value, bad: &[(&str, Value, &str)]) {
    let kind = std::any::type_name::<T>();
    assert!(read::<T>(good).is_ok(), "{kind}: {good}");
    for (pointer, value, names) in bad {
        let mut spoiled = good.clone();
        *spoiled.pointer_mut(pointer).unwrap_or_else(|| panic!("{kind} has no {pointer}: {good}")) = value.clone();
        let Err(error) = read::<T>(&spoiled) else { panic!("{kind} with {pointer} = {value} is read") };
        assert!(error.contains(names), "{kind}, {pointer}: {error:?} does not name {names:?}");
        assert!(!error.contains(MARKER), "{kind}, {pointer}: {error:?}");
    }
}

fn with_control() -> Value {
    json!(format!("{MARKER}\u{0}"))
}

#[test]
fn ids_keys_and_spans() {
    refused::<UserId>(&json!("ana"), &[("", json!(""), "user id"), ("", with_control(), "user id")]);
    refused::<ItemId>(&json!("a"), &[("", json!(MARKER.repeat(50)), "interaction id")]);
    refused::<FactorId>(&json!("f1"), &[("", json!(" "), "factor id")]);
    let odd = |text: &str| ("", json!(text), "feature key");
    refused::<FeatureKey>(
        &json!("slow pacing"),
        &[odd("zqmark "), odd(" zqmark"), odd("zq  mark"), odd("zqmark\n"), odd("zqmark\u{200b}")],
    );
    refused::<Span>(
        &json!({"start": 0, "end": 4}),
        &[("/end", json!(0), "empty span"), ("/start", json!(9), "empty span"), ("/start", json!(-1), "")],
    );
}

#[test]
fn tasks_and_queries() {
    let scale = json!({"kind": "scale", "min": 1, "max": 5});
    refused::<ResponseSpace>(
        &scale,
        &[("/max", json!(1), "response space"), ("/min", json!(i64::MIN), "response space")],
    );
    let labels = json!({"kind": "labels", "labels": ["drama", MARKER]});
    refused::<ResponseSpace>(
        &labels,
        &[
            ("/labels/0", json!("ZQMARK"), "response space"),
            ("/labels/0", with_control(), "task"),
            ("/labels", json!([MARKER]), "response space"),
        ],
    );
    refused::<ResponseSpace>(&json!({"kind": "text", "max_chars": 80}), &[("/max_chars", json!(0), "response space")]);
    let task = json!({"instruction": "Rate", "query_name": "film", "response_name": "rating", "space": scale});
    refused::<Task>(
        &task,
        &[
            ("/instruction", json!(" "), "task"),
            ("/query_name", json!(""), "task: query name"),
            ("/query_name", json!(MARKER.repeat(50)), "task: query name"),
            ("/response_name", with_control(), "task: response name"),
            ("/space/min", json!(7), "response space"),
        ],
    );
    let query = json!({"text": "Which?", "options": ["one", MARKER]});
    let bad = [
        ("/text", json!("\u{200b}"), "query"),
        ("/text", with_control(), "query"),
        ("/options/0", json!(MARKER), "query"),
    ];
    refused::<Query>(&query, &bad);
    let interaction = json!({"id": "b7", "query": query, "response": "one"});
    let bad = bad.map(|(pointer, value, _)| (format!("/query{pointer}"), value));
    let bad: Vec<(&str, Value, &str)> = bad.iter().map(|(p, v)| (p.as_str(), v.clone(), "b7")).collect();
    refused::<Interaction>(&interaction, &bad);
    refused::<Decay>(&json!({"half_life": 40}), &[("/half_life", json!(0), "half-life")]);
}

#[test]
fn features_paths_and_items() {
    let feature = json!({"name": "slow", "span": {"start": 2, "end": 6}});
    let bad_feature = [
        ("/name", json!(" \u{200b}"), "blank"),
        ("/name", json!(MARKER.repeat(50)), "too long"),
        ("/span/end", json!(2), "span"),
    ];
    refused::<Feature>(&feature, &bad_feature);
    let step = json!({"feature": 0, "factor": "f1", "text": "slow, so 5"});
    refused::<PathStep>(&step, &[("/text", json!(" "), "step 0"), ("/factor", json!(""), "factor id")]);
    let path = json!({"steps": [step, step], "response": "5", "origin": "model"});
    refused::<ReasoningPath>(&path, &[("/steps/1/text", json!(""), "step 1")]);
    let item =
        json!({"id": "b7", "query": {"text": "A slow film."}, "response": "5", "features": [feature], "path": path});
    refused::<MemoryItem>(
        &item,
        &[
            ("/query/text", with_control(), "b7"),
            ("/query/text", json!("A"), "b7: feature 0"),
            ("/features/0/name", json!(""), "b7: feature 0"),
            ("/features/0/span/start", json!(6), "b7: feature 0"),
            ("/features/0/span/end", json!(60), "b7: feature 0"),
            ("/features", json!(vec![feature.clone(); 513]), "b7"),
            ("/path/steps/0/feature", json!(1), "b7"),
            ("/path/steps/1/text", json!(" "), "b7"),
            ("/path/steps", json!([]), "b7"),
            ("/path/response", json!(MARKER), "b7"),
        ],
    );
    let mut other = item.clone();
    other["id"] = json!("b8");
    refused::<ReasoningMemory>(&json!([item, other]), &[("/1/id", json!("b7"), "b7"), ("/0/id", json!("b8"), "b8")]);
}

#[test]
fn factors_and_counts() {
    let stats = json!({"coverage": 2.0, "by_response": {MARKER: 2.0}, "influence": 0.0,
        "polarity": {"positive": 1.0, "neutral": 0.0, "negative": 0.0}});
    let bad = [
        ("/coverage", json!(-1.0), "factor statistics"),
        ("/by_response/zqmark", json!(-1.0), "factor statistics"),
        ("/polarity/negative", json!(-0.5), "factor statistics"),
        ("/influence", json!(-7), "factor statistics"),
    ];
    refused::<FactorStats>(&stats, &bad);
    refused::<PolarityCounts>(&stats["polarity"], &[("/neutral", json!(-1.0), "polarities")]);
    let totals = json!({"interactions": 2.0, "by_response": {MARKER: 2.0}});
    let bad_totals = [("/interactions", json!(-1), "totals"), ("/by_response/zqmark", json!(-1), "totals")];
    refused::<Totals>(&totals, &bad_totals);
    let factor = json!({"id": "f7", "label": "calm", "description": "", "features": ["slow"], "cohesion": 0.5,
        "stats": stats, "standing": {"boost": 2.0}});
    refused::<Factor>(
        &factor,
        &[
            ("/label", json!(" "), "f7"),
            ("/features", json!([]), "f7"),
            ("/features/0", json!("zqmark "), "feature key"),
            ("/cohesion", json!(1.5), "f7"),
            ("/standing/boost", json!(-2.0), "f7"),
            ("/stats/coverage", json!(-1.0), "f7"),
        ],
    );
    let mut other = factor.clone();
    (other["id"], other["features"]) = (json!("f8"), json!(["loud"]));
    refused::<FactorSet>(
        &json!({"totals": totals, "factors": [factor, other]}),
        &[
            ("/totals/interactions", json!(-1), "totals"),
            ("/factors/1/features/0", json!("slow"), "f8"),
            ("/factors/1/id", json!("f7"), "f7"),
            ("/factors/0/label", json!(""), "f7"),
        ],
    );
}

#[test]
fn edits_calibrations_and_estimates() {
    let edit = |edit: Value| json!({"number": 1, "edit": edit});
    refused::<EditRecord>(
        &edit(json!({"kind": "boost", "factor": "f1", "by": 2.0})),
        &[("/edit/by", json!(-2.0), "edit"), ("/edit/by", json!(1e300), "edit")],
    );
    refused::<EditRecord>(
        &edit(json!({"kind": "rename", "factor": "f1", "label": "calm"})),
        &[("/edit/label", with_control(), "edit"), ("/edit/label", json!(MARKER.repeat(50)), "edit")],
    );
    let step = json!({"feature": "slow", "text": "I said so."});
    refused::<Edit>(
        &json!({"kind": "path", "item": "a", "steps": [step]}),
        &[
            ("/steps/0/text", json!(" "), "edit"),
            ("/steps/0/text", with_control(), "edit"),
            ("/steps", json!(vec![step.clone(); 17]), "edit"),
        ],
    );
    let bad: Vec<(&str, Value, &str)> =
        [("/kappa", -7.0), ("/kappa", 0.0), ("/kappa_low", 9.0), ("/factors", -1.0), ("/factors", 1.5)]
            .map(|(pointer, value)| (pointer, json!(value), "calibration"))
            .to_vec();
    refused::<Calibration>(&serde_json::to_value(Calibration::default()).unwrap(), &bad);
    let weighted = json!({"response": MARKER, "probability": 1.0, "base": 0.5});
    let part = json!({"source": "similar", "added": [0.5]});
    refused::<Estimate>(
        &json!({"responses": [weighted], "decision": 0, "parts": [part]}),
        &[
            ("/parts/0/added/0", json!(0.25), "estimate"),
            ("/parts/0/added", json!([0.25, 0.25]), "estimate"),
            ("/decision", json!(1), "estimate"),
            ("/responses/0/probability", json!(1.5), "estimate"),
            ("/responses/0/base", json!(-0.1), "estimate"),
        ],
    );
}

#[test]
fn what_json_cannot_write_is_refused_too() {
    for (bad, value) in [("kappa", f64::NAN), ("factors", f64::INFINITY), ("base_score", f64::NEG_INFINITY)] {
        let fields = [("kappa", 4.0), ("kappa_low", 0.5), ("factors", 0.5), ("left_out_score", 0.0)];
        let fields = fields.into_iter().chain([("base_score", 0.0)]);
        let fields = fields.map(|(name, number)| (name, if name == bad { value } else { number }));
        let scored = ("scored", serde_json::to_value(0).unwrap());
        let fields = fields.map(|(name, number)| (name, json!(number))).chain([scored]);
        let fields: Vec<(&str, Value)> = fields.collect();
        // JSON has no such numbers, so they come to it as null.
        assert!(serde_json::from_value::<Calibration>(fields.into_iter().collect()).is_err());
    }
    let counts = |number: f64| {
        let fields = [("positive", number), ("neutral", 0.0), ("negative", 0.0)];
        PolarityCounts::deserialize(MapDeserializer::<_, ValueError>::new(
            fields.into_iter().map(|(name, number)| (name, F64Deserializer::new(number))),
        ))
    };
    assert!(counts(1.0).is_ok());
    for number in [f64::NAN, f64::INFINITY, -1.0] {
        assert!(counts(number).is_err(), "{number}");
    }
}

#[test]
fn a_user_model_is_refused_by_serde_as_by_its_own_door() {
    let good = crate::common::whole_file(&UserModel::from_json(&FILE).unwrap());
    let model = &good["model"];
    let first = model["memory"][0]["id"].as_str().unwrap();
    let second = model["memory"][1]["id"].as_str().unwrap();
    let group = |at: usize| model["grouping"]["fitted"][at]["id"].as_str().unwrap();
    let bad = [
        ("/calibration/kappa", json!(-7.0), "calibration"),
        ("/grouping/fitted/0/label", json!(" "), group(0)),
        ("/grouping/fitted/0/label", with_control(), group(0)),
        ("/grouping/fitted/0/description", with_control(), group(0)),
        ("/grouping/fitted/0/features", json!([]), group(0)),
        ("/grouping/fitted/1/features", model["grouping"]["fitted"][0]["features"].clone(), group(1)),
        ("/grouping/fitted/1/id", json!(group(0)), group(0)),
        ("/grouping/likeness", json!(0.0), "grouping"),
        ("/snapshots/numbers", json!([1, 1]), "snapshots"),
        ("/snapshots/numbers", json!([4]), "snapshots"),
        ("/snapshots/taken", json!(u32::MAX), "snapshots"),
        ("/edits/0/number", json!(2), "edits"),
        ("/memory/0/response", json!(MARKER), first),
        ("/memory/0/query/text", json!("A"), first),
        ("/memory/0/query/options", json!(["a", "b"]), first),
        ("/memory/1/id", json!(first), first),
        ("/memory/1/features/0/name", json!("zqmark words"), second),
        ("/factors/totals/interactions", json!(-6.0), "totals"),
        ("/task/space/max", json!(1), "response space"),
        ("/user", json!(""), "user id"),
    ];
    let mut with_options = model.clone();
    with_options["memory"][0]["query"]["options"] = json!([]);
    refused::<UserModel>(&with_options, &bad);
    for (pointer, value, _) in bad {
        let mut spoiled = json!({"format": good["format"], "version": good["version"], "model": with_options});
        *spoiled["model"].pointer_mut(pointer).unwrap() = value;
        assert!(UserModel::from_json(&spoiled.to_string()).is_err(), "{pointer}");
    }
    let same: UserModel = read(model).unwrap();
    assert!(same == UserModel::from_json(&FILE).unwrap() && same.to_json() == *FILE);
}

/// The places of all values below this one.
fn places(value: &Value, at: &str, all: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.replace('~', "~0"), value)).collect(),
        Value::Array(values) => values.iter().enumerate().map(|(n, value)| (n.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    for (name, value) in children {
        let place = format!("{at}/{}", name.replace('/', "~1"));
        places(value, &place, all);
        all.push(place);
    }
}

static PLACES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut all = Vec::new();
    places(&file()["model"], "", &mut all);
    all
});

fn spoil(model: &mut Value, place: &str, change: &Change) {
    let (parent, name) = place.rsplit_once('/').unwrap();
    match (model.pointer_mut(parent).unwrap(), change) {
        (Value::Object(fields), Change::Delete) => drop(fields.remove(name)),
        (Value::Array(values), Change::Delete) => drop(values.remove(name.parse().unwrap())),
        (_, Change::Delete) => {}
        (_, Change::Replace(value)) => *model.pointer_mut(place).unwrap() = value.clone(),
    }
}

#[derive(Debug, Clone)]
enum Change {
    Delete,
    Replace(Value),
}

fn any_change() -> impl Strategy<Value = Change> {
    let numbers = prop::sample::select(vec![-7.0, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 17.0, 1e12, 1e300]);
    let whole = prop::sample::select(vec![-1_i64, 0, 1, 2, 5, 6, 40, i64::MAX, i64::MIN]);
    let texts = prop::sample::select(vec!["", " ", "a", "b", "5", "6", "slow", "zqmark", "\u{0}", "\u{200b}", "model"]);
    let odd = prop::sample::select(vec![json!(null), json!([]), json!({}), json!(true), json!([{}]), json!([1, 1])]);
    prop_oneof![
        1 => Just(Change::Delete),
        3 => numbers.prop_map(|number| Change::Replace(json!(number))),
        3 => whole.prop_map(|number| Change::Replace(json!(number))),
        3 => texts.prop_map(|text| Change::Replace(json!(text))),
        2 => odd.prop_map(Change::Replace),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_spoiled_model_is_refused_by_every_door_or_passes_every_check(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any_change()), 1..3),
    ) {
        let mut spoiled = file();
        for (at, change) in &changes {
            let place = &PLACES[at.index(PLACES.len())];
            if spoiled["model"].pointer(place).is_some() {
                spoil(&mut spoiled["model"], place, change);
            }
        }
        let by_file = UserModel::from_json(&spoiled.to_string());
        let by_text = serde_json::from_str::<UserModel>(&spoiled["model"].to_string());
        let by_value = serde_json::from_value::<UserModel>(spoiled["model"].clone());
        prop_assert_eq!(by_file.is_ok(), by_text.is_ok(), "{:?} {:?}", changes, by_text.err());
        prop_assert_eq!(by_file.is_ok(), by_value.is_ok());
        if let (Ok(by_file), Ok(by_value)) = (by_file, by_value) {
            prop_assert!(by_file == by_value);
            // Reading what it writes runs the checks on it again.
            prop_assert!(UserModel::from_json(&by_file.to_json()).as_ref() == Ok(&by_file));
            // What is made of it can be read too.
            let pipeline = RpmPipeline::offline(by_file.task().clone());
            let mut prepared = block_on(pipeline.open(by_file)).unwrap();
            let first = prepared.model().memory().items().iter().take(1).map(|item| item.id().clone()).collect();
            block_on(pipeline.forget(&mut prepared, &Forget::Items(first))).unwrap();
            prop_assert_eq!(UserModel::from_json(&prepared.model().to_json()), Ok(prepared.into_model()));
        }
    }
}
