//! Which model does which stage, how it is sampled, and what is entered in the account.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::sync::Arc;

use crate::common::{COST, ModelAtOnce as _, ScriptedBackend, query, scale_history, scale_task};
use pollster::block_on;
use rpm_core::answer::PromptedAnswerer;
use rpm_core::extract::LexicalExtractor;
use rpm_core::factor::SimilarityFactorModel;
use rpm_core::llm::{Prices, Sampling, Stage};
use rpm_core::reason::ComposedPathWriter;
use rpm_core::{Budget, RpmPipeline};

#[test]
fn each_stage_asks_its_own_model_and_the_rest_the_pipelines() {
    let (cheap, strong, rest) = (ScriptedBackend::obedient(), ScriptedBackend::obedient(), ScriptedBackend::obedient());
    let pipeline = RpmPipeline::builder(scale_task())
        .backend(Arc::clone(&rest))
        .backend_for(Stage::Extract, Arc::clone(&cheap))
        .backend_for(Stage::Answer, Arc::clone(&strong))
        .build()
        .unwrap();
    let model = block_on(pipeline.learn(&scale_history())).unwrap().model;
    block_on(pipeline.personalize_model(&model, &query("A slow, quiet film."))).unwrap();
    assert!(!cheap.of(Stage::Extract).is_empty() && cheap.requests().iter().all(|r| r.stage == Stage::Extract));
    assert_eq!(strong.requests().iter().map(|r| r.stage).collect::<Vec<_>>(), [Stage::Answer]);
    assert!(!rest.of(Stage::Group).is_empty() && !rest.of(Stage::WritePath).is_empty());
    assert!(rest.of(Stage::Extract).is_empty() && rest.of(Stage::Answer).is_empty());
}

#[test]
fn a_model_for_the_only_stage_that_asks_is_enough() {
    let builder = || {
        RpmPipeline::builder(scale_task())
            .extractor(LexicalExtractor::default())
            .factor_model(SimilarityFactorModel::default())
            .path_writer(ComposedPathWriter::default())
            .answerer(PromptedAnswerer::default())
    };
    assert!(builder().build().is_err());
    let pipeline = builder().backend_for(Stage::Answer, ScriptedBackend::obedient()).build().unwrap();
    let model = block_on(pipeline.learn(&scale_history())).unwrap().model;
    let answer = block_on(pipeline.personalize_model(&model, &query("A slow, quiet film."))).unwrap();
    assert_eq!(answer.usage.total().calls, 1);
}

#[test]
fn parameters_hold_for_their_stage_only() {
    let backend = ScriptedBackend::obedient();
    let pipeline = RpmPipeline::builder(scale_task())
        .backend(Arc::clone(&backend))
        .parameters_for(Stage::WritePath, Sampling::default().temperature(0.7).seed(11))
        .build()
        .unwrap();
    block_on(pipeline.learn(&scale_history())).unwrap();
    for request in backend.requests() {
        let expected = if request.stage == Stage::WritePath { (0.7, Some(11)) } else { (0.0, None) };
        assert_eq!((request.temperature, request.seed), expected, "{}", request.stage);
    }
}

#[test]
fn a_budget_is_never_exceeded_by_a_call_a_token_or_a_cent() {
    // Each reply costs 100 tokens in, 40 of them cached, and 10 out: 60·1 + 40·0.1 + 10·4 = 104 millionths.
    let prices = Prices::per_million(1.0, 4.0).cached(0.1);
    assert!((prices.of(&COST) - 104e-6).abs() < 1e-12);
    for calls in 0..12 {
        let backend = ScriptedBackend::obedient();
        let builder = RpmPipeline::builder(scale_task()).backend(Arc::clone(&backend));
        let pipeline = builder.budget(Budget::default().calls(calls)).build().unwrap();
        let learned = block_on(pipeline.learn(&scale_history()));
        assert!(backend.requests().len() as u64 <= calls);
        if let Ok(learned) = learned {
            let total = learned.report.usage.total();
            assert_eq!(total.calls, backend.requests().len() as u64);
        }
    }
    for tokens in [1_000_u64, 5_000, 9_000] {
        let backend = ScriptedBackend::obedient();
        let builder = RpmPipeline::builder(scale_task()).backend(Arc::clone(&backend));
        let pipeline = builder.budget(Budget::default().tokens(tokens)).build().unwrap();
        let _ = block_on(pipeline.learn(&scale_history()));
        let used = backend.requests().len() as u64 * (COST.input_tokens + COST.output_tokens);
        assert!(used <= tokens, "{used} of {tokens}");
    }
    let backend = ScriptedBackend::obedient();
    let builder = RpmPipeline::builder(scale_task()).backend(Arc::clone(&backend));
    let pipeline = builder.budget(Budget::default().money(0.005).prices(prices)).build().unwrap();
    let _ = block_on(pipeline.learn(&scale_history()));
    let spent = backend.requests().len() as f64 * prices.of(&COST);
    assert!(!backend.requests().is_empty() && spent <= 0.005, "{spent}");
}
