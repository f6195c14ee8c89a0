//! One user a line.

use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::collect::{Asked, Collector, Past, shares};
use super::rows::Lines;
use super::source::{Source, file_name, folder_name, format_error, io_error};
use super::{Dataset, Mark, ReadOptions, json, wording};
use crate::EvalError;
use rpm_core::data::{DataError, ResponseSpace, Task};

/// The file of users in a folder.
pub(super) const USERS: &str = "users.jsonl";

pub(super) fn read(path: &Path, options: &ReadOptions) -> Result<Dataset, EvalError> {
    let users = if path.is_dir() { path.join(USERS) } else { path.to_owned() };
    let folder = users.parent().unwrap_or(Path::new(""));
    let name = match users.file_stem() {
        Some(stem) if users.file_name().is_some_and(|name| name != USERS) => stem.to_string_lossy().into_owned(),
        _ => folder_name(folder),
    };
    let (mut tasks, digest) = Tasks::beside(folder, &name, options)?;
    let mut source = Source::open(&users, digest, options)?;
    let mut collector = Collector::new(options);
    let file = file_name(&users);
    let mut lines = Lines::new(source.reader(), options.max_row_bytes);
    while let Some(line) = lines.next().map_err(|error| io_error(&users, error))? {
        let (place, row) = (collector.row(), format!("{file}, line {}", line.number));
        let parsed = line.bytes.ok_or_else(|| "is over the limit for a row".to_owned()).and_then(json::parse);
        let Some(user) = collector.kept(parsed, || row.clone()) else { continue };
        if collector.kept(tasks.settle(&user)?, || row.clone()).is_some()
            && let Some(task) = &tasks.task
        {
            add(&mut collector, task, &user, place, &row);
        }
    }
    let digest = source.finish()?;
    collector.finish(name, tasks.task, digest)
}

fn add(collector: &mut Collector, task: &Task, user: &Value, place: usize, row: &str) {
    let Some(history) = collector.kept(json::list(user, "history"), || row.to_owned()) else { return };
    let Some(tests) = collector.kept(json::list(user, "test"), || row.to_owned()) else { return };
    let Some(group) = collector.kept(json::optional_text(user, "group"), || row.to_owned()) else { return };
    // An id that is no text is one of the fields that are not read.
    let id = json::optional_text(user, "user_id").ok().flatten();
    let mut pasts = Vec::new();
    for (n, entry) in history.iter().enumerate() {
        pasts.extend(collector.kept(past(task, entry), || format!("{row}, history {}", n + 1)));
    }
    let mut items = Vec::new();
    for (n, entry) in tests.iter().enumerate() {
        items.extend(collector.kept(asked(task, entry), || format!("{row}, test {}", n + 1)));
    }
    collector.user(place, row, Mark::all(id.as_deref(), group.as_deref()), pasts, items);
}

fn past(task: &Task, entry: &Value) -> Result<Past, String> {
    let time = time(entry)?;
    let (query, response) = (json::text(entry, "query")?, json::text(entry, "response")?);
    Past::new(task, &query, &options_of(entry)?, &response, time)
}

fn time(entry: &Value) -> Result<Option<i64>, String> {
    match entry.get("timestamp") {
        None | Some(Value::Null) => Ok(None),
        Some(time) => Ok(Some(time.as_i64().ok_or("has a timestamp that is not a whole number")?)),
    }
}

fn asked(task: &Task, entry: &Value) -> Result<Asked, String> {
    let options = options_of(entry)?;
    let mut asked = Asked::new(task, &json::text(entry, "query")?, &options, &json::text(entry, "response")?)?;
    if matches!(task.space(), ResponseSpace::Choices) {
        asked.shares = distribution(entry, &options)?;
    }
    asked.time = time(entry)?;
    asked.seen = match entry.get("seen_text") {
        None | Some(Value::Null) => None,
        Some(seen) => Some(seen.as_bool().ok_or("has a field seen_text that is not true or false")?),
    };
    Ok(asked)
}

fn options_of(entry: &Value) -> Result<Vec<String>, String> {
    if entry.get("options").is_none_or(Value::is_null) {
        return Ok(Vec::new());
    }
    let text = |option| json::scalar(option).map(std::borrow::Cow::into_owned);
    let options: Option<Vec<String>> = json::list(entry, "options")?.iter().map(text).collect();
    options.ok_or_else(|| "has an option that is not text".to_owned())
}

fn distribution(entry: &Value, options: &[String]) -> Result<Vec<f64>, String> {
    let values: Option<Vec<f64>> = match entry.get("distribution") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(values)) if values.len() == options.len() => values.iter().map(Value::as_f64).collect(),
        Some(Value::Object(by_option)) if by_option.len() == options.len() => {
            options.iter().map(|option| by_option.get(option).and_then(Value::as_f64)).collect()
        }
        Some(_) => None,
    };
    shares(&values.ok_or("has a distribution that does not give a share to each option")?)
}

/// The task of a file: given beside it, or known from its first user.
struct Tasks {
    set: String,
    labels: Option<Vec<String>>,
    kind: Option<String>,
    task: Option<Task>,
}

impl Tasks {
    fn beside(folder: &Path, set: &str, options: &ReadOptions) -> Result<(Self, Sha256), EvalError> {
        let mut tasks = Self { set: set.to_owned(), labels: None, kind: None, task: None };
        let mut digest = Sha256::new();
        let task = folder.join("task.json");
        if task.is_file() {
            let (bytes, read) = Source::whole(&task, digest, options)?;
            digest = read;
            // The parser's own words may quote the file.
            let place = |error: serde_json::Error| format!("is not a task (line {})", error.line());
            tasks.task = Some(serde_json::from_slice(&bytes).map_err(|error| format_error(&task, place(error)))?);
        }
        let labels = folder.join("labels.json");
        if tasks.task.is_none() && labels.is_file() {
            let (bytes, read) = Source::whole(&labels, digest, options)?;
            digest = read;
            let list: Option<Vec<String>> = serde_json::from_slice::<Vec<Value>>(&bytes).ok().and_then(|list| {
                list.iter().map(|label| json::scalar(label).map(std::borrow::Cow::into_owned)).collect()
            });
            tasks.labels = Some(list.ok_or_else(|| format_error(&labels, "is not a list of labels"))?);
        }
        Ok((tasks, digest))
    }

    /// Settles the task by the first user, and gives the error where a later one has another.
    fn settle(&mut self, user: &Value) -> Result<Result<(), String>, EvalError> {
        // A task that was given is that of every line.
        if self.task.is_some() && self.kind.is_none() {
            return Ok(Ok(()));
        }
        let kind = match json::text(user, "task") {
            Ok(kind) => kind.into_owned(),
            Err(problem) => return Ok(Err(problem)),
        };
        if let Some(first) = &self.kind {
            let same = *first == kind;
            return Ok(if same { Ok(()) } else { Err("is of another task than the first user".to_owned()) });
        }
        let Some(task) = self.built_in(&kind) else {
            return Ok(Err("is of a task without a built-in wording: write a task.json".to_owned()));
        };
        let failed = |source| EvalError::Data { set: self.set.clone(), item: "task".to_owned(), source };
        self.task = Some(task.map_err(failed)?);
        self.kind = Some(kind);
        Ok(Ok(()))
    }

    fn built_in(&self, kind: &str) -> Option<Result<Task, DataError>> {
        let labels = || ResponseSpace::labels(self.labels.clone().unwrap_or_default());
        Some(match kind {
            "rating" => self.scale().and_then(wording::rating),
            "votes" => labels().and_then(wording::votes),
            "tagging" => labels().and_then(wording::tagging),
            "opinion" => wording::opinion(),
            "title" => wording::title(),
            _ => return None,
        })
    }

    /// From the lowest to the highest label.
    fn scale(&self) -> Result<ResponseSpace, DataError> {
        let labels = self.labels.iter().flatten().map(|label| label.trim().parse::<i64>());
        let points: Vec<i64> = labels
            .collect::<Result<_, _>>()
            .map_err(|_| DataError::BadSpace { problem: "needs labels that are points" })?;
        let ends = points.iter().min().zip(points.iter().max());
        let (low, high) = ends.ok_or(DataError::BadSpace { problem: "needs the labels of labels.json" })?;
        ResponseSpace::scale(*low, *high)
    }
}
