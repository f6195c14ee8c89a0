//! A population, fitted by statements over models.

use std::sync::Arc;

use datafusion::common::runtime::SpawnedTask;
use datafusion::logical_expr::{AggregateUDF, Expr};
use datafusion::prelude::DataFrame;
use rpm_core::Task;
use rpm_core::stats::population::{Census, Counts, Population, USERS_SHARED};

use crate::column::Texts;
use crate::drawn::drawn;
use crate::error::BulkError;
use crate::function::{census_up_to, counts, sample};
use crate::sums::Held;

/// How often all models are counted, as by [`Population::learn`].
const PASSES: usize = 2;
/// Users that a population is begun with, or four times k: it looks at some of them, spread evenly.
const BEGUN_WITH: usize = 2_048;
/// Users that the census is taken of.
const CENSUS_OF: usize = 100_000;

/// A population to be fitted by statements over models: what takes part in it, and how.
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use datafusion::prelude::SessionContext;
/// use rpm_core::{ResponseSpace, Task};
/// use rpm_datafusion::Fitting;
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
/// let population = Fitting::new(&task, context.sql("SELECT model FROM models").await?).k(2).run().await?;
/// assert_eq!(population.users(), 2);
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
#[derive(Debug, Clone)]
#[must_use = "it does nothing until it is run"]
pub struct Fitting {
    task: Task,
    models: DataFrame,
    k: usize,
    census_of: usize,
}

impl Fitting {
    /// Of the users whose models are in the only column of `models`, each once. NULL is left out: where `users` of the population is below the number of rows, some were.
    pub fn new(task: &Task, models: DataFrame) -> Self {
        Self { task: task.clone(), models, k: USERS_SHARED, census_of: CENSUS_OF }
    }

    /// The number of users that must share what is kept, at least 2. Default: [`USERS_SHARED`].
    pub fn k(mut self, users: usize) -> Self {
        self.k = users;
        self
    }

    /// About how many users the census is taken of, drawn by digests of their models; all are counted. Default: 100,000. A census grows with every word that one user alone
    /// has, and is held as a whole by each task that counts it, and here.
    pub fn census_of(mut self, users: usize) -> Self {
        self.census_of = users.max(1);
        self
    }

    /// Fits it: a statement that counts rows, one for the census and the users to begin with, who are in memory here, and two over all models. They run where the frame's session runs
    /// them, and what is between them on a thread of the runtime for work that blocks. Dropped, it ends with the statement or the step that is under way.
    ///
    /// The same models give the same population in whatever order they come. Of at most 2,048 users it is to the byte that of [`Population::learn`] over their histories in the
    /// order of their ids; of more it begins with others, and the rest is the same.
    ///
    /// # Errors
    /// [`BulkError::Population`] for a task of free text, for a k below 2, and for fewer users than k; [`BulkError::Statement`] where a statement fails, and
    /// what the functions find wrong with models.
    pub async fn run(self) -> Result<Population, BulkError> {
        let k = self.k;
        let begun_with = BEGUN_WITH.max(k.saturating_mul(4));
        let rows = self.models.clone().count().await?;
        let functions = [census_up_to(&self.task, up_to(self.census_of, rows))?, sample(begun_with)];
        let [census, some] = of_all(&self.models, functions.each_ref()).await?;
        let begin = move || {
            let some = some.map_or_else(|| Ok(Vec::new()), |some| drawn(&some))?;
            let mut some = some.iter().map(|file| Held::read(file)).collect::<Result<Vec<_>, _>>()?;
            some.sort_by(|a, b| a.0.user().cmp(b.0.user()));
            let census = Census::from_json(&census.ok_or(BulkError::Result("NULL"))?)?;
            Ok(Population::begin(&census, &some, k)?)
        };
        let mut population = Arc::new(apart(begin).await?);
        for _ in 0..PASSES {
            let [counted] = of_all(&self.models, [&counts(Arc::clone(&population))]).await?;
            let fit = move || {
                let counted = counted.ok_or(BulkError::Result("NULL"))?;
                Ok(population.fitted(&Counts::from_json(&counted)?)?)
            };
            population = Arc::new(apart(fit).await?);
        }
        Ok(Arc::unwrap_or_clone(population))
    }
}

/// The highest place of so many of these rows.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the range, rounded to it")]
fn up_to(users: usize, rows: usize) -> u64 {
    if users >= rows { u64::MAX } else { (users as f64 / rows as f64 * u64::MAX as f64) as u64 }
}

/// Computes for seconds on a thread for that, since others wait for this one.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BulkError> + Send + 'static,
) -> Result<T, BulkError> {
    SpawnedTask::spawn_blocking(work).join_unwind().await.map_err(|_| BulkError::Stopped)?
}

/// What functions give of a frame's only column, in one statement.
async fn of_all<const N: usize>(
    models: &DataFrame,
    functions: [&AggregateUDF; N],
) -> Result<[Option<String>; N], BulkError> {
    let columns = models.schema().columns();
    let [column] = columns.as_slice() else {
        return Err(BulkError::Result("none or several columns"));
    };
    let calls = functions.map(|function| function.call(vec![Expr::Column(column.clone())]));
    let batches = models.clone().aggregate(Vec::new(), calls.to_vec())?.collect().await?;
    let row = batches.iter().find(|batch| batch.num_rows() == 1).ok_or(BulkError::Result("no row"))?;
    let mut given = [const { None }; N];
    for (place, given) in given.iter_mut().enumerate() {
        *given = Texts::at(row.columns(), place)?.get(0)?.map(str::to_owned);
    }
    Ok(given)
}
