//! What an operation would cost, told before, against what it then asks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::sync::Arc;

use crate::common::{ModelAtOnce as _, ScriptedBackend, cases, obey, query, scale_history, scale_task};
use pollster::block_on;
use rpm_core::extract::PromptedExtractor;
use rpm_core::llm::{Prices, Stage, Usage};
use rpm_core::pipeline::PathPolicy;
use rpm_core::{Budget, Completion, CompletionRequest, RpmPipeline, backend_fn};

/// What the provider would count, by the o200k table.
fn exact(text: &str) -> u64 {
    tiktoken_rs::o200k_base_singleton().count_ordinary(text) as u64
}

/// An obedient model that says exactly what it cost.
fn charging() -> Arc<ScriptedBackend> {
    ScriptedBackend::new(|request| {
        let text = obey(request);
        let input_tokens = request.messages.iter().map(|message| exact(&message.content) + 4).sum();
        let usage = Usage { input_tokens, output_tokens: exact(&text), cached_tokens: 0 };
        Ok(Completion::new(text).usage(usage))
    })
}

/// How far off, in percent of what was used.
fn off(estimated: u64, used: u64) -> f64 {
    100.0 * (estimated as f64 - used as f64) / used as f64
}

#[test]
fn what_learning_costs_is_known_before_to_a_quarter() {
    for (kind, task, history, _) in cases() {
        let backend = charging();
        let pipeline = RpmPipeline::builder(task).backend(Arc::clone(&backend)).build().unwrap();
        let estimate = block_on(pipeline.cost_of_learning(&history)).unwrap();
        assert!(backend.requests().is_empty(), "an estimate asks nothing");
        let learned = block_on(pipeline.learn(&history)).unwrap();
        let used = learned.report.usage;
        for (stage, used) in used.iter() {
            let estimated = estimate.stage(stage);
            let off = off(estimated.input_tokens, used.input_tokens);
            println!("{kind} {stage}: {} calls of {}, tokens in {off:+.1} %", estimated.calls, used.calls);
        }
        let asked: u64 = backend.of(Stage::Extract).iter().map(CompletionRequest::input_tokens).sum();
        assert_eq!(estimate.stage(Stage::Extract).input_tokens, asked, "{kind}");
        assert_eq!(estimate.total().calls, used.total().calls, "{kind}");
        let off = off(estimate.total().input_tokens, used.total().input_tokens);
        println!("{kind}: tokens in {off:+.1} %");
        assert!(off.abs() <= 25.0, "{kind}: {off}");
    }
}

#[test]
fn what_a_query_costs_is_known_before_to_a_quarter() {
    for (kind, task, history, new) in cases() {
        for paths in [PathPolicy::Eager, PathPolicy::OnFirstUse] {
            let backend = charging();
            let builder = RpmPipeline::builder(task.clone()).backend(Arc::clone(&backend)).paths(paths);
            let pipeline = builder.build().unwrap();
            let model = block_on(pipeline.learn(&history)).unwrap().model;
            backend.take();
            let estimate = block_on(pipeline.estimate_query_model(&model, &new)).unwrap();
            assert!(backend.requests().is_empty(), "an estimate asks nothing");
            let used = block_on(pipeline.personalize_model(&model, &new)).unwrap().usage;
            let off = off(estimate.total().input_tokens, used.total().input_tokens);
            println!("{kind} {paths:?}: {} calls of {}, {off:+.1} %", estimate.total().calls, used.total().calls);
            assert!(off.abs() <= 25.0, "{kind} {paths:?}: {off}");
        }
    }
}

#[test]
fn money_goes_by_the_stages_prices_and_limits_are_left_aside() {
    let prices = Prices::per_million(1.0, 10.0);
    let budget = Budget::default().calls(1).prices(prices).prices_for(Stage::WritePath, Prices::default());
    let unused = backend_fn(|_| async { unreachable!("an estimate asks nothing") });
    let pipeline = RpmPipeline::builder(scale_task()).backend(unused).budget(budget).build().unwrap();
    let estimate = block_on(pipeline.cost_of_learning(&scale_history())).unwrap();
    let extract = estimate.stage(Stage::Extract);
    assert_eq!((extract.calls, extract.output_low, extract.output_expected, extract.output_most), (6, 330, 570, 2_400));
    let money = (extract.input_tokens as f64 + 5_700.0) / 1e6;
    assert!((extract.money_expected - money).abs() < 1e-12);
    assert_eq!(estimate.stage(Stage::WritePath).calls, 6);
    assert!(estimate.stage(Stage::WritePath).money_most.abs() < 1e-12);
    let total = estimate.total();
    assert!(total.money_low < total.money_expected && total.money_expected < total.money_most);
    assert_eq!(estimate.to_string().lines().count(), 5, "{estimate}");
}

#[test]
fn other_backends_of_stages_are_not_asked_either() {
    let unused = || backend_fn(|_| async { unreachable!("an estimate asks nothing") });
    let builder = RpmPipeline::builder(scale_task()).backend(unused()).backend_for(Stage::Extract, unused());
    let pipeline = builder.extractor(PromptedExtractor::default().items_per_request(4)).build().unwrap();
    let estimate = block_on(pipeline.cost_of_learning(&scale_history())).unwrap();
    assert_eq!(estimate.stage(Stage::Extract).calls, 2);
    assert_eq!(estimate.stage(Stage::Extract).output_expected, 95 * 6);
}

#[test]
fn a_pipeline_without_a_model_costs_nothing() {
    let pipeline = RpmPipeline::offline(scale_task());
    let estimate = block_on(pipeline.cost_of_learning(&scale_history())).unwrap();
    assert_eq!(estimate.total(), rpm_core::llm::StageCost::default());
    let model = block_on(pipeline.learn(&scale_history())).unwrap().model;
    let asked = block_on(pipeline.estimate_query_model(&model, &query("A slow film."))).unwrap();
    assert_eq!(asked.iter().count(), 0);
}
