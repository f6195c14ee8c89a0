//! Features and answer in one request: checked like those of two.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;

use std::sync::Arc;

use common::{ModelAtOnce as _, ScriptedBackend, query, reply, scale_history, scale_task, sent};
use pollster::block_on;
use rpm_core::answer::AnswerError;
use rpm_core::data::PathOrigin;
use rpm_core::llm::AskError;
use rpm_core::llm::Stage;
use rpm_core::stats::SupportThresholds;
use rpm_core::{Answer, CompletionRequest, Error, Preset, Query, RpmPipeline};

const NEW: &str = "A slow and quiet film with one loud chase.";

fn answered(
    script: impl Fn(&CompletionRequest) -> &'static str + Send + Sync + 'static,
) -> Result<(Answer, Vec<CompletionRequest>), Error> {
    let backend = ScriptedBackend::new(move |request| Ok(reply(script(request))));
    let builder = RpmPipeline::builder(scale_task()).backend(Arc::clone(&backend)).preset(Preset::Frugal);
    let pipeline = builder.build().unwrap();
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
