//! Functions in SQL give what the library gives, whatever order rows come in and however they are split.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[path = "on_datafusion/codecs.rs"]
#[cfg(feature = "codec")]
mod codecs;
#[path = "on_datafusion/learning.rs"]
mod learning;
#[allow(dead_code)]
#[path = "common/made.rs"]
mod made;
#[path = "on_datafusion/population.rs"]
mod population;
#[path = "on_datafusion/store.rs"]
mod store;

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};

/// A session on so many threads, with a table of these partitions, and with the functions of the task.
pub(crate) fn session(threads: usize, table: &str, partitions: Vec<Vec<RecordBatch>>) -> SessionContext {
    let config = SessionConfig::new().with_target_partitions(threads).with_batch_size(50);
    let context = SessionContext::new_with_config(config);
    let schema = partitions[0][0].schema();
    context.register_table(table, Arc::new(MemTable::try_new(schema, partitions).unwrap())).unwrap();
    let task = made::task();
    for function in [
        rpm_datafusion::learn(&task),
        rpm_datafusion::try_learn(&task),
        rpm_datafusion::why_not(&task),
        rpm_datafusion::census(&task).unwrap(),
        rpm_datafusion::merge(),
    ] {
        context.register_udaf(function);
    }
    context
}

/// What a statement says is wrong.
pub(crate) async fn wrong(context: &SessionContext, statement: &str) -> String {
    let frame = match context.sql(statement).await {
        Ok(frame) => frame,
        Err(error) => return error.to_string(),
    };
    let error = rpm_datafusion::BulkError::from(frame.collect().await.expect_err("it is refused"));
    format!("{error:?}")
}
