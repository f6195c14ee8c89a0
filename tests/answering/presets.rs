//! What each preset asks, and what texts that share a request get.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::sync::Arc;

use crate::common::{ModelAtOnce as _, ScriptedBackend, blocks, cases, obey, reply, scale_history, scale_task};
use pollster::block_on;
use rpm_core::extract::PromptedExtractor;
use rpm_core::llm::Stage;
use rpm_core::{Preset, RpmPipeline};

fn calls(backend: &ScriptedBackend) -> Vec<(Stage, usize)> {
    let requests = backend.take();
    let of = |stage| requests.iter().filter(|request| request.stage == stage).count();
    let stages = [Stage::Extract, Stage::Group, Stage::Judge, Stage::WritePath, Stage::Answer];
    stages.into_iter().map(|stage| (stage, of(stage))).filter(|(_, count)| *count > 0).collect()
}

#[test]
fn presets_ask_as_much_as_they_say() {
    for (kind, task, history, query) in cases() {
        for (preset, learning, answering) in
            [(Preset::Paper, 13, 2), (Preset::Balanced, 3, 5), (Preset::Frugal, 0, 1), (Preset::Fused, 0, 1)]
        {
            let backend = ScriptedBackend::obedient();
            let builder = RpmPipeline::builder(task.clone()).backend(Arc::clone(&backend)).preset(preset);
            let pipeline = builder.build().unwrap();
            let model = block_on(pipeline.learn(&history)).unwrap().model;
            let asked = calls(&backend);
            if kind == "text" {
                let judges = !matches!(preset, Preset::Frugal | Preset::Fused);
                assert_eq!(asked.iter().any(|(stage, _)| *stage == Stage::Judge), judges);
            } else {
                assert_eq!(
                    asked.iter().map(|(_, count)| count).sum::<usize>(),
                    learning,
                    "{kind} {preset:?} {asked:?}"
                );
            }
            block_on(pipeline.personalize_model(&model, &query)).unwrap();
            let asked = calls(&backend);
            assert_eq!(asked.iter().map(|(_, count)| count).sum::<usize>(), answering, "{kind} {preset:?} {asked:?}");
        }
    }
}

#[test]
fn a_text_of_several_of_which_no_feature_is_kept_is_asked_for_by_itself() {
    let backend = ScriptedBackend::new(|request| {
        let several = request.stage == Stage::Extract && blocks(&request.messages[1].content).len() > 1;
        // What small models do with several texts: the same word for each.
        let text = obey(request);
        let text = if several { text.replace("slow pacing", "feature").replace("quiet mood", "feature") } else { text };
        Ok(reply(&text))
    });
    let builder = RpmPipeline::builder(scale_task()).backend(Arc::clone(&backend));
    let pipeline = builder.extractor(PromptedExtractor::default().items_per_request(6)).build().unwrap();
    let report = block_on(pipeline.learn(&scale_history())).unwrap().report;
    assert_eq!((report.learned(), backend.of(Stage::Extract).len()), (6, 2));
    assert_eq!(report.usage.stage(Stage::Extract).reasks, 1);
}
