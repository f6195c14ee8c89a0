//! The scripted backend that hosts test with: what it replies, in which order, and what it says when it has no reply.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use crate::common::{cases, causes, choices_task, query, scale_history, scale_task, text_task};
use pollster::block_on;
use rpm_core::llm::{Message, Stage, Usage};
use rpm_core::testing::{NoReply, ScriptedBackend};
use rpm_core::{
    Answer, BackendError, Completion, CompletionRequest, History, LlmBackend, Preset, Query, RpmPipeline, Task,
};
use serde_json::json;

const ANSWER: &str = r#"{"reasons":[{"feature":"x1","why":"It is slow."}],"response":"4"}"#;

fn request(stage: Stage) -> CompletionRequest {
    CompletionRequest::new(stage, vec![Message::user("A question?")], 20)
}

fn ask(model: &ScriptedBackend, stage: Stage) -> Result<Completion, BackendError> {
    block_on(model.complete(&request(stage)))
}

fn text(model: &ScriptedBackend, stage: Stage) -> String {
    ask(model, stage).unwrap().text
}

fn answered(model: &ScriptedBackend, task: Task, history: &History, query: &Query, preset: Preset) -> Answer {
    let pipeline = RpmPipeline::builder(task).backend(model.clone()).preset(preset).build().unwrap();
    let learned = block_on(pipeline.learn(history)).unwrap();
    let open = block_on(pipeline.open(learned.model)).unwrap();
    block_on(pipeline.personalize(&open, query)).unwrap()
}

#[test]
fn without_a_script_every_kind_of_task_is_learned_and_answered_at_once_and_alike() {
    for preset in [Preset::Paper, Preset::Balanced, Preset::Frugal, Preset::Fused] {
        for (name, task, history, query) in cases() {
            let run = || {
                let model = ScriptedBackend::new();
                let pipeline =
                    RpmPipeline::builder(task.clone()).backend(model.clone()).preset(preset).build().unwrap();
                let learned = block_on(pipeline.learn(&history)).unwrap();
                let json = learned.model.to_json();
                let open = block_on(pipeline.open(learned.model)).unwrap();
                let answer = block_on(pipeline.personalize(&open, &query)).unwrap();
                let mut usage = learned.report.usage;
                usage.add(&answer.usage);
                let total = usage.total();
                assert_eq!(
                    (total.reasks, total.repaired, total.failed_calls, total.unmetered),
                    (0, 0, 0, 0),
                    "{name} {usage}"
                );
                assert_eq!(total.calls, model.requests().len() as u64);
                (json, answer.response, model.requests())
            };
            assert!(run() == run(), "{name}, {preset:?}");
        }
    }
}

#[test]
fn replies_are_given_by_item_then_in_order_then_always_and_failures_come_first() {
    let model = ScriptedBackend::new()
        .reply(Stage::Answer, "one")
        .reply(Stage::Answer, json!({ "response": "two" }))
        .reply_about(Stage::Answer, "query", "about it")
        .always(Stage::Judge, "judged")
        .reply_with(Stage::Extract, |request| Ok(Completion::new(request.messages[0].content.clone())))
        .fail(3, BackendError::transient("later"))
        .fail_at(Stage::Judge, 2, BackendError::permanent("no"));
    assert_eq!(text(&model, Stage::Answer), "one");
    let about = block_on(model.complete(&request(Stage::Answer).about(["query", "a"])));
    assert_eq!(about.unwrap().text, "about it");
    assert!(ask(&model, Stage::Answer).unwrap_err().is_transient());
    assert_eq!(model.replies_left(), 1);
    assert_eq!(text(&model, Stage::Answer), r#"{"response":"two"}"#);
    assert_eq!([text(&model, Stage::Judge), text(&model, Stage::Extract)], ["judged", "A question?"]);
    assert!(matches!(ask(&model, Stage::Judge), Err(BackendError::Permanent { .. })));
    assert_eq!(text(&model, Stage::Judge), "judged");
    assert_eq!((model.requests().len(), model.requests_of(Stage::Judge).len(), model.replies_left()), (8, 3, 0));
    assert_eq!((model.take_requests().len(), model.requests().len()), (8, 0));
}

#[test]
fn a_request_without_a_scripted_reply_is_told_by_stage_and_item_and_how_to_script_it() {
    let used_up = ScriptedBackend::new().reply(Stage::Answer, ANSWER);
    let strict = ScriptedBackend::new().strict().always(Stage::Judge, "judged");
    text(&used_up, Stage::Answer);
    text(&strict, Stage::Judge);
    for model in [used_up, strict] {
        let error = block_on(model.complete(&request(Stage::Answer).about(["query"]))).unwrap_err();
        let BackendError::Permanent { source } = &error else { panic!("{error:?}") };
        let reply = source.downcast_ref::<NoReply>().unwrap();
        assert_eq!((reply.stage, reply.about.as_str()), (Stage::Answer, "query"));
        let told = reply.to_string();
        assert!(told.contains("answer request about query") && told.contains("ScriptedBackend::reply(Stage::Answer"));
        assert!(!crate::common::told(&error).contains("A question"));
    }
}

#[test]
fn a_host_sees_a_failure_as_its_users_would() {
    let model = ScriptedBackend::new().fail_at(Stage::Answer, 1, BackendError::transient("the line is down"));
    let pipeline = RpmPipeline::builder(scale_task()).backend(model.clone()).build().unwrap();
    let open = block_on(pipeline.open(block_on(pipeline.learn(&scale_history())).unwrap().model)).unwrap();
    let question = query("A slow and quiet film.");
    let error = block_on(pipeline.personalize(&open, &question)).unwrap_err();
    assert!(error.is_transient() && causes(&error).contains("the line is down"));
    assert!(block_on(pipeline.personalize(&open, &question)).is_ok());
}

#[test]
fn tokens_are_counted_unless_they_are_said() {
    let said = Usage { input_tokens: 7, output_tokens: 3, cached_tokens: 1 };
    let counted = ask(&ScriptedBackend::new().always(Stage::Answer, ANSWER), Stage::Answer).unwrap().usage.unwrap();
    assert!(counted.input_tokens == request(Stage::Answer).input_tokens() && counted.output_tokens > 5);
    assert_eq!(ask(&ScriptedBackend::new().usage(said), Stage::Answer).unwrap().usage, Some(said));
    let own = ScriptedBackend::new().always(Stage::Answer, Completion::new("1").usage(said));
    assert_eq!(ask(&own, Stage::Answer).unwrap().usage, Some(said));
    let bare = ScriptedBackend::from_fn(|_| Ok(Completion::new("1")));
    assert_eq!(ask(&bare, Stage::Answer).unwrap().usage, None);
}

#[test]
fn probabilities_of_tokens_are_told_made_up_or_refused() {
    let view = |model: &ScriptedBackend| {
        let pipeline = RpmPipeline::builder(scale_task()).backend(model.clone()).preset(Preset::Fused).build().unwrap();
        let open = block_on(pipeline.open(block_on(pipeline.learn(&scale_history())).unwrap().model)).unwrap();
        let answer = block_on(pipeline.personalize(&open, &query("A slow film."))).unwrap();
        answer.fused.unwrap().view.shares().to_vec()
    };
    let likely = ScriptedBackend::likely(&[("4", 0.6), ("5", 0.3), ("3", 0.06)]);
    let told = view(&ScriptedBackend::new().always(Stage::Answer, likely));
    assert!((told[3] / told[4] - 2.0).abs() < 1e-9 && told[3] > 0.5, "{told:?}");
    let made_up = view(&ScriptedBackend::new());
    assert!((made_up[0] - 0.7).abs() < 0.1, "{made_up:?}");
    let model = ScriptedBackend::new().without_logprobs();
    view(&model);
    let logprobs: Vec<u8> = model.requests_of(Stage::Answer).iter().map(|request| request.logprobs).collect();
    assert!(logprobs[0] > 0 && logprobs[1] == 0, "{logprobs:?}");
}

#[test]
fn recorded_replies_are_found_by_stage_and_item() {
    let lines = r#"
{"stage":"answer","about":"query","reply":{"response":"4"}}
{"stage":"write_path","reply":"free text"}
"#;
    let model = ScriptedBackend::recorded(lines).unwrap();
    let about = block_on(model.complete(&request(Stage::Answer).about(["query"])));
    assert_eq!(about.unwrap().text, r#"{"response":"4"}"#);
    assert_eq!(text(&model, Stage::WritePath), "free text");
    assert!(ask(&model, Stage::Extract).is_err(), "what is not recorded is not made up");
    for bad in
        ["{", r#"{"stage":"think","reply":""}"#, r#"{"stage":"answer"}"#, r#"{"stage":"answer","reply":1,"secret":2}"#]
    {
        let error = ScriptedBackend::recorded(&format!("\n\n{bad}")).unwrap_err();
        assert_eq!(error.line, 3);
        assert!(!error.to_string().contains("secret"));
    }
}

#[test]
fn scripted_answers_reach_tasks_of_every_kind() {
    let (_, _, history, question) = cases().into_iter().find(|(name, ..)| *name == "choices").unwrap();
    let chosen = ScriptedBackend::new().reply_with(Stage::Answer, |request| {
        let mut reply: serde_json::Value = serde_json::from_str(&ScriptedBackend::made_up(request).text).unwrap();
        reply["response"] = json!("More roads");
        Ok(reply.into())
    });
    let answer = answered(&chosen, choices_task(), &history, &question, Preset::Paper);
    assert_eq!(answer.response, "More roads");
    let titled = ScriptedBackend::new().always(
        Stage::Answer,
        json!({ "reasons": [{ "feature": "x1", "why": "It parses." }], "response": "A Parser" }),
    );
    let answer = answered(&titled, text_task(), &crate::common::text_history(), &query("A parser."), Preset::Paper);
    assert_eq!(answer.response, "A Parser");
}
