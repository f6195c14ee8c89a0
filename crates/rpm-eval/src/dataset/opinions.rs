//! `GlobalOpinionQA`: which share of each group of people chose each option of a question.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use csv::ByteRecord;
use sha2::{Digest, Sha256};

use super::collect::{Asked, Collector, Past, shares};
use super::python::{Literal, literal};
use super::source::{Source, file_name, folder_name, format_error, io_error};
use super::{Dataset, Mark, ReadOptions, wording};
use crate::EvalError;
use rpm_core::data::fold;
use rpm_core::data::{Query, Task};

/// The published file's name.
const FILE: &str = "global_opinions.csv";

/// The file in its folder or in a copy of its repository.
pub(super) fn file_in(folder: &Path) -> Option<PathBuf> {
    [folder.join(FILE), folder.join("data").join(FILE)].into_iter().find(|path| path.is_file())
}

/// A usable row.
struct Question {
    query: Query,
    /// Its text in one spelling, to find it again.
    folded: String,
}

/// A group's questions by place, with the shares of their options.
struct Group {
    /// By place among the file's groups, from 1.
    place: usize,
    answers: Vec<(usize, Vec<f64>)>,
}

/// Ends a row that goes on and on, as one with a quote that is never closed does.
struct Metered<'a, R> {
    inner: R,
    left: &'a Cell<usize>,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let left = self.left.get().checked_sub(read);
        self.left.set(left.ok_or_else(|| io::Error::new(io::ErrorKind::FileTooLarge, "a row is over the limit"))?);
        Ok(read)
    }
}

pub(super) fn read(path: &Path, options: &ReadOptions) -> Result<Dataset, EvalError> {
    let (path, name) = if path.is_dir() {
        let found = file_in(path).ok_or_else(|| format_error(path, format!("holds no {FILE}: name the CSV file")))?;
        (found, folder_name(path))
    } else {
        (path.to_owned(), path.file_stem().unwrap_or_default().to_string_lossy().into_owned())
    };
    let task =
        wording::opinion().map_err(|source| EvalError::Data { set: name.clone(), item: "task".to_owned(), source })?;
    let mut source = Source::open(&path, Sha256::new(), options)?;
    let mut collector = Collector::new(options);
    let (questions, groups) = table(&mut source, &task, options, &mut collector)?;
    let digest = source.finish()?;
    let mut groups: Vec<(String, Group)> = groups.into_iter().collect();
    groups.sort_by_key(|(_, group)| group.place);
    for (group_name, group) in groups {
        split(&mut collector, &questions, &group_name, &group, options);
    }
    collector.finish(name, Some(task), digest)
}

type Table = (Vec<Question>, BTreeMap<String, Group>);

fn table(
    source: &mut Source,
    task: &Task,
    options: &ReadOptions,
    collector: &mut Collector,
) -> Result<Table, EvalError> {
    let path = source.path().to_owned();
    let file = file_name(&path);
    // What is read ahead comes on top; a row somewhat over the limit is still passed over.
    let most = options.max_row_bytes.saturating_mul(2).saturating_add(1 << 17);
    let left = Cell::new(most);
    let metered = Metered { inner: source.reader(), left: &left };
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(metered);
    let fail = |error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(source) => io_error(&path, source),
        // The crate's own words may quote the file.
        _ => format_error(&path, "is not a CSV file"),
    };
    let header = reader.byte_headers().map_err(fail)?.clone();
    let column = |name: &str| {
        let at = header.iter().position(|column| column.trim_ascii() == name.as_bytes());
        at.ok_or_else(|| {
            format_error(&path, format!(
                    "has no column {name}, as GlobalOpinionQA's CSV has beside question, selections and options. A table of \
                     your own is for `rpm-eval try`"
                ))
        })
    };
    let columns = [column("question")?, column("selections")?, column("options")?];
    let (mut questions, mut groups) = (Vec::new(), BTreeMap::new());
    let mut record = ByteRecord::new();
    loop {
        left.set(most);
        if !reader.read_byte_record(&mut record).map_err(fail)? {
            return Ok((questions, groups));
        }
        // Not the line: the parser counts the lines of a file with CRLF ends one short.
        let row = format!("{file}, row {}", collector.row());
        let over = record.as_slice().len() > options.max_row_bytes;
        let read = if over { Err("is over the limit for a row".to_owned()) } else { fields(&record, columns) };
        let Some((text, selections, choices)) = collector.kept(read, || row.clone()) else { continue };
        // Whether a question can be asked is the same for every group, whatever it chose.
        let any = choices.first().map_or("", String::as_str);
        let Some(Past { query, .. }) = collector.kept(Past::new(task, &text, &choices, any, None), || row.clone())
        else {
            continue;
        };
        for (n, (group, values)) in selections.into_iter().enumerate() {
            let read = numbers(&values, choices.len()).and_then(|values| shares(&values));
            let kept = collector.kept(read, || format!("{row}, group {}", n + 1));
            let place = groups.len() + 1;
            // A group has its place by the first row that names it, usable or not.
            let group = groups.entry(group).or_insert(Group { place, answers: Vec::new() });
            group.answers.extend(kept.map(|shares| (questions.len(), shares)));
        }
        questions.push(Question { folded: fold(query.text()), query });
    }
}

type Fields = (String, Vec<(String, Literal)>, Vec<String>);

fn fields(record: &ByteRecord, columns: [usize; 3]) -> Result<Fields, String> {
    let [text, selections, options] = columns.map(|at| record.get(at).and_then(|bytes| str::from_utf8(bytes).ok()));
    let (text, selections, options) = (
        text.ok_or("has no question in UTF-8")?,
        selections.ok_or("has no selections in UTF-8")?,
        options.ok_or("has no options in UTF-8")?,
    );
    let named = |column: &'static str| move |error| format!("its {column} are no Python literal: {error}");
    let Literal::List(options) = literal(options).map_err(named("options"))? else {
        return Err("its options are not a list".to_owned());
    };
    let Literal::Dict(selections) = literal(selections).map_err(named("selections"))? else {
        return Err("its selections are not a dict".to_owned());
    };
    let options: Option<Vec<String>> = options.into_iter().map(word).collect();
    let groups: Option<Vec<(String, Literal)>> =
        selections.into_iter().map(|(group, values)| Some((word(group)?, values))).collect();
    let groups = groups.ok_or("has a group whose name is not text")?;
    if groups.iter().map(|(group, _)| group).collect::<BTreeSet<_>>().len() < groups.len() {
        return Err("names a group twice".to_owned());
    }
    Ok((text.trim().to_owned(), groups, options.ok_or("has an option that is not text")?))
}

/// Text, or a number as text.
fn word(value: Literal) -> Option<String> {
    match value {
        Literal::Text(text) => Some(text.trim().to_owned()),
        Literal::Number(number) if number.is_finite() => Some(number.to_string()),
        _ => None,
    }
}

fn numbers(values: &Literal, options: usize) -> Result<Vec<f64>, String> {
    let Literal::List(values) = values else {
        return Err("its shares are not a list".to_owned());
    };
    if values.len() != options {
        return Err(format!("has {} shares for {options} options", values.len()));
    }
    let number = |value: &Literal| match value {
        Literal::Number(number) => Some(*number),
        _ => None,
    };
    values.iter().map(number).collect::<Option<_>>().ok_or_else(|| "has a share that is not a number".to_owned())
}

/// Parts a group's questions into history and test items.
fn split(collector: &mut Collector, questions: &[Question], name: &str, group: &Group, options: &ReadOptions) {
    let row = format!("group {}", group.place);
    let (found, least) = (group.answers.len(), options.least_questions.max(2));
    if found < least {
        return collector.skip(row, format!("has {found} usable questions, fewer than {least}"));
    }
    let mut answers: Vec<_> =
        group.answers.iter().map(|(at, shares)| (order(options.seed, name, *at), *at, shares)).collect();
    answers.sort_by_key(|(order, at, _)| (*order, *at));
    let percent = usize::from(options.test_percent.clamp(1, 99));
    let tested = found.saturating_mul(percent).saturating_add(50) / 100;
    let kept = found - tested.clamp(1, found - 1);
    let (mut history, mut tests, mut known) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (n, (_, at, shares)) in answers.into_iter().enumerate() {
        let Some(Question { query, folded }) = questions.get(at) else { continue };
        let (query, response) = (query.clone(), most_chosen(shares, query.options()).to_owned());
        if n < kept {
            known.insert(folded);
            history.push(Past { query, response, time: None });
        } else {
            let seen = Some(known.contains(folded));
            tests.push(Asked { query, gold: response, shares: shares.clone(), seen, time: None });
        }
    }
    collector.user(group.place, &row, Mark::all(Some(name), Some(country(name))), history, tests);
}

/// The country of a group: what stands before `(Non-national sample)` and the like.
fn country(name: &str) -> &str {
    let before = name.strip_suffix(')').and_then(|name| name.rsplit_once('('));
    before.map(|(country, _)| country.trim_end()).filter(|country| !country.is_empty()).unwrap_or(name)
}

/// The option with the largest share; the first of those alike.
fn most_chosen<'a>(shares: &[f64], options: &'a [String]) -> &'a str {
    let mut best: Option<(f64, &str)> = None;
    for (share, option) in shares.iter().zip(options) {
        if best.is_none_or(|(most, _)| *share > most) {
            best = Some((*share, option));
        }
    }
    best.map_or("", |(_, option)| option)
}

/// The place of a question in a group's shuffle: by a hash, so that no other group or question moves it.
fn order(seed: u64, group: &str, question: usize) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(seed.to_le_bytes());
    digest.update((question as u64).to_le_bytes());
    digest.update(group);
    digest.finalize().into()
}
