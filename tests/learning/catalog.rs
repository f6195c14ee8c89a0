//! A pipeline with a catalog: its factors are the user's, however changes come, and edits follow it to its next version.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::common::{interaction, query, scale_task};
use pollster::block_on;
use proptest::prelude::*;
use rpm_core::catalog::{Catalog, CatalogFactor, CatalogTerm};
use rpm_core::context::StageContext;
use rpm_core::data::{FeatureKey, MemoryItem, limits};
use rpm_core::factor::{FactorError, FactorFit, FactorGroup, FitRequest};
use rpm_core::{
    Edit, FactorId, FactorModel, Feature, Forget, History, Interaction, Prepared, RpmPipeline, UserModel, async_trait,
};

const PHRASES: [&str; 9] = [
    "a slow drama",
    "the unhurried drama",
    "a loud chase",
    "a car chase",
    "two car chases",
    "war",
    "war and soldiers",
    "not a slow film",
    "warm light",
];

fn films() -> Catalog {
    Catalog::of([
        CatalogFactor::new("car chase").with_terms(["pursuit"]),
        CatalogFactor::new("slow pace").with_terms(["slow", "unhurried"]),
        CatalogFactor::new("war, soldiers")
            .with_terms([CatalogTerm::new("war", 0.6), CatalogTerm::new("soldier", 0.5)]),
        CatalogFactor::new("drama"),
    ])
    .unwrap()
}

fn id(label: &str) -> FactorId {
    CatalogFactor::new(label).id().clone()
}

fn pipeline(catalog: Catalog) -> RpmPipeline {
    RpmPipeline::offline_builder(scale_task()).catalog(catalog).build().unwrap()
}

fn learned(pipeline: &RpmPipeline, interactions: Vec<Interaction>) -> Prepared {
    let history = History::new(pipeline.task(), "ana", interactions).unwrap();
    block_on(async { pipeline.open(pipeline.learn(&history).await?.model).await }).unwrap()
}

fn of_texts(pipeline: &RpmPipeline, texts: &[&str]) -> UserModel {
    let past = texts.iter().enumerate().map(|(n, text)| interaction(&format!("i{n:02}"), text, "3", 0));
    learned(pipeline, past.collect()).into_model()
}

fn labels(model: &UserModel) -> Vec<String> {
    model.factors().iter().map(|factor| factor.label().to_owned()).collect()
}

/// The model's file, whatever its revision and that of the last forgetting.
fn bytes(model: &UserModel) -> String {
    let json = model.to_json().replacen(&format!("\"revision\": {}", model.revision()), "\"revision\": 0", 1);
    json.replacen(&format!("    \"forgotten_at\": {},\n", model.forgotten_at()), "", 1)
}

#[test]
fn a_factor_of_the_catalog_that_occurs_once_is_the_users_and_one_that_never_does_is_not() {
    let model = of_texts(&pipeline(films()), &["A car chase.", "Soldiers at war.", "Nothing much."]);
    assert_eq!(
        labels(&model).into_iter().collect::<BTreeSet<_>>(),
        BTreeSet::from(["car chase", "war, soldiers"].map(str::to_owned))
    );
    let chase = model.factors().get(&id("car chase")).unwrap();
    assert!((chase.stats().coverage - 1.0).abs() < 1e-12);
    assert_eq!(model.provenance().catalog, films().mark());
    let item = &model.memory().items()[1];
    let feature = item.features().iter().find(|feature| feature.name() == "war, soldiers").unwrap();
    assert_eq!(feature.context(item.query()), "war");
}

#[test]
fn what_recurs_in_the_items_of_a_catalog_factor_is_part_of_it() {
    let texts =
        ["A pursuit by helicopter.", "Pursuit, helicopter!", "The helicopter pursuit.", "Tea.", "Rain.", "Jazz."];
    let model = of_texts(&pipeline(films()), &texts);
    assert_eq!(labels(&model), ["car chase"]);
    let chase = model.factors().get(&id("car chase")).unwrap();
    assert!(chase.features().contains(&FeatureKey::of("helicopter")));
    let alone = of_texts(&RpmPipeline::offline(scale_task()), &texts);
    assert_eq!(alone.factors().len(), 1);
}

#[test]
fn a_query_says_where_it_has_a_factor_of_the_catalog() {
    let pipeline = pipeline(films());
    let ana = learned(&pipeline, (0..4).map(|n| interaction(&format!("i{n}"), "A pursuit.", "2", n)).collect());
    let text = "It opens with two car chases.";
    let answer = block_on(pipeline.personalize(&ana, &query(text))).unwrap();
    let found = answer.features.iter().find(|found| found.feature.name() == "car chase").unwrap();
    assert_eq!(found.factor, Some(id("car chase")));
    assert_eq!(found.feature.context(&query(text)), "car chases");
}

/// Puts all features it is shown into one group.
struct OneGroup;

#[async_trait]
impl FactorModel for OneGroup {
    async fn fit(&self, request: FitRequest<'_>, _: &StageContext<'_>) -> Result<FactorFit, FactorError> {
        let keys: BTreeSet<FeatureKey> = request.rows.iter().flat_map(MemoryItem::features).map(Feature::key).collect();
        let group =
            FactorGroup { label: "all".to_owned(), description: String::new(), features: keys.into_iter().collect() };
        Ok(FactorFit::new(vec![group]))
    }
}

#[test]
fn a_factor_model_groups_what_the_catalog_does_not() {
    let pipeline = RpmPipeline::offline_builder(scale_task()).catalog(films()).factor_model(OneGroup).build().unwrap();
    let model = of_texts(&pipeline, &["A car chase.", "A drama in the rain."]);
    let mut found = labels(&model);
    found.sort();
    assert_eq!(found, ["all", "car chase", "drama"]);
}

#[test]
fn a_query_with_more_factors_than_features_are_kept_loses_the_last_and_says_so() {
    let words: Vec<String> = (0..limits::FEATURES).map(|n| format!("w{n}")).collect();
    let catalog =
        Catalog::of(words.iter().map(|word| CatalogFactor::new(format!("{word} x")).with_terms([word]))).unwrap();
    let pipeline = pipeline(catalog);
    let history = History::new(pipeline.task(), "ana", [interaction("a", &words.join(" "), "3", 0)]).unwrap();
    let learned = block_on(pipeline.learn(&history)).unwrap();
    assert_eq!(learned.model.memory().items()[0].features().len(), limits::FEATURES);
    assert!(learned.report.dropped.over_limit > 0);
}

fn histories() -> impl Strategy<Value = Vec<Interaction>> {
    let item = (prop::collection::vec(0..PHRASES.len(), 1..4), 1..=5_u8, 0..60_i64);
    prop::collection::vec(item, 2..20).prop_map(|items| {
        let made = |(n, (phrases, response, time)): (usize, (Vec<usize>, u8, i64))| {
            let text: Vec<&str> = phrases.iter().map(|p| PHRASES[*p]).collect();
            interaction(&format!("i{n:02}"), &format!("Number {n}: {}.", text.join(", ")), &response.to_string(), time)
        };
        items.into_iter().enumerate().map(made).collect()
    })
}

/// The next versions of the catalog, and what an id became in each.
fn versions() -> Vec<Catalog> {
    let first = films();
    vec![
        first.renamed(&id("car chase"), "chases on wheels").unwrap(),
        first.merged(&id("car chase"), &id("slow pace")).unwrap(),
        first.split(&id("slow pace"), [CatalogFactor::new("slow"), CatalogFactor::new("unhurried")]).unwrap(),
        first.without(&id("drama")).unwrap(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn observing_is_learning_all_at_once_and_forgetting_is_never_having_seen(
        interactions in histories(),
        first in 1..20_usize,
        gone in any::<prop::sample::Index>(),
    ) {
        let pipeline = pipeline(films());
        let first = first.min(interactions.len());
        let whole = learned(&pipeline, interactions.clone());
        let mut grown = learned(&pipeline, interactions[..first].to_vec());
        for new in &interactions[first..] {
            block_on(pipeline.observe(&mut grown, [new.clone()])).unwrap();
        }
        prop_assert_eq!(bytes(grown.model()), bytes(whole.model()));

        let gone = gone.index(interactions.len());
        let mut left = interactions.clone();
        let taken = left.remove(gone);
        let receipt = block_on(pipeline.forget(&mut grown, &Forget::Items(vec![taken.id().clone()]))).unwrap();
        prop_assert_eq!(receipt.probe.found, 0);
        if !left.is_empty() {
            prop_assert_eq!(bytes(grown.model()), bytes(learned(&pipeline, left).model()));
        }
    }

    #[test]
    fn a_moved_model_is_one_that_was_learned_under_the_next_version(
        interactions in histories(),
        version in 0..4_usize,
    ) {
        let next = versions().swap_remove(version);
        let mut moved = learned(&pipeline(films()), interactions.clone()).into_model();
        moved.move_to(&next);
        prop_assert_eq!(&UserModel::from_json(&moved.to_json()).unwrap(), &moved);
        let anew = learned(&pipeline(next.clone()), interactions).into_model();
        let counts = |model: &UserModel| -> Vec<(FactorId, String, f64)> {
            model.factors().iter().map(|f| (f.id().clone(), f.label().to_owned(), f.stats().coverage)).collect()
        };
        prop_assert_eq!(counts(&moved), counts(&anew));
        let once = moved.to_json();
        moved.move_to(&next);
        prop_assert_eq!(bytes(&moved), bytes(&UserModel::from_json(&once).unwrap()));
    }

    #[test]
    fn a_moved_model_keeps_what_the_user_said(interactions in histories(), version in 0..4_usize, kind in 0..3_u8) {
        let catalog = films();
        let mut model = learned(&pipeline(catalog.clone()), interactions).into_model();
        let known: Vec<FactorId> =
            catalog.factors().iter().map(|f| f.id().clone()).filter(|id| model.factors().get(id).is_some()).collect();
        for factor in &known {
            let factor = factor.clone();
            let edit = match kind {
                0 => Edit::Mute { factor },
                1 => Edit::NotMe { factor },
                _ => Edit::Pin { factor },
            };
            model.edit(edit).unwrap();
        }
        let next = versions().swap_remove(version);
        model.move_to(&next);
        prop_assert_eq!(model.edits().len(), known.len());
        for factor in known.iter().flat_map(|id| next.successors(id)) {
            let stands = model.memory().items().iter().any(|item| item.features().iter().any(|f| f.key() == factor.key()));
            if kind < 2 {
                prop_assert!(model.factors().get(factor.id()).is_none(), "{} is muted", factor.label());
                prop_assert_eq!(model.set_aside().get(factor.id()).is_some(), stands);
            } else if next.has_known(factor.id()) && known.contains(factor.id()) && stands {
                prop_assert!(model.factors().get(factor.id()).unwrap().is_pinned(), "{} is pinned", factor.label());
            }
        }
    }
}

#[test]
fn any_number_of_pipelines_share_one_catalog() {
    let films = Arc::new(films());
    let one = RpmPipeline::offline_builder(scale_task()).catalog(Arc::clone(&films)).build().unwrap();
    let two = RpmPipeline::offline_builder(scale_task()).catalog(films).build().unwrap();
    assert_eq!(of_texts(&one, &["A drama."]), of_texts(&two, &["A drama."]));
}
