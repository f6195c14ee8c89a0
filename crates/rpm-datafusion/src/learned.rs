//! One user's interactions, gathered from rows and learned.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray as _, ListArray, PrimitiveArray};
use datafusion::arrow::datatypes::{Int64Type, TimestampSecondType};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::Accumulator;
use datafusion::scalar::ScalarValue;
use rpm_core::data::ItemId;
use rpm_core::{DataError, History, Interaction, Query, RpmPipeline, UserId};
use serde::{Deserialize, Serialize};

use crate::column::Texts;
use crate::error::BulkError;

/// What comes of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Gives {
    /// A model, or the statement fails.
    Model,
    /// A model, or NULL.
    ModelOrNull,
    /// Why there is no model, or NULL.
    Problem,
}

/// What the rows of a group said, which is the same whatever order they came in.
#[derive(Default, Serialize, Deserialize)]
struct Rows {
    /// The first of the users, by their ids' bytes.
    user: Option<String>,
    interactions: Vec<Interaction>,
    /// The first of what is wrong with rows, by the bytes of its text.
    problem: Option<String>,
}

pub(crate) struct Learning {
    pipeline: Arc<RpmPipeline>,
    gives: Gives,
    rows: Rows,
    /// Bytes of ids, queries and responses.
    bytes: usize,
}

impl Rows {
    /// Takes in whose row it is. Several users are a problem.
    fn user(&mut self, user: &str) -> Result<(), BulkError> {
        UserId::new(user).map_err(|_| BulkError::NoId { column: "user", bytes: user.len() })?;
        let first = self.user.get_or_insert_with(|| user.to_owned());
        match user.cmp(first.as_str()) {
            Ordering::Equal => return Ok(()),
            Ordering::Less => user.clone_into(first),
            Ordering::Greater => {}
        }
        Err(BulkError::SeveralUsers { user: first.clone() })
    }

    fn problem(&mut self, problem: String) {
        if self.problem.as_ref().is_none_or(|own| problem < *own) {
            self.problem = Some(problem);
        }
    }
}

impl Learning {
    pub(crate) fn new(pipeline: Arc<RpmPipeline>, gives: Gives) -> Self {
        Self { pipeline, gives, rows: Rows::default(), bytes: 0 }
    }

    /// A problem ends the statement, or is kept to be told.
    fn or_keep(&mut self, result: Result<(), BulkError>) -> Result<(), BulkError> {
        match result {
            Err(error) if self.gives != Gives::Model => {
                self.rows.problem(error.said());
                Ok(())
            }
            result => result,
        }
    }

    fn add(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let texts = [0, 1, 2, 3].map(|place| Texts::at(columns, place));
        let [users, ids, queries, responses] = texts;
        let (users, ids, queries, responses) = (users?, ids?, queries?, responses?);
        let (times, options) = (Times::of(columns)?, Options::of(columns)?);
        for row in 0..users.rows() {
            let user = match users.get(row) {
                Ok(Some(user)) => user,
                Ok(None) => continue,
                Err(error) => {
                    self.or_keep(Err(error))?;
                    continue;
                }
            };
            let whose = self.rows.user(user);
            // What is no id is in no other error either.
            let is_somebody = !matches!(whose, Err(BulkError::NoId { .. }));
            self.or_keep(whose)?;
            if !is_somebody {
                continue;
            }
            let texts = [ids.get(row), queries.get(row), responses.get(row)];
            let interaction = interaction(user, texts, times.at(row), options.at(row)?);
            let added = interaction.map(|interaction| {
                let query = interaction.query();
                self.bytes += query.text().len() + query.options().iter().map(String::len).sum::<usize>();
                self.bytes += interaction.id().as_str().len() + interaction.response().len();
                self.rows.interactions.push(interaction);
            });
            self.or_keep(added)?;
        }
        Ok(())
    }

    fn merge(&mut self, states: &Texts<'_>) -> Result<(), BulkError> {
        for row in 0..states.rows() {
            let Some(state) = states.get(row)? else { continue };
            let more: Rows = serde_json::from_str(state).map_err(|_| BulkError::Part { bytes: state.len() })?;
            if let Some(user) = &more.user {
                let whose = self.rows.user(user);
                self.or_keep(whose)?;
            }
            if let Some(problem) = more.problem {
                self.rows.problem(problem);
            }
            self.rows.interactions.extend(more.interactions);
            self.bytes += state.len();
        }
        Ok(())
    }

    /// The user's model, or with `only_look` whether there is one to be learned.
    fn learned(&self, user: &str, only_look: bool) -> Result<Option<String>, BulkError> {
        let mut interactions = self.rows.interactions.clone();
        // So that of several problems the same one is told.
        interactions
            .sort_by(|a, b| (a.id(), a.query().text(), a.response()).cmp(&(b.id(), b.query().text(), b.response())));
        let history = History::new(self.pipeline.task(), user, interactions)
            .map_err(|source| BulkError::History { user: user.to_owned(), source })?;
        if only_look {
            return Ok(None);
        }
        // Offline nothing is waited for.
        let learned = pollster::block_on(self.pipeline.learn(&history));
        let learned = learned.map_err(|source| BulkError::Learn { user: user.to_owned(), source: Arc::new(source) })?;
        let file = learned.model.to_json_line();
        String::from_utf8(file).map(Some).map_err(|file| BulkError::NotText { bytes: file.as_bytes().len() })
    }

    fn given(&self) -> Result<Option<String>, BulkError> {
        if let Some(problem) = &self.rows.problem {
            return Ok((self.gives == Gives::Problem).then(|| problem.clone()));
        }
        let Some(user) = &self.rows.user else { return Ok(None) };
        match self.gives {
            Gives::Model => self.learned(user, false),
            Gives::ModelOrNull => Ok(self.learned(user, false).unwrap_or_default()),
            Gives::Problem => Ok(self.learned(user, true).err().map(|error| error.said())),
        }
    }
}

/// The interaction of a row.
fn interaction(
    user: &str,
    [id, query, response]: [Result<Option<&str>, BulkError>; 3],
    time: Option<i64>,
    options: Option<Vec<String>>,
) -> Result<Interaction, BulkError> {
    let missing = |column| BulkError::Missing { user: user.to_owned(), column };
    let id = id?.ok_or_else(|| missing("id"))?;
    ItemId::new(id).map_err(|_| BulkError::NoId { column: "id", bytes: id.len() })?;
    let query = query?.ok_or_else(|| missing("query"))?;
    let response = response?.ok_or_else(|| missing("response"))?;
    let of = |source: DataError| BulkError::Interaction { user: user.to_owned(), item: id.to_owned(), source };
    let query = match options {
        Some(options) => Query::with_options(query, options),
        None => Query::new(query),
    };
    let interaction = Interaction::new(id, query.map_err(of)?, response).map_err(of)?;
    Ok(match time {
        Some(time) => interaction.at(time),
        None => interaction,
    })
}

/// The times, if there are.
struct Times<'a>(Option<&'a PrimitiveArray<Int64Type>>, Option<&'a PrimitiveArray<TimestampSecondType>>);

impl<'a> Times<'a> {
    fn of(columns: &'a [ArrayRef]) -> Result<Self> {
        let Some(column) = columns.get(4) else { return Ok(Self(None, None)) };
        let (numbers, seconds) = (column.as_primitive_opt(), column.as_primitive_opt());
        if numbers.is_none() && seconds.is_none() {
            return plan_err!("column 5 is not one of times");
        }
        Ok(Self(numbers, seconds))
    }

    fn at(&self, row: usize) -> Option<i64> {
        let number = self.0.filter(|times| !times.is_null(row)).map(|times| times.value(row));
        number.or_else(|| self.1.filter(|times| !times.is_null(row)).map(|times| times.value(row)))
    }
}

/// The options, if there are.
struct Options<'a>(Option<&'a ListArray>);

impl<'a> Options<'a> {
    fn of(columns: &'a [ArrayRef]) -> Result<Self> {
        let Some(column) = columns.get(5) else { return Ok(Self(None)) };
        match column.as_list_opt() {
            Some(options) => Ok(Self(Some(options))),
            None => plan_err!("column 6 is not one of options"),
        }
    }

    fn at(&self, row: usize) -> Result<Option<Vec<String>>> {
        let Some(all) = self.0.filter(|all| !all.is_null(row)) else { return Ok(None) };
        let options = all.value(row);
        let Some(options) = options.as_string_opt::<i32>() else { return plan_err!("column 6 is not one of options") };
        Ok(Some(options.iter().map(|option| option.unwrap_or_default().to_owned()).collect()))
    }
}

impl Accumulator for Learning {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.add(values)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        Ok(self.merge(&Texts::at(states, 0)?)?)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        // Texts and numbers: it cannot fail.
        let any = self.rows.user.is_some() || self.rows.problem.is_some();
        let state = any.then(|| serde_json::to_string(&self.rows).unwrap_or_default());
        Ok(vec![ScalarValue::LargeUtf8(state)])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::LargeUtf8(self.given()?))
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.rows.interactions.len() * size_of::<Interaction>() + self.bytes
    }
}

/// Without the texts.
impl fmt::Debug for Learning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Learning").field("interactions", &self.rows.interactions.len()).finish_non_exhaustive()
    }
}
