//! Rows of a frame, checked cell by cell: whose they are, what was asked, what was responded.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString};
use rpm_core::data::{DataError, hex};
use rpm_core::{History, Interaction, ItemId, Query, Task, UserId};
use sha2::{Digest as _, Sha256};

use crate::arrow::ArrowText;
use crate::errors::Failure;

/// One column under the name that its frame calls it by.
pub(crate) struct Column<'py> {
    name: String,
    cells: Cells<'py>,
}

enum Cells<'py> {
    Objects(Bound<'py, PyList>),
    Arrow(ArrowText),
}

/// The columns of a frame by role, as `rpm_core._frame` hands them over: `user`, `query`, `response` and what else there is.
pub(crate) struct Columns<'py>(HashMap<String, Column<'py>>);

impl<'py> Columns<'py> {
    pub(crate) fn read(columns: &Bound<'py, PyDict>) -> PyResult<Self> {
        let mut read = HashMap::new();
        for (role, column) in columns {
            let (name, cells): (String, Bound<'py, PyAny>) = column.extract()?;
            let cells = match cells.cast_into::<PyList>() {
                Ok(list) => Cells::Objects(list),
                Err(error) => Cells::Arrow(ArrowText::read(&error.into_inner())?),
            };
            read.insert(role.extract()?, Column { name, cells });
        }
        Ok(Self(read))
    }

    fn of(&self, role: &str) -> Result<&Column<'py>, Failure> {
        let missing = || Failure::new("DataError", format!("the frame has no column {role}: name it"));
        self.0.get(role).ok_or_else(missing)
    }

    pub(crate) fn has(&self, role: &str) -> bool {
        self.0.contains_key(role)
    }

    fn rows(&self) -> usize {
        self.0.values().map(Column::len).max().unwrap_or_default()
    }

    fn column_name(&self, role: &str) -> String {
        self.0.get(role).map_or_else(|| role.to_owned(), |column| column.name.clone())
    }
}

impl<'py> Column<'py> {
    fn len(&self) -> usize {
        match &self.cells {
            Cells::Objects(list) => list.len(),
            Cells::Arrow(array) => array.len(),
        }
    }

    fn wrong(&self, row: usize, problem: impl std::fmt::Display) -> Failure {
        Failure::cell(row, &self.name, problem)
    }

    fn cell(&self, row: usize) -> Result<Option<Bound<'py, PyAny>>, Failure> {
        let Cells::Objects(list) = &self.cells else { return Ok(None) };
        let cell =
            list.get_item(row).map_err(|_| self.wrong(row, "there is no such cell: columns are of one length"))?;
        let missing =
            cell.is_none() || cell.cast::<PyFloat>().is_ok_and(|float| float.extract::<f64>().is_ok_and(f64::is_nan));
        Ok((!missing).then_some(cell))
    }

    /// The text of a cell; what is no text as Python writes it. `None` where it is missing.
    fn text(&self, row: usize) -> Result<Option<String>, Failure> {
        if let Cells::Arrow(array) = &self.cells {
            return array.text(row).map_err(|problem| self.wrong(row, problem));
        }
        let Some(cell) = self.cell(row)? else { return Ok(None) };
        let unread = |_: PyErr| self.wrong(row, "is no text that can be read");
        let read = |text: &Bound<'_, PyString>| text.to_cow().map(Cow::into_owned).map_err(unread);
        match cell.cast::<PyString>() {
            Ok(text) => read(text).map(Some),
            Err(_) => cell.str().map_err(unread).and_then(|text| read(&text)).map(Some),
        }
    }

    fn given(&self, row: usize) -> Result<String, Failure> {
        self.text(row)?.ok_or_else(|| self.wrong(row, "is missing"))
    }

    fn whole(&self, row: usize) -> Result<Option<i64>, Failure> {
        let Some(cell) = self.cell(row)? else { return Ok(None) };
        let number = if cell.is_instance_of::<PyInt>() { cell.extract::<i64>().ok() } else { whole_float(&cell) };
        number.map(Some).ok_or_else(|| self.wrong(row, "is no time: give whole numbers, dates or times"))
    }

    fn flag(&self, row: usize) -> Result<bool, Failure> {
        let Some(cell) = self.cell(row)? else { return Ok(false) };
        match (cell.cast::<PyBool>(), cell.extract::<u8>()) {
            (Ok(flag), _) => Ok(flag.is_true()),
            (_, Ok(flag @ (0 | 1))) => Ok(flag == 1),
            _ => Err(self.wrong(row, "is neither true nor false")),
        }
    }

    fn options(&self, row: usize) -> Result<Vec<String>, Failure> {
        let Some(cell) = self.cell(row)? else { return Ok(Vec::new()) };
        if cell.is_instance_of::<PyString>() {
            return Err(self.wrong(row, "is one text: give a list of options"));
        }
        let options = || cell.try_iter()?.collect::<PyResult<Vec<_>>>();
        let options = options().map_err(|_| self.wrong(row, "is no list of options"))?;
        if options.iter().any(Bound::is_none) {
            return Err(self.wrong(row, "holds an option that is missing"));
        }
        let written = |option: Bound<'_, PyAny>| Ok(option.str()?.to_cow()?.into_owned());
        let texts: PyResult<_> = options.into_iter().map(written).collect();
        texts.map_err(|_| self.wrong(row, "is no list of options"))
    }
}

/// A float that is a whole number which it holds to the last digit.
fn whole_float(cell: &Bound<'_, PyAny>) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let float = cell.cast::<PyFloat>().ok()?.extract::<f64>().ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and below 2^53")]
    (float.fract() == 0.0 && float.abs() < EXACT).then_some(float as i64)
}

/// The rows of one user, in the order of the frame.
pub(crate) struct UserRows {
    pub(crate) user: UserId,
    pub(crate) rows: Vec<Row>,
}

/// One row.
pub(crate) struct Row {
    /// Its place in the frame, from 0.
    pub(crate) place: usize,
    id: Option<ItemId>,
    pub(crate) query: Query,
    pub(crate) response: String,
    pub(crate) time: Option<i64>,
    /// True when the frame says that it is to be asked and not learned from.
    pub(crate) test: bool,
}

/// The rows of a frame by user, who are in the order in which they first appear.
///
/// # Errors
/// The first cell that cannot be used, by row and column.
pub(crate) fn users(task: &Task, columns: &Columns<'_>) -> Result<Vec<UserRows>, Failure> {
    let (user, query, response) = (columns.of("user")?, columns.of("query")?, columns.of("response")?);
    let (id, time) = (columns.0.get("id"), columns.0.get("time"));
    let (options, test) = (columns.0.get("options"), columns.0.get("test"));
    let mut found: Vec<UserRows> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut ids: HashSet<(usize, ItemId)> = HashSet::new();
    for row in 0..columns.rows() {
        let name = user.given(row)?;
        let place = match places.get(&name) {
            Some(place) => *place,
            None => {
                let id = UserId::new(name.as_str()).map_err(|error| user.wrong(row, said(&error)))?;
                found.push(UserRows { user: id, rows: Vec::new() });
                places.insert(name, found.len() - 1);
                found.len() - 1
            }
        };
        let asked = query.given(row)?;
        let asked = match options {
            None => Query::new(asked),
            Some(options) => Query::with_options(asked, options.options(row)?),
        };
        let asked = asked.map_err(|error| query.wrong(row, said(&error)))?;
        let options_column = || columns.column_name(if options.is_some() { "options" } else { "query" });
        task.check_query("the query", &asked).map_err(|error| Failure::cell(row, &options_column(), error))?;
        let responded = task
            .check_response("responded", &asked, &response.given(row)?)
            .map_err(|error| response.wrong(row, said(&error)))?;
        let id = match id {
            None => None,
            Some(column) => {
                let id = ItemId::new(column.given(row)?).map_err(|error| column.wrong(row, said(&error)))?;
                if !ids.insert((place, id.clone())) {
                    return Err(column.wrong(row, "the id occurs twice for its user"));
                }
                Some(id)
            }
        };
        let time = time.map(|column| column.whole(row)).transpose()?.flatten();
        let test = test.map(|column| column.flag(row)).transpose()?.unwrap_or_default();
        if let Some(user) = found.get_mut(place) {
            user.rows.push(Row { place: row, id, query: asked, response: responded, time, test });
        }
    }
    Ok(found)
}

/// The problem without the item that the library names, since the cell is named.
fn said(error: &DataError) -> String {
    let error = error.to_string();
    match error.split_once(": ") {
        Some(("query" | "responded", problem)) => problem.to_owned(),
        _ => error,
    }
}

impl Row {
    /// Its id, or one that no interaction of the user has: it begins with the revision of the user's model, which grows with each change, so
    /// that rows without a time keep the order in which they came.
    fn id(&self, revision: u64, place: usize) -> String {
        if let Some(id) = &self.id {
            return id.as_str().to_owned();
        }
        let mut content = Sha256::new();
        for part in
            [self.query.text(), &self.response].into_iter().chain(self.query.options().iter().map(String::as_str))
        {
            content.update((part.len() as u64).to_le_bytes());
            content.update(part);
        }
        let mark = hex(&content.finalize());
        format!("{revision:010}-{place:06}-{}", mark.get(..12).unwrap_or(&mark))
    }

    /// The interaction, which is the `place`th of its user's.
    pub(crate) fn interaction(self, revision: u64, place: usize) -> Result<Interaction, DataError> {
        let made = Interaction::new(self.id(revision, place), self.query, self.response)?;
        Ok(match self.time {
            Some(time) => made.at(time),
            None => made,
        })
    }
}

impl UserRows {
    /// The interactions, with ids of this revision where they have none of their own.
    pub(crate) fn interactions(self, revision: u64) -> Result<Vec<Interaction>, DataError> {
        self.rows.into_iter().enumerate().map(|(place, row)| row.interaction(revision, place)).collect()
    }

    /// The history of a user who is learned from these alone.
    pub(crate) fn history(self, task: &Task) -> Result<History, DataError> {
        let user = self.user.as_str().to_owned();
        History::new(task, user, self.interactions(0)?)
    }
}
