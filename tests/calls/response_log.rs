//! What is paid for once is not paid for again, whoever asks and whatever happens in between.
#![cfg(feature = "response-log")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::sync::Arc;

use crate::common::{COST, ModelAtOnce as _, ScriptedBackend, cases, reply, told};
use pollster::block_on;
use rpm_core::llm::{
    Capabilities, FinishReason, LogMode, Message, ReplyCacheLimits, ReplyForm, ResponseLog, SendMode, Stage,
};
use rpm_core::{BackendError, Budget, Completion, CompletionRequest, LlmBackend, RpmPipeline, async_trait};

fn log() -> ResponseLog {
    ResponseLog::in_memory(ReplyCacheLimits::default())
}

fn request(text: &str) -> CompletionRequest {
    CompletionRequest::new(Stage::Answer, vec![Message::user(text)], 50).about([text])
}

fn echo() -> Arc<ScriptedBackend> {
    ScriptedBackend::new(|request| Ok(reply(&format!("about {}", request.messages[0].content))))
}

fn texts(results: Vec<Result<Completion, BackendError>>) -> Vec<String> {
    results.into_iter().map(|result| result.map_or_else(|error| error.to_string(), |reply| reply.text)).collect()
}

#[test]
fn learning_again_sends_nothing_and_gives_the_same_model() {
    for (name, task, history, query) in cases() {
        let model = ScriptedBackend::obedient();
        let log = log();
        let pipeline = RpmPipeline::builder(task).backend(log.wrap(model.clone())).build().unwrap();
        let first = block_on(pipeline.learn(&history)).unwrap();
        let paid = model.take().len() as u64;
        assert_eq!(first.report.usage.total().calls, paid, "{name}");
        assert_eq!(log.stats().records as u64, paid, "{name}");

        let second = block_on(pipeline.learn(&history)).unwrap();
        assert_eq!(model.take().len(), 0, "{name}");
        assert_eq!(second.model.to_json(), first.model.to_json(), "{name}");
        let used = second.report.usage.total();
        assert_eq!((used.calls, used.reused, used.input_tokens, used.output_tokens), (0, paid, 0, 0), "{name}");

        let answer = block_on(pipeline.personalize_model(&first.model, &query)).unwrap();
        assert!(!model.take().is_empty(), "{name}");
        let again = block_on(pipeline.personalize_model(&first.model, &query)).unwrap();
        assert_eq!((model.take().len(), again.usage.total().calls), (0, 0), "{name}");
        assert_eq!(again.response, answer.response, "{name}");
    }
}

#[test]
fn a_budget_is_not_touched_by_what_the_log_knows() {
    let (_, task, history, _) = cases().into_iter().next().unwrap();
    let (model, log) = (ScriptedBackend::obedient(), log());
    let pipeline = RpmPipeline::builder(task.clone()).backend(log.wrap(model.clone())).build().unwrap();
    let paid = block_on(pipeline.learn(&history)).unwrap();
    let broke = RpmPipeline::builder(task).backend(log.wrap(model)).budget(Budget::default().calls(0)).build().unwrap();
    let free = block_on(broke.learn(&history)).unwrap();
    assert_eq!(free.model.to_json(), paid.model.to_json());
    assert_eq!(free.report.usage.total().withheld, 0);
}

#[test]
fn a_reply_comes_back_with_its_end_and_its_cost() {
    let cut = Completion::new("cut \u{1f3ac}\0\"").finish(FinishReason::Length).usage(COST);
    let model = ScriptedBackend::new({
        let cut = cut.clone();
        move |_| Ok(cut.clone())
    });
    let backend = log().wrap(model.clone());
    for _ in 0..2 {
        assert_eq!(block_on(backend.complete(&request("a"))).unwrap(), cut);
    }
    assert_eq!(model.requests().len(), 1);
}

#[test]
fn failures_and_withheld_replies_are_asked_for_again() {
    let model = ScriptedBackend::new(|request| match request.messages[0].content.as_str() {
        "withheld" => Ok(reply("").finish(FinishReason::Filtered)),
        _ => Err(BackendError::permanent("no such model")),
    });
    let log = log();
    let backend = log.wrap(model.clone());
    for _ in 0..2 {
        let results = block_on(backend.complete_batch(&[request("withheld"), request("failing")]));
        assert_eq!(results[0].as_ref().unwrap().finish, FinishReason::Filtered);
        assert!(matches!(results[1], Err(BackendError::Permanent { .. })));
    }
    assert_eq!((model.requests().len(), log.stats().records), (4, 0));
}

#[test]
fn a_replay_sends_nothing_and_names_what_is_missing() {
    let (model, log) = (echo(), log());
    block_on(log.wrap(model.clone()).complete(&request("known"))).unwrap();
    let replay = log.wrap(model.clone()).mode(LogMode::ReplayOnly);
    let many = request("many").about((0..11).map(|n| format!("i{n}")));
    let results = block_on(replay.complete_batch(&[request("new"), request("known"), many]));
    assert_eq!(
        texts(results),
        [
            "not sent: the log has no reply for this answer request about new",
            "about known",
            "not sent: the log has no reply for this answer request about i0, i1, i2, i3, i4, i5, i6, i7 and 3 more",
        ]
    );
    let error = block_on(replay.complete(&request("new").about([""; 0]))).unwrap_err();
    assert!(matches!(&error, BackendError::NotLogged { stage: Stage::Answer, about } if about == "no item"));
    assert_eq!((model.requests().len(), log.stats().records), (1, 1));
}

/// A model whose provider holds replies to this form at most.
struct Limited(Arc<ScriptedBackend>, ReplyForm);

#[async_trait]
impl LlmBackend for Limited {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        self.0.complete(request).await
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::up_to(self.1)
    }

    fn model(&self) -> &'static str {
        "limited"
    }
}

#[test]
fn a_log_alone_repeats_what_was_paid_for_and_names_what_was_not() {
    for form in [ReplyForm::Schema, ReplyForm::Text] {
        let (_, task, history, query) = cases().into_iter().next().unwrap();
        let log = log();
        let model = Limited(ScriptedBackend::obedient(), form);
        let run = |backend: Arc<dyn LlmBackend>| {
            let pipeline = RpmPipeline::builder(task.clone()).backend(backend).build().unwrap();
            let model = block_on(pipeline.learn(&history)).unwrap().model;
            let answer = block_on(pipeline.personalize_model(&model, &query)).unwrap();
            (model.to_json(), answer.response, answer.usage.total().calls)
        };
        let (paid, replayed) = (run(Arc::new(log.wrap(model))), run(Arc::new(log.replay("limited"))));
        assert_eq!((&paid.0, &paid.1), (&replayed.0, &replayed.1));
        assert!(paid.2 > 0 && replayed.2 == 0);
        let request = request("secret words").about(["m7"]);
        for replay in [log.replay("limited"), log.replay("limited").mode(LogMode::Record)] {
            let error = block_on(replay.complete(&request)).unwrap_err();
            assert!(
                matches!(&error, BackendError::NotLogged { stage: Stage::Answer, about } if about == "m7"),
                "{error:?}"
            );
            assert!(!told(&error).contains("secret"));
        }
        assert!(block_on(log.replay("another").complete(&request)).is_err());
    }
}

#[test]
fn a_replay_takes_the_same_steps_down_as_the_run_it_repeats() {
    let (_, task, history, _) = cases().into_iter().next().unwrap();
    let model = ScriptedBackend::new(|request| match request.form {
        ReplyForm::Text => Ok(reply(&crate::common::obey(request))),
        form => Err(BackendError::unsupported(form, "unknown field")),
    });
    let log = log();
    let learn = |mode| {
        let backend = log.wrap(model.clone()).mode(mode);
        let pipeline = RpmPipeline::builder(task.clone()).backend(backend).build().unwrap();
        block_on(pipeline.learn(&history)).unwrap()
    };
    let first = learn(LogMode::Record);
    assert!(!model.take().is_empty());
    let replay = learn(LogMode::ReplayOnly);
    assert_eq!(model.take().len(), 0);
    assert_eq!(replay.model.to_json(), first.model.to_json());
    assert!(replay.report.usage.total().stepped_down > 0);
}

#[test]
fn without_its_log_it_only_forwards() {
    let (model, log) = (echo(), log());
    let off = log.wrap(model.clone()).mode(LogMode::Off);
    assert!(!off.meters() && log.wrap(model.clone()).meters());
    for _ in 0..2 {
        assert_eq!(texts(block_on(off.complete_batch(&[request("a"), request("a")]))), ["about a", "about a"]);
        assert_eq!(block_on(off.complete(&request("a"))).unwrap().text, "about a");
    }
    assert_eq!((model.requests().len(), log.stats().records), (6, 0));
}

#[test]
fn models_do_not_share_replies() {
    struct Named(&'static str, Arc<ScriptedBackend>);

    #[async_trait]
    impl LlmBackend for Named {
        async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
            self.1.complete(request).await
        }
        fn model(&self) -> &str {
            self.0
        }
        fn capabilities(&self) -> Capabilities {
            Capabilities::up_to(ReplyForm::Json)
        }
    }

    let (model, log) = (echo(), log());
    for name in ["small", "large", "small"] {
        let backend = log.wrap(Named(name, model.clone()));
        assert_eq!((backend.model(), backend.capabilities().form), (name, ReplyForm::Json));
        block_on(backend.complete(&request("a"))).unwrap();
    }
    assert_eq!(model.requests().len(), 2);
}

#[test]
fn a_batch_that_comes_back_short_is_an_error_where_it_is() {
    struct Short;

    #[async_trait]
    impl LlmBackend for Short {
        async fn complete(&self, _: &CompletionRequest) -> Result<Completion, BackendError> {
            unreachable!()
        }
        async fn complete_batch(&self, _: &[CompletionRequest]) -> Vec<Result<Completion, BackendError>> {
            vec![Ok(reply("one"))]
        }
    }

    let results = block_on(log().wrap(Short).sending(SendMode::Batch).complete_batch(&["a", "b"].map(request)));
    assert!(told(results[1].as_ref().unwrap_err()).contains("no result for the request"));
    assert_eq!(texts(results), ["one", "the backend refused the request"]);
}

#[test]
fn a_budget_stops_both_ways_of_sending_and_keeps_what_was_paid() {
    for sending in [SendMode::default(), SendMode::Batch] {
        let (_, task, history, _) = cases().into_iter().next().unwrap();
        let (model, log) = (ScriptedBackend::obedient(), log());
        let learn = |budget| {
            let backend = log.wrap(model.clone()).sending(sending);
            let pipeline = RpmPipeline::builder(task.clone()).backend(backend).budget(budget).build().unwrap();
            block_on(pipeline.learn(&history))
        };
        let cut = learn(Budget::default().calls(3));
        let withheld = cut.as_ref().map_or(0, |cut| cut.report.usage.total().withheld);
        assert!(cut.is_err() || withheld > 0, "{sending:?}");
        assert_eq!((model.take().len(), log.stats().records), (3, 3), "{sending:?}");
        let whole = learn(Budget::default()).unwrap().report.usage.total();
        assert_eq!((whole.calls, whole.reused), (model.take().len() as u64, 3), "{sending:?}");
    }
}

#[test]
fn a_metering_backend_enters_its_attempts_itself() {
    struct Twice(Arc<ScriptedBackend>);

    #[async_trait]
    impl LlmBackend for Twice {
        async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
            request.begin()?.end(&Err(BackendError::transient("busy")));
            let attempt = request.begin()?;
            let result = self.0.complete(request).await;
            attempt.end(&result);
            result
        }
        fn meters(&self) -> bool {
            true
        }
    }

    let (_, task, history, _) = cases().into_iter().next().unwrap();
    for sending in [SendMode::default(), SendMode::Batch] {
        let model = ScriptedBackend::obedient();
        let backend = log().wrap(Twice(model.clone())).sending(sending);
        let pipeline = RpmPipeline::builder(task.clone()).backend(backend).build().unwrap();
        let used = block_on(pipeline.learn(&history)).unwrap().report.usage.total();
        let asked = model.requests().len() as u64;
        assert_eq!((used.calls, used.failed_calls, used.retries), (2 * asked, asked, asked), "{sending:?}");
    }
}

#[test]
fn a_file_is_found_again_and_forgets_what_is_purged() {
    let folder = std::env::temp_dir().join(format!("rpm-core-response-log-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("ana.rpmlog");
    let model = echo();
    for calls in [3, 0] {
        let log = ResponseLog::open(&file).unwrap();
        assert!(matches!(ResponseLog::open(&file), Err(rpm_core::llm::LogError::InUse)));
        let backend = log.wrap(model.clone()).in_flight(2);
        let replies = texts(block_on(backend.complete_batch(&["lighthouse", "baker", "harbour"].map(request))));
        assert_eq!(replies, ["about lighthouse", "about baker", "about harbour"]);
        assert_eq!((model.take().len(), log.stats().records), (calls, 3));
        log.sync().unwrap();
    }
    let log = ResponseLog::open(&file).unwrap();
    assert!(!format!("{log:?} {:?}", log.wrap(model.clone())).contains("baker"));
    assert_eq!(log.purge(["baker"]).unwrap(), 1);
    let bytes = std::fs::read(&file).unwrap();
    let holds = |word: &str| bytes.windows(word.len()).any(|part| part == word.as_bytes());
    assert_eq!(["lighthouse", "baker", "harbour"].map(holds), [true, false, true]);
    drop(log);
    let backend = ResponseLog::open(&file).unwrap().wrap(model.clone());
    block_on(backend.complete_batch(&["lighthouse", "baker", "harbour"].map(request)));
    assert_eq!(model.take().len(), 1);
    drop(backend);
    std::fs::remove_dir_all(&folder).unwrap();
}
