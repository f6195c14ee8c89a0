//! A report as a tree of headings, paragraphs, tables and charts, before it is Markdown or HTML: both have the same
//! content.

use super::charts::Chart;

/// The whole report.
pub(super) struct Document {
    pub(super) title: String,
    pub(super) facts: Vec<Fact>,
    pub(super) sections: Vec<Section>,
}

/// A heading with its content.
pub(super) struct Section {
    /// Unique in the document, of letters, digits and hyphens.
    pub(super) id: String,
    pub(super) title: String,
    pub(super) blocks: Vec<Block>,
    pub(super) parts: Vec<Section>,
}

/// A piece of content under a heading.
pub(super) enum Block {
    Text(String),
    Facts(Vec<Fact>),
    Charts(Vec<Chart>),
    Table(Table),
}

/// A name and what it is.
pub(super) struct Fact {
    pub(super) name: String,
    /// One or several of a kind.
    pub(super) texts: Vec<String>,
}

/// A table. Each row has a cell per column; the first is the row's heading.
pub(super) struct Table {
    pub(super) caption: String,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Vec<Cell>>,
    /// True for the numbers behind a chart, which most readers need not see.
    pub(super) folded: bool,
}

/// A column.
#[derive(Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: ColumnKind,
}

/// The kind of a column's cells.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnKind {
    /// Text that may come from outside.
    Text,
    /// Numbers, printed by [`super::number`].
    Number,
    /// Numbers that may have a mark behind them.
    Marked,
}

/// A cell.
#[derive(Default)]
pub(super) struct Cell {
    pub(super) text: String,
    /// `↑` or `↓`.
    pub(super) mark: Option<&'static str>,
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), mark: None }
    }
}

impl Fact {
    pub(super) fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), texts: vec![text.into()] }
    }
}

impl Section {
    pub(super) fn new(id: impl Into<String>, title: impl Into<String>) -> Self {
        Self { id: id.into(), title: title.into(), blocks: Vec::new(), parts: Vec::new() }
    }
}

impl Table {
    pub(super) fn new(caption: impl Into<String>, columns: &[(&str, ColumnKind)]) -> Self {
        let columns = columns.iter().map(|(name, kind)| Column { name: (*name).to_owned(), kind: *kind }).collect();
        Self { caption: caption.into(), columns, rows: Vec::new(), folded: false }
    }

    #[must_use]
    pub(super) fn folded(mut self) -> Self {
        self.folded = true;
        self
    }
}
