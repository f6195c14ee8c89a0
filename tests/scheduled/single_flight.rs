//! Equal requests at once: one reply is paid for, whoever gives up waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pollster::block_on;
use rpm_core::llm::{Message, ReplyCacheLimits, ResponseLog, Stage};
use rpm_core::{BackendError, Completion, CompletionRequest, LlmBackend, async_trait};

use super::common::reply;
use super::explorer::{Bounds, Check, Task, every_schedule, others_run};

/// A model that takes two pauses for a reply, counts what was begun and what was paid for, and may fail at first.
struct Counted {
    begun: AtomicUsize,
    paid: AtomicUsize,
    failures: AtomicUsize,
}

impl Counted {
    fn failing(failures: usize) -> Arc<Self> {
        Arc::new(Self { begun: AtomicUsize::new(0), paid: AtomicUsize::new(0), failures: AtomicUsize::new(failures) })
    }

    fn counts(&self) -> (usize, usize) {
        (self.begun.load(Ordering::SeqCst), self.paid.load(Ordering::SeqCst))
    }
}

#[async_trait]
impl LlmBackend for Counted {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        others_run().await;
        others_run().await;
        if self.failures.load(Ordering::SeqCst) > 0 {
            self.failures.fetch_sub(1, Ordering::SeqCst);
            return Err(BackendError::Transient { retry_after: None, source: "the line is dead".into() });
        }
        self.paid.fetch_add(1, Ordering::SeqCst);
        Ok(reply(&request.messages[0].content))
    }
}

fn request(text: &str) -> CompletionRequest {
    CompletionRequest::new(Stage::Answer, vec![Message::user(text)], 50).about([text])
}

/// Three who ask the same at once, each by itself or in a batch with another request.
fn asking(model: &Arc<Counted>, log: &ResponseLog, fails: bool) -> Vec<Task> {
    let ask = |batch: bool| -> Task {
        let backend = log.wrap(Arc::clone(model));
        Box::pin(async move {
            let mut requests = vec![request("a")];
            if batch {
                requests.push(request("b"));
            }
            let replies = backend.complete_batch(&requests).await;
            for (request, reply) in requests.iter().zip(replies) {
                match reply {
                    Ok(reply) => assert_eq!(reply.text, request.messages[0].content),
                    Err(error) => assert!(fails && error.to_string().contains("the"), "{error}"),
                }
            }
        })
    };
    vec![ask(false), ask(false), ask(true)]
}

fn schedules(bounds: Bounds, failures: usize) -> usize {
    every_schedule(bounds, 200_000, || {
        let (model, log) = (Counted::failing(failures), ResponseLog::in_memory(ReplyCacheLimits::default()));
        let tasks = asking(&model, &log, failures > 0);
        let check: Check = Box::new(move |dropped| {
            let (begun, paid) = model.counts();
            let gone = dropped.iter().filter(|dropped| **dropped).count();
            // "a" and "b": whoever is left gets a reply, and no reply is paid for twice.
            assert!(paid <= 2, "{paid} replies were paid for");
            assert!(begun <= 2 + gone + failures, "{begun} calls with {gone} given up");
            if failures == 0 {
                assert!(paid == 2 || gone > 0, "{paid}");
            }
            // Nothing is left under way: who asks now is served from the log, or begins anew.
            let backend = log.wrap(Arc::clone(&model));
            for text in ["a", "b"] {
                block_on(backend.complete(&request(text)))
                    .or_else(|_| block_on(backend.complete(&request(text))))
                    .unwrap();
            }
            assert_eq!(model.counts().1, 2, "each reply was paid for once");
        });
        (tasks, check)
    })
}

#[test]
fn equal_requests_pay_for_one_reply_in_every_schedule() {
    let run = schedules(Bounds { switches: 9, drops: 0 }, 0);
    eprintln!("{run} schedules");
    assert!(run > 100, "{run}");
}

#[test]
fn whoever_gives_up_waiting_the_others_get_the_reply_and_it_is_paid_for_once() {
    let run = schedules(Bounds { switches: 2, drops: 2 }, 0);
    eprintln!("{run} schedules");
    assert!(run > 500, "{run}");
}

#[test]
fn a_call_that_fails_is_begun_anew_and_paid_for_once() {
    let run = schedules(Bounds { switches: 2, drops: 1 }, 1);
    eprintln!("{run} schedules");
    assert!(run > 500, "{run}");
}
