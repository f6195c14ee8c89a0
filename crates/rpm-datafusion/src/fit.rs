//! A population, fitted by statements over models.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::logical_expr::{AggregateUDF, Expr};
use datafusion::prelude::DataFrame;
use rpm_core::Task;
use rpm_core::stats::population::{Census, Counts, Population};

use crate::column::Texts;
use crate::error::BulkError;
use crate::sums::Held;
use crate::{census, counts};

/// How often all models are counted, as by [`Population::learn`].
const PASSES: usize = 2;

/// Fits a population of the users whose models are in the only column of `models`: one statement for the census, and two that count.
///
/// It begins with the axes on which the users in the only column of `sample` differ, which are in memory here; some thousands do. Where the sample is all users in the order
/// of their models, the population is that of [`Population::learn`] to the byte. Statements run where the frames' sessions run them, and what is between them on a
/// thread of the runtime for work that blocks. Dropped, it ends with the statement or the step that is under way.
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use datafusion::prelude::SessionContext;
/// use rpm_core::{ResponseSpace, Task};
///
/// let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5)?)?;
/// let context = SessionContext::new();
/// context.register_udaf(rpm_datafusion::learn(&task));
/// # context.sql("CREATE TABLE ratings (user VARCHAR, id VARCHAR, query VARCHAR, response VARCHAR) AS VALUES
/// #     ('ana', '1', 'A slow, quiet drama.', '5'), ('ana', '2', 'A loud chase through the city.', '2'),
/// #     ('ben', '1', 'A slow, quiet drama.', '4'), ('ben', '2', 'A loud chase through the city.', '1')").await?;
/// // `ratings` is a table with a row for each interaction, such as `context.register_parquet` makes.
/// context.sql("CREATE TABLE models AS SELECT user, rpm_learn(user, id, query, response) AS model FROM ratings GROUP BY user").await?;
///
/// let models = context.sql("SELECT model FROM models").await?;
/// let sample = context.sql("SELECT model FROM models ORDER BY user LIMIT 2048").await?;
/// let population = rpm_datafusion::population(&task, 2, models, sample).await?;
/// assert_eq!(population.users(), 2);
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
///
/// # Errors
/// [`BulkError::Population`] for a task of free text, for a k below 2, and for fewer users than k; [`BulkError::Statement`] where a statement fails, and
/// what the functions find wrong with models.
pub async fn population(task: &Task, k: usize, models: DataFrame, sample: DataFrame) -> Result<Population, BulkError> {
    let census = of_all(&models, &census(task)?).await?;
    let sample = each(sample).await?;
    let begin = move || {
        let sample = sample.iter().map(|file| Held::read(file)).collect::<Result<Vec<_>, _>>()?;
        Ok(Population::begin(&Census::from_json(&census)?, &sample, k)?)
    };
    let mut population = Arc::new(apart(begin).await?);
    for _ in 0..PASSES {
        let counted = of_all(&models, &counts(Arc::clone(&population))).await?;
        let fit = move || Ok(population.fitted(&Counts::from_json(&counted)?)?);
        population = Arc::new(apart(fit).await?);
    }
    Ok(Arc::unwrap_or_clone(population))
}

/// Computes for seconds on a thread for that, since others wait for this one.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BulkError> + Send + 'static,
) -> Result<T, BulkError> {
    SpawnedTask::spawn_blocking(work).join_unwind().await.map_err(|_| BulkError::Stopped)?
}

/// What a function gives of a frame's only column.
async fn of_all(models: &DataFrame, function: &AggregateUDF) -> Result<String, BulkError> {
    let columns = models.schema().columns();
    let [column] = columns.as_slice() else {
        return Err(BulkError::Result("none or several columns"));
    };
    let of_all = function.call(vec![Expr::Column(column.clone())]);
    let given = each(models.clone().aggregate(Vec::new(), vec![of_all])?).await?;
    given.into_iter().next().ok_or(BulkError::Result("no row"))
}

/// The texts in a frame's only column.
async fn each(frame: DataFrame) -> Result<Vec<String>, BulkError> {
    let mut all = Vec::new();
    for batch in frame.collect().await? {
        if batch.num_columns() != 1 {
            return Err(BulkError::Result("none or several columns"));
        }
        texts(&batch, &mut all)?;
    }
    Ok(all)
}

fn texts(batch: &RecordBatch, all: &mut Vec<String>) -> Result<(), BulkError> {
    let texts = Texts::at(batch.columns(), 0)?;
    for row in 0..texts.rows() {
        all.extend(texts.get(row)?.map(str::to_owned));
    }
    Ok(())
}
