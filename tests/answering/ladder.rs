//! Providers that cannot hold a reply to a schema are asked in a looser form, once per stage and pipeline.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::sync::{Arc, Mutex};

use crate::common::{
    ModelAtOnce as _, ScriptedBackend, cases, history_of, interaction, obey, query, reply, scale_task,
};
use pollster::block_on;
use rpm_core::llm::{BudgetLimit, Capabilities, ReplyForm, Stage};
use rpm_core::{
    BackendError, Budget, Completion, CompletionRequest, Error, History, LlmBackend, RpmPipeline, async_trait,
};

/// An obedient provider that takes this form at most.
fn up_to(form: ReplyForm) -> Arc<ScriptedBackend> {
    ScriptedBackend::new(move |request| {
        if request.form > form {
            return Err(BackendError::unsupported(request.form, "no such response_format"));
        }
        Ok(reply(&obey(request)))
    })
}

fn forms(requests: &[CompletionRequest], stage: Stage) -> Vec<ReplyForm> {
    requests.iter().filter(|request| request.stage == stage).map(|request| request.form).collect()
}

#[test]
fn a_refused_form_is_tried_once_and_remembered_over_operations() {
    use ReplyForm::{Json, Schema, Text};
    let task = scale_task();
    let history = history_of(&task, &[("A slow, quiet film.", "5")]);
    // Groups are named where there are three interactions.
    let films = history_of(&task, &[("A slow film.", "5"), ("A quiet film.", "4"), ("A loud film.", "1")]);
    for (most, first) in [(Text, vec![Schema, Json, Text]), (Json, vec![Schema, Json]), (Schema, vec![Schema])] {
        let steps = u64::try_from(first.len()).unwrap() - 1;
        let backend = up_to(most);
        let pipeline = RpmPipeline::builder(task.clone()).backend(Arc::clone(&backend)).build().unwrap();
        let learned = block_on(pipeline.learn(&history)).unwrap();
        let requests = backend.take();
        for stage in [Stage::Extract, Stage::WritePath] {
            assert_eq!(forms(&requests, stage), first, "{stage}");
            let usage = learned.report.usage.stage(stage);
            assert_eq!((usage.stepped_down, usage.failed_calls, usage.calls), (steps, steps, steps + 1), "{stage}");
            assert_eq!((usage.reasks, usage.repaired, usage.withheld), (0, 0, 0), "{stage}");
        }
        let groups = up_to(most);
        let pipeline_of_groups = RpmPipeline::builder(task.clone()).backend(Arc::clone(&groups)).build().unwrap();
        block_on(pipeline_of_groups.learn(&films)).unwrap();
        assert_eq!(forms(&groups.take(), Stage::Group), first);
        let answer = block_on(pipeline.personalize_model(&learned.model, &query("A slow film."))).unwrap();
        let requests = backend.take();
        assert_eq!(forms(&requests, Stage::Extract), [most], "known from learning");
        assert_eq!(forms(&requests, Stage::Answer), first, "not known before");
        assert_eq!(answer.usage.stage(Stage::Answer).stepped_down, steps);
        // A clone is the same pipeline.
        let again = block_on(pipeline.clone().personalize_model(&learned.model, &query("A slow film."))).unwrap();
        assert_eq!(forms(&backend.take(), Stage::Answer), [most]);
        assert_eq!(again.usage.total().stepped_down, 0);
        assert_eq!((&again.response, &again.path), (&answer.response, &answer.path));
        // Another pipeline knows nothing yet.
        let other = RpmPipeline::builder(task.clone()).backend(Arc::clone(&backend)).build().unwrap();
        block_on(other.learn(&history)).unwrap();
        assert_eq!(forms(&backend.take(), Stage::Extract), first);
    }
}

#[test]
fn results_do_not_depend_on_the_form() {
    for (kind, task, history, new) in cases() {
        let run = |backend: Arc<ScriptedBackend>| {
            let pipeline = RpmPipeline::builder(task.clone()).backend(backend).build().unwrap();
            let learned = block_on(pipeline.learn(&history)).unwrap();
            let answer = block_on(pipeline.personalize_model(&learned.model, &new)).unwrap();
            (learned.model, answer.response, answer.path, answer.features)
        };
        let strict = run(up_to(ReplyForm::Schema));
        assert!(run(up_to(ReplyForm::Json)) == strict, "{kind}");
        assert!(run(up_to(ReplyForm::Text)) == strict, "{kind}");
    }
}

/// Says from the start what it can do.
struct Honest {
    form: ReplyForm,
    seen: Mutex<Vec<ReplyForm>>,
}

#[async_trait]
impl LlmBackend for Honest {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        self.seen.lock().unwrap().push(request.form);
        Ok(reply(&obey(request)))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::up_to(self.form)
    }
}

#[test]
fn a_provider_that_says_what_it_takes_is_never_asked_for_more() {
    let task = scale_task();
    let history = history_of(&task, &[("A slow, quiet film.", "5"), ("A loud chase.", "1")]);
    for form in [ReplyForm::Text, ReplyForm::Json, ReplyForm::Schema] {
        let backend = Arc::new(Honest { form, seen: Mutex::default() });
        let pipeline = RpmPipeline::builder(task.clone()).backend(Arc::clone(&backend)).build().unwrap();
        let learned = block_on(pipeline.learn(&history)).unwrap();
        block_on(pipeline.personalize_model(&learned.model, &query("A slow film."))).unwrap();
        let seen = backend.seen.lock().unwrap();
        assert!(seen.len() >= 6 && seen.iter().all(|seen| *seen == form), "{seen:?}");
        assert_eq!(learned.report.usage.total().stepped_down, 0);
    }
}

#[test]
fn a_long_batch_is_not_refused_whole() {
    let task = scale_task();
    let films = (0..200).map(|n| interaction(&format!("f{n}"), &format!("A slow film, number {n}."), "4", n));
    let history = History::new(&task, "ana", films).unwrap();
    let backend = up_to(ReplyForm::Text);
    let pipeline = RpmPipeline::builder(task.clone()).backend(Arc::clone(&backend)).build().unwrap();
    let learned = block_on(pipeline.learn(&history)).unwrap();
    assert_eq!(learned.report.learned(), 200);
    let usage = learned.report.usage.stage(Stage::Extract);
    assert_eq!((usage.calls, usage.stepped_down), (200 + 2 * 64, 2 * 64));
    let forms = forms(&backend.take(), Stage::Extract);
    assert!(forms[128..].iter().all(|form| *form == ReplyForm::Text));

    // Where the form is taken, nothing is asked twice.
    let backend = up_to(ReplyForm::Schema);
    let pipeline = RpmPipeline::builder(task.clone()).backend(Arc::clone(&backend)).build().unwrap();
    let learned = block_on(pipeline.learn(&history)).unwrap();
    assert_eq!((learned.report.usage.stage(Stage::Extract).calls, learned.report.learned()), (200, 200));
}

#[test]
fn refused_calls_count_against_the_budget() {
    let task = scale_task();
    let history = history_of(&task, &[("A slow, quiet film.", "5")]);
    let learn = |calls: u64| {
        let builder = RpmPipeline::builder(task.clone()).backend(up_to(ReplyForm::Text));
        block_on(builder.budget(Budget::default().calls(calls)).build().unwrap().learn(&history))
    };
    // Two stages, each with two refusals and a reply: one interaction has no groups to name.
    let learned = learn(6).unwrap();
    assert_eq!((learned.report.usage.total().calls, learned.report.usage.total().withheld), (6, 0));
    assert_eq!(learned.report.paths_written, 1);
    let learned = learn(5).unwrap();
    assert_eq!((learned.report.usage.total().calls, learned.report.usage.total().withheld), (5, 1));
    assert_eq!((learned.report.paths_written, learned.report.paths_composed), (0, 1));
    let error = learn(2).unwrap_err();
    assert!(matches!(error, Error::Budget { stage: Stage::Extract, limit: BudgetLimit::Calls }), "{error}");
}

#[test]
fn a_provider_that_refuses_plain_text_too_is_an_error_and_not_a_loop() {
    let task = scale_task();
    let history = history_of(&task, &[("A slow, quiet film.", "5")]);
    let backend = ScriptedBackend::new(|request| Err(BackendError::unsupported(request.form, "nothing suits")));
    let pipeline = RpmPipeline::builder(task).backend(Arc::clone(&backend)).build().unwrap();
    assert!(block_on(pipeline.learn(&history)).is_err());
    assert_eq!(forms(&backend.take(), Stage::Extract), [ReplyForm::Schema, ReplyForm::Json, ReplyForm::Text]);
}
