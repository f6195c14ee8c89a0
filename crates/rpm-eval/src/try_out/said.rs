//! The rows that can be used: who was asked what, when, and what they responded.

use std::collections::BTreeMap;
use std::path::Path;

use rpm_core::data::{DataError, Query, Task, limits};

use super::columns::Columns;
use super::kind::{self, Given, Told};
use super::table::Table;
use super::times::{self, Reading, Times};
use super::unused::Counter;
use super::{Reason, ResponseKind, TryError, TryOptions};

/// One query of a user with the response.
#[derive(Clone)]
pub(super) struct Said {
    pub(super) row: usize,
    /// The user's place, by first row.
    pub(super) user: usize,
    pub(super) query: Query,
    /// In the spelling of the task.
    pub(super) response: String,
    pub(super) time: Option<i64>,
}

/// All that a table says, as one task.
pub(super) struct AllSaid {
    pub(super) task: Task,
    pub(super) kind: ResponseKind,
    /// The kind with the reason for it.
    pub(super) reason: String,
    /// What one step of a scale is in points.
    pub(super) step: f64,
    pub(super) said: Vec<Said>,
    pub(super) counter: Counter,
    /// True where every row has a time.
    pub(super) timed: bool,
    /// How times were read, or why there are none.
    pub(super) times: String,
}

/// A row whose cells are there and can be texts of rpm-core.
struct Usable<'t> {
    row: usize,
    user: usize,
    query: Query,
    response: &'t str,
    time: &'t str,
}

/// Reads the rows: first whether each can be used, then the times and the kind of the responses over all of these.
pub(super) fn read(path: &Path, table: &Table, columns: Columns, options: &TryOptions) -> Result<AllSaid, TryError> {
    let mut counter = Counter::default();
    let mut usable = usable(table, columns, &mut counter);
    let none = |counter: &Counter| match counter.all().into_iter().next() {
        Some(reason) => TryError::NoRow { rows: table.rows.len(), reason },
        None => super::table::wrong(path, "has no row"),
    };
    if usable.is_empty() {
        return Err(none(&counter));
    }
    let name = |column: usize| table.columns.get(column).map_or("", String::as_str);
    let (found, times) = times_of(&usable, columns.time.map(name), options)?;
    let timed = found.is_some();
    let mut values = found.map_or_else(|| vec![None; usable.len()], |times| times.values);
    if timed && let Some(column) = columns.time {
        for (row, _) in usable.iter().zip(&values).filter(|(_, time)| time.is_none()) {
            let reason = if row.time.is_empty() { Reason::Blank } else { Reason::NoTime };
            counter.add(reason, Some(name(column)), row.row);
        }
        let kept: Vec<bool> = values.iter().map(Option::is_some).collect();
        let mut of_usable = kept.iter();
        usable.retain(|_| of_usable.next() == Some(&true));
        values.retain(Option::is_some);
    }
    let column = name(columns.response);
    let responses: Vec<&str> = usable.iter().map(|row| row.response).collect();
    let rows: Vec<usize> = usable.iter().map(|row| row.row).collect();
    let given = Given { kind: options.kind, scale: options.scale };
    let Told { kind, space, responses, reason, step } = kind::tell(&responses, &rows, given)
        .map_err(|problem| TryError::Responses { column: column.to_owned(), problem })?;
    let mut said = Vec::new();
    for ((Usable { row, user, query, .. }, time), response) in usable.into_iter().zip(values).zip(responses) {
        match response {
            Some(response) => said.push(Said { row, user, query, response, time }),
            None => counter.add(Reason::NoNumber, Some(column), row),
        }
    }
    let task = kind::task(space, options.question.as_deref())?;
    Ok(AllSaid { task, kind, reason, step, said, counter, timed, times })
}

fn usable<'t>(table: &'t Table, columns: Columns, counter: &mut Counter) -> Vec<Usable<'t>> {
    let name = |column: usize| table.columns.get(column).map_or("", String::as_str);
    let mut users: BTreeMap<&str, usize> = BTreeMap::new();
    let mut usable = Vec::new();
    for row in &table.rows {
        let cells = match &row.cells {
            Ok(cells) => cells,
            Err(reason) => {
                counter.add(*reason, None, row.number);
                continue;
            }
        };
        let cell = |column: usize| cells.get(column).map_or("", String::as_str);
        let (user, response) = (cell(columns.user), cell(columns.response));
        let query = Query::new(cell(columns.query)).map_err(|error| reason(&error));
        let blank = |text: &str| if text.is_empty() { Err(Reason::Blank) } else { Ok(()) };
        let checks = [
            (columns.user, blank(user)),
            (columns.query, query.as_ref().map(|_| ()).map_err(|reason| *reason)),
            (columns.response, blank(response)),
            (columns.response, fits(response)),
        ];
        let wrong = checks.into_iter().find_map(|(column, check)| Some((column, check.err()?)));
        match (wrong, query) {
            (None, Ok(query)) => {
                let next = users.len();
                let user = *users.entry(user).or_insert(next);
                usable.push(Usable { row: row.number, user, query, response, time: columns.time.map_or("", cell) });
            }
            (Some((column, reason)), _) => counter.add(reason, Some(name(column)), row.number),
            (None, Err(reason)) => counter.add(reason, Some(name(columns.query)), row.number),
        }
    }
    usable
}

fn fits(response: &str) -> Result<(), Reason> {
    let control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    match response {
        _ if response.len() > limits::RESPONSE_BYTES => Err(Reason::TooLong),
        _ if response.contains(control) => Err(Reason::Control),
        _ => Ok(()),
    }
}

fn reason(error: &DataError) -> Reason {
    match error {
        DataError::TooLarge { .. } => Reason::TooLong,
        DataError::ControlCharacter { .. } => Reason::Control,
        _ => Reason::Blank,
    }
}

/// The times, and how they were read.
fn times_of(
    usable: &[Usable<'_>],
    column: Option<&str>,
    options: &TryOptions,
) -> Result<(Option<Times>, String), TryError> {
    let Some(column) = column else {
        return Ok((None, "no column of times: which queries are asked is drawn by the seed".to_owned()));
    };
    let cells: Vec<&str> = usable.iter().map(|row| row.time).collect();
    match times::read(&cells, options.dates) {
        Reading::Understood(times) => {
            let told = format!("column {column:?} read as {}", times.read_as);
            Ok((Some(times), told))
        }
        Reading::Ambiguous(rows, place) => Err(TryError::Dates {
            column: column.to_owned(),
            rows,
            first_row: usable.get(place).map_or(0, |row| row.row),
        }),
        Reading::NotUnderstood(why) => {
            let rows: Vec<usize> = usable.iter().map(|row| row.row).collect();
            let problem = why.in_words(&rows);
            if options.time.is_some() {
                return Err(TryError::Times { column: column.to_owned(), problem });
            }
            Ok((
                None,
                format!("column {column:?} is not used: {problem}. Which queries are asked is drawn by the seed"),
            ))
        }
    }
}
