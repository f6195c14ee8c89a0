//! What a host sees of an operation under way: progress for everyone, spans with the feature `tracing`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::sync::{Arc, Mutex};

use crate::common::{ScriptedBackend, scale_history, scale_task};
use pollster::block_on;
use rpm_core::llm::{Progress, Stage};
use rpm_core::{BackendError, LlmBackend, RpmPipeline};

fn told_of(backend: Arc<dyn LlmBackend>) -> Vec<Progress> {
    let told: Arc<Mutex<Vec<Progress>>> = Arc::default();
    let keep = Arc::clone(&told);
    let builder = RpmPipeline::builder(scale_task()).backend(backend);
    let pipeline = builder.progress(move |progress| keep.lock().unwrap().push(progress)).build().unwrap();
    let _ = block_on(pipeline.learn(&scale_history()));
    let told = told.lock().unwrap();
    told.clone()
}

#[test]
fn progress_grows_by_one_reply_and_ends_with_all_done() {
    let backend = ScriptedBackend::obedient();
    let told = told_of(backend.clone());
    for stage in [Stage::Extract, Stage::Group, Stage::WritePath] {
        let of_stage: Vec<&Progress> = told.iter().filter(|progress| progress.stage == stage).collect();
        let asked = backend.of(stage).len() as u64;
        assert!(asked > 0);
        let done: Vec<u64> = of_stage.iter().map(|progress| progress.done).collect();
        assert_eq!(done, (0..=asked).collect::<Vec<_>>(), "{stage}");
        assert!(of_stage.iter().all(|progress| progress.total == asked), "{stage}");
    }
}

#[test]
fn what_fails_is_given_up_and_counts_as_done() {
    let failing = ScriptedBackend::new(|_| Err(BackendError::permanent("no")));
    let told = told_of(failing);
    let last = told.iter().rfind(|progress| progress.stage == Stage::Extract).unwrap();
    assert!(last.total > 0 && last.done == last.total, "{last:?}");
}

#[cfg(feature = "tracing")]
mod spans {
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use std::fmt::Debug;
    use std::sync::Once;

    use rpm_core::History;
    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    use super::*;

    /// A span's name, its parent and its fields.
    #[derive(Debug, Default, Clone)]
    struct Seen {
        name: &'static str,
        parent: Option<u64>,
        fields: BTreeMap<&'static str, String>,
    }

    impl Visit for Seen {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            self.fields.insert(field.name(), format!("{value:?}"));
        }
    }

    thread_local! {
        /// The spans of this thread, and those entered. Each test learns on a thread of its own.
        static STATE: RefCell<(Vec<Seen>, Vec<u64>)> = RefCell::default();
    }

    /// One subscriber for the whole process: with one for each test, what one test switches off another may miss.
    struct Spans;

    impl Spans {
        #[expect(clippy::unused_self, reason = "reads as the subscriber's state")]
        fn locked<T>(&self, with: impl FnOnce(&mut Vec<Seen>, &mut Vec<u64>) -> T) -> T {
            STATE.with_borrow_mut(|(spans, entered)| with(spans, entered))
        }
    }

    impl Subscriber for Spans {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, span: &Attributes<'_>) -> Id {
            self.locked(|spans, entered| {
                let mut seen =
                    Seen { name: span.metadata().name(), parent: entered.last().copied(), ..Seen::default() };
                span.record(&mut seen);
                spans.push(seen);
                Id::from_u64(spans.len() as u64)
            })
        }
        fn record(&self, span: &Id, values: &Record<'_>) {
            self.locked(|spans, _| values.record(&mut spans[usize::try_from(span.into_u64()).unwrap() - 1]));
        }
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, _: &Event<'_>) {}
        fn enter(&self, span: &Id) {
            self.locked(|_, entered| entered.push(span.into_u64()));
        }
        fn exit(&self, _: &Id) {
            self.locked(|_, entered| entered.pop());
        }
    }

    fn subscribed() {
        static SUBSCRIBED: Once = Once::new();
        SUBSCRIBED.call_once(|| tracing::subscriber::set_global_default(Spans).unwrap());
    }

    fn spans_of_learning(backend: Arc<dyn LlmBackend>, history: &History) -> Vec<Seen> {
        subscribed();
        STATE.take();
        let pipeline = RpmPipeline::builder(scale_task()).backend(backend).build().unwrap();
        let _ = block_on(pipeline.learn(history));
        STATE.take().0
    }

    #[test]
    fn calls_lie_in_their_stage_and_stages_in_the_operation_without_any_text() {
        let history = scale_history();
        let backend = ScriptedBackend::obedient();
        let spans = spans_of_learning(backend.clone(), &history);
        assert_eq!(spans[0].name, "rpm.operation");
        assert_eq!(spans[0].fields["rpm.operation"], "\"learn\"");
        let calls: Vec<&Seen> = spans.iter().filter(|span| span.name == "rpm.call").collect();
        assert_eq!(calls.len(), backend.requests().len());
        for call in calls {
            let stage = &spans[usize::try_from(call.parent.unwrap()).unwrap() - 1];
            assert_eq!((stage.name, stage.parent), ("rpm.stage", Some(1)));
            assert_eq!(stage.fields["rpm.stage"], call.fields["rpm.stage"]);
            assert_eq!(call.fields["gen_ai.operation.name"], "\"chat\"");
            assert_eq!(call.fields["gen_ai.request.model"], "\"scripted\"");
            assert_eq!(call.fields["gen_ai.usage.input_tokens"], "100");
            assert_eq!(call.fields["gen_ai.response.finish_reasons"], "\"stop\"");
        }
        let all = format!("{spans:?}");
        for interaction in history.interactions() {
            assert!(!all.contains(interaction.query().text()), "a span holds a query");
        }
    }

    #[test]
    fn a_failed_call_says_its_kind_and_not_its_cause() {
        let failing = ScriptedBackend::new(|_| Err(BackendError::transient("secret cause")));
        let spans = spans_of_learning(failing, &scale_history());
        let call = spans.iter().find(|span| span.name == "rpm.call").unwrap();
        assert_eq!(call.fields["error.type"], "\"transient\"");
        assert!(!format!("{spans:?}").contains("secret cause"));
    }

    #[cfg(feature = "resilience")]
    #[test]
    fn a_request_that_waits_for_its_turn_is_no_call_yet() {
        use std::pin::pin;
        use std::task::{Context, Waker};

        use rpm_core::llm::{ManualTimer, Resilient};

        let history = scale_history();
        let backend = ScriptedBackend::obedient();
        let paced = Resilient::new(backend.clone()).timer(ManualTimer::default()).requests_per_minute(1);
        subscribed();
        STATE.take();
        let pipeline = RpmPipeline::builder(scale_task()).backend(paced).build().unwrap();
        {
            let mut learning = pin!(pipeline.learn(&history));
            assert!(learning.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        let calls = STATE.take().0.iter().filter(|span| span.name == "rpm.call").count();
        assert_eq!((calls, backend.requests().len()), (1, 1));
    }
}
