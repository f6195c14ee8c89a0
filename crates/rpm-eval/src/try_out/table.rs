//! The table of a file: rows of text under named columns.

use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};
use sha2::{Digest as _, Sha256};

use crate::dataset::ReadOptions;
use crate::dataset::source::{Source, file_name};
use rpm_core::data::hex;

use super::quoted::{Numbered, numbered};
use super::{Reason, TryError, lines};

/// The most bytes of a file.
const FILE_BYTES: u64 = 1 << 30;
/// A name in a header that is longer is no name.
const NAME_BYTES: usize = 64;
/// What may part the cells of a row, the likeliest first.
const SEPARATORS: [(u8, &str); 4] = [(b',', "commas"), (b';', "semicolons"), (b'\t', "tabs"), (b'|', "bars")];
/// The bytes and records by which the separator is told.
const LOOKED_AT: (usize, usize) = (1 << 16, 50);

/// Rows of text under named columns.
pub(super) struct Table {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Row>,
    /// Of the file's bytes, in hexadecimal.
    pub(super) sha256: String,
    /// How the file was read, in words.
    pub(super) read_as: String,
    /// What a row's number counts, in words.
    pub(super) counted_as: &'static str,
}

/// One row.
pub(super) struct Row {
    /// Its place as a spreadsheet counts, the header being row 1; of JSON lines its line.
    pub(super) number: usize,
    /// A cell for each column, or why the row has none.
    pub(super) cells: Result<Vec<String>, Reason>,
}

/// An error of the whole file.
pub(super) fn wrong(path: &Path, problem: impl Into<String>) -> TryError {
    TryError::Table { path: path.to_owned(), problem: problem.into() }
}

/// Reads JSON lines where the file's name ends so, else separated values.
pub(super) fn read(path: &Path) -> Result<Table, TryError> {
    if path.is_dir() {
        return Err(wrong(path, "is a folder: name a CSV or JSON lines file, or use `rpm-eval run --data`"));
    }
    let options = ReadOptions { max_file_bytes: FILE_BYTES, ..ReadOptions::default() };
    let (bytes, digest) = Source::whole(path, Sha256::new(), &options)?;
    let sha256 = hex(&digest.finalize());
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(wrong(path, "is UTF-16: save it as UTF-8, which spreadsheets call \"CSV UTF-8\""));
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return Err(wrong(path, "is a spreadsheet or an archive: save the sheet as CSV"));
    }
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
    let table = match ending.as_str() {
        "jsonl" | "ndjson" => lines::read(path, &bytes, sha256)?,
        _ if is_json(&bytes) => {
            let problem = "holds JSON: write one object a line, and give the file a name that ends in .jsonl";
            return Err(wrong(path, problem));
        }
        _ => separated(path, &bytes, sha256)?,
    };
    if table.rows.is_empty() {
        return Err(wrong(path, "has no row below its header: add a row for each response"));
    }
    Ok(table)
}

/// True for an object or an array of objects, which no header begins like.
fn is_json(bytes: &[u8]) -> bool {
    let start = bytes.trim_ascii_start();
    let inner = start.strip_prefix(b"[").map_or(start, <[u8]>::trim_ascii_start);
    inner.strip_prefix(b"{").is_some_and(|inner| matches!(inner.trim_ascii_start().first(), Some(b'"' | b'}')))
}

fn separated(path: &Path, bytes: &[u8], sha256: String) -> Result<Table, TryError> {
    let (separator, named) = separator(bytes);
    let Numbered { records, open } = numbered(bytes, separator);
    if let Some(row) = open {
        let problem =
            "a double quote opens here and is not closed. Close it, or write two where one belongs to the text";
        return Err(wrong(path, format!("row {row}: {problem}")));
    }
    let mut reader = ReaderBuilder::new().flexible(true).has_headers(false).delimiter(separator).from_reader(bytes);
    let mut record = ByteRecord::new();
    // The crate's own words may quote the file.
    let unreadable = |_| wrong(path, "is not a CSV file");
    if !reader.read_byte_record(&mut record).map_err(unreadable)? {
        return Err(wrong(path, "is empty: it takes a header, and a row for each response"));
    }
    let columns = header(path, &record)?;
    let mut rows = Vec::new();
    let mut numbers = records.into_iter().skip(1);
    while reader.read_byte_record(&mut record).map_err(unreadable)? {
        let number = numbers.next().unwrap_or_default();
        // Spreadsheets leave rows that are blank throughout.
        if record.iter().any(|cell| !cell.trim_ascii().is_empty()) {
            rows.push(Row { number, cells: cells(&record, columns.len()) });
        }
    }
    let read_as = format!("{}, cells parted by {named}", file_name(path));
    let counted_as = "counted as a spreadsheet does: the header is row 1 unless empty lines precede it, an empty line is a row, and \
                      a row with line breaks within double quotes is one";
    Ok(Table { columns, rows, sha256, read_as, counted_as })
}

/// What parts the cells: that which most records have as often as the header has it, and the header most often.
fn separator(bytes: &[u8]) -> (u8, &'static str) {
    let (most_bytes, most_records) = LOOKED_AT;
    let start = bytes.get(..most_bytes).unwrap_or(bytes);
    let fit = |separator: u8| {
        let mut reader = ReaderBuilder::new().flexible(true).has_headers(false).delimiter(separator).from_reader(start);
        let lengths: Vec<usize> =
            reader.byte_records().take(most_records).map_while(Result::ok).map(|record| record.len()).collect();
        let header = lengths.first().copied().filter(|columns| *columns > 1)?;
        let even = lengths.iter().filter(|length| **length == header).count();
        Some((1_000 * even / lengths.len(), header))
    };
    let best = SEPARATORS.into_iter().rev().max_by_key(|(separator, _)| fit(*separator));
    best.unwrap_or((b',', "commas"))
}

/// The columns' names; those without one are called by their place.
fn header(path: &Path, record: &ByteRecord) -> Result<Vec<String>, TryError> {
    let mut columns = Vec::new();
    for (place, cell) in record.iter().enumerate() {
        let place = place + 1;
        let name = str::from_utf8(cell).map_err(|_| wrong(path, "has a header that is not UTF-8: save it as UTF-8"))?;
        let name = name.trim();
        // A file without a header would have its first row taken for one, and shown in errors.
        if name.len() > NAME_BYTES || name.contains(['\n', '\r']) {
            let size = name.len();
            let problem = format!("has no header: cell {place} of its first row has {size} bytes. Put names there");
            return Err(wrong(path, problem));
        }
        columns.push(if name.is_empty() { format!("column {place}") } else { name.to_owned() });
    }
    if columns.len() < 2 {
        return Err(wrong(path, "has one column only: part its cells by commas, semicolons or tabs"));
    }
    Ok(columns)
}

fn cells(record: &ByteRecord, columns: usize) -> Result<Vec<String>, Reason> {
    let beyond = record.iter().skip(columns).any(|cell| !cell.trim_ascii().is_empty());
    if record.len() < columns || beyond {
        return Err(Reason::Cells);
    }
    let text = |cell: &[u8]| str::from_utf8(cell).map(|text| text.trim().to_owned()).map_err(|_| Reason::Encoding);
    record.iter().take(columns).map(text).collect()
}
