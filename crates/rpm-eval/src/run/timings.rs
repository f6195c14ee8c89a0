//! Times of the methods by the clock.

use serde::Serialize;

use crate::{EvalError, Record};

/// The time a method took on a data set, by the clock of the runs that did its jobs. It differs from run to run, so no
/// report holds it; replies from a log take no time.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct Timing {
    /// The data set.
    pub set: String,
    /// The method.
    pub method: String,
    /// Users it learned.
    pub users: usize,
    /// Items it answered or failed at.
    pub items: usize,
    /// Median time of learning a user, in milliseconds.
    pub learn_median_ms: f64,
    /// Median time of an answer, in milliseconds.
    pub answer_median_ms: f64,
    /// All its time, in seconds; jobs side by side count each.
    pub total_s: f64,
    /// Requests that were sent.
    pub calls: u64,
    /// Requests that were answered from the log.
    pub reused: u64,
}

/// The timings of a run's records, by set and method in their order.
pub(super) fn of(records: &[Record]) -> Vec<Timing> {
    let mut found: Vec<(Timing, Vec<f64>, Vec<f64>)> = Vec::new();
    for record in records {
        let (set, method, took, usage) = match record {
            Record::Learned(it) => (&it.set, &it.method, it.milliseconds, it.usage.total()),
            Record::Answered(it) => (&it.set, &it.method, it.milliseconds, it.usage.total()),
        };
        if found.last().is_none_or(|(last, ..)| last.set != *set || last.method != *method) {
            let timing = Timing { set: set.clone(), method: method.clone(), ..Timing::default() };
            found.push((timing, Vec::new(), Vec::new()));
        }
        let Some((timing, learned, answered)) = found.last_mut() else { continue };
        if matches!(record, Record::Learned(_)) {
            learned.push(took);
        } else {
            answered.push(took);
        }
        timing.calls += usage.calls;
        timing.reused += usage.reused;
    }
    let done = |(mut timing, mut learned, mut answered): (Timing, Vec<f64>, Vec<f64>)| {
        timing.total_s = learned.iter().chain(&answered).sum::<f64>() / 1e3;
        (timing.users, timing.items) = (learned.len(), answered.len());
        (timing.learn_median_ms, timing.answer_median_ms) = (median(&mut learned), median(&mut answered));
        timing
    };
    found.into_iter().map(done).collect()
}

/// The middle one, the lower of two; 0 without any.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

/// The timings as indented JSON.
pub(super) fn to_json(timings: &[Timing]) -> Result<String, EvalError> {
    serde_json::to_string_pretty(timings)
        .map(|json| json + "\n")
        .map_err(|error| EvalError::Io { path: "timings.json".into(), source: error.into() })
}
