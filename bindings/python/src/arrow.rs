//! Columns of text in Arrow's memory: each buffer is copied as a whole, and no Python object is made of a text.

use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;

use crate::errors::Failure;

/// A column of text: the chunks of an array, in order.
pub(crate) struct ArrowText(Vec<Chunk>);

/// How a chunk says where its texts are.
#[derive(Clone, Copy)]
enum Layout {
    /// 32-bit offsets into one buffer.
    Small,
    /// 64-bit offsets into one buffer.
    Large,
    /// 16 bytes a text: its length, then the text itself or its start, buffer and offset.
    View,
}

struct Chunk {
    layout: Layout,
    rows: usize,
    /// Rows of the buffers before its first.
    offset: usize,
    validity: Option<Vec<u8>>,
    places: Vec<u8>,
    data: Vec<Vec<u8>>,
}

type Handed<'py> = (String, usize, usize, Vec<Option<Bound<'py, PyAny>>>);

const DAMAGED: &str = "is no text that can be read: its Arrow array is damaged";

impl ArrowText {
    /// Reads chunks as `rpm_core._frame` hands them over: layout, rows, offset and buffers of bytes.
    pub(crate) fn read(chunks: &Bound<'_, PyAny>) -> PyResult<Self> {
        let handed: Vec<Handed<'_>> = chunks.extract()?;
        Ok(Self(handed.into_iter().map(|chunk| Chunk::read(chunks.py(), chunk)).collect::<PyResult<_>>()?))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|chunk| chunk.rows).sum()
    }

    /// The text of a row; `None` where it is missing.
    pub(crate) fn text(&self, row: usize) -> Result<Option<String>, &'static str> {
        let mut row = row;
        for chunk in &self.0 {
            if row < chunk.rows {
                return chunk.text(row + chunk.offset);
            }
            row -= chunk.rows;
        }
        Err("there is no such cell: columns are of one length")
    }
}

impl Chunk {
    fn read(py: Python<'_>, (layout, rows, offset, buffers): Handed<'_>) -> PyResult<Self> {
        let layout = match layout.as_str() {
            "string" => Layout::Small,
            "large_string" => Layout::Large,
            _ => Layout::View,
        };
        let copied = |buffer: Bound<'_, PyAny>| PyBuffer::<u8>::get(&buffer)?.to_vec(py);
        let mut buffers = buffers.into_iter();
        let validity = buffers.next().flatten().map(copied).transpose()?;
        let places = buffers.next().flatten().map(copied).transpose()?;
        let places = places.ok_or_else(|| Failure::new("DataError", format!("a column {DAMAGED}")))?;
        let data = buffers.flatten().map(copied).collect::<PyResult<_>>()?;
        Ok(Self { layout, rows, offset, validity, places, data })
    }

    fn text(&self, row: usize) -> Result<Option<String>, &'static str> {
        if let Some(validity) = &self.validity
            && validity.get(row / 8).ok_or(DAMAGED)? & (1 << (row % 8)) == 0
        {
            return Ok(None);
        }
        let found = match self.layout {
            Layout::Small => self.between(row, 4),
            Layout::Large => self.between(row, 8),
            Layout::View => self.viewed(row),
        };
        let text = std::str::from_utf8(found.ok_or(DAMAGED)?).map_err(|_| DAMAGED)?;
        Ok(Some(text.to_owned()))
    }

    fn between(&self, row: usize, wide: usize) -> Option<&[u8]> {
        let place = |row: usize| number(bytes(&self.places, row.checked_mul(wide)?, wide)?);
        let (start, end) = (place(row)?, place(row.checked_add(1)?)?);
        match self.data.first() {
            Some(data) => data.get(start..end),
            // A column of empty texts may come without.
            None => (start == end).then_some(&[]),
        }
    }

    fn viewed(&self, row: usize) -> Option<&[u8]> {
        const SHORT: usize = 12;
        let view = bytes(&self.places, row.checked_mul(16)?, 16)?;
        let length = number(view.get(..4)?)?;
        if length <= SHORT {
            return view.get(4..4 + length);
        }
        let (buffer, offset) = (number(view.get(8..12)?)?, number(view.get(12..16)?)?);
        bytes(self.data.get(buffer)?, offset, length)
    }
}

fn bytes(buffer: &[u8], start: usize, length: usize) -> Option<&[u8]> {
    buffer.get(start..start.checked_add(length)?)
}

/// A little-endian number, which Arrow's are on the machines that it runs on.
fn number(bytes: &[u8]) -> Option<usize> {
    usize::try_from(bytes.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte))).ok()
}
