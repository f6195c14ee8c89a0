//! What an answer depended on, by taking one thing away at a time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::sync::Arc;

use crate::common::{
    ModelAtOnce as _, ReasonsOf as _, ScriptedBackend, cases, history_of, labels_task, obey, query, reply,
    scale_history, scale_task, sent, text_task, told,
};
use pollster::block_on;
use proptest::prelude::*;
use rpm_core::answer::{OneCallAnswerer, StatisticalAnswerer};
use rpm_core::context::StageContext;
use rpm_core::data::{AssignedFeature, PathOrigin, ReasoningMemory, Span};
use rpm_core::explain::{Candidate, ExplainOptions, Measure, UntriedReason, WhatIf};
use rpm_core::extract::{ExtractError, Extraction, ExtractionRequest, LexicalExtractor};
use rpm_core::factor::SimilarityFactorModel;
use rpm_core::llm::{BudgetLimit, Stage};
use rpm_core::reason::ComposedPathWriter;
use rpm_core::{
    Answer, Budget, Error, Feature, FeatureExtractor, History, Preset, Query, RpmPipeline, RpmPipelineBuilder, Task,
    UserModel, async_trait,
};

/// One feature for each of these words, without pairs, so that a query without a word has the other features as before.
struct Words;

const KNOWN: [&str; 8] = ["slow", "quiet", "loud", "chase", "baker", "harbour", "parser", "solver"];

#[async_trait]
impl FeatureExtractor for Words {
    async fn extract(&self, seen: ExtractionRequest<'_>, _ctx: &StageContext<'_>) -> Result<Extraction, ExtractError> {
        let text = seen.query.text().to_lowercase();
        let feature = |word: &&str| {
            let start = text.find(word)?;
            Feature::new(seen.query, *word, Span { start, end: start + word.len() }).ok()
        };
        let features = KNOWN.iter().filter_map(feature).map(AssignedFeature::unknown).collect();
        Ok(Extraction { features, ..Extraction::default() })
    }
}

/// The cases of [`cases`] with each interaction three times, so that what is in one of them recurs.
fn recurring() -> impl Iterator<Item = (&'static str, Task, History, Query)> {
    cases().into_iter().map(|(kind, task, history, new)| {
        let thrice = history.interactions().iter().flat_map(|past| (0..3).map(move |n| (past, n)));
        let past = thrice.map(|(past, n)| {
            let id = format!("{}{n}", past.id());
            rpm_core::Interaction::new(id, past.query().clone(), past.response()).unwrap()
        });
        let history = History::new(&task, "ana", past).unwrap();
        (kind, task, history, new)
    })
}

fn offline(task: Task) -> RpmPipelineBuilder {
    RpmPipeline::builder(task)
        .extractor(Words)
        .factor_model(SimilarityFactorModel::default())
        .path_writer(ComposedPathWriter::default())
        .answerer(StatisticalAnswerer)
}

fn all() -> ExplainOptions {
    ExplainOptions::default().counterfactuals(usize::MAX)
}

fn answered(pipeline: &RpmPipeline, history: &History, query: &Query) -> (UserModel, Answer) {
    let model = block_on(pipeline.learn(history)).unwrap().model;
    let answer = block_on(pipeline.personalize_model(&model, query)).unwrap();
    (model, answer)
}

fn close(a: Option<f64>, b: f64) -> bool {
    a.is_some_and(|a| (a - b).abs() < 1e-12)
}

#[test]
fn an_effect_is_the_change_when_the_words_are_taken_out_by_hand() {
    for (kind, task, history, new) in recurring().filter(|(kind, ..)| *kind != "text") {
        let pipeline = offline(task).build().unwrap();
        let (model, answer) = answered(&pipeline, &history, &new);
        let explained = block_on(pipeline.explain_with_model(&model, &answer, &all())).unwrap();
        assert_eq!(explained.measure, Measure::Estimate);
        assert!(explained.factors.len() >= 3 && !explained.exemplars.is_empty(), "{kind}");
        let given = answer.estimate.as_ref().unwrap().probability(&answer.response);
        for found in &explained.factors {
            // Words of the same past texts are one factor.
            let words = &found.evidence.query;
            let text = words.iter().fold(new.text().to_owned(), |text, word| text.replace(&format!(" {word}"), ""));
            let by_hand = Query::with_options(text, new.options().iter().cloned()).unwrap();
            let by_hand = block_on(pipeline.personalize_model(&model, &by_hand)).unwrap();
            let without = by_hand.estimate.as_ref().unwrap().probability(&answer.response);
            assert!(close(found.effect.estimate, given - without), "{kind} {words:?}");
            let leaning = |of: &Answer| of.estimate.as_ref().unwrap().leaning(&answer.response);
            assert!(close(Some(found.effect.size), leaning(&answer) - leaning(&by_hand)), "{kind} {words:?}");
            assert_eq!(
                (&found.effect.response, found.effect.flips),
                (&by_hand.response, by_hand.response != answer.response)
            );
        }
        for found in &explained.exemplars {
            let others = model.memory().items().iter().filter(|item| *item.id() != found.item).cloned();
            let (factors, calibration) = (model.factors().clone(), model.calibration().clone());
            let memory = ReasoningMemory::new(others);
            let (user, provenance) = (model.user().clone(), model.provenance().clone());
            let less = UserModel::new(user, model.task().clone(), factors, memory, calibration, provenance).unwrap();
            let by_hand = block_on(pipeline.personalize_model(&less, &new)).unwrap();
            let without = by_hand.estimate.as_ref().unwrap().probability(&answer.response);
            assert!(close(found.effect.estimate, given - without), "{kind} {}", found.item);
            assert_eq!(found.effect.response, by_hand.response, "{kind} {}", found.item);
        }
    }
}

/// A user who goes by whether a film is slow and by nothing else.
fn one_factor_matters() -> (RpmPipeline, UserModel, Answer) {
    let others = ["quiet", "loud", "chase", "baker", "harbour"];
    let texts: Vec<(String, &str)> = (0..24)
        .map(|i| {
            let (a, b) = (others[i % 5], others[(i / 5 + 2) % 5]);
            if i % 2 == 0 {
                (format!("A slow film, {a}, {b}."), "drama")
            } else {
                (format!("A film, {a}, {b}."), "thriller")
            }
        })
        .collect();
    let pairs: Vec<(&str, &str)> = texts.iter().map(|(text, tag)| (text.as_str(), *tag)).collect();
    let pipeline = offline(labels_task()).build().unwrap();
    let history = history_of(&labels_task(), &pairs);
    let (model, answer) = answered(&pipeline, &history, &query("A slow film, loud, with a baker and a chase."));
    (pipeline, model, answer)
}

#[test]
fn a_user_who_goes_by_one_factor_is_explained_by_it() {
    let (pipeline, model, answer) = one_factor_matters();
    assert_eq!(answer.response, "drama");
    let explained = block_on(pipeline.explain_model(&model, &answer)).unwrap();
    let top = &explained.factors[0];
    assert_eq!((top.factor.label.as_str(), top.cited), ("slow", Some(0)));
    assert_eq!((top.effect.flips, top.effect.response.as_str()), (true, "thriller"));
    assert!(explained.factors.iter().skip(1).all(|other| !other.effect.flips));
    assert!(explained.factors.iter().skip(1).all(|other| other.effect.size < 0.5 * top.effect.size));
    assert_eq!(explained.faithfulness.first_is_top, Some(true));
    assert_eq!(top.evidence.query, ["slow"]);
    assert_eq!(top.evidence.past.len(), 3);
    let exemplar = answer.exemplars[0].item.id();
    assert_eq!(top.evidence.past[0].item, *exemplar);
    assert!(top.evidence.past.iter().all(|past| past.words == "slow" && past.response == "drama"));
}

#[test]
fn as_many_are_tried_as_allowed_and_the_rest_is_named() {
    let (pipeline, model, answer) = one_factor_matters();
    let whole = block_on(pipeline.explain_with_model(&model, &answer, &all())).unwrap();
    let candidates = whole.factors.len() + whole.exemplars.len();
    assert!(whole.untried.is_empty() && candidates == 7);
    for most in 0..3 {
        let options = ExplainOptions::default().counterfactuals(most);
        let explained = block_on(pipeline.explain_with_model(&model, &answer, &options)).unwrap();
        assert_eq!(explained.factors.len() + explained.exemplars.len(), most);
        assert_eq!(explained.untried.len(), candidates - most);
        assert!(explained.untried.iter().all(|untried| untried.reason == UntriedReason::Enough));
        assert_eq!(explained.faithfulness.score().is_some(), most > 0);
    }
    let without = ExplainOptions::default().factors_alone().evidence(0);
    let explained = block_on(pipeline.explain_with_model(&model, &answer, &without)).unwrap();
    assert!(explained.exemplars.is_empty() && explained.untried.is_empty());
    assert!(explained.factors.iter().all(|factor| factor.evidence.past.is_empty()));
}

/// A model that answers 5 for what is slow and 1 for the rest, or always 3, and cites the first feature either way.
fn scripted(follows: bool) -> Arc<ScriptedBackend> {
    ScriptedBackend::new(move |request| {
        if request.stage != Stage::Answer {
            return Ok(reply(&obey(request)));
        }
        let asked = sent(request);
        let new = asked.split("New text").last().unwrap().split("--- schema").next().unwrap();
        let slow = new.contains("slow");
        let response = if !follows {
            3
        } else if slow {
            5
        } else {
            1
        };
        Ok(reply(&format!(r#"{{"reasons":[{{"feature":"x1","why":"They go by it."}}],"response":"{response}"}}"#)))
    })
}

fn explained_by(backend: &Arc<ScriptedBackend>, options: &ExplainOptions) -> (RpmPipeline, UserModel, Answer, WhatIf) {
    let pipeline = RpmPipeline::builder(scale_task()).backend(Arc::clone(backend)).build().unwrap();
    let (model, answer) = answered(&pipeline, &scale_history(), &query("A slow and quiet film with one loud chase."));
    backend.take();
    let explained = block_on(pipeline.explain_with_model(&model, &answer, options)).unwrap();
    (pipeline, model, answer, explained)
}

#[test]
fn a_model_that_follows_the_factors_is_faithful_and_one_that_ignores_them_is_not() {
    let (_, _, answer, follows) = explained_by(&scripted(true), &all());
    assert_eq!((answer.response.as_str(), answer.path.origin()), ("5", PathOrigin::Model));
    let top = &follows.factors[0];
    assert_eq!((top.factor.label.as_str(), top.effect.points, top.effect.size), ("slow pacing", Some(4.0), 4.0));
    assert!(top.effect.estimate.is_some());
    assert_eq!((follows.measure, follows.faithfulness.score()), (Measure::Response, Some(1.0)));

    let (_, _, _, ignores) = explained_by(&scripted(false), &all());
    assert!(ignores.factors.iter().all(|factor| factor.effect.size == 0.0 && !factor.effect.flips));
    assert_eq!((ignores.faithfulness.first_is_top, ignores.faithfulness.score()), (Some(false), Some(0.0)));
}

#[test]
fn a_counterfactual_request_shows_neither_the_factors_words_nor_its_feature() {
    let backend = scripted(true);
    let (_, _, answer, explained) = explained_by(&backend, &ExplainOptions::default().counterfactuals(1));
    let requests = backend.take();
    assert_eq!((requests.len(), explained.usage.stage(Stage::Answer).calls), (1, 1));
    let asked = sent(&requests[0]);
    let new = asked.split("New text").last().unwrap();
    assert!(new.contains("A and quiet film with one loud chase.") && !new.contains("slow"), "{new}");
    for exemplar in &answer.exemplars {
        assert!(asked.contains(exemplar.item.query().text()));
    }
    assert_eq!(requests[0].about.iter().filter(|about| *about == "query").count(), 1);

    let options = all();
    let (_, _, answer, explained) = explained_by(&backend, &options);
    let taken = &explained.exemplars[0].item;
    let shown = answer.exemplars.iter().map(|exemplar| exemplar.item.query().text());
    let gone = answer.exemplars.iter().find(|exemplar| exemplar.item.id() == taken).unwrap().item.query().text();
    let lacking = backend.take().into_iter().map(|request| sent(&request)).filter(|asked| !asked.contains(gone));
    let lacking: Vec<String> = lacking.collect();
    assert_eq!(lacking.len(), 1);
    assert_eq!(shown.filter(|text| lacking[0].contains(text)).count(), answer.exemplars.len() - 1);
}

#[test]
fn a_budget_that_is_reached_leaves_what_is_known() {
    for most in 0..3 {
        let backend = scripted(true);
        let free = RpmPipeline::builder(scale_task()).backend(Arc::clone(&backend));
        let (model, answer) = answered(
            &free.clone().build().unwrap(),
            &scale_history(),
            &query("A slow and quiet film with one loud chase."),
        );
        let pipeline = free.budget(Budget::default().calls(most)).build().unwrap();
        let explained = block_on(pipeline.explain_model(&model, &answer)).unwrap();
        assert_eq!(explained.factors.len() + explained.exemplars.len(), usize::try_from(most).unwrap());
        assert_eq!(explained.budget_reached, Some(BudgetLimit::Calls));
        assert_eq!(explained.usage.total().calls, most);
        assert_eq!(explained.usage.total().withheld, 1);
        assert!(!explained.untried.is_empty());
        assert!(explained.untried.iter().all(|untried| untried.reason == UntriedReason::Budget));
    }
}

#[test]
fn the_same_is_asked_and_told_again() {
    let backend = scripted(true);
    let (pipeline, model, answer, first) = explained_by(&backend, &all());
    let asked = backend.take();
    let second = block_on(pipeline.explain_with_model(&model, &answer, &all())).unwrap();
    assert_eq!(backend.take(), asked);
    assert_eq!(serde_json::to_string(&second).unwrap(), serde_json::to_string(&first).unwrap());
    assert_eq!(second.to_string(), first.to_string());
}

#[cfg(feature = "response-log")]
#[test]
fn a_response_log_answers_the_second_time() {
    let backend = scripted(true);
    let log = rpm_core::llm::ResponseLog::in_memory(rpm_core::llm::ReplyCacheLimits::default());
    let pipeline = RpmPipeline::builder(scale_task()).backend(log.wrap(Arc::clone(&backend))).build().unwrap();
    let (model, answer) = answered(&pipeline, &scale_history(), &query("A slow and quiet film with one loud chase."));
    let first = block_on(pipeline.explain_model(&model, &answer)).unwrap();
    backend.take();
    let second = block_on(pipeline.explain_model(&model, &answer)).unwrap();
    assert!(backend.take().is_empty());
    assert_eq!(second.usage.total().reused, first.usage.total().calls + first.usage.total().reused);
    assert_eq!(
        (second.factors, second.exemplars, second.faithfulness),
        (first.factors, first.exemplars, first.faithfulness)
    );
}

#[test]
fn an_answer_of_one_request_is_explained_over_the_features_it_found() {
    let backend = ScriptedBackend::except(|request| {
        let asked = sent(request);
        let slow = asked.split("New text").last().is_some_and(|new| new.contains("slow"));
        let (word, response) = if slow { ("slow", 5) } else { ("with", 2) };
        let reason = format!(r#"{{"name":"{word}","quote":"{word}","why":"They go by it."}}"#);
        Some(format!(r#"{{"reasons":[{reason}],"response":{response}}}"#))
    });
    let builder = RpmPipeline::builder(scale_task()).backend(Arc::clone(&backend)).preset(Preset::Frugal);
    let pipeline = builder.answerer(OneCallAnswerer::default()).build().unwrap();
    let (model, answer) = answered(&pipeline, &scale_history(), &query("A slow and quiet film with one loud chase."));
    assert_eq!(answer.path.origin(), PathOrigin::Model);
    backend.take();
    let explained = block_on(pipeline.explain_with_model(&model, &answer, &all())).unwrap();
    let cited: Vec<&str> =
        explained.factors.iter().filter(|f| f.cited.is_some()).map(|f| f.factor.label.as_str()).collect();
    assert_eq!(cited, ["slow"]);
    // The others are those that the words were read for before the model was asked.
    assert!(explained.factors.len() > 1);
    assert_eq!((explained.factors[0].cited, explained.factors[0].effect.points), (Some(0), Some(3.0)));
    let calls = explained.factors.len() + explained.exemplars.len();
    assert_eq!(explained.usage.stage(Stage::Answer).calls, u64::try_from(calls).unwrap());
    let first = sent(&backend.requests()[0]);
    assert!(!first.split("New text").last().unwrap().contains("slow"), "{first}");
}

#[test]
fn a_title_changes_by_the_words_that_differ() {
    let (_, task, history, new) = recurring().find(|(kind, ..)| *kind == "text").unwrap();
    let pipeline = RpmPipeline::offline(task);
    let (model, answer) = answered(&pipeline, &history, &new);
    let explained = block_on(pipeline.explain_with_model(&model, &answer, &all())).unwrap();
    assert_eq!(explained.measure, Measure::Response);
    assert!(explained.factors[0].effect.size > 0.0);
    for found in &explained.factors {
        let effect = &found.effect;
        assert!((0.0..=1.0).contains(&effect.size) && effect.estimate.is_none() && effect.points.is_none());
        assert!(effect.flips || effect.size == 0.0);
    }
    // What the title took up is cited first, and it is gone without it.
    assert!(answer.path.steps()[0].text.contains("was taken up"), "{}", answer.path.steps()[0].text);
    let first = explained.factors.iter().find(|factor| factor.cited == Some(0)).unwrap();
    assert!(first.effect.flips);
}

#[test]
fn a_query_that_is_all_one_factor_cannot_lose_it() {
    let (pipeline, model, _) = one_factor_matters();
    let answer = block_on(pipeline.personalize_model(&model, &query("Slow!"))).unwrap();
    assert!(answer.path.steps()[0].text.contains("is all there is to go by"), "{}", answer.path.steps()[0].text);
    let explained = block_on(pipeline.explain_model(&model, &answer)).unwrap();
    assert!(explained.factors.is_empty());
    let slow = explained.untried.iter().find(|untried| matches!(untried.candidate, Candidate::Factor(_))).unwrap();
    assert_eq!(slow.reason, UntriedReason::NothingLeft);
    assert_eq!(explained.faithfulness.score(), None);

    let answer = block_on(pipeline.personalize_model(&model, &query("Nothing known at all."))).unwrap();
    let explained = block_on(pipeline.explain_model(&model, &answer)).unwrap();
    assert!(explained.factors.is_empty() && explained.faithfulness.cited == 0);
}

#[test]
fn a_counterfactual_without_an_answer_is_named_and_only_all_of_them_fail() {
    let (lost, all_lost) = ("A and quiet film", "film");
    for (gap, fails) in [(lost, false), (all_lost, true)] {
        let backend = ScriptedBackend::except(move |request| {
            let asked = sent(request);
            let counterfactual = !asked.contains("A slow and quiet film with one loud chase.");
            let hit = request.stage == Stage::Answer && counterfactual && asked.contains(gap);
            hit.then(|| "no".to_owned())
        });
        let pipeline = RpmPipeline::builder(scale_task()).backend(Arc::clone(&backend)).build().unwrap();
        let (model, answer) =
            answered(&pipeline, &scale_history(), &query("A slow and quiet film with one loud chase."));
        let explained = block_on(pipeline.explain_with_model(&model, &answer, &all().factors_alone()));
        if fails {
            assert!(matches!(explained.unwrap_err(), Error::Answer(_)));
        } else {
            let explained = explained.unwrap();
            let unanswered = explained.untried.iter().filter(|u| u.reason == UntriedReason::NoAnswer).count();
            assert_eq!((unanswered, explained.factors.is_empty()), (1, false));
        }
    }
}

#[test]
fn an_answer_of_another_user_or_task_is_refused() {
    let (pipeline, model, answer) = one_factor_matters();
    let films = history_of(&labels_task(), &[("Puppets sing.", "drama"), ("A puppet sleeps.", "thriller")]);
    let other = block_on(pipeline.learn(&films)).unwrap().model;
    let error = block_on(pipeline.explain_model(&other, &answer)).unwrap_err();
    assert!(matches!(error, Error::OtherModel) && error.stage().is_none());
    let pipeline = offline(text_task()).build().unwrap();
    assert!(matches!(block_on(pipeline.explain_model(&model, &answer)).unwrap_err(), Error::OtherTask));
}

#[test]
fn debug_and_errors_hold_no_text_and_the_renderings_do() {
    for (kind, task, _, new) in cases() {
        let history = |text: &str| {
            let (_, _, history, _) = recurring().find(|(k, ..)| *k == kind).unwrap();
            // In every other text: what is in all of them is no factor.
            let past = history.interactions().iter().enumerate().map(|(n, past)| {
                let text = if n % 2 == 0 { text } else { "" };
                let query =
                    Query::with_options(format!("{} {text}", past.query().text()), past.query().options().to_vec());
                rpm_core::Interaction::new(past.id().as_str(), query.unwrap(), past.response()).unwrap()
            });
            History::new(&task, "ana", past).unwrap()
        };
        let new = Query::with_options(format!("{} Zqsecret.", new.text()), new.options().to_vec()).unwrap();
        let pipeline = RpmPipeline::offline(task.clone());
        let (model, answer) = answered(&pipeline, &history("Zqsecret."), &new);
        let explained = block_on(pipeline.explain_with_model(&model, &answer, &all())).unwrap();
        let reasons = answer.reasons_of(&model);
        for shown in [format!("{explained:?}"), format!("{answer:?}"), format!("{reasons:?}")] {
            let shown = shown.to_lowercase();
            for word in ["zqsecret", "slow", "parser", "drama", "trains"] {
                assert!(!shown.contains(word), "{kind}: {word} in {shown}");
            }
        }
        let text = explained.to_string().to_lowercase();
        assert!(text.contains("zqsecret") && text.contains("faithfulness"), "{kind}");
        let data: serde_json::Value = serde_json::to_value(&explained).unwrap();
        assert_eq!(data["response"], answer.response.as_str());
        assert_eq!(data["factors"].as_array().unwrap().len(), explained.factors.len());
        let other = RpmPipeline::offline(scale_task());
        if kind != "scale" {
            assert!(
                !told(&block_on(other.explain_model(&model, &answer)).unwrap_err()).to_lowercase().contains("zqsecret")
            );
        }
    }
}

#[test]
fn the_reasons_as_given_are_text_and_data() {
    let (_, model, answer) = one_factor_matters();
    let reasons = answer.reasons_of(&model);
    assert_eq!((reasons.response.as_str(), reasons.response_name.as_str()), ("drama", "tag"));
    let step = &reasons.steps[0];
    assert_eq!((step.feature.as_str(), step.words.as_str()), ("slow", "slow"));
    let factor = step.factor.as_ref().unwrap();
    assert_eq!((factor.coverage, factor.total), (12.0, 24.0));
    assert_eq!(reasons.exemplars.len(), answer.exemplars.len());
    let estimate = answer.estimate.as_ref().unwrap();
    let base = estimate.responses().iter().find(|of| of.response == "drama").unwrap().base;
    let added: f64 = reasons.contributions.iter().map(|part| part.added).sum();
    assert!((base + added - estimate.probability("drama")).abs() < 1e-9);
    let data = serde_json::to_value(&reasons).unwrap();
    assert_eq!(data["steps"][0]["factor"]["label"], "slow");
    assert_eq!(data["support"]["tier"], "full");
    let text = reasons.to_string();
    for part in [
        "tag: drama",
        "tier: full",
        "estimate: ",
        "made of: usually 4",
        ", slow +",
        "seen in 12 of 24",
        "feature \"slow\" in \"slow\"",
        "exemplar ",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

const VOCABULARY: [&str; 10] =
    ["slow", "quiet", "loud", "chase", "baker", "harbour", "not", "lovely", "dreadful", "train"];

fn films() -> impl Strategy<Value = Vec<(String, usize)>> {
    let film = prop::collection::vec(prop::sample::select(VOCABULARY.to_vec()), 1..6);
    prop::collection::vec((film.prop_map(|words| words.join(" ")), 0..3_usize), 4..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// No step of an offline path claims what its counterfactual does not show, and the order is that of the effects.
    #[test]
    fn an_offline_path_is_faithful_by_construction(films in films(), new in prop::collection::vec(prop::sample::select(VOCABULARY.to_vec()), 2..6)) {
        for (task, responses) in [(labels_task(), ["drama", "thriller", "Sci-Fi"]), (scale_task(), ["1", "4", "5"])] {
            let pairs: Vec<(&str, &str)> = films.iter().map(|(text, at)| (text.as_str(), responses[*at])).collect();
            let pipeline = RpmPipeline::offline(task.clone());
            let (model, answer) = answered(&pipeline, &history_of(&task, &pairs), &query(&new.join(" ")));
            let explained = block_on(pipeline.explain_with_model(&model, &answer, &all())).unwrap();
            let faithful = explained.faithfulness;
            prop_assert!(faithful.first_is_top.is_none_or(|top| top), "{:?}", faithful);
            prop_assert!(faithful.as_claimed.is_none_or(|share| share >= 1.0), "{:?}", faithful);
            prop_assert!(explained.factors.iter().all(|factor| factor.effect.size.is_finite()));
            let cited = explained.factors.iter().filter_map(|factor| factor.cited);
            let cited: Vec<usize> = cited.collect();
            prop_assert!(cited.is_sorted(), "{:?}", cited);
        }
    }

    /// Whatever reading the words finds, the account is whole: every factor of the query is tried or named.
    #[test]
    fn every_factor_is_tried_or_named(films in films(), most in 0..6_usize) {
        let pairs: Vec<(&str, &str)> = films.iter().map(|(text, _)| (text.as_str(), "3")).collect();
        let pipeline = RpmPipeline::builder(scale_task())
            .extractor(LexicalExtractor::default())
            .factor_model(SimilarityFactorModel::default())
            .path_writer(ComposedPathWriter::default())
            .answerer(StatisticalAnswerer)
            .build()
            .unwrap();
        let (model, answer) = answered(&pipeline, &history_of(&scale_task(), &pairs), &query("A slow loud baker, not lovely."));
        let options = ExplainOptions::default().counterfactuals(most);
        let explained = block_on(pipeline.explain_with_model(&model, &answer, &options)).unwrap();
        let named = explained.untried.iter().filter(|untried| matches!(untried.candidate, Candidate::Factor(_))).count();
        prop_assert_eq!(explained.factors.len() + named, model.factors().present_in_assigned(&answer.features).len());
        prop_assert!(explained.factors.len() + explained.exemplars.len() <= most);
    }
}
