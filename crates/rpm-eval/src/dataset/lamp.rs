//! LaMP as published: an array of questions with profiles, and a file of outputs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::collect::{Asked, Collector, Past, words};
use super::date::days_since_1970;
use super::rows::{Elements, Row};
use super::source::{Source, file_name, folder_name, format_error};
use super::{Dataset, ReadOptions, json, wording};
use crate::EvalError;
use rpm_core::data::{DataError, Task};

/// The part that is read of a folder.
pub(super) const QUESTIONS: &str = "dev_questions.json";
/// The number of first questions read for the list of labels.
const LABELLED: usize = 100;
/// The most ids that an error names.
const NAMED: usize = 3;

/// The tasks whose profiles are queries with responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tag,
    Score,
    Headline,
    Title,
}

impl Kind {
    /// From the name in the outputs file: `LaMP_2`, `LaMP-2` and the like.
    fn of(name: &str) -> Result<Self, &'static str> {
        let number = name.strip_prefix("LaMP").map(|rest| rest.trim_start_matches(['_', '-', ' ']));
        match number.unwrap_or_default() {
            "2" => Ok(Self::Tag),
            "3" => Ok(Self::Score),
            "4" => Ok(Self::Headline),
            "5" => Ok(Self::Title),
            "1" => Err("is of LaMP-1, whose profiles hold papers without a choice between references: there is no \
                history of queries and responses to learn from"),
            "6" => Err("is of LaMP-6, whose data is not public"),
            "7" => {
                Err("is of LaMP-7, whose profiles hold tweets without what they paraphrase: there is no history of \
                queries and responses to learn from")
            }
            _ => Err("names a task that is none of LaMP_2, LaMP_3, LaMP_4 and LaMP_5"),
        }
    }

    /// The words that a query follows in an input, where they first occur.
    fn opening(self) -> &'static str {
        match self {
            Self::Tag => "description:",
            Self::Score => "review:",
            Self::Headline => "article:",
            Self::Title => ":",
        }
    }

    /// The fields of a profile's entry that are query and response.
    fn fields(self) -> (&'static str, &'static str) {
        match self {
            Self::Tag => ("description", "tag"),
            Self::Score => ("text", "score"),
            Self::Headline => ("text", "title"),
            Self::Title => ("abstract", "title"),
        }
    }
}

pub(super) fn read(path: &Path, options: &ReadOptions) -> Result<Dataset, EvalError> {
    let (questions, outputs, name) = files(path)?;
    let mut collector = Collector::new(options);
    let mut golds = Golds::read(&outputs, options, &mut collector)?;
    let kind = golds.kind;
    let labels = if kind == Kind::Tag { most_listed(&questions, options)? } else { Vec::new() };
    let task = match kind {
        Kind::Tag => wording::movie_tag(labels.clone()),
        Kind::Score => wording::score(),
        Kind::Headline => wording::headline(),
        Kind::Title => wording::published_title(),
    };
    let failed = |source: DataError| format_error(&questions, format!("gives no task: {}", words(&source)));
    let task = task.map_err(failed)?;
    let file = file_name(&questions);
    let mut source = Source::open(&questions, std::mem::take(&mut golds.digest), options)?;
    let mut elements = Elements::new(source.reader(), options.max_row_bytes);
    while let Some(element) = elements.next().map_err(|broken| broken.of(&questions))? {
        collector.row();
        let place = format!("{file}, element {}", element.number);
        let read = value(&element).and_then(|question| Ok((json::text(&question, "id")?.into_owned(), question)));
        let Some((id, question)) = collector.kept(read, || place) else {
            golds.unreadable_questions += 1;
            continue;
        };
        let row = format!("{file}, question {}", short(&id));
        let Some(gold) = collector.kept(golds.take(&id), || row.clone()) else { continue };
        let read = asked(&task, kind, &labels, &question, &gold);
        let Some(asked) = collector.kept(read, || row.clone()) else { continue };
        let Some(profile) = collector.kept(json::list(&question, "profile"), || row.clone()) else { continue };
        let Some(owner) = collector.kept(json::optional_text(&question, "user_id"), || row.clone()) else { continue };
        collector.profiled(&row, owner.as_deref(), profile, asked, |collector| {
            let mut history = Vec::new();
            for (n, entry) in profile.iter().enumerate() {
                history.extend(collector.kept(past(&task, kind, entry), || format!("{row}, entry {}", n + 1)));
            }
            history
        });
    }
    let digest = source.finish()?;
    golds.check(&outputs)?;
    collector.finish(name, Some(task), digest)
}

/// The files of questions and outputs, and what to call them.
fn files(path: &Path) -> Result<(PathBuf, PathBuf, String), EvalError> {
    let questions = if path.is_dir() { path.join(QUESTIONS) } else { path.to_owned() };
    let file = file_name(&questions);
    let Some(part) = file.strip_suffix("questions.json") else {
        return Err(format_error(path, "is no file of questions: its name ends with questions.json"));
    };
    let folder = folder_name(questions.parent().unwrap_or(Path::new("")));
    let name = match part.trim_end_matches('_') {
        "dev" | "" => folder,
        other => format!("{folder} {other}"),
    };
    Ok((questions.clone(), questions.with_file_name(format!("{part}outputs.json")), name))
}

fn value(element: &Row<'_>) -> Result<Value, String> {
    element.bytes.ok_or_else(|| "is over the limit for a row".to_owned()).and_then(json::parse)
}

/// An id as errors name it.
fn short(id: &str) -> String {
    id.chars().filter(|c| !c.is_control()).take(64).collect()
}

fn asked(task: &Task, kind: Kind, labels: &[String], question: &Value, gold: &str) -> Result<Asked, String> {
    let input = json::text(question, "input")?;
    if kind == Kind::Tag && listed(&input).as_deref() != Some(labels) {
        return Err("lists other tags than most questions do".to_owned());
    }
    let opening = kind.opening();
    let (_, query) = input.split_once(opening).ok_or_else(|| format!("has no {opening:?} in its input"))?;
    Asked::new(task, query.trim(), &[], gold)
}

fn past(task: &Task, kind: Kind, entry: &Value) -> Result<Past, String> {
    let (query, response) = kind.fields();
    let time = match json::optional_text(entry, "date")?.filter(|date| !date.trim().is_empty()) {
        Some(date) => Some(days_since_1970(&date).ok_or("has a date that is not like 2010-05-01")?),
        None => None,
    };
    Past::new(task, json::text(entry, query)?.trim(), &[], &json::text(entry, response)?, time)
}

/// The tags a question lists, sorted: `tags: [..] description:`.
fn listed(input: &str) -> Option<Vec<String>> {
    let (before, _) = input.split_once(Kind::Tag.opening())?;
    let (_, list) = before.split_once("tags:")?;
    let (list, _) = list.trim_start().strip_prefix('[')?.split_once(']')?;
    let mut labels: Vec<String> = list.split(',').map(|label| label.trim().to_owned()).collect();
    labels.sort_unstable();
    Some(labels)
}

/// The tags that most of the first questions list, so that a malformed first one does not decide; the first list of
/// those alike, by name.
fn most_listed(questions: &Path, options: &ReadOptions) -> Result<Vec<String>, EvalError> {
    let mut source = Source::open(questions, Sha256::new(), options)?;
    let mut elements = Elements::new(source.reader(), options.max_row_bytes);
    let mut lists: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    while let Some(element) = elements.next().map_err(|broken| broken.of(questions))? {
        if element.number > LABELLED {
            break;
        }
        let input = value(&element).and_then(|question| Ok(json::text(&question, "input")?.into_owned()));
        if let Some(labels) = input.ok().and_then(|input| listed(&input)) {
            *lists.entry(labels).or_default() += 1;
        }
    }
    let most = lists.into_iter().rev().max_by_key(|(_, count)| *count);
    most.map(|(labels, _)| labels)
        .ok_or_else(|| format_error(questions, "lists no tags: its inputs hold no \"tags: [..] description:\""))
}

/// The outputs of all questions.
struct Golds {
    kind: Kind,
    left: BTreeMap<String, String>,
    taken: BTreeSet<String>,
    /// Ids of questions without an output.
    missing: Vec<String>,
    unreadable_outputs: usize,
    unreadable_questions: usize,
    digest: Sha256,
}

impl Golds {
    fn read(path: &Path, options: &ReadOptions, collector: &mut Collector) -> Result<Self, EvalError> {
        let (bytes, digest) = Source::whole(path, Sha256::new(), options)?;
        let outputs = json::parse(&bytes).map_err(|problem| format_error(path, problem))?;
        let name = json::text(&outputs, "task").map_err(|problem| format_error(path, problem))?;
        let kind = Kind::of(&name).map_err(|problem| format_error(path, problem))?;
        let list = json::list(&outputs, "golds").map_err(|problem| format_error(path, problem))?;
        let (left, taken, missing) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
        let mut golds = Self { kind, left, taken, missing, unreadable_outputs: 0, unreadable_questions: 0, digest };
        for (n, gold) in list.iter().enumerate() {
            let read =
                json::text(gold, "id").and_then(|id| Ok((id.into_owned(), json::text(gold, "output")?.into_owned())));
            let place = || format!("{}, output {}", file_name(path), n + 1);
            match collector.kept(read, place) {
                None => golds.unreadable_outputs += 1,
                Some((id, _)) if golds.left.contains_key(&id) => {
                    collector.skip(place(), "has the id of an earlier one");
                }
                Some((id, output)) => {
                    golds.left.insert(id, output);
                }
            }
        }
        Ok(golds)
    }

    fn take(&mut self, id: &str) -> Result<String, String> {
        if self.taken.contains(id) {
            return Err("has the id of an earlier one".to_owned());
        }
        let Some(output) = self.left.remove(id) else {
            self.missing.push(short(id));
            return Err("has no output".to_owned());
        };
        self.taken.insert(id.to_owned());
        Ok(output)
    }

    /// Questions and outputs must be the same. A row that could not be read has an id that is not known.
    fn check(&self, path: &Path) -> Result<(), EvalError> {
        let excused = |found: usize, unreadable: usize| if found > unreadable { found } else { 0 };
        let missing = excused(self.missing.len(), self.unreadable_outputs);
        let more = excused(self.left.len(), self.unreadable_questions);
        if missing + more == 0 {
            return Ok(());
        }
        let first = |ids: &mut dyn Iterator<Item = String>| ids.take(NAMED).collect::<Vec<_>>().join(", ");
        let mut problems = Vec::new();
        if missing > 0 {
            let ids = first(&mut self.missing.iter().cloned());
            problems.push(format!("{missing} questions have no output, such as {ids}"));
        }
        if more > 0 {
            let ids = first(&mut self.left.keys().map(|id| short(id)));
            problems.push(format!("{more} outputs have no question, such as {ids}"));
        }
        Err(format_error(path, format!("is not of the same questions: {}", problems.join("; "))))
    }
}
