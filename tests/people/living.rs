//! A user model after it was learned: observing, forgetting, the user's say, going back, and learning again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::{ScriptedBackend, interaction, query};
use pollster::block_on;
use proptest::prelude::*;
use rpm_core::data::{FactorStatus, FeatureKey, PathOrigin};
use rpm_core::llm::Stage;
use rpm_core::model::{EditError, Proposal};
use rpm_core::pipeline::ObserveOutcome;
use rpm_core::{
    BackendError, Budget, DataError, Edit, Error, Feature, Forget, History, Interaction, ItemId, Prepared, Query,
    ResponseSpace, RpmPipeline, Task, Tier, UserModel,
};

const PHRASES: [&str; 10] = [
    "a slow drama",
    "the slow drama",
    "a loud chase",
    "a very loud chase",
    "warm light",
    "a dull ending",
    "great acting",
    "not a great ending",
    // With enough of these a history is German.
    "und nicht die Steuern",
    "für das Haus und die Steuer",
];

/// Texts of invented phrases with responses, in an order of their own.
fn histories() -> impl Strategy<Value = Vec<Interaction>> {
    let item = (prop::collection::vec(0..PHRASES.len(), 1..4), 1..=5_u8, 0..60_i64);
    prop::collection::vec(item, 2..24).prop_map(|items| {
        let made = |(n, (phrases, response, time)): (usize, (Vec<usize>, u8, i64))| {
            let text: Vec<&str> = phrases.iter().map(|p| PHRASES[*p]).collect();
            interaction(&format!("i{n:02}"), &format!("Number {n}: {}.", text.join(", ")), &response.to_string(), time)
        };
        items.into_iter().enumerate().map(made).collect()
    })
}

fn task() -> Task {
    crate::common::scale_task()
}

/// A learned user, open for answering and for changes.
fn learned(pipeline: &RpmPipeline, interactions: Vec<Interaction>) -> Prepared {
    let history = History::new(pipeline.task(), "ana", interactions).unwrap();
    block_on(async { pipeline.open(pipeline.learn(&history).await?.model).await }).unwrap()
}

/// The model's file, whatever its revision and that of the last forgetting.
fn bytes(model: &Prepared) -> String {
    let json =
        model.model().to_json().replacen(&format!("\"revision\": {}", model.model().revision()), "\"revision\": 0", 1);
    json.replacen(&format!("    \"forgotten_at\": {},\n", model.model().forgotten_at()), "", 1)
}

/// Everything that can be asked of two models.
fn same_answers(pipeline: &RpmPipeline, a: &Prepared, b: &Prepared) -> Result<(), TestCaseError> {
    for text in ["A slow drama with warm light.", "A loud chase, and a dull ending.", "Something else."] {
        let [left, right] = [a, b].map(|model| block_on(pipeline.personalize(model, &query(text))).unwrap());
        prop_assert_eq!(&left.estimate, &right.estimate);
        let order = |answer: &rpm_core::Answer| -> Vec<String> {
            answer.exemplars.iter().map(|e| format!("{} {}", e.item.id(), e.score)).collect()
        };
        prop_assert_eq!(order(&left), order(&right));
        prop_assert_eq!(left.response, right.response);
        prop_assert_eq!(left.support, right.support);
    }
    Ok(())
}

/// `PROPTEST_CASES`, or a few.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn observing_one_by_one_in_any_order_gives_the_model_of_learning_at_once(interactions in histories()) {
        let pipeline = RpmPipeline::offline(task());
        let at_once = learned(&pipeline, interactions.clone());
        let mut rest = interactions.into_iter();
        let mut model = learned(&pipeline, vec![rest.next().unwrap()]);
        for interaction in rest {
            block_on(pipeline.observe(&mut model, [interaction])).unwrap();
        }
        prop_assert_eq!(bytes(&model), bytes(&at_once));
        same_answers(&pipeline, &model, &at_once)?;
    }

    #[test]
    fn forgetting_gives_the_model_that_never_saw_it(interactions in histories(), which in any::<prop::sample::Index>()) {
        let pipeline = RpmPipeline::offline(task());
        let mut model = learned(&pipeline, interactions.clone());
        let gone = which.get(&interactions).id().clone();
        let without: Vec<Interaction> = interactions.into_iter().filter(|i| *i.id() != gone).collect();
        // Warm: what was kept for answering must not survive.
        block_on(pipeline.personalize(&model, &query("A slow drama."))).unwrap();
        let receipt = block_on(pipeline.forget(&mut model, &Forget::Items(vec![gone.clone()]))).unwrap();
        let never = learned(&pipeline, without);
        prop_assert_eq!(bytes(&model), bytes(&never));
        prop_assert_eq!(receipt.digest_after, never.model().digest());
        prop_assert_eq!((receipt.items, receipt.probe.found), (vec![gone], 0));
        same_answers(&pipeline, &model, &never)?;
    }
}

fn films() -> Vec<Interaction> {
    vec![
        interaction("a", "A slow drama with warm light.", "5", 10),
        interaction("b", "A loud chase through the city.", "1", 20),
        interaction("c", "The slow drama of a lighthouse keeper.", "5", 30),
        interaction("d", "A loud chase, again.", "2", 40),
        interaction("e", "A slow drama about bread.", "4", 50),
        interaction("f", "A loud chase and a fight.", "1", 60),
    ]
}

fn factor_of(model: &Prepared, name: &str) -> rpm_core::FactorId {
    let key = FeatureKey::of(name);
    let found = model.model().factors().factor_of(&key).or_else(|| model.model().set_aside().factor_of(&key));
    found.unwrap_or_else(|| panic!("no factor of {name}")).id().clone()
}

#[test]
fn the_same_interaction_twice_changes_nothing_and_another_under_its_id_is_named() {
    let pipeline = RpmPipeline::offline(task());
    let mut model = learned(&pipeline, films());
    let before = model.model().to_json();
    let again = films()[2].clone();
    let other = interaction("b", "A loud chase through the city.", "3", 20);
    let report = block_on(pipeline.observe(&mut model, [again, other])).unwrap();
    assert_eq!(report.items[0].outcome, ObserveOutcome::Conflicting);
    assert_eq!(report.items[1].outcome, ObserveOutcome::Known);
    assert_eq!((report.taken_in(), report.revision), (0, 1));
    assert_eq!(model.model().to_json(), before);
}

#[test]
fn bad_input_changes_nothing_and_names_the_interaction() {
    let pipeline = RpmPipeline::offline(task());
    let mut model = learned(&pipeline, films());
    let before = model.model().to_json();
    let bad = interaction("z", "A film.", "9", 70);
    let error = block_on(pipeline.observe(&mut model, [interaction("y", "A good film.", "4", 70), bad])).unwrap_err();
    assert!(matches!(&error, Error::Data(DataError::OutOfSpace { item, .. }) if item == "z"), "{error:?}");
    let twice = [interaction("y", "A film.", "4", 70), interaction("y", "A film.", "4", 70)];
    assert!(matches!(block_on(pipeline.observe(&mut model, twice)), Err(Error::Data(DataError::DuplicateId { .. }))));
    let elsewhere = RpmPipeline::offline(crate::common::labels_task());
    assert!(matches!(block_on(elsewhere.observe(&mut model, [])), Err(Error::OtherTask)));
    assert_eq!(model.model().to_json(), before);
}

#[test]
fn a_feature_that_fits_no_factor_makes_one_once_it_is_seen_three_times() {
    let pipeline = RpmPipeline::offline(task());
    let mut model = learned(&pipeline, films());
    let known = |model: &Prepared| {
        let key = FeatureKey::of("underwater photography");
        model.model().factors().factor_of(&key).map(|factor| (factor.id().clone(), factor.status()))
    };
    let mut observe = |n: i64| {
        let new = interaction(&format!("n{n}"), "Underwater photography.", "4", 100 + n);
        (block_on(pipeline.observe(&mut model, [new])).unwrap(), known(&model))
    };
    for n in 0..2 {
        let (report, factor) = observe(n);
        assert!(report.founded.is_empty() && report.established.is_empty() && factor.is_none(), "{n}");
    }
    let (third, factor) = observe(2);
    let (id, status) = factor.expect("a factor");
    assert_eq!((status, third.revision), (FactorStatus::Established, 4));
    assert!(third.founded.contains(&id) && third.established.contains(&id));
}

#[test]
fn what_a_factor_model_grouped_is_kept_and_new_features_join_by_likeness() {
    let backend = ScriptedBackend::obedient();
    let pipeline = RpmPipeline::builder(task()).backend(Arc::clone(&backend)).build().unwrap();
    let mut model = learned(&pipeline, films());
    let before: BTreeSet<_> = model.model().factors().iter().map(|factor| factor.id().clone()).collect();
    backend.take();
    let report = block_on(pipeline.observe(&mut model, [interaction("g", "A slow chase.", "3", 70)])).unwrap();
    assert_eq!(report.items[0].outcome, ObserveOutcome::Learned { features: 2 });
    // One request for the features, one for the path, none for grouping.
    let stages: Vec<Stage> = backend.requests().iter().map(|request| request.stage).collect();
    assert_eq!(stages, [Stage::Extract, Stage::WritePath]);
    assert_eq!(report.usage.total().calls, 2);
    assert_eq!(report.paths_written, 1);
    let id = ItemId::new("g").unwrap();
    assert_eq!(model.model().memory().get(&id).unwrap().path().unwrap().origin(), PathOrigin::Model);
    assert!(before.iter().all(|id| model.model().factors().get(id).is_some()));
    assert_eq!(factor_of(&model, "slow pacing"), factor_of(&learned(&pipeline, films()), "slow pacing"));
}

#[test]
fn an_interaction_that_fails_is_not_taken_in_and_can_be_observed_again() {
    let calls = AtomicUsize::new(0);
    let backend = ScriptedBackend::new(move |request| {
        if request.stage == Stage::Extract && calls.fetch_add(1, Ordering::Relaxed) == 6 {
            return Err(BackendError::permanent("down"));
        }
        Ok(crate::common::reply(&crate::common::obey(request)))
    });
    let pipeline = RpmPipeline::builder(task()).backend(backend).build().unwrap();
    let mut model = learned(&pipeline, films());
    let new = interaction("g", "A slow chase.", "3", 70);
    let report = block_on(pipeline.observe(&mut model, [new.clone()])).unwrap();
    assert!(matches!(report.items[0].outcome, ObserveOutcome::Failed { stage: Stage::Extract, .. }), "{report:?}");
    assert_eq!((model.model().memory().len(), report.failed()), (6, 1));
    block_on(pipeline.observe(&mut model, [new])).unwrap();
    assert_eq!(model.model().memory().len(), 7);
}

#[test]
fn a_budget_that_is_used_up_is_said_and_leaves_the_model_as_it_was() {
    let pipeline = RpmPipeline::builder(task()).backend(ScriptedBackend::obedient());
    let mut model = learned(&pipeline.clone().build().unwrap(), films());
    let before = model.model().to_json();
    let poor = pipeline.budget(Budget::default().calls(0)).build().unwrap();
    let report = block_on(poor.observe(&mut model, [interaction("g", "A slow chase.", "3", 70)])).unwrap();
    assert!(report.budget_reached.is_some() && report.failed() == 1);
    assert_eq!(model.model().to_json(), before);
}

#[test]
fn a_muted_factor_is_used_nowhere_and_undoing_restores_every_byte() {
    let pipeline = RpmPipeline::offline(task());
    let mut model = learned(&pipeline, films());
    let new = query("A loud chase at night.");
    let plain = block_on(pipeline.personalize(&model, &new)).unwrap();
    let loud = factor_of(&model, "loud chase");
    assert!(plain.features.iter().any(|f| f.factor.as_ref() == Some(&loud)));
    let digest = model.model().digest();
    let number = block_on(pipeline.edit(&mut model, Edit::Mute { factor: loud.clone() })).unwrap();
    let aside = |model: &Prepared| format!("{}", model.model().set_aside().get(&loud).unwrap().stats().coverage);
    assert_eq!(aside(&model), "3");
    let muted = block_on(pipeline.personalize(&model, &new)).unwrap();
    assert!(muted.features.iter().all(|f| f.factor.as_ref() != Some(&loud)));
    assert!(muted.exemplars.iter().flat_map(|e| e.item.features()).all(|f| f.key() != FeatureKey::of("loud chase")));
    // It is counted all the same.
    block_on(pipeline.observe(&mut model, [interaction("g", "A loud chase.", "1", 70)])).unwrap();
    assert_eq!(aside(&model), "4");
    block_on(pipeline.forget(&mut model, &Forget::Items(vec![ItemId::new("g").unwrap()]))).unwrap();
    block_on(pipeline.edit(&mut model, Edit::Undo { edit: number })).unwrap();
    assert_eq!(model.model().digest(), digest);
    assert_eq!(model.model().edits().len(), 2, "the list only grows");
    assert!(model.model().edits_in_force().is_empty());
}

#[test]
fn not_me_also_takes_interactions_with_nothing_else_out_of_the_exemplars() {
    let pipeline = RpmPipeline::offline(task());
    let mut model = learned(&pipeline, films());
    let new = query("A loud chase, once more.");
    let only_loud = ItemId::new("d").unwrap();
    let shown = |model: &Prepared| {
        let answer = block_on(pipeline.personalize(model, &new)).unwrap();
        answer.exemplars.iter().map(|e| e.item.id().clone()).collect::<Vec<_>>()
    };
    assert!(shown(&model).contains(&only_loud));
    let of_d: Vec<Feature> = model.model().memory().get(&only_loud).unwrap().features().to_vec();
    for feature in of_d {
        let factor = factor_of(&model, feature.key().as_str());
        block_on(pipeline.edit(&mut model, Edit::NotMe { factor })).unwrap();
    }
    assert!(!shown(&model).contains(&only_loud));
}

#[test]
fn pin_boost_rename_merge_and_split_do_what_they_say() {
    let pipeline = RpmPipeline::offline(task());
    let mut model = learned(&pipeline, films());
    let (slow, loud) = (factor_of(&model, "slow drama"), factor_of(&model, "loud chase"));
    block_on(pipeline.edit(&mut model, Edit::Rename { factor: slow.clone(), label: "my pace".to_owned() })).unwrap();
    block_on(pipeline.edit(&mut model, Edit::Pin { factor: slow.clone() })).unwrap();
    block_on(pipeline.edit(&mut model, Edit::Boost { factor: loud.clone(), by: 2.5 })).unwrap();
    let factor = model.model().factors().get(&slow).unwrap();
    assert_eq!((factor.label(), factor.is_pinned(), factor.status()), ("my pace", true, FactorStatus::Established));
    assert!((model.model().factors().get(&loud).unwrap().boost() - 2.5).abs() < 1e-12);
    let number = block_on(pipeline.edit(&mut model, Edit::Merge { factor: loud.clone(), into: slow.clone() })).unwrap();
    assert!(model.model().factors().get(&loud).is_none());
    let coverage = |model: &Prepared| format!("{}", model.model().factors().get(&slow).unwrap().stats().coverage);
    assert_eq!(coverage(&model), "6");
    let features: BTreeSet<FeatureKey> = ["loud chase", "loud", "chase"].map(FeatureKey::of).into();
    block_on(pipeline.edit(&mut model, Edit::Split { factor: slow.clone(), features })).unwrap();
    let split = factor_of(&model, "loud chase");
    assert!(split != slow && split != loud);
    assert_eq!(coverage(&model), "3");
    block_on(pipeline.edit(&mut model, Edit::Undo { edit: number })).unwrap();
    // Without the merge there is nothing to split off.
    assert_eq!(factor_of(&model, "loud chase"), loud);
}

/// A path of one step for the first film.
fn path_of(model: &Prepared, text: String) -> Edit {
    let item = &model.model().memory().items()[0];
    let steps = vec![rpm_core::data::EditedStep { feature: item.features()[0].key(), text }];
    Edit::Path { item: item.id().clone(), steps }
}

#[test]
fn edits_that_make_no_sense_are_refused_and_change_nothing() {
    let pipeline = RpmPipeline::offline(task());
    let mut model = learned(&pipeline, films());
    let before = model.model().to_json();
    let slow = factor_of(&model, "slow drama");
    let nobody = rpm_core::FactorId::new("f0").unwrap();
    let all = model.model().factors().get(&slow).unwrap().features().clone();
    let refused = [
        Edit::Mute { factor: nobody.clone() },
        Edit::Merge { factor: slow.clone(), into: slow.clone() },
        Edit::Merge { factor: slow.clone(), into: nobody },
        Edit::Boost { factor: slow.clone(), by: f64::NAN },
        Edit::Boost { factor: slow.clone(), by: 9.0 },
        Edit::Rename { factor: slow.clone(), label: " ".to_owned() },
        Edit::Split { factor: slow.clone(), features: all },
        Edit::Split { factor: slow.clone(), features: BTreeSet::new() },
        Edit::Split { factor: slow, features: [FeatureKey::of("loud chase")].into() },
        Edit::WithdrawPath { item: ItemId::new("nothing").unwrap() },
        Edit::Path { item: ItemId::new("a").unwrap(), steps: Vec::new() },
        path_of(&model, "x".repeat(9_000)),
        path_of(&model, "a\u{0}b".to_owned()),
        Edit::Undo { edit: 1 },
        Edit::Rollback { snapshot: 1 },
    ];
    for edit in refused {
        let told = format!("{edit:?}");
        assert!(block_on(pipeline.edit(&mut model, edit)).is_err(), "{told}");
    }
    let unknown = block_on(pipeline.rollback(&mut model, 1));
    assert!(matches!(unknown, Err(Error::Edit(EditError::UnknownSnapshot { snapshot: 1 }))));
    assert_eq!(model.model().to_json(), before);
}

#[test]
fn a_users_own_path_is_shown_and_a_withdrawn_one_is_not() {
    let backend = ScriptedBackend::obedient();
    let pipeline = RpmPipeline::builder(task()).backend(backend).build().unwrap();
    let mut model = learned(&pipeline, films());
    let id = ItemId::new("a").unwrap();
    let written = pipeline.path(model.model(), &id).unwrap();
    assert_eq!(written.origin(), PathOrigin::Model);
    let feature = model.model().memory().get(&id).unwrap().features()[0].key();
    let steps = vec![rpm_core::data::EditedStep { feature, text: "I like bread.".to_owned() }];
    let mine = block_on(pipeline.edit(&mut model, Edit::Path { item: id.clone(), steps })).unwrap();
    let shown = pipeline.path(model.model(), &id).unwrap();
    assert_eq!((shown.origin(), shown.steps()[0].text.as_str()), (PathOrigin::User, "I like bread."));
    let again = block_on(pipeline.relearn(model.model())).unwrap().model;
    assert_eq!(pipeline.path(&again, &id).unwrap(), shown);
    block_on(pipeline.edit(&mut model, Edit::Undo { edit: mine })).unwrap();
    block_on(pipeline.edit(&mut model, Edit::WithdrawPath { item: id.clone() })).unwrap();
    assert_eq!(pipeline.path(model.model(), &id).unwrap().origin(), PathOrigin::Statistics);
}

#[test]
fn going_back_takes_out_what_came_since_and_does_not_bring_back_what_was_forgotten() {
    let pipeline = RpmPipeline::offline(task());
    let mut model = learned(&pipeline, films());
    let mark = model.snapshot();
    block_on(pipeline.observe(&mut model, [interaction("g", "A slow drama, too slow.", "2", 70)])).unwrap();
    let slow = factor_of(&model, "slow drama");
    block_on(pipeline.edit(&mut model, Edit::Mute { factor: slow })).unwrap();
    block_on(pipeline.forget(&mut model, &Forget::Items(vec![ItemId::new("a").unwrap()]))).unwrap();
    let later = model.snapshot();
    block_on(pipeline.rollback(&mut model, mark)).unwrap();
    let without: Vec<Interaction> = films().into_iter().skip(1).collect();
    assert_eq!(model.model().digest(), learned(&pipeline, without).model().digest());
    assert!(matches!(block_on(pipeline.rollback(&mut model, later)), Err(Error::Edit(_))));
}

#[test]
fn forgetting_by_factor_time_and_predicate_takes_out_what_it_says() {
    let pipeline = RpmPipeline::offline(task());
    let mut model = learned(&pipeline, films());
    let loud = factor_of(&model, "loud chase");
    let receipt = block_on(pipeline.forget(&mut model, &Forget::Factor(loud.clone()))).unwrap();
    assert_eq!((receipt.items.len(), receipt.stripped.len()), (0, 3));
    assert!(receipt.factors.contains(&loud) && model.model().factors().get(&loud).is_none());
    assert_eq!(model.model().memory().len(), 6);
    let receipt = block_on(pipeline.forget(&mut model, &Forget::Before(25))).unwrap();
    assert_eq!(receipt.items.iter().map(ItemId::as_str).collect::<Vec<_>>(), ["a", "b"]);
    let five = |item: &rpm_core::data::MemoryItem| item.response() == "5";
    let receipt = block_on(pipeline.forget(&mut model, &Forget::Where(&five))).unwrap();
    assert_eq!(receipt.items.iter().map(ItemId::as_str).collect::<Vec<_>>(), ["c"]);
    let revision = model.model().revision();
    let error = block_on(pipeline.forget(&mut model, &Forget::Items(vec![ItemId::new("c").unwrap()]))).unwrap_err();
    assert!(matches!(error, Error::Data(DataError::UnknownItem { .. })));
    assert_eq!(model.model().revision(), revision);
    block_on(pipeline.forget(&mut model, &Forget::All)).unwrap();
    assert!(model.model().memory().is_empty() && model.model().factors().is_empty());
    let answer = block_on(pipeline.personalize(&model, &query("A slow drama."))).unwrap();
    assert_eq!(answer.support.tier, Tier::Generic);
    // An empty model can be filled again.
    block_on(pipeline.observe(&mut model, films())).unwrap();
    assert_eq!(model.model().digest(), learned(&pipeline, films()).model().digest());
}

#[cfg(feature = "response-log")]
#[test]
fn forgetting_reaches_the_response_log_the_vectors_and_other_paths() {
    use rpm_core::embed::{HashedEmbedder, LoggedEmbedder};
    use rpm_core::llm::{ReplyCacheLimits, ResponseLog};
    use rpm_core::retrieve::DenseRetriever;

    let log = ResponseLog::in_memory(ReplyCacheLimits::default());
    let backend = log.wrap(ScriptedBackend::obedient());
    let vectors = LoggedEmbedder::new(HashedEmbedder::default(), &log);
    let build = RpmPipeline::builder(task()).backend(backend).retriever(DenseRetriever::new(vectors));
    let pipeline = build.forgets_in(&log).exemplars(7).build().unwrap();
    let secret = interaction("s", "A quiet harbour where my brother Anselm drowned in the winter of 1987.", "2", 5);
    let mut model = learned(&pipeline, films().into_iter().chain([secret]).collect());
    block_on(pipeline.personalize(&model, &query("A slow film."))).unwrap();
    let before = log.stats().records;
    let id = ItemId::new("s").unwrap();
    let receipt = block_on(pipeline.forget(&mut model, &Forget::Items(vec![id]))).unwrap();
    assert_eq!(receipt.log_records, before - log.stats().records);
    assert!(
        receipt.log_records >= 4,
        "its features, its path, its vector and the answer it was shown for: {receipt:?}"
    );
    assert!(receipt.probe.needles > 20 && receipt.probe.bytes > 1_000);
    assert_eq!(receipt.probe.found, 0);
    assert!(!model.model().to_json().contains("Anselm") && !model.model().to_json().contains("seaside"));
    // Receipts are for the host's own records: no text in them.
    let told = format!("{receipt} {receipt:?} {}", serde_json::to_string(&receipt).unwrap());
    assert!(!told.contains("harbour") && !told.contains("Anselm"));
}

#[test]
fn old_interactions_stop_counting_where_decay_is_on() {
    let decay = rpm_core::data::Decay::half_life(20).unwrap();
    let pipeline = RpmPipeline::builder(task())
        .extractor(rpm_core::extract::LexicalExtractor::default())
        .factor_model(rpm_core::factor::SimilarityFactorModel::default())
        .path_writer(rpm_core::reason::ComposedPathWriter::default())
        .answerer(rpm_core::answer::StatisticalAnswerer)
        .decay(decay)
        .build()
        .unwrap();
    let mut model = learned(&pipeline, films());
    let loud =
        |model: &Prepared| model.model().factors().get(&factor_of(model, "loud chase")).unwrap().stats().coverage;
    assert!((loud(&model) - (0.25 + 0.5 + 1.0)).abs() < 1e-6, "{}", loud(&model));
    block_on(pipeline.observe(&mut model, [interaction("g", "Bread.", "3", 100)])).unwrap();
    assert!((loud(&model) - 1.75 / 4.0).abs() < 1e-6, "{}", loud(&model));
}

#[test]
fn proposals_name_what_the_counts_speak_for_and_nothing_changes_by_itself() {
    let labels = Task::new("Keep it?", ResponseSpace::labels(["yes", "no"]).unwrap()).unwrap();
    let pipeline = RpmPipeline::offline(labels);
    let mut all = Vec::new();
    for n in 0..8 {
        all.push(Interaction::new(format!("a{n}"), query("A candle."), "yes").unwrap());
        all.push(Interaction::new(format!("b{n}"), query("Some candles."), "no").unwrap());
        all.push(Interaction::new(format!("c{n}"), query("Fog."), "no").unwrap());
    }
    let mut model = learned(&pipeline, all);
    let before = model.model().to_json();
    let proposals = model.model().proposals();
    assert_eq!(model.model().to_json(), before);
    let split = proposals.iter().find(|proposal| matches!(proposal, Proposal::Split { .. }));
    let merge = proposals.iter().find(|proposal| matches!(proposal, Proposal::Merge { .. }));
    assert!(split.is_some() || merge.is_some(), "{proposals:?} {:?}", model.model().factors());
    for proposal in &proposals {
        block_on(pipeline.edit(&mut model, proposal.edit())).unwrap();
    }
}

#[test]
fn a_clone_keeps_answering_from_what_it_was() {
    let pipeline = RpmPipeline::offline(task());
    let model = learned(&pipeline, films());
    let new = Query::new("A slow drama by night.").unwrap();
    let before = block_on(pipeline.personalize(&model, &new)).unwrap();
    let mut changed = model.clone();
    block_on(pipeline.observe(&mut changed, [interaction("g", "A slow drama by night.", "1", 70)])).unwrap();
    let slow = factor_of(&changed, "slow drama");
    block_on(pipeline.edit(&mut changed, Edit::Mute { factor: slow })).unwrap();
    block_on(pipeline.personalize(&changed, &new)).unwrap();
    assert_eq!(block_on(pipeline.personalize(&model, &new)).unwrap(), before);
}

#[test]
fn an_answer_says_which_of_its_factors_drift() {
    let labels = Task::new("Keep it?", ResponseSpace::labels(["yes", "no"]).unwrap()).unwrap();
    let pipeline = RpmPipeline::offline(labels);
    let told = |n: i64, response: &str| {
        let text = if n % 2 == 0 { "Warm light." } else { "Cold stone." };
        Interaction::new(format!("i{n:03}"), query(text), response).unwrap().at(n)
    };
    // Always yes; then no to the one and yes to the other.
    let mut model = learned(&pipeline, (0..60).map(|n| told(n, "yes")).collect());
    let ask = |model: &Prepared| block_on(pipeline.personalize(model, &query("Warm light."))).unwrap();
    assert!(ask(&model).drifting.is_empty());
    let later = (60..90).map(|n| told(n, if n % 2 == 0 { "no" } else { "yes" }));
    block_on(pipeline.observe(&mut model, later)).unwrap();
    let (warm, cold) = (factor_of(&model, "warm light"), factor_of(&model, "cold stone"));
    let answer = ask(&model);
    assert!(answer.drifting.contains(&warm) && !answer.drifting.contains(&cold), "{:?}", answer.drifting);
    assert!(answer.reasons(&model).to_string().contains(&format!("factor {} is drifting", &warm.as_str()[..9])));
    assert!(model.drift(&warm).unwrap().alarm && !model.drift(&cold).unwrap().alarm);
    assert!(model.model().drifting().iter().any(|(id, drift)| *id == warm && drift.alarm));
}

#[test]
fn what_holds_on_either_half_is_stable_and_the_estimates_record_is_tabulated() {
    let labels = Task::new("Keep it?", ResponseSpace::labels(["yes", "no"]).unwrap()).unwrap();
    let pipeline = RpmPipeline::offline(labels);
    let told = |n: usize| {
        // Warm light is always kept, cold stone never, dry bread by turns of two.
        let (text, response) = match n % 3 {
            0 => ("Warm light.", "yes"),
            1 => ("Cold stone.", "no"),
            _ => ("Dry bread.", if n % 12 < 6 { "yes" } else { "no" }),
        };
        Interaction::new(format!("i{n:03}"), query(text), response).unwrap().at(i64::try_from(n).unwrap())
    };
    let model = learned(&pipeline, (0..72).map(told).collect());
    let stability = |name: &str| model.model().stability(&factor_of(&model, name));
    assert!(stability("warm light").unwrap() > 0.9 && stability("cold stone").unwrap() > 0.9);
    assert!(stability("dry bread").is_none_or(|stable| stable < 0.6), "{:?}", stability("dry bread"));
    let record = model.model().reliability().unwrap();
    assert_eq!(record.count, 72);
    assert!(record.brier < 0.2 && record.calibration_error < 0.25, "{record:?}");
    let text = RpmPipeline::offline(crate::common::text_task());
    let titles = learned(&text, crate::common::text_history().interactions().to_vec());
    assert!(titles.model().reliability().is_none());
}

#[test]
fn a_pinned_factor_is_in_every_prompt_and_a_boost_moves_the_estimate() {
    let backend = ScriptedBackend::obedient();
    let pipeline = RpmPipeline::builder(task()).backend(Arc::clone(&backend)).build().unwrap();
    let mut model = learned(&pipeline, films());
    let new = query("A slow film.");
    let asked = |model: &Prepared| {
        backend.take();
        let answer = block_on(pipeline.personalize(model, &new)).unwrap();
        (crate::common::sent(&backend.of(Stage::Answer)[0]), answer.estimate.unwrap())
    };
    let (loud, slow) = (factor_of(&model, "loud action"), factor_of(&model, "slow pacing"));
    let (before, plain) = asked(&model);
    assert!(!before.contains("loud action"), "{before}");
    block_on(pipeline.edit(&mut model, Edit::Pin { factor: loud })).unwrap();
    assert!(asked(&model).0.contains("loud action"));
    block_on(pipeline.edit(&mut model, Edit::Boost { factor: slow, by: 4.0 })).unwrap();
    let boosted = asked(&model).1;
    assert!(boosted.probability("5") > plain.probability("5") + 0.02, "{boosted:?} {plain:?}");
}

#[cfg(feature = "response-log")]
#[test]
fn a_log_that_cannot_be_written_leaves_the_model_as_it_was() {
    let folder = std::env::temp_dir().join(format!("rpm-forget-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let log = rpm_core::llm::ResponseLog::open(folder.join("log")).unwrap();
    let backend = log.wrap(ScriptedBackend::obedient());
    let pipeline = RpmPipeline::builder(task()).backend(backend).forgets_in(&log).build().unwrap();
    let mut model = learned(&pipeline, films());
    let before = model.model().to_json();
    // The new file has no folder to be written to.
    std::fs::remove_dir_all(&folder).unwrap();
    let what = Forget::Items(vec![ItemId::new("a").unwrap()]);
    let error = block_on(pipeline.forget(&mut model, &what)).unwrap_err();
    assert!(matches!(error, Error::Log(_)), "{error:?}");
    assert_eq!(model.model().to_json(), before);
}

#[test]
fn a_file_with_a_factor_set_aside_and_in_use_is_refused() {
    let pipeline = RpmPipeline::offline(task());
    let mut model = learned(&pipeline, films());
    let factor = factor_of(&model, "loud chase");
    block_on(pipeline.edit(&mut model, Edit::Mute { factor: factor.clone() })).unwrap();
    let mut file = crate::common::whole_file(model.model());
    let aside = file["model"]["set_aside"]["factors"][0].clone();
    file["model"]["factors"]["factors"].as_array_mut().unwrap().push(aside);
    let error = UserModel::from_json(&file.to_string()).unwrap_err();
    assert!(matches!(&error, DataError::BadFactor { factor: named, .. } if *named == factor), "{error:?}");
}
