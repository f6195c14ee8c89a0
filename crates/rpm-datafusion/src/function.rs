//! The functions as DataFusion sees them: names, types, and what each is bound to.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use rpm_core::stats::population::{Census, Population, PopulationError};
use rpm_core::{RpmPipeline, Task};
use serde::{Deserialize, Serialize};

use crate::column::text_type;
use crate::drawn::Drawing;
use crate::error::BulkError;
use crate::learned::{Gives, Learning};
use crate::sums::{Merging, Summing};

/// `rpm_learn`: each user's model, as [`RpmPipeline::offline`](rpm_core::RpmPipeline::offline) learns it, whatever order the rows come in.
///
/// Of columns `user`, `id`, `query` and `response`, all texts, then, if there are, `time`, a whole number, or a timestamp, which is read as Unix seconds, and
/// `options`, a list of texts. Later interactions of the user have to have times of the same unit.
/// `GROUP BY` the user. One user who cannot be learned fails the statement; see [`try_learn`].
pub fn learn(task: &Task) -> AggregateUDF {
    learning(task, Gives::Model)
}

/// `rpm_try_learn`: what [`learn`] gives, and NULL for a user who cannot be learned.
pub fn try_learn(task: &Task) -> AggregateUDF {
    learning(task, Gives::ModelOrNull)
}

/// `rpm_why_not`: why a user cannot be learned, in words, without any text of theirs; NULL for a user who can be. It learns nothing, so that
/// whatever it finds is of the rows.
pub fn why_not(task: &Task) -> AggregateUDF {
    learning(task, Gives::Problem)
}

fn learning(task: &Task, gives: Gives) -> AggregateUDF {
    Function::new(Bound::Learn { pipeline: Arc::new(RpmPipeline::offline(task.clone())), gives }).into()
}

/// `rpm_census`: the census of users, of a column with their models.
///
/// # Errors
/// [`PopulationError::FreeText`].
pub fn census(task: &Task) -> Result<AggregateUDF, PopulationError> {
    census_up_to(task, u64::MAX)
}

/// `rpm_counts`: the counts of users under this population, of a column with their models.
pub fn counts(population: Arc<Population>) -> AggregateUDF {
    Function::new(Bound::Counts { population }).into()
}

/// `rpm_merge`: one census of several, or one sum of counts of several, of a column with them. They are of different users: whoever is in two
/// of them is counted twice. NULL of none.
pub fn merge() -> AggregateUDF {
    Function::new(Bound::Merge).into()
}

/// `rpm_sample`: so many of the models in a column, drawn by digests of their files, so the same ones in whatever order they come: a JSON list of texts. NULL of none.
pub fn sample(users: usize) -> AggregateUDF {
    Function::new(Bound::Sample { users }).into()
}

/// `rpm_census` of the models whose files have a place up to this: a drawn part of them.
pub(crate) fn census_up_to(task: &Task, up_to: u64) -> Result<AggregateUDF, PopulationError> {
    Census::new(task)?;
    Ok(Function::new(Bound::Census { task: Arc::new(task.clone()), up_to }).into())
}

/// What a function is of.
#[derive(Clone)]
pub(crate) enum Bound {
    Learn { pipeline: Arc<RpmPipeline>, gives: Gives },
    Census { task: Arc<Task>, up_to: u64 },
    Sample { users: usize },
    Counts { population: Arc<Population> },
    Merge,
}

/// What a function is of, as it is sent to another process.
#[derive(Serialize, Deserialize)]
struct Sent {
    /// This crate's, which is rpm-core's: another one may learn or count otherwise.
    version: String,
    of: SentBound,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum SentBound {
    Learn { task: Task, gives: Gives },
    Census { task: Task, up_to: u64 },
    Sample { users: usize },
    Counts { population: String },
    Merge,
}

/// The names of all functions.
#[cfg_attr(not(feature = "codec"), expect(dead_code, reason = "none comes from elsewhere"))]
pub(crate) const NAMES: [&str; 7] =
    ["rpm_learn", "rpm_try_learn", "rpm_why_not", "rpm_census", "rpm_sample", "rpm_counts", "rpm_merge"];

impl Bound {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Learn { gives: Gives::Model, .. } => "rpm_learn",
            Self::Learn { gives: Gives::ModelOrNull, .. } => "rpm_try_learn",
            Self::Learn { gives: Gives::Problem, .. } => "rpm_why_not",
            Self::Census { .. } => "rpm_census",
            Self::Sample { .. } => "rpm_sample",
            Self::Counts { .. } => "rpm_counts",
            Self::Merge => "rpm_merge",
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let of = match self {
            Self::Learn { pipeline, gives } => SentBound::Learn { task: pipeline.task().clone(), gives: *gives },
            Self::Census { task, up_to } => SentBound::Census { task: Task::clone(task), up_to: *up_to },
            Self::Sample { users } => SentBound::Sample { users: *users },
            Self::Counts { population } => SentBound::Counts { population: population.to_json() },
            Self::Merge => SentBound::Merge,
        };
        // Texts and numbers: it cannot fail.
        serde_json::to_vec(&Sent { version: VERSION.to_owned(), of }).unwrap_or_default()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let sent: Sent = serde_json::from_slice(bytes).ok().filter(|sent: &Sent| sent.version == VERSION)?;
        Some(match sent.of {
            SentBound::Learn { task, gives } => Self::Learn { pipeline: Arc::new(RpmPipeline::offline(task)), gives },
            SentBound::Census { task, up_to } => Self::Census { task: Arc::new(task), up_to },
            SentBound::Sample { users } => Self::Sample { users },
            SentBound::Counts { population } => {
                Self::Counts { population: Arc::new(Population::from_json(&population).ok()?) }
            }
            SentBound::Merge => Self::Merge,
        })
    }
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// One function.
#[derive(Clone)]
pub(crate) struct Function {
    bound: Bound,
    /// What it is bound to, as it is sent: two functions are the same where this is.
    bytes: Arc<[u8]>,
    signature: Signature,
}

impl Function {
    fn new(bound: Bound) -> Self {
        let bytes = bound.to_bytes().into();
        Self { bound, bytes, signature: Signature::user_defined(Volatility::Immutable) }
    }

    /// The bytes that another process makes it of.
    #[cfg_attr(not(feature = "codec"), expect(dead_code, reason = "it goes nowhere"))]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The function of these bytes.
    #[cfg_attr(not(feature = "codec"), expect(dead_code, reason = "it comes from nowhere"))]
    pub(crate) fn read(name: &str, bytes: &[u8]) -> Result<Self, BulkError> {
        let bound = Bound::from_bytes(bytes).filter(|bound| bound.name() == name);
        bound.map(Self::new).ok_or_else(|| BulkError::OtherVersion { name: name.to_owned() })
    }
}

/// A time is read as a whole number, and a timestamp as seconds.
fn time_type(of: &DataType) -> Option<DataType> {
    match of {
        DataType::Timestamp(_, zone) => Some(DataType::Timestamp(TimeUnit::Second, zone.clone())),
        of if of.is_integer() || of.is_null() => Some(DataType::Int64),
        _ => None,
    }
}

/// Options are read as a list of texts.
fn options_type(of: &DataType) -> Option<DataType> {
    use DataType::{FixedSizeList, LargeList, LargeListView, List, ListView};
    let texts = match of {
        List(of) | LargeList(of) | ListView(of) | LargeListView(of) | FixedSizeList(of, _) => {
            text_type(of.data_type()).is_some() || of.data_type().is_null()
        }
        of => of.is_null(),
    };
    texts.then(|| List(Arc::new(Field::new_list_field(DataType::Utf8, true))))
}

impl AggregateUDFImpl for Function {
    fn name(&self) -> &str {
        self.bound.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let name = self.name();
        let texts: Option<Vec<DataType>> = types.iter().take(4).map(text_type).collect();
        if !matches!(self.bound, Bound::Learn { .. }) {
            return match texts {
                Some(one) if types.len() == 1 => Ok(one),
                _ => plan_err!("{name} is of one column, of files as texts or as bytes"),
            };
        }
        let more: Option<Vec<DataType>> =
            types.iter().skip(4).zip([time_type, options_type]).map(|(of, read_as)| read_as(of)).collect();
        match (texts, more) {
            (Some(texts), Some(more)) if (4..=6).contains(&types.len()) => Ok([texts, more].concat()),
            _ => plan_err!(
                "{name} is of the texts user, id, query and response in this order, then of a time, a whole number or a timestamp, and of options, a list of texts, if there are; CAST others AS VARCHAR"
            ),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::LargeUtf8)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<Arc<Field>>> {
        Ok(vec![Arc::new(Field::new(format!("{}[part]", args.name), DataType::LargeUtf8, true))])
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return plan_err!("{} does not tell rows apart: leave out DISTINCT", self.name());
        }
        Ok(match &self.bound {
            Bound::Learn { pipeline, gives } => Box::new(Learning::new(Arc::clone(pipeline), *gives)),
            Bound::Census { task, up_to } => Box::new(Summing::census(Arc::clone(task), *up_to)),
            Bound::Sample { users } => Box::new(Drawing::new(*users)),
            Bound::Counts { population } => Box::new(Summing::counts(Arc::clone(population))),
            Bound::Merge => Box::new(Merging::default()),
        })
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function").field("name", &self.bound.name()).finish_non_exhaustive()
    }
}
