//! A report as a tree of headings, paragraphs, tables and charts, before it is Markdown or HTML: both have the same
//! content.

use super::charts::Chart;

/// A whole page.
pub(super) struct Document {
    pub(super) title: String,
    /// The page that this one belongs to.
    pub(super) back: Option<Link>,
    /// What stands before the contents.
    pub(super) first: Vec<Section>,
    pub(super) sections: Vec<Section>,
}

/// A link to another page or place.
pub(super) struct Link {
    pub(super) text: String,
    pub(super) href: String,
}

/// A heading with its content.
pub(super) struct Section {
    /// Unique in the document, of letters, digits and hyphens.
    pub(super) id: String,
    pub(super) title: String,
    pub(super) shape: Shape,
    pub(super) blocks: Vec<Block>,
    pub(super) parts: Vec<Section>,
}

/// The look of a section where it can be seen at once or opened.
pub(super) enum Shape {
    Open,
    /// With its parts as cards beside each other.
    Cards,
    /// Closed at first; what is inside, in words.
    Folded(String),
}

/// A piece of content under a heading.
pub(super) enum Block {
    /// What a reader must know.
    Lead(String),
    Text(String),
    Facts(Vec<Fact>),
    Charts(Vec<Chart>),
    /// One chart of several panels, with its caption.
    Panels(Vec<Panel>, String),
    Table(Table),
}

/// A part of a chart.
pub(super) struct Panel {
    pub(super) title: String,
    /// What is found, in a few words.
    pub(super) found: String,
    pub(super) chart: Chart,
}

/// A name and what it is.
pub(super) struct Fact {
    pub(super) name: String,
    /// One or several of a kind.
    pub(super) texts: Vec<String>,
    /// A page that says more.
    pub(super) href: Option<String>,
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

impl ColumnKind {
    /// True for text that may come from outside.
    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Long | Self::Short)
    }
}

/// The kind of a column's cells.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnKind {
    /// Text that may come from outside.
    Text,
    /// Whole sentences of it.
    Long,
    /// A word of it.
    Short,
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
    pub(super) href: Option<String>,
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), mark: None, href: None }
    }
}

impl Fact {
    pub(super) fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::several(name, vec![text.into()])
    }

    pub(super) fn several(name: impl Into<String>, texts: Vec<String>) -> Self {
        Self { name: name.into(), texts, href: None }
    }
}

impl Section {
    pub(super) fn new(id: impl Into<String>, title: impl Into<String>) -> Self {
        Self { id: id.into(), title: title.into(), shape: Shape::Open, blocks: Vec::new(), parts: Vec::new() }
    }

    /// A section that is closed at first, with what is inside in words.
    pub(super) fn folded(
        id: impl Into<String>,
        title: impl Into<String>,
        inside: impl Into<String>,
        blocks: Vec<Block>,
    ) -> Self {
        Self { shape: Shape::Folded(inside.into()), blocks, ..Self::new(id, title) }
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
