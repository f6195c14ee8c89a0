//! Long texts in the manner of `LongLaMP`: a question a line, with its output and its profile.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::collect::{Asked, Collector, Past};
use super::date::days_since_1970;
use super::rows::Lines;
use super::source::{Source, file_name, folder_name, format_error, io_error};
use super::{Dataset, ReadOptions, json};
use crate::EvalError;
use rpm_core::data::{DataError, ResponseSpace, Task, limits};

/// The parts of a folder, of which the first there is is read.
const FILES: [&str; 3] = ["val.jsonl", "dev.jsonl", "test.jsonl"];
/// The names of the field for the user in the published parts.
const OWNERS: [&str; 4] = ["user_id", "name", "reviewerId", "author"];

/// The part of a folder that is read.
pub(super) fn file_in(folder: &Path) -> Option<PathBuf> {
    FILES.map(|file| folder.join(file)).into_iter().find(|path| path.is_file())
}

/// The kind of text, by the fields of a profile's entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Abstract,
    Review,
    Post,
    Text,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Abstract, Self::Review, Self::Post, Self::Text];

    /// The field of what the user wrote.
    fn response(self) -> &'static str {
        match self {
            Self::Abstract => "abstract",
            Self::Review => "reviewText",
            Self::Post => "content",
            Self::Text => "text",
        }
    }

    fn of(profile: &[Value]) -> Result<Self, String> {
        let has = |kind: &Self| profile.iter().any(|entry| entry.get(kind.response()).is_some());
        let kind = Self::ALL.into_iter().find(has);
        kind.ok_or_else(|| "has no profile entry with abstract, reviewText, content or text".to_owned())
    }

    /// The query that an entry's text answers.
    fn query(self, entry: &Value) -> Result<Cow<'_, str>, String> {
        match self {
            Self::Abstract | Self::Text => json::text(entry, "title"),
            Self::Post => json::text(entry, "summary"),
            Self::Review => {
                let fields = [("overall", "Rating"), ("description", "Product"), ("summary", "Summary")];
                let mut lines = Vec::new();
                for (field, label) in fields {
                    if let Some(text) = json::optional_text(entry, field)? {
                        lines.push(format!("{label}: {}", text.trim()));
                    }
                }
                Ok(Cow::Owned(lines.join("\n")))
            }
        }
    }

    fn task(self) -> Result<Task, DataError> {
        let (instruction, query, response) = match self {
            Self::Abstract => ("Which abstract does this author write for this paper?", "paper", "abstract"),
            Self::Review => ("Which review does this user write of this product?", "product", "review"),
            Self::Post => ("Which post does this user write about this?", "topic", "post"),
            Self::Text => ("Which text does this user write for this?", "request", "text"),
        };
        let space = ResponseSpace::text(limits::RESPONSE_BYTES)?;
        Task::new(instruction, space)?.query_name(query)?.response_name(response)
    }
}

pub(super) fn read(path: &Path, options: &ReadOptions) -> Result<Dataset, EvalError> {
    let (path, name) = if path.is_dir() {
        let found = file_in(path).ok_or_else(|| format_error(path, format!("holds none of {}", FILES.join(", "))))?;
        (found, folder_name(path))
    } else {
        (path.to_owned(), path.file_stem().unwrap_or_default().to_string_lossy().into_owned())
    };
    let file = file_name(&path);
    let mut source = Source::open(&path, Sha256::new(), options)?;
    let mut collector = Collector::new(options);
    let mut known: Option<(Kind, Task)> = None;
    let mut lines = Lines::new(source.reader(), options.max_row_bytes);
    while let Some(line) = lines.next().map_err(|error| io_error(&path, error))? {
        collector.row();
        let row = format!("{file}, line {}", line.number);
        let parsed = line.bytes.ok_or_else(|| "is over the limit for a row".to_owned()).and_then(json::parse);
        let Some(question) = collector.kept(parsed, || row.clone()) else { continue };
        let Some(profile) = collector.kept(json::list(&question, "profile"), || row.clone()) else { continue };
        let Some(kind) = collector.kept(Kind::of(profile), || row.clone()) else { continue };
        let (first, task) = match known.take() {
            Some(known) => known,
            None => {
                (kind, kind.task().map_err(|source| EvalError::Data { set: name.clone(), item: row.clone(), source })?)
            }
        };
        let (first, task) = &*known.insert((first, task));
        if *first != kind {
            collector.skip(row, "is of another task than the first question");
            continue;
        }
        let Some(asked) = collector.kept(asked(task, &question), || row.clone()) else { continue };
        let Some(owner) = collector.kept(owner(&question), || row.clone()) else { continue };
        collector.profiled(&row, owner.as_deref(), profile, asked, |collector| {
            let mut history = Vec::new();
            for (n, entry) in profile.iter().enumerate() {
                history.extend(collector.kept(past(task, kind, entry), || format!("{row}, entry {}", n + 1)));
            }
            history
        });
    }
    let digest = source.finish()?;
    collector.finish(name, known.map(|(_, task)| task), digest)
}

fn owner(question: &Value) -> Result<Option<Cow<'_, str>>, String> {
    for field in OWNERS {
        let owner = json::optional_text(question, field)?;
        if owner.is_some() {
            return Ok(owner);
        }
    }
    Ok(None)
}

fn asked(task: &Task, question: &Value) -> Result<Asked, String> {
    let either = |first: &str, second: &str| match json::optional_text(question, first)? {
        Some(text) => Ok(text),
        None => json::text(question, second),
    };
    Asked::new(task, either("query", "input")?.trim(), &[], &either("response", "output")?)
}

fn past(task: &Task, kind: Kind, entry: &Value) -> Result<Past, String> {
    // Published parts give a year or nothing.
    let time = match json::optional_text(entry, "date")?.filter(|date| !date.trim().is_empty()) {
        Some(date) => Some(days_since_1970(&date).ok_or("has a date that is not like 2010-05-01")?),
        None => match json::optional_text(entry, "year")?.filter(|year| !year.trim().is_empty()) {
            Some(year) => Some(days_since_1970(&year).ok_or("has a year that is none")?),
            None => None,
        },
    };
    Past::new(task, kind.query(entry)?.trim(), &[], &json::text(entry, kind.response())?, time)
}
