//! The span of an operation, from learning to forgetting; nothing at all without the feature `tracing`.
//!
//! A span (`rpm.operation`) says how the operation ended and what it took. It holds no text and no id. Numbers are recorded as `i64`, since
//! layers for OpenTelemetry make text of a `u64`.

use std::future::Future;

/// An error that says of which kind it is, in a word of which there are few.
#[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "there is a span with the feature only"))]
pub(crate) trait Kind {
    fn kind(&self) -> &'static str;
}

/// What an operation's requests are entered in.
#[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "as above"))]
pub(crate) trait Metered: Send + Sync {
    /// What they took so far.
    fn taken(&self) -> Taken;
}

/// What an operation took.
#[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "as above"))]
pub(crate) struct Taken {
    /// Numbers by the field that tells them.
    pub(crate) counts: [(&'static str, u64); 6],
    /// The limit for which requests were not sent.
    pub(crate) limit: Option<&'static str>,
    /// Money; 0 without prices.
    pub(crate) money: f64,
}

/// One operation, whose span says how it ended and what it took.
#[must_use = "an operation is run"]
pub(crate) struct Operation {
    #[cfg(feature = "tracing")]
    span: with::OperationSpan,
}

#[cfg_attr(not(feature = "tracing"), expect(unused_variables, clippy::unused_self, reason = "as above"))]
impl Operation {
    /// An operation of this name that asks no model.
    pub(crate) fn named(name: &'static str) -> Self {
        Self {
            #[cfg(feature = "tracing")]
            span: with::OperationSpan::new(name),
        }
    }

    /// Its requests are entered here.
    #[cfg_attr(not(feature = "tracing"), expect(unused_mut, reason = "as above"))]
    pub(crate) fn on(mut self, account: &(impl Metered + Clone + 'static)) -> Self {
        #[cfg(feature = "tracing")]
        self.span.entered_in(account);
        self
    }

    /// Runs it inside its span. Dropped before its end it counts as cancelled.
    pub(crate) fn run<T, E: Kind>(
        self,
        future: impl Future<Output = Result<T, E>>,
    ) -> impl Future<Output = Result<T, E>> {
        #[cfg(feature = "tracing")]
        let future = self.span.around(future);
        future
    }

    /// The same for what computes and does not wait.
    pub(crate) fn run_now<T, E: Kind>(self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        #[cfg(feature = "tracing")]
        return self.span.around_now(work);
        #[cfg(not(feature = "tracing"))]
        work()
    }
}

/// Says of the operation under way how many interactions came in, went or were counted.
pub(crate) fn interactions(number: u64) {
    note("rpm.interactions", number);
}

/// Says of the operation under way for how many interactions a stage failed.
pub(crate) fn failed_interactions(number: usize) {
    note("rpm.failed_interactions", number as u64);
}

#[cfg_attr(not(feature = "tracing"), expect(unused_variables, reason = "as above"))]
fn note(field: &'static str, number: u64) {
    #[cfg(feature = "tracing")]
    tracing::Span::current().record(field, with::int(number));
}

/// Says of the answer under way how much of the user it rests on.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables, reason = "as above"))]
pub(crate) fn tier(tier: &'static str) {
    #[cfg(feature = "tracing")]
    tracing::Span::current().record("rpm.tier", tier);
}

#[cfg(feature = "tracing")]
pub(crate) use with::{cancelled, int, record_failure};

#[cfg(feature = "tracing")]
mod with {
    //! What there is with the feature.

    use std::future::Future;

    use tracing::field::Empty;
    use tracing::{Instrument as _, Span, info_span};

    use super::{Kind, Metered};

    /// The kind of whatever was dropped before its end.
    const CANCELLED: &str = "cancelled";
    /// The kind of what ended in a panic of a part of the host's, or of this library.
    const PANIC: &str = "panic";

    /// A number as layers for OpenTelemetry take one.
    pub(crate) fn int(number: u64) -> i64 {
        i64::try_from(number).unwrap_or(i64::MAX)
    }

    /// Records why something failed, if it did.
    pub(crate) fn record_failure(span: &Span, failed: Option<&'static str>) {
        if let Some(kind) = failed {
            span.record("error.type", kind);
            span.record("otel.status_code", "ERROR");
        }
    }

    /// Records that what has this span was dropped before its end.
    pub(crate) fn cancelled(span: &Span) {
        record_failure(span, Some(CANCELLED));
    }

    /// The span of an operation, and what its requests are entered in.
    pub(super) struct OperationSpan {
        span: Span,
        account: Option<Box<dyn Metered>>,
    }

    impl OperationSpan {
        pub(super) fn new(name: &'static str) -> Self {
            let span = info_span!(
                "rpm.operation",
                otel.name = name,
                otel.status_code = Empty,
                error.type = Empty,
                rpm.operation = name,
                rpm.interactions = Empty,
                rpm.failed_interactions = Empty,
                rpm.tier = Empty,
                rpm.calls = Empty,
                rpm.failed_calls = Empty,
                rpm.retries = Empty,
                rpm.reasks = Empty,
                rpm.reused = Empty,
                rpm.withheld = Empty,
                rpm.budget.reached = Empty,
                rpm.cost = Empty,
                rpm.outcome = Empty,
            );
            Self { span, account: None }
        }

        pub(super) fn entered_in(&mut self, account: &(impl Metered + Clone + 'static)) {
            if !self.span.is_disabled() {
                self.account = Some(Box::new(account.clone()));
            }
        }

        pub(super) fn around<T, E: Kind>(
            self,
            future: impl Future<Output = Result<T, E>>,
        ) -> impl Future<Output = Result<T, E>> {
            // Not twice as large as it is.
            let (span, future) = (self.span.clone(), Box::pin(future));
            let unfinished = Unfinished { operation: self, is_over: false };
            async move {
                let result = future.await;
                unfinished.end(result.as_ref().err().map(Kind::kind));
                result
            }
            .instrument(span)
        }

        pub(super) fn around_now<T, E: Kind>(self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
            let unfinished = Unfinished { operation: self, is_over: false };
            let result = unfinished.operation.span.clone().in_scope(work);
            unfinished.end(result.as_ref().err().map(Kind::kind));
            result
        }

        /// Records what it took and how it ended, the outcome last: it says that there is nothing more to come.
        fn record(&self, failed: Option<&'static str>) {
            if self.span.is_disabled() {
                return;
            }
            if let Some(account) = &self.account {
                self.record_taken(&**account);
            }
            record_failure(&self.span, failed);
            let outcome = match failed {
                None => "ok",
                Some(CANCELLED) => CANCELLED,
                Some(_) => "failed",
            };
            self.span.record("rpm.outcome", outcome);
        }

        fn record_taken(&self, account: &dyn Metered) {
            let taken = account.taken();
            for (field, count) in taken.counts {
                self.span.record(field, int(count));
            }
            if let Some(limit) = taken.limit {
                self.span.record("rpm.budget.reached", limit);
            }
            // Without prices nobody knows.
            if taken.money > 0.0 {
                self.span.record("rpm.cost", taken.money);
            }
        }
    }

    /// An operation under way, which is cancelled when it is dropped.
    struct Unfinished {
        operation: OperationSpan,
        is_over: bool,
    }

    impl Unfinished {
        fn end(mut self, failed: Option<&'static str>) {
            self.is_over = true;
            self.operation.record(failed);
        }
    }

    impl Drop for Unfinished {
        fn drop(&mut self) {
            if !self.is_over {
                let how = if std::thread::panicking() { PANIC } else { CANCELLED };
                self.operation.record(Some(how));
            }
        }
    }
}
