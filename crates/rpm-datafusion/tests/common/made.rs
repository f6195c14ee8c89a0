//! Users that are made up, and sessions over their interactions.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, LargeStringArray, RecordBatch, StringArray};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::prelude::{DataFrame, SessionContext};
use rpm_core::{History, Interaction, Query, ResponseSpace, RpmPipeline, Task, UserModel};

pub(crate) fn task() -> Task {
    Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5).unwrap()).unwrap()
}

const WHATS: [&str; 6] = ["drama", "chase", "comedy", "western", "musical", "documentary"];
const HOWS: [&str; 6] = ["slow", "loud", "quiet", "bright", "tender", "grim"];

/// The interactions of the user of a number, who has one of four tastes.
pub(crate) fn interactions(user: usize) -> Vec<Interaction> {
    (0..6)
        .map(|n| {
            let (what, how) = ((user * 5 + n * 7) % WHATS.len(), (user + n * 11 + n * n) % HOWS.len());
            let text = format!("A {} {} number {}.", HOWS[how], WHATS[what], (user * 3 + n) % 17);
            let response = 1 + (what * (user % 4 + 1) + how) % 5;
            let interaction = Interaction::new(format!("i{n}"), Query::new(text).unwrap(), response.to_string());
            interaction.unwrap().at(i64::try_from(n * 10).unwrap())
        })
        .collect()
}

pub(crate) fn name(user: usize) -> String {
    format!("u{user:05}")
}

pub(crate) fn history(user: usize) -> History {
    History::new(&task(), name(user), interactions(user)).unwrap()
}

/// The models of the first users, in the order of their ids.
pub(crate) fn models(users: usize) -> Vec<UserModel> {
    let pipeline = RpmPipeline::offline(task());
    (0..users).map(|user| pollster::block_on(pipeline.learn(&history(user))).unwrap().model).collect()
}

pub(crate) fn file(model: &UserModel) -> String {
    String::from_utf8(model.to_json_line()).unwrap()
}

/// Rows of interactions: user, id, query, response, time.
pub(crate) fn rows(of: &[(String, Interaction)]) -> RecordBatch {
    let text = |get: fn(&(String, Interaction)) -> &str| -> ArrayRef {
        Arc::new(of.iter().map(|row| Some(get(row))).collect::<StringArray>())
    };
    let times: ArrayRef = Arc::new(of.iter().map(|(_, one)| one.time()).collect::<Int64Array>());
    RecordBatch::try_from_iter([
        ("user", text(|row| &row.0)),
        ("id", text(|row| row.1.id().as_str())),
        ("query", text(|row| row.1.query().text())),
        ("response", text(|row| row.1.response())),
        ("time", times),
    ])
    .unwrap()
}

/// Rows of models: user, model.
pub(crate) fn model_rows(models: &[UserModel]) -> RecordBatch {
    let users: ArrayRef = Arc::new(models.iter().map(|model| Some(model.user().to_string())).collect::<StringArray>());
    let files: ArrayRef = Arc::new(models.iter().map(|model| Some(file(model))).collect::<LargeStringArray>());
    RecordBatch::try_from_iter([("user", users), ("model", files)]).unwrap()
}

/// A folder that is deleted with this.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("rpm-datafusion-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Writes a table of several Parquet files.
pub(crate) fn write_parquet(folder: &Path, batches: &[RecordBatch]) {
    std::fs::create_dir_all(folder).unwrap();
    for (number, batch) in batches.iter().enumerate() {
        let file = File::create(folder.join(format!("{number:03}.parquet"))).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(batch).unwrap();
        writer.close().unwrap();
    }
}

/// Models in a table of so many files.
pub(crate) fn write_models(folder: &Path, models: &[UserModel], files: usize) {
    let batches: Vec<RecordBatch> = models.chunks(models.len().div_ceil(files)).map(model_rows).collect();
    write_parquet(folder, &batches);
}

/// All texts of a statement's first column, NULL as none.
pub(crate) async fn texts(frame: DataFrame) -> Vec<Option<String>> {
    let mut all = Vec::new();
    for batch in frame.collect().await.unwrap() {
        let column = datafusion::arrow::compute::cast(batch.column(0), &datafusion::arrow::datatypes::DataType::Utf8);
        let column = column.unwrap();
        let column = column.as_any().downcast_ref::<StringArray>().unwrap();
        all.extend(column.iter().map(|text| text.map(str::to_owned)));
    }
    all
}

/// The only text that a statement gives.
pub(crate) async fn text(context: &SessionContext, statement: &str) -> String {
    let mut all = texts(context.sql(statement).await.unwrap()).await;
    assert_eq!(all.len(), 1);
    all.remove(0).expect("not NULL")
}
