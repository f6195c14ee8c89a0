//! Sums over users: counted from models, and merged from parts.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::error::Result;
use datafusion::logical_expr::Accumulator;
use datafusion::scalar::ScalarValue;
use rpm_core::data::MemoryItem;
use rpm_core::stats::population::{
    CENSUS_FORMAT_NAME, COUNTS_FORMAT_NAME, Census, Counts, Population, PopulationError,
};
use rpm_core::{Task, UserModel};

use crate::column::Texts;
use crate::drawn::place;
use crate::error::BulkError;

/// Users that are counted at once, which takes a fraction of counting each.
const PAGE: usize = 2_048;
/// What they may hold until then, in bytes of their files.
const PAGE_BYTES: usize = 16 << 20;
/// The memory that a model takes, in bytes of its file; measured on users of ten interactions.
const OF_MODEL: usize = 8;

/// One sum.
enum Sum {
    Census(Census),
    Counts(Box<Counts>),
}

impl Sum {
    /// The sum of a file.
    fn read(file: &str) -> Result<Self, BulkError> {
        let census = match Census::from_json(file) {
            Ok(census) => return Ok(Self::Census(census)),
            Err(error) => error,
        };
        let counts = match Counts::from_json(file) {
            Ok(counts) => return Ok(Self::Counts(Box::new(counts))),
            Err(error) => error,
        };
        // Both begin with what they are.
        let begins = |name: &str| file.split_inclusive(',').next().is_some_and(|first| first.contains(name));
        Err(match (begins(CENSUS_FORMAT_NAME), begins(COUNTS_FORMAT_NAME)) {
            (true, _) => census.into(),
            (_, true) => counts.into(),
            _ => BulkError::NoPart { bytes: file.len() },
        })
    }

    fn merge(&mut self, other: &Self) -> Result<(), PopulationError> {
        match (self, other) {
            (Self::Census(sum), Self::Census(more)) => sum.merge(more),
            (Self::Counts(sum), Self::Counts(more)) => sum.merge(more),
            _ => Err(PopulationError::Other("kind: one is a census, one is counts")),
        }
    }

    fn to_json(&self) -> String {
        match self {
            Self::Census(census) => census.to_json(),
            Self::Counts(counts) => counts.to_json(),
        }
    }

    fn memory(&self) -> usize {
        match self {
            Self::Census(census) => census.memory(),
            Self::Counts(counts) => counts.memory(),
        }
    }
}

/// Several parts, merged.
#[derive(Default)]
pub(crate) struct Merging {
    sum: Option<Sum>,
}

impl Merging {
    fn merge(&mut self, parts: &Texts<'_>) -> Result<(), BulkError> {
        for row in 0..parts.rows() {
            let Some(file) = parts.get(row)? else { continue };
            let part = Sum::read(file)?;
            match &mut self.sum {
                Some(sum) => sum.merge(&part)?,
                None => self.sum = Some(part),
            }
        }
        Ok(())
    }

    fn file(&self) -> ScalarValue {
        ScalarValue::LargeUtf8(self.sum.as_ref().map(Sum::to_json))
    }
}

impl Accumulator for Merging {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        Ok(self.merge(&Texts::at(values, 0)?)?)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.file()])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(self.file())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.sum.as_ref().map_or(0, Sum::memory)
    }
}

/// What models are counted into.
enum Into {
    Census(Arc<Task>),
    Counts(Arc<Population>),
}

impl Into {
    fn nobody(&self) -> Result<Sum, BulkError> {
        Ok(match self {
            Self::Census(task) => Sum::Census(Census::new(task)?),
            Self::Counts(population) => Sum::Counts(Box::new(population.nobody())),
        })
    }

    fn of(&self, models: &[Held]) -> Result<Sum, BulkError> {
        Ok(match self {
            Self::Census(task) => Sum::Census(Census::of_all(task, models)?),
            Self::Counts(population) => Sum::Counts(Box::new(population.count_all(models)?)),
        })
    }

    fn is_of(&self, task: &Task) -> bool {
        match self {
            Self::Census(own) => **own == *task || have_the_same_responses(own, task),
            Self::Counts(population) => population.is_of(task),
        }
    }
}

/// True where a population of the one is of the other.
fn have_the_same_responses(one: &Task, other: &Task) -> bool {
    let nobody = |task| Census::new(task).ok();
    let (one, other) = (nobody(one), nobody(other));
    one.zip(other).is_some_and(|(mut one, other)| one.merge(&other).is_ok())
}

/// A model, as what a sum over users reads.
pub(crate) struct Held(pub(crate) UserModel);

impl Held {
    /// The model of a file.
    pub(crate) fn read(file: &str) -> Result<Self, BulkError> {
        UserModel::from_json(file).map(Self).map_err(|source| BulkError::Model { bytes: file.len(), source })
    }
}

impl AsRef<[MemoryItem]> for Held {
    fn as_ref(&self) -> &[MemoryItem] {
        self.0.memory().items()
    }
}

/// Models, counted page by page.
pub(crate) struct Summing {
    into: Into,
    /// Models whose files have a higher place are left out.
    up_to: u64,
    page: Vec<Held>,
    page_bytes: usize,
    merged: Merging,
}

impl Summing {
    pub(crate) fn census(task: Arc<Task>, up_to: u64) -> Self {
        Self { up_to, ..Self::new(Into::Census(task)) }
    }

    pub(crate) fn counts(population: Arc<Population>) -> Self {
        Self::new(Into::Counts(population))
    }

    fn new(into: Into) -> Self {
        Self { into, up_to: u64::MAX, page: Vec::new(), page_bytes: 0, merged: Merging::default() }
    }

    fn add(&mut self, models: &Texts<'_>) -> Result<(), BulkError> {
        for row in 0..models.rows() {
            let Some(file) = models.get(row)? else { continue };
            if self.up_to < u64::MAX && place(file) > self.up_to {
                continue;
            }
            let model = Held::read(file)?;
            if !self.into.is_of(model.0.task()) {
                return Err(BulkError::OtherTask { user: model.0.user().to_string() });
            }
            self.page.push(model);
            self.page_bytes += file.len();
            if self.page.len() == PAGE || self.page_bytes >= PAGE_BYTES {
                self.count()?;
            }
        }
        Ok(())
    }

    /// Counts the page.
    fn count(&mut self) -> Result<(), BulkError> {
        if self.page.is_empty() {
            return Ok(());
        }
        let more = self.into.of(&self.page)?;
        self.page = Vec::new();
        match &mut self.merged.sum {
            Some(sum) => sum.merge(&more)?,
            None => self.merged.sum = Some(more),
        }
        self.page_bytes = 0;
        Ok(())
    }
}

impl Accumulator for Summing {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        Ok(self.add(&Texts::at(values, 0)?)?)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.merged.merge_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.count()?;
        self.merged.state()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.count()?;
        if self.merged.sum.is_none() {
            self.merged.sum = Some(self.into.nobody()?);
        }
        self.merged.evaluate()
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.page_bytes * OF_MODEL + self.merged.size()
    }
}

impl fmt::Debug for Merging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Merging").field("any", &self.sum.is_some()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Summing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Summing").field("page", &self.page.len()).field("merged", &self.merged).finish_non_exhaustive()
    }
}
