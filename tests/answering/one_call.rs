//! Features and answer in one request: checked like those of two.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::sync::Arc;

use crate::common::{ModelAtOnce as _, ScriptedBackend, query, reply, scale_history, scale_task, sent};
use pollster::block_on;
use rpm_core::answer::{AnswerError, OneCallAnswerer};
use rpm_core::data::PathOrigin;
use rpm_core::llm::AskError;
use rpm_core::llm::{Stage, TokenChoices, TokenLogprob};
use rpm_core::stats::{Fusion, SupportThresholds, Unfused};
use rpm_core::{Answer, Budget, Completion, CompletionRequest, Error, Preset, Query, RpmPipeline};

const NEW: &str = "A slow and quiet film with one loud chase.";

fn answered(
    script: impl Fn(&CompletionRequest) -> &'static str + Send + Sync + 'static,
) -> Result<(Answer, Vec<CompletionRequest>), Error> {
    let backend = ScriptedBackend::new(move |request| Ok(reply(script(request))));
    let builder = RpmPipeline::builder(scale_task()).backend(Arc::clone(&backend)).preset(Preset::Frugal);
    let pipeline = builder.answerer(OneCallAnswerer::default().max_steps(3)).build().unwrap();
    let model = block_on(pipeline.learn(&scale_history())).unwrap().model;
    let answer = block_on(pipeline.personalize_model(&model, &query(NEW)))?;
    Ok((answer, backend.take()))
}

#[test]
fn what_the_model_names_is_grounded_and_gets_the_users_factors() {
    let (answer, requests) = answered(|_| {
        r#"{"reasons":[
            {"name":"slow","quote":"A SLOW and quiet","why":"slow films please"},
            {"name":"great cast","quote":"a great cast","why":"it is not in the text"},
            {"name":"lone elephants","quote":"one loud chase","why":"never seen before"}],"response":"5"}"#
    })
    .unwrap();
    assert_eq!(requests.len(), 1);
    assert_eq!((answer.response.as_str(), answer.path.origin()), ("5", PathOrigin::Model));
    let names: Vec<&str> = answer.features.iter().map(|assigned| assigned.feature.name()).collect();
    assert_eq!(names, ["slow", "lone elephants"]);
    assert_eq!(answer.features[0].feature.context(&query(NEW)), "A slow and quiet");
    assert!(answer.features[0].factor.is_some() && answer.features[1].factor.is_none());
    let steps: Vec<(usize, &str)> = answer.path.steps().iter().map(|step| (step.feature, step.text.as_str())).collect();
    assert_eq!(steps, [(0, "slow films please"), (1, "never seen before")]);
    assert_eq!(answer.dropped.ungrounded, 1);
}

#[test]
fn a_feature_named_twice_is_one_feature_with_two_steps() {
    let (answer, _) = answered(|_| {
        r#"{"reasons":[{"name":"slow","quote":"slow","why":"first"},{"name":"Slow","quote":"slow and quiet","why":"second"}],
            "response":5}"#
    })
    .unwrap();
    assert_eq!(answer.features.len(), 1);
    assert_eq!(answer.path.steps().iter().map(|step| step.feature).collect::<Vec<_>>(), [0, 0]);
}

#[test]
fn without_a_grounded_feature_it_is_asked_again_and_then_composed_from_the_statistics() {
    let invented = r#"{"reasons":[{"name":"great cast","quote":"a great cast","why":"so"}],"response":"4"}"#;
    let (answer, requests) = answered(move |_| invented).unwrap();
    assert_eq!(requests.len(), 2);
    assert!(sent(&requests[1]).contains("it has no feature with a name, a why and a quote that is in the new text"));
    assert_eq!((answer.response.as_str(), answer.path.origin()), ("4", PathOrigin::Statistics));
    // The features read off the words stay.
    assert!(answer.features.iter().any(|assigned| assigned.feature.name() == "slow"));
    let first_only = move |request: &CompletionRequest| if request.messages.len() > 2 { "no" } else { invented };
    let (answer, requests) = answered(first_only).unwrap();
    assert_eq!((answer.response.as_str(), requests.len()), ("4", 2));
}

#[test]
fn a_response_outside_the_space_is_asked_again_and_then_an_error() {
    let outside = r#"{"reasons":[{"name":"slow","quote":"slow","why":"so"}],"response":"9"}"#;
    let error = answered(move |_| outside).unwrap_err();
    let Error::Answer(cause) = &error else { panic!("{error}") };
    assert!(matches!(&**cause, AnswerError::Ask(AskError::Unusable { attempts: 2, .. })), "{cause}");
    assert_eq!(error.stage(), Some(Stage::Answer));
}

#[test]
fn without_support_nothing_of_the_user_is_shown() {
    let backend = ScriptedBackend::obedient();
    let mut thresholds = SupportThresholds::default();
    thresholds.least_interactions = 99;
    let builder = RpmPipeline::builder(scale_task()).backend(Arc::clone(&backend)).preset(Preset::Frugal);
    let pipeline = builder.thresholds(thresholds).build().unwrap();
    let model = block_on(pipeline.learn(&scale_history())).unwrap().model;
    let new: Query = query(NEW);
    block_on(pipeline.personalize_model(&model, &new)).unwrap();
    let request = &backend.of(Stage::Answer)[0];
    assert!(!sent(request).contains("Factors of this person") && sent(request).contains(NEW));
}

/// A reply with the probabilities of the response's first token.
fn told(response: &str, likeliest: &[(&str, f64)], reason: &str) -> Completion {
    let text = format!(
        r#"{{"answer":"{response}","reasons":[{{"name":"{reason}","quote":"{reason}","why":"They go by it."}}]}}"#
    );
    let (before, after) = text.split_at(r#"{"answer":""#.len());
    let likeliest = likeliest.iter().map(|(token, p)| TokenLogprob::new(*token, p.ln())).collect();
    let place = |token: &str| TokenChoices::new(token, vec![TokenLogprob::new(token, -0.01)]);
    let (value, rest) = after.split_at(response.len());
    reply(&text).tokens(vec![place(before), TokenChoices::new(value, likeliest), place(rest)])
}

fn fused(
    answerer: OneCallAnswerer,
    script: impl Fn(&CompletionRequest) -> Completion + Send + Sync + 'static,
    budget: Budget,
) -> (Answer, Vec<CompletionRequest>) {
    let backend = ScriptedBackend::new(move |request| Ok(script(request)));
    let builder = RpmPipeline::builder(scale_task()).backend(Arc::clone(&backend)).preset(Preset::Frugal);
    let pipeline = builder.answerer(answerer).budget(budget).build().unwrap();
    let model = block_on(pipeline.learn(&scale_history())).unwrap().model;
    let answer = block_on(pipeline.personalize_model(&model, &query(NEW))).unwrap();
    (answer, backend.take())
}

fn prepared() -> rpm_core::pipeline::Prepared {
    let pipeline = RpmPipeline::offline(scale_task());
    block_on(pipeline.open(block_on(pipeline.learn(&scale_history())).unwrap().model)).unwrap()
}

fn both() -> OneCallAnswerer {
    OneCallAnswerer::default().fusion(Fusion::default())
}

#[test]
fn the_estimate_and_the_model_decide_together_in_one_request() {
    let sure = |_: &CompletionRequest| told("5", &[("5", 0.9), ("4", 0.08), ("1", 0.01)], "quiet");
    let (answer, requests) = fused(both(), sure, Budget::default());
    assert_eq!((requests.len(), requests[0].logprobs), (1, 10));
    let estimate = answer.estimate.as_ref().unwrap();
    let together = answer.fused.as_ref().unwrap();
    assert!((together.view.shares()[4] - 0.9).abs() < 0.02, "{:?}", together.view);
    assert!(together.estimate.probability("5") > estimate.probability("5"));
    assert_eq!((answer.response.as_str(), answer.path.origin()), ("5", PathOrigin::Model));
    assert_eq!(answer.path.steps()[0].text, "They go by it.");
    let past = answer.past_view("4").unwrap();
    assert_eq!((past.given(), past.view()), (3, &together.view));
    assert!(answer.past_view("7").is_none());
}

#[test]
fn reasons_for_another_response_than_the_one_decided_on_are_not_the_answers() {
    let unsure =
        |_: &CompletionRequest| told("1", &[("1", 0.22), ("5", 0.21), ("4", 0.2), ("2", 0.19), ("3", 0.18)], "loud");
    let (answer, _) = fused(both(), unsure, Budget::default());
    assert_eq!(answer.stated.as_deref(), Some("1"));
    assert_ne!(answer.response, "1");
    assert_eq!(answer.path.origin(), PathOrigin::Statistics);
    assert_eq!(answer.path.response(), answer.response);
    let told = answer.reasons(&prepared()).to_string();
    assert!(told.contains("the model itself said: 1; its reasons were for that"), "{told}");
}

#[test]
fn a_reason_whose_factor_speaks_against_the_response_is_not_kept() {
    for (response, word, against) in [("1", "slow", 1), ("1", "loud", 0), ("5", "loud", 1)] {
        let said = move |_: &CompletionRequest| told(response, &[(response, 0.99)], word);
        let (answer, requests) = fused(OneCallAnswerer::default(), said, Budget::default());
        assert_eq!((answer.response.as_str(), answer.dropped.against), (response, against), "{word}");
        let origin = if against > 0 { PathOrigin::Statistics } else { PathOrigin::Model };
        assert_eq!((answer.path.origin(), requests[0].logprobs), (origin, 0), "{word}");
        let told = answer.reasons(&prepared()).to_string();
        assert!(!told.contains("the model itself said"), "{told}");
    }
}

#[test]
fn where_the_model_is_not_trusted_or_not_paid_for_the_answer_is_the_estimates() {
    let sure = |_: &CompletionRequest| told("1", &[("1", 0.99)], "loud");
    for (answerer, budget, why) in [
        (OneCallAnswerer::default().fusion(Fusion::nothing()), Budget::default(), Unfused::NotTrusted),
        (both(), Budget::default().calls(0), Unfused::Budget),
    ] {
        let (answer, requests) = fused(answerer, sure, budget);
        assert_eq!((requests.len(), answer.unfused), (0, Some(why)));
        assert_eq!(answer.response, answer.estimate.as_ref().unwrap().decision());
    }
    let broken = |_: &CompletionRequest| reply("no");
    let (answer, requests) = fused(both().falling_back(), broken, Budget::default());
    assert_eq!((requests.len(), answer.unfused), (2, Some(Unfused::Failed)));
}

#[test]
fn without_support_the_text_alone_is_judged_and_without_probabilities_the_response_stated() {
    let backend = ScriptedBackend::obedient();
    let builder = RpmPipeline::builder(scale_task()).backend(Arc::clone(&backend)).preset(Preset::Frugal);
    let mut thresholds = SupportThresholds::default();
    thresholds.least_interactions = 100;
    let pipeline = builder.thresholds(thresholds).build().unwrap();
    let model = block_on(pipeline.learn(&scale_history())).unwrap().model;
    let answer = block_on(pipeline.personalize_model(&model, &query(NEW))).unwrap();
    let asked = sent(&backend.take()[0]);
    assert!(!asked.contains("person before") && !asked.contains("F1"), "{asked}");
    assert!(answer.fused.is_some());
    let stated = |_: &CompletionRequest| Completion::new(told("2", &[], "loud").text);
    let (answer, _) = fused(both(), stated, Budget::default());
    let view = answer.fused.unwrap().view;
    assert!(view.shares().iter().all(|share| *share <= view.shares()[1]), "{view:?}");
}

#[test]
fn a_reason_that_only_the_model_found_is_held_against_the_counts_too() {
    // "unhurried" stands in no text, so that no part of the estimate is of the factor that it is called like.
    let said = |_: &CompletionRequest| {
        reply(r#"{"answer":"1","reasons":[{"name":"slow","quote":"quiet film","why":"They dislike it."}]}"#)
    };
    let (answer, _) = fused(OneCallAnswerer::default(), said, Budget::default());
    assert_eq!((answer.dropped.against, answer.path.origin()), (1, PathOrigin::Statistics));
}

#[test]
fn a_reply_with_both_keys_is_read_by_the_first_and_one_with_too_many_reasons_is_counted() {
    let reason = r#"{"name":"loud","quote":"one loud chase","why":"They dislike it."}"#;
    let said = format!(r#"{{"answer":"1","reasons":[{reason},{reason},{reason}],"response":"5"}}"#);
    let (answer, _) = fused(OneCallAnswerer::default(), move |_| reply(&said), Budget::default());
    assert_eq!((answer.response.as_str(), answer.dropped.over_limit), ("1", 1));
}

#[test]
fn the_estimate_is_shown_only_to_a_model_that_decides_alone_and_so_are_the_base_rates() {
    for (answerer, alone) in [(OneCallAnswerer::default().show_estimate(), true), (both().show_estimate(), false)] {
        let (_, requests) = fused(answerer, |_| told("5", &[("5", 0.9)], "quiet"), Budget::default());
        let asked = sent(&requests[0]);
        assert_eq!(asked.contains("Overall, of all past answers: 2 in 31%"), alone, "{asked}");
        assert_eq!(asked.contains("Counted over the whole history"), alone, "{asked}");
    }
}

#[test]
fn the_reasons_say_that_a_reason_was_dropped_and_why() {
    let said = |_: &CompletionRequest| told("5", &[("5", 0.99)], "loud");
    let (answer, _) = fused(both(), said, Budget::default());
    assert_eq!((answer.response.as_str(), answer.dropped.against), ("5", 1));
    let told = answer.reasons(&prepared()).to_string();
    assert!(told.contains("dropped reasons of the model: 1, the user's counts say the opposite"), "{told}");
}
