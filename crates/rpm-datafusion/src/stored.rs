//! A store of models as a table, and models into a store.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{LargeStringArray, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::prelude::DataFrame;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use rpm_core::UserId;
use rpm_core::store::{StoreError, UserModelStore};

use crate::column::Texts;
use crate::error::BulkError;
use crate::sums::Held;

/// Models of one batch.
const BATCH: usize = 256;
/// Models that are loaded or saved at a time.
const LOADS: usize = 16;

/// A table of all models of a store, as they are while a statement runs: `user`, ascending, and `model`, the file, which is NULL of a user whose model cannot be read, so
/// that functions leave it out. Users that come and go
/// meanwhile may be missed. 256 models are in memory at a time. One task reads it; `COPY … TO 'models.parquet'` first where several statements are to read on all cores, or a
/// cluster is to.
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
///
/// use datafusion::prelude::SessionContext;
/// use rpm_core::InMemoryStore;
///
/// let context = SessionContext::new();
/// context.register_table("models", rpm_datafusion::stored::models(Arc::new(InMemoryStore::new()))?)?;
/// assert_eq!(context.table("models").await?.count().await?, 0);
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
///
/// # Errors
/// None but what DataFusion may find wrong with the table.
pub fn models(store: Arc<dyn UserModelStore>) -> Result<Arc<dyn TableProvider>> {
    let user = Field::new("user", DataType::Utf8, false);
    let schema = Arc::new(Schema::new(vec![user, Field::new("model", DataType::LargeUtf8, true)]));
    let table = StreamingTable::try_new(Arc::clone(&schema), vec![Arc::new(Stored { store, schema })])?;
    Ok(Arc::new(table))
}

/// What became of models that were to be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Saved {
    /// Models that are in the store now.
    pub saved: u64,
    /// Models of users whom the store held already, whose models were left as they are.
    pub held: u64,
    /// Rows without a model.
    pub none: u64,
}

/// Saves the models in the only column of `models`, of users of whom the store holds none; 16 are saved at a time. What is held stays: it may have what came
/// in since, and lacks what the user took back. So it can be called again after an error, or with a table that has grown.
///
/// A user who was deleted is one of whom the store holds none: take those out of the table first, for what is in it came before the deletion.
///
/// ```no_run
/// # async fn example(context: datafusion::prelude::SessionContext, store: std::sync::Arc<dyn rpm_core::store::UserModelStore>) -> Result<(), Box<dyn std::error::Error>> {
/// let learned = "SELECT rpm_try_learn(CAST(account AS VARCHAR), event, title, CAST(stars AS VARCHAR), rated_at) FROM events GROUP BY account";
/// let saved = rpm_datafusion::stored::save_new(context.sql(learned).await?, store).await?;
/// println!("{} saved, {} held before, {} not to be learned", saved.saved, saved.held, saved.none);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`BulkError::Statement`] and [`BulkError::Model`]; [`BulkError::Save`] where the store fails. Up to 16 models and all before them may be saved then.
pub async fn save_new(models: DataFrame, store: Arc<dyn UserModelStore>) -> Result<Saved, BulkError> {
    let mut saved = Saved::default();
    let mut batches = models.execute_stream().await?;
    while let Some(batch) = batches.try_next().await? {
        if batch.num_columns() != 1 {
            return Err(BulkError::Result("none or several columns"));
        }
        let files = Texts::at(batch.columns(), 0)?;
        let files = (0..files.rows()).map(|row| Ok(files.get(row)?.map(str::to_owned)));
        let files = files.collect::<Result<Vec<_>, BulkError>>()?;
        let mut saving = stream::iter(files).map(|file| save(&store, file)).buffered(LOADS);
        while let Some(done) = saving.try_next().await? {
            saved =
                Saved { saved: saved.saved + done.saved, held: saved.held + done.held, none: saved.none + done.none };
        }
    }
    Ok(saved)
}

async fn save(store: &Arc<dyn UserModelStore>, file: Option<String>) -> Result<Saved, BulkError> {
    let Some(file) = file else { return Ok(Saved { none: 1, ..Saved::default() }) };
    let Held(model) = Held::read(&file)?;
    match store.save(&model, None).await {
        Ok(_) => Ok(Saved { saved: 1, ..Saved::default() }),
        Err(StoreError::Conflict) => Ok(Saved { held: 1, ..Saved::default() }),
        Err(error) => Err(BulkError::Save { user: model.user().to_string(), source: Arc::new(error) }),
    }
}

struct Stored {
    store: Arc<dyn UserModelStore>,
    schema: SchemaRef,
}

impl PartitionStream for Stored {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (store, schema) = (Arc::clone(&self.store), Arc::clone(&self.schema));
        // The user up to whom it was read; nobody at first.
        let pages = stream::try_unfold(Some(None), move |after: Option<Option<UserId>>| {
            let (store, schema) = (Arc::clone(&store), Arc::clone(&schema));
            async move {
                let Some(after) = after else { return Ok(None) };
                let users = store.list(after.as_ref(), BATCH).await.map_err(external)?;
                let last = if users.len() < BATCH { None } else { users.last().cloned() };
                let batch = batch(&store, users, schema).await?;
                Ok(Some((batch, last.map(Some))))
            }
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), pages))
    }
}

/// The models of these users, but of those who are gone.
async fn batch(store: &Arc<dyn UserModelStore>, users: Vec<UserId>, schema: SchemaRef) -> Result<RecordBatch> {
    let load = |user: UserId| async move {
        let file = match store.load(&user).await {
            Ok(Some(held)) => Some(String::from_utf8(held.model.to_json_line()).map_err(external)?),
            Ok(None) => return Ok(None),
            Err(StoreError::Corrupt { .. } | StoreError::Model { .. }) => None,
            Err(error) => return Err(external(error)),
        };
        Ok::<_, DataFusionError>(Some((user.to_string(), file)))
    };
    // In the order of users.
    let loaded = stream::iter(users).map(load).buffered(LOADS);
    let loaded: Vec<_> = loaded.try_filter_map(|user| async move { Ok(user) }).try_collect().await?;
    let (users, files): (Vec<String>, Vec<Option<String>>) = loaded.into_iter().unzip();
    let columns = (Arc::new(StringArray::from(users)), Arc::new(LargeStringArray::from(files)));
    Ok(RecordBatch::try_new(schema, vec![columns.0, columns.1])?)
}

fn external(error: impl std::error::Error + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored").field("store", &self.store.name()).finish_non_exhaustive()
    }
}
