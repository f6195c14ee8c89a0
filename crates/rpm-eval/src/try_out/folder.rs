//! The folder of `--out`: the verdict, the harness's report, and the split in the harness's own format.

use std::fmt::Write as _;
use std::path::Path;

use rpm_core::data::Interaction;
use serde::Serialize;
use serde_json::{Value, json};

use crate::EvalError;
use crate::dataset::{Dataset, EvalUser, TestItem};
use crate::report::{Report, ReportOptions};
use crate::run::write;

use super::{Candidate, MethodFigure, ResponseKind, TriedOut, TryError, Unused, Verdict};

const VERDICT: &str = "verdict.json";

/// `verdict.json`.
#[derive(Serialize)]
struct File<'a> {
    crate_version: &'a str,
    data_sha256: &'a str,
    seed: u64,
    rows: usize,
    unused: &'a [Unused],
    kind: ResponseKind,
    metric: &'a str,
    /// The points of one unit in which errors on a scale are given: 0.5 where half points are taken twice.
    points_per_step: f64,
    ours: &'a str,
    baseline: &'a str,
    verdict: &'a Verdict,
    methods: &'a [MethodFigure],
    on_histories: &'a [Candidate],
}

impl TriedOut {
    /// The verdict and the figures as indented JSON, without any text of the table.
    ///
    /// # Errors
    /// [`EvalError::Io`] when it cannot be written as JSON.
    pub fn to_json(&self) -> Result<String, EvalError> {
        let name = |place: usize| self.methods.get(place).map_or("", |figure| figure.method.as_str());
        let file = File {
            crate_version: &self.run.manifest.crate_version,
            data_sha256: &self.set.sha256,
            seed: self.seed,
            rows: self.rows,
            unused: &self.unused,
            kind: self.kind,
            metric: self.metric.name(),
            points_per_step: self.step,
            ours: name(0),
            baseline: name(1),
            verdict: &self.verdict,
            methods: &self.methods,
            on_histories: &self.candidates,
        };
        let json = serde_json::to_string_pretty(&file)
            .map_err(|error| EvalError::Io { path: VERDICT.into(), source: error.into() })?;
        Ok(json + "\n")
    }

    /// What [`write`](Self::write) would replace in a folder: the results of another table, or of this one with other options or by
    /// another version. `None` where there are none, or the same.
    ///
    /// # Errors
    /// [`EvalError::Io`] when the results cannot be written as JSON.
    pub fn replaces(&self, folder: &Path) -> Result<Option<&'static str>, EvalError> {
        let Ok(there) = std::fs::read_to_string(folder.join(VERDICT)) else { return Ok(None) };
        if there == self.to_json()? {
            return Ok(None);
        }
        let same_table = there.contains(&self.set.sha256);
        Ok(Some(if same_table { "the same table with other options" } else { "another table" }))
    }

    /// Writes `verdict.json`, the harness's `report.md`, `report.html` and `report.json` of the same run, and in `data` the split as
    /// `rpm-eval run --data` reads it. The folder is made if there is none. Report and `data` quote the table.
    ///
    /// # Errors
    /// [`TryError::Eval`] when a file cannot be written or a chart cannot be drawn.
    pub fn write(&self, folder: &Path) -> Result<(), TryError> {
        let mut options = ReportOptions::default();
        if let Some(baseline) = self.methods.get(1) {
            options = options.base(&baseline.method);
        }
        let mut report = Report::of(&self.run, std::slice::from_ref(&self.set), &options);
        let Verdict { sentence, note, .. } = &self.verdict;
        report.opening =
            [Some(sentence), Some(note)].into_iter().flatten().filter(|it| !it.is_empty()).cloned().collect();
        report.opening.extend(self.lost());
        if self.step < 1.0 {
            report
                .opening
                .push("Below, figures on the scale are in half points: all numbers are taken twice.".to_owned());
        }
        report.names = self.methods.iter().map(|figure| (figure.method.clone(), figure.words.clone())).collect();
        report.write(folder)?;
        write(&folder.join(VERDICT), self.to_json()?.as_bytes())?;
        write_data(&self.set, &folder.join("data"))
    }
}

/// The split as the harness's own format has it.
fn write_data(set: &Dataset, folder: &Path) -> Result<(), TryError> {
    let io = |source| EvalError::Io { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(io)?;
    let task = serde_json::to_string_pretty(&set.task).map_err(|error| io(error.into()))?;
    write(&folder.join("task.json"), task.as_bytes())?;
    let mut lines = String::new();
    for user in &set.users {
        let _ = writeln!(lines, "{}", of_user(user));
    }
    Ok(write(&folder.join("users.jsonl"), lines.as_bytes())?)
}

fn of_user(user: &EvalUser) -> Value {
    let past =
        |it: &Interaction| json!({"query": it.query().text(), "response": it.response(), "timestamp": it.time()});
    let asked = |it: &TestItem| json!({"query": it.query.text(), "response": it.gold, "timestamp": it.time});
    let history: Vec<Value> = user.history.iter().map(past).collect();
    let test: Vec<Value> = user.tests.iter().map(asked).collect();
    json!({"task": "given", "history": history, "test": test})
}
