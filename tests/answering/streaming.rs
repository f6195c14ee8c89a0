//! What a host is told of an answer while the model writes it, and that the answer is the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::common::{obey, query, reply, scale_history, scale_task};
use pollster::block_on;
use rpm_core::answer::OneCallAnswerer;
use rpm_core::llm::{Ledger, Message, Stage};
use rpm_core::pipeline::Unchecked;
use rpm_core::stats::{Fusion, Unfused};
use rpm_core::{
    Answer, BackendError, Budget, Completion, CompletionRequest, LlmBackend, Preset, RpmPipeline, RpmPipelineBuilder,
    async_trait,
};

const NEW: &str = "A slow and quiet film with one loud chase.";
const GOOD: &str = r#"{"answer":"4","reasons":[{"name":"slow","quote":"slow","why":"Slow films please \u00e4 lot."},{"name":"quiet","quote":"quiet","why":"So do \"quiet\" ones."}]}"#;

/// A model that writes so many bytes at once, another reply each time it is asked for an answer.
struct Writing {
    replies: Vec<Result<&'static str, &'static str>>,
    asked: AtomicUsize,
    at_once: usize,
    heard: Mutex<Vec<Stage>>,
}

impl Writing {
    fn new(replies: &[Result<&'static str, &'static str>], at_once: usize) -> Arc<Self> {
        let (asked, heard) = (AtomicUsize::new(0), Mutex::default());
        Arc::new(Self { replies: replies.to_vec(), asked, at_once, heard })
    }
}

#[async_trait]
impl LlmBackend for Writing {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        if request.is_heard() {
            self.heard.lock().unwrap().push(request.stage);
        }
        if request.stage != Stage::Answer {
            let text = obey(request);
            request.hear(&text);
            return Ok(reply(&text));
        }
        let place = self.asked.fetch_add(1, Ordering::Relaxed).min(self.replies.len() - 1);
        let (Ok(text) | Err(text)) = self.replies[place];
        let chars: Vec<char> = text.chars().collect();
        for piece in chars.chunks(self.at_once) {
            request.hear(&piece.iter().collect::<String>());
        }
        match self.replies[place] {
            Ok(text) => Ok(reply(text)),
            Err(_) => Err(BackendError::transient("cut off")),
        }
    }
}

fn builder(backend: impl LlmBackend + 'static) -> RpmPipelineBuilder {
    let builder = RpmPipeline::builder(scale_task()).backend(backend).preset(Preset::Frugal);
    builder.answerer(OneCallAnswerer::default())
}

fn streamed(pipeline: &RpmPipeline) -> (Answer, Vec<Unchecked>) {
    let user = block_on(pipeline.open(block_on(pipeline.learn(&scale_history())).unwrap().model)).unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let tell = move |piece| tell.lock().unwrap().push(piece);
    let answer = block_on(pipeline.personalize_streaming(&user, &query(NEW), tell)).unwrap();
    let told = std::mem::take(&mut *told.lock().unwrap());
    (answer, told)
}

/// The response and the reasons that were told since the last time all was void.
fn together(told: &[Unchecked]) -> (String, Vec<String>) {
    let (mut response, mut reasons): (String, Vec<String>) = Default::default();
    for piece in told {
        match piece {
            Unchecked::Again => (response, reasons) = Default::default(),
            Unchecked::Response(text) => response.push_str(text),
            Unchecked::Reason { number, text } => {
                reasons.resize((*number + 1).max(reasons.len()), String::new());
                reasons[*number].push_str(text);
            }
            other => panic!("{other:?}"),
        }
    }
    (response, reasons)
}

#[test]
fn what_is_told_is_the_response_and_the_reasons_and_the_answer_is_the_same_as_without_a_listener() {
    for at_once in [1, 5, 10_000] {
        let backend = Writing::new(&[Ok(GOOD)], at_once);
        let pipeline = builder(Arc::clone(&backend)).build().unwrap();
        let (answer, told) = streamed(&pipeline);
        let (response, reasons) = together(&told);
        assert_eq!((response.as_str(), answer.response.as_str()), ("4", "4"));
        assert_eq!(reasons, ["Slow films please ä lot.", "So do \"quiet\" ones."]);
        let steps: Vec<&str> = answer.path.steps().iter().map(|step| step.text.as_str()).collect();
        assert!(steps.iter().all(|step| reasons.iter().any(|reason| reason == step)), "{steps:?}");
        let user = block_on(pipeline.open(block_on(pipeline.learn(&scale_history())).unwrap().model)).unwrap();
        assert_eq!(block_on(pipeline.personalize(&user, &query(NEW))).unwrap(), answer);
        assert_eq!(*backend.heard.lock().unwrap(), [Stage::Answer], "without a listener nothing is heard");
        assert!(!format!("{told:?}").contains("Slow"));
    }
}

#[test]
fn what_was_told_is_void_when_the_model_is_asked_again() {
    let outside = r#"{"answer":"9","reasons":[{"name":"slow","quote":"slow","why":"No."}]}"#;
    let backend = Writing::new(&[Ok(outside), Ok(GOOD)], 4);
    let (answer, told) = streamed(&builder(backend).build().unwrap());
    assert_eq!(told.iter().filter(|piece| **piece == Unchecked::Again).count(), 1);
    assert_eq!(together(&told).0, answer.response);
}

#[test]
fn features_and_paths_are_not_told_of() {
    let steps = r#"{"reasons":[{"feature":"x1","why":"They like it slow."}],"response":"5"}"#;
    let backend = Writing::new(&[Ok(steps)], 7);
    let pipeline = RpmPipeline::builder(scale_task()).backend(Arc::clone(&backend)).build().unwrap();
    let (answer, told) = streamed(&pipeline);
    assert_eq!(together(&told), (answer.response, vec!["They like it slow.".to_owned()]));
    let heard = backend.heard.lock().unwrap();
    assert!(heard.iter().all(|stage| *stage == Stage::Answer) && !heard.is_empty(), "{heard:?}");
}

#[cfg(feature = "resilience")]
#[test]
fn an_attempt_that_failed_is_void_and_the_next_one_is_told() {
    use std::time::Duration;

    use rpm_core::llm::{Resilient, ThreadTimer};

    let half = r#"{"answer":"1","reasons":[{"name":"slow","quo"#;
    let backend = Resilient::new(Writing::new(&[Err(half), Ok(GOOD)], 3));
    let millisecond = Duration::from_millis(1);
    let backend = backend.backoff(millisecond, millisecond).timer(ThreadTimer::default());
    let (answer, told) = streamed(&builder(backend).build().unwrap());
    assert_eq!(told.iter().filter(|piece| **piece == Unchecked::Again).count(), 1);
    assert_eq!((together(&told).0.as_str(), answer.response.as_str()), ("4", "4"));
}

#[cfg(feature = "response-log")]
#[test]
fn a_reply_from_the_log_is_there_at_once() {
    use rpm_core::llm::{ReplyCacheLimits, ResponseLog};

    let log = ResponseLog::in_memory(ReplyCacheLimits::default());
    let pipeline = builder(log.wrap(Writing::new(&[Ok(GOOD)], 3))).build().unwrap();
    let (first, told) = streamed(&pipeline);
    assert!(!told.is_empty());
    let (again, told) = streamed(&pipeline);
    assert_eq!((again.response, again.path, told.len()), (first.response, first.path, 0));
}

#[test]
fn what_an_answer_does_not_rest_on_is_void_in_the_end() {
    let backend = Writing::new(&[Ok("{\"answer\":\"9\"}")], 4);
    let answerer = OneCallAnswerer::default().fusion(Fusion::default()).falling_back();
    let (answer, told) = streamed(&builder(backend).answerer(answerer).build().unwrap());
    assert_eq!(answer.unfused, Some(Unfused::Failed));
    assert_eq!(told.last(), Some(&Unchecked::Again));
}

#[test]
fn a_stream_that_broke_is_paid_for_as_far_as_it_could_go() {
    let half = r#"{"answer":"1","reas"#;
    for (reply, spent) in [(Err(half), true), (Err(""), false)] {
        let pipeline = builder(Writing::new(&[reply], 3)).budget(Budget::default().tokens(100_000)).build().unwrap();
        let user = block_on(pipeline.open(block_on(pipeline.learn(&scale_history())).unwrap().model)).unwrap();
        let ledger = Ledger::limited(Budget::default().tokens(5_000));
        let request = CompletionRequest::new(Stage::Answer, vec![Message::user("What?")], 3_000).entered(&ledger);
        let attempt = request.begin().unwrap();
        if spent {
            request.hear(half);
        }
        attempt.end(&Err(BackendError::transient("cut off")));
        assert_eq!(request.begin().is_err(), spent, "what was reserved stays used");
        assert!(block_on(pipeline.personalize(&user, &query(NEW))).is_err());
    }
}
