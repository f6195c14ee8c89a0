//! Tables in Parquet.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray as _, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::parquet::arrow::ArrowWriter;
use rpm_core::Interaction;

use crate::Failed;
use crate::args::Args;
use crate::made::{Made, name};

/// Users of one file.
const USERS: usize = 2_500;

/// Writes the interactions of all users, unless they are there.
pub(crate) fn interactions(args: &Args, made: &Made) -> Result<(), Failed> {
    let folder = args.tables.join("interactions");
    if folder.exists() {
        return Ok(());
    }
    fs::create_dir_all(&folder)?;
    for from in (0..args.users).step_by(USERS) {
        let mut rows = Vec::new();
        for user in from..args.users.min(from + USERS) {
            rows.extend(made.history(user)?.interactions().iter().map(|one| (name(user), one.clone())));
        }
        let batch = batch(&rows)?;
        let file = File::create(folder.join(format!("{:05}.parquet", from / USERS)))?;
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None)?;
        writer.write(&batch)?;
        writer.close()?;
    }
    println!("bytes of {}: {}", folder.display(), bytes(&folder)?);
    Ok(())
}

fn batch(of: &[(String, Interaction)]) -> Result<RecordBatch, Failed> {
    let text = |get: fn(&(String, Interaction)) -> &str| -> ArrayRef {
        Arc::new(of.iter().map(|row| Some(get(row))).collect::<StringArray>())
    };
    let times: ArrayRef = Arc::new(of.iter().map(|(_, one)| one.time()).collect::<Int64Array>());
    Ok(RecordBatch::try_from_iter([
        ("user", text(|row| &row.0)),
        ("id", text(|row| row.1.id().as_str())),
        ("query", text(|row| row.1.query().text())),
        ("response", text(|row| row.1.response())),
        ("time", times),
    ])?)
}

/// The texts of the first column.
pub(crate) fn texts(batch: &RecordBatch) -> Result<Vec<String>, Failed> {
    let column = cast(batch.column(0), &DataType::LargeUtf8)?;
    let texts = column.as_string_opt::<i64>().ok_or("the column is not one of texts")?;
    Ok(texts.iter().flatten().map(str::to_owned).collect())
}

/// The bytes of a folder's files.
pub(crate) fn bytes(folder: &Path) -> Result<u64, Failed> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}
