//! A table of JSON lines: the fields of the objects are the columns.

use std::path::Path;

use serde_json::Value;

use crate::dataset::json::{parse, scalar};
use crate::dataset::rows::Lines;
use crate::dataset::source::{file_name, io_error};

use super::table::{Row, Table, wrong};
use super::{Reason, TryError};

/// The most bytes of a line.
const LINE_BYTES: usize = 16 << 20;

/// The fields of a line of `users.jsonl`, which is no table.
const OF_THE_HARNESS: [&str; 3] = ["task", "history", "test"];

pub(super) fn read(path: &Path, bytes: &[u8], sha256: String) -> Result<Table, TryError> {
    let mut lines = Lines::new(bytes, LINE_BYTES);
    let mut objects = Vec::new();
    let mut columns: Vec<String> = Vec::new();
    while let Some(line) = lines.next().map_err(|error| io_error(path, error))? {
        let object = match line.bytes.map(parse) {
            Some(Ok(Value::Object(object))) => Ok(object),
            None => Err(Reason::TooLong),
            Some(_) => Err(Reason::Json),
        };
        for field in object.iter().flat_map(|object| object.keys()) {
            if !columns.contains(field) {
                columns.push(field.clone());
            }
        }
        objects.push((line.number, object));
    }
    if OF_THE_HARNESS.iter().all(|field| columns.iter().any(|column| column == field)) {
        let problem = "is in the harness's own format, a user a line: compare methods on it with `rpm-eval run --data` and the folder \
                       it is in";
        return Err(wrong(path, problem));
    }
    if columns.is_empty() {
        return Err(wrong(path, "has no line that is a JSON object with fields"));
    }
    let cell = |value: Option<&Value>| value.and_then(scalar).map(|text| text.trim().to_owned()).unwrap_or_default();
    let rows = objects.into_iter().map(|(number, object)| Row {
        number,
        cells: object.map(|object| columns.iter().map(|column| cell(object.get(column))).collect()),
    });
    let rows = rows.collect();
    let read_as = format!("{}, JSON lines", file_name(path));
    Ok(Table { columns, rows, sha256, read_as, counted_as: "the lines of the file, empty ones included" })
}
