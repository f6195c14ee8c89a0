//! Columns of texts, of whichever of Arrow's types.

use datafusion::arrow::array::{Array, ArrayRef, AsArray as _};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::plan_err;
use datafusion::error::Result;

use crate::error::BulkError;

/// A column of texts, or of bytes that are texts.
pub(crate) struct Texts<'a>(&'a ArrayRef);

/// The type as which a column is read as texts: dictionaries of texts as those texts.
pub(crate) fn text_type(data_type: &DataType) -> Option<DataType> {
    let of = if let DataType::Dictionary(_, values) = data_type { values } else { data_type };
    is_text(of).then(|| of.clone())
}

/// True for types that are read as texts.
fn is_text(data_type: &DataType) -> bool {
    use DataType::{Binary, BinaryView, LargeBinary, LargeUtf8, Utf8, Utf8View};
    matches!(data_type, Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView)
}

impl<'a> Texts<'a> {
    /// The column at a place.
    pub(crate) fn at(columns: &'a [ArrayRef], place: usize) -> Result<Self> {
        match columns.get(place) {
            Some(column) if is_text(column.data_type()) => Ok(Self(column)),
            _ => plan_err!("column {} is not one of texts", place + 1),
        }
    }

    /// The number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.0.len()
    }

    /// The text of a row; nothing for NULL.
    pub(crate) fn get(&self, row: usize) -> Result<Option<&'a str>, BulkError> {
        if self.0.is_null(row) {
            return Ok(None);
        }
        let bytes = match self.0.data_type() {
            DataType::Utf8 => return Ok(Some(self.0.as_string::<i32>().value(row))),
            DataType::LargeUtf8 => return Ok(Some(self.0.as_string::<i64>().value(row))),
            DataType::Utf8View => return Ok(Some(self.0.as_string_view().value(row))),
            DataType::Binary => self.0.as_binary::<i32>().value(row),
            DataType::LargeBinary => self.0.as_binary::<i64>().value(row),
            _ => self.0.as_binary_view().value(row),
        };
        std::str::from_utf8(bytes).map(Some).map_err(|_| BulkError::NotText { bytes: bytes.len() })
    }
}
