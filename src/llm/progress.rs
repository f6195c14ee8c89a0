//! Tells a host how far an operation has come.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::Stage;

/// The progress of one stage of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The stage.
    pub stage: Stage,
    /// Requests that are answered, or given up.
    pub done: u64,
    /// Requests of the stage so far; grows when some are asked again.
    pub total: u64,
}

type Callback = dyn Fn(Progress) + Send + Sync;

/// The host's callback for progress, if it gave one.
#[derive(Clone, Default)]
pub(crate) struct OnProgress(pub(crate) Option<Arc<Callback>>);

impl fmt::Debug for OnProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "OnProgress(set)" } else { "OnProgress(none)" })
    }
}

/// The counts of one operation.
#[derive(Debug, Default)]
pub(super) struct Steps {
    on_progress: OnProgress,
    counts: Mutex<BTreeMap<Stage, (u64, u64)>>,
}

impl Steps {
    pub(super) fn new(on_progress: OnProgress) -> Self {
        Self { on_progress, counts: Mutex::default() }
    }

    /// Adds to a stage's counts and reports them. The callback runs outside the lock, so it may take its time.
    pub(super) fn add(&self, stage: Stage, done: u64, total: u64) {
        let Some(report) = &self.on_progress.0 else { return };
        let progress = {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            let (so_far, of) = counts.entry(stage).or_default();
            *of += total;
            *so_far = (*so_far + done).min(*of);
            Progress { stage, done: *so_far, total: *of }
        };
        report(progress);
    }

    /// Counts everything asked so far as done: what is not answered now will not be.
    pub(super) fn settle(&self, stage: Stage) {
        let Some(report) = &self.on_progress.0 else { return };
        let progress = {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            let (so_far, of) = counts.entry(stage).or_default();
            let changed = so_far != of;
            *so_far = *of;
            changed.then_some(Progress { stage, done: *so_far, total: *of })
        };
        if let Some(progress) = progress {
            report(progress);
        }
    }
}
