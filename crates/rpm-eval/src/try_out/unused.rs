//! Rows that cannot be used, counted by reason.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// Why rows cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// More or fewer cells than there are columns.
    Cells,
    /// Bytes that are no UTF-8.
    Encoding,
    /// A line that is no JSON object.
    Json,
    /// Nothing in the cell.
    Blank,
    /// A text over the limit of rpm-core.
    TooLong,
    /// A character that is none to be read.
    Control,
    /// No number among numbers.
    NoNumber,
    /// No time among times.
    NoTime,
    /// A query that the same user was asked before.
    Repeated,
}

impl Reason {
    /// The reason in words, of a cell or a row.
    fn words(self) -> &'static str {
        match self {
            Self::Cells => "has more or fewer cells than the header",
            Self::Encoding => "is not UTF-8",
            Self::Json => "is no JSON object",
            Self::Blank => "is blank",
            Self::TooLong => "is longer than rpm-core takes (65,536 bytes of a query, 8,192 of a response)",
            Self::Control => "holds a control character",
            Self::NoNumber => "is not one of the scale's points",
            Self::NoTime => "is no time like the others",
            Self::Repeated => "repeats a query that the same user had before",
        }
    }

    /// What to do about it.
    fn remedy(self) -> &'static str {
        match self {
            Self::Cells => "put cells that hold the separator or a line break in double quotes",
            Self::Encoding => "save the file as UTF-8",
            Self::Json => "write one object a line, with text and numbers as values",
            Self::Blank => "fill the cell in, or leave the row out",
            Self::TooLong => "shorten the text; if it is not that long, a double quote before it is not closed",
            Self::Control => "take the character out of the text",
            Self::NoNumber => "write a number, leave the row out, or pass --kind labels",
            Self::NoTime => "write it as the other rows do, or leave out --time",
            Self::Repeated => "nothing needs to be done, the first of them is used",
        }
    }
}

/// Rows that cannot be used for one reason. `Display` says how many, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Unused {
    /// The reason.
    pub reason: Reason,
    /// The column, where the reason is about one.
    pub column: Option<String>,
    /// How many rows.
    pub rows: usize,
    /// The first of them. The header is row 1; of JSON lines it is the line.
    pub first_row: usize,
}

impl fmt::Display for Unused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, column, rows, first_row } = self;
        let rows = if *rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") };
        match column {
            Some(column) => write!(f, "{rows} in which column {column:?} {}", reason.words())?,
            None if self.rows == 1 => write!(f, "{rows} that {}", reason.words())?,
            None => write!(f, "{rows}, each of which {}", reason.words())?,
        }
        write!(f, " (the first: row {first_row}): {}", reason.remedy())
    }
}

/// Counts rows that cannot be used.
#[derive(Default)]
pub(super) struct Counter(BTreeMap<(Reason, Option<String>), (usize, usize)>);

impl Counter {
    pub(super) fn add(&mut self, reason: Reason, column: Option<&str>, row: usize) {
        let (rows, first) = self.0.entry((reason, column.map(str::to_owned))).or_insert((0, row));
        *rows += 1;
        *first = row.min(*first);
    }

    /// By reason, the commonest first; of equals the one that is met first.
    pub(super) fn all(&self) -> Vec<Unused> {
        let unused = |((reason, column), (rows, first_row)): (&(Reason, Option<String>), &(usize, usize))| Unused {
            reason: *reason,
            column: column.clone(),
            rows: *rows,
            first_row: *first_row,
        };
        let mut all: Vec<Unused> = self.0.iter().map(unused).collect();
        all.sort_by_key(|unused| (usize::MAX - unused.rows, unused.first_row));
        all
    }
}
