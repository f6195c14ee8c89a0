//! A catalog in the request for features: what it shows, to whom, and what becomes of a feature that names its factor.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::sync::Arc;

use crate::common::{ScriptedBackend, interaction, query, scale_task, sent};
use pollster::block_on;
use rpm_core::catalog::{Catalog, CatalogFactor, CatalogTerm};
use rpm_core::data::FeatureKey;
use rpm_core::extract::PromptedExtractor;
use rpm_core::llm::Stage;
use rpm_core::pipeline::Learned;
use rpm_core::{CompletionRequest, FactorId, Feature, History, Prepared, RpmPipeline};

const TEXTS: [&str; 3] = ["A slow film with soldiers.", "A loud chase at night.", "A quiet film about a baker."];

fn films() -> Catalog {
    Catalog::of([
        CatalogFactor::new("car chase").with_terms(["car chase", "getaway car"]),
        CatalogFactor::new("slow pace").with_terms(["slow", "unhurried"]),
        CatalogFactor::new("war, soldiers")
            .with_terms([CatalogTerm::new("war", 0.6), CatalogTerm::new("soldiers", 0.5)]),
        CatalogFactor::new("seafaring"),
    ])
    .unwrap()
}

fn id(label: &str) -> FactorId {
    CatalogFactor::new(label).id().clone()
}

/// A pipeline whose only model finds features.
fn pipeline(backend: &Arc<ScriptedBackend>, catalog: Catalog) -> RpmPipeline {
    let builder = RpmPipeline::offline_builder(scale_task()).backend(Arc::clone(backend)).catalog(catalog);
    builder.extractor(PromptedExtractor::default()).build().unwrap()
}

fn learn(pipeline: &RpmPipeline, user: &str, texts: &[&str]) -> Learned {
    let past = texts.iter().enumerate().map(|(n, text)| interaction(&format!("{user}{n}"), text, "3", 0));
    block_on(pipeline.learn(&History::new(pipeline.task(), user, past).unwrap())).unwrap()
}

fn open(pipeline: &RpmPipeline, learned: Learned) -> Prepared {
    block_on(pipeline.open(learned.model)).unwrap()
}

/// The lines of a request that show factors.
fn shown(request: &CompletionRequest) -> Vec<String> {
    request.messages[0].content.lines().filter(|line| line.starts_with("[c")).map(str::to_owned).collect()
}

#[test]
fn a_request_shows_the_factors_that_stand_in_the_text_then_those_that_share_a_word() {
    let backend = ScriptedBackend::obedient();
    learn(&pipeline(&backend, films()), "ana", &TEXTS);
    let of: Vec<Vec<String>> = backend.take().iter().map(shown).collect();
    assert_eq!(of[0].len(), 2);
    assert!(of[0][0].starts_with("[c1] \"slow pace\": ") && of[0][1].starts_with("[c2] \"war, soldiers\": "), "{of:?}");
    assert!(of[1].len() == 1 && of[1][0].starts_with("[c1] \"car chase\": "), "{of:?}");
    assert!(of[2].is_empty(), "{of:?}");
}

#[test]
fn the_request_for_a_text_is_the_same_for_every_user_learning_or_answering() {
    let backend = ScriptedBackend::obedient();
    let pipeline = pipeline(&backend, films());
    let ana = open(&pipeline, learn(&pipeline, "ana", &TEXTS));
    let asked = backend.take().swap_remove(0);
    assert!(!shown(&asked).is_empty());
    let bob = open(&pipeline, learn(&pipeline, "bob", &["A loud chase.", "A quiet harbour.", "A quiet baker."]));
    backend.take();
    for user in [&ana, &bob] {
        block_on(pipeline.personalize(user, &query(TEXTS[0]))).unwrap();
        assert!(backend.take() == [asked.clone()]);
    }
}

#[cfg(feature = "response-log")]
#[test]
fn a_text_is_paid_for_once_for_all_users() {
    use rpm_core::llm::{ReplyCacheLimits, ResponseLog};

    let backend = ScriptedBackend::obedient();
    let log = ResponseLog::in_memory(ReplyCacheLimits::default());
    let builder = RpmPipeline::offline_builder(scale_task()).backend(log.wrap(Arc::clone(&backend)));
    let pipeline = builder.catalog(films()).extractor(PromptedExtractor::default()).build().unwrap();
    learn(&pipeline, "ana", &TEXTS);
    assert_eq!(backend.take().len(), 3);
    let bob = open(&pipeline, learn(&pipeline, "bob", &[TEXTS[2], TEXTS[0]]));
    let answer = block_on(pipeline.personalize(&bob, &query(TEXTS[1]))).unwrap();
    assert_eq!((backend.take().len(), answer.usage.stage(Stage::Extract).reused), (0, 1));
}

/// A model that finds one feature, with this factor.
fn finding(name: &'static str, quote: &'static str, factor: &'static str) -> Arc<ScriptedBackend> {
    ScriptedBackend::except(move |request| {
        let feature = serde_json::json!({ "name": name, "quote": quote, "factor": factor });
        (request.stage == Stage::Extract)
            .then(|| serde_json::json!({ "items": [{ "about": "t1", "features": [feature] }] }).to_string())
    })
}

fn names(learned: &Learned) -> Vec<String> {
    learned.model.memory().items()[0].features().iter().map(|feature: &Feature| feature.name().to_owned()).collect()
}

#[test]
fn a_feature_that_names_a_factor_is_of_it_though_no_term_stands_in_the_text() {
    let text = "A loud chase at night.";
    for factor in ["c1", "[C1]", "Car Chase"] {
        let backend = finding("vehicles in pursuit", "loud chase", factor);
        let pipeline = pipeline(&backend, films());
        assert!(films().assign(text).is_empty());
        let learned = learn(&pipeline, "ana", &[text, "Another loud chase."]);
        assert_eq!(names(&learned), ["car chase"], "{factor}");
        let chase = learned.model.factors().get(&id("car chase")).unwrap();
        assert!((chase.stats().coverage - 2.0).abs() < 1e-9);
        assert!(chase.features().contains(&FeatureKey::of("car chase")));
        let answer = block_on(pipeline.personalize(&open(&pipeline, learned), &query(text))).unwrap();
        assert_eq!(answer.features[0].factor, Some(id("car chase")));
        assert_eq!(answer.features[0].feature.context(&query(text)), "loud chase");
    }
}

#[test]
fn a_feature_that_is_new_or_names_a_factor_that_was_not_shown_keeps_its_name() {
    for factor in ["new", "c9", "seafaring", ""] {
        let backend = finding("vehicles in pursuit", "loud chase", factor);
        let learned = learn(&pipeline(&backend, films()), "ana", &["A loud chase at night."]);
        assert_eq!(names(&learned), ["vehicles in pursuit"], "{factor}");
    }
}

#[test]
fn a_feature_whose_quote_is_not_in_the_text_is_dropped_whatever_factor_it_names() {
    let backend = finding("chase", "a getaway by boat", "c1");
    let learned = learn(&pipeline(&backend, films()), "ana", &["A loud chase at night."]);
    assert!(learned.report.dropped.ungrounded > 0);
    assert!(learned.model.factors().get(&id("car chase")).is_none());
}

#[test]
fn at_most_twenty_factors_are_shown_and_long_accounts_are_cut() {
    let many = (0..60).map(|n| {
        let about = format!("All that is {}.", "rather slow and long ".repeat(20));
        CatalogFactor::new(format!("slow w{n}")).with_terms(["slow"]).with_description(about)
    });
    let backend = ScriptedBackend::obedient();
    learn(&pipeline(&backend, Catalog::of(many).unwrap()), "ana", &TEXTS[..1]);
    let lines = shown(&backend.take()[0]);
    assert!((5..=20).contains(&lines.len()), "{}", lines.len());
    let short = (0..60).map(|n| CatalogFactor::new(format!("w{n} x")).with_terms(["slow"]));
    learn(&pipeline(&backend, Catalog::of(short).unwrap()), "ana", &TEXTS[..1]);
    assert_eq!(shown(&backend.take()[0]).len(), 20);
}

#[test]
fn several_texts_of_one_request_share_the_factors_shown_and_each_feature_is_of_its_own_text() {
    let backend = ScriptedBackend::except(|request| {
        let of = |about: &str, quote: &str, factor: &str| {
            let feature = serde_json::json!({ "name": "x y", "quote": quote, "factor": factor });
            serde_json::json!({ "about": about, "features": [feature] })
        };
        let items = [of("t1", "soldiers", "c3"), of("t2", "loud chase", "c2")];
        (request.stage == Stage::Extract).then(|| serde_json::json!({ "items": items }).to_string())
    });
    let builder = RpmPipeline::offline_builder(scale_task()).backend(Arc::clone(&backend)).catalog(films());
    let pipeline = builder.extractor(PromptedExtractor::default().items_per_request(2)).build().unwrap();
    let learned = learn(&pipeline, "ana", &TEXTS[..2]);
    let lines = shown(&backend.take()[0]);
    let labels: Vec<&str> = lines.iter().filter_map(|line| line.split('"').nth(1)).collect();
    assert_eq!(labels, ["slow pace", "car chase", "war, soldiers"]);
    // The rule adds the slow pace that the model passed over.
    assert_eq!(names(&learned), ["war, soldiers", "slow pace"]);
    assert_eq!(learned.model.memory().items()[1].features()[0].name(), "car chase");
}

#[test]
fn what_the_redaction_hook_takes_out_of_a_text_leads_to_no_factor() {
    let backend = ScriptedBackend::obedient();
    let builder = RpmPipeline::offline_builder(scale_task()).backend(Arc::clone(&backend)).catalog(films());
    let hook = |text: &str| text.replace("soldiers", "[gone]");
    let pipeline = builder.extractor(PromptedExtractor::default()).redact(hook).build().unwrap();
    learn(&pipeline, "ana", &TEXTS[..1]);
    let asked = sent(&backend.take()[0]);
    assert!(asked.contains("slow pace") && !asked.contains("war"), "{asked}");
}
