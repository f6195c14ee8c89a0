//! Unit vectors in rows, and their bytes.

use std::ops::Range;

use crate::container::{DamagedFile, Sections, Writer};

use super::kernel::{LANES, Lanes, norms};

/// Why vectors were not taken. Nothing is changed by a call that fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VectorError {
    /// Vectors have from 1 to 65,536 values.
    #[error("vectors of {found} values, not of 1 to 65536")]
    Dimensions {
        /// The values asked for.
        found: usize,
    },
    /// A vector is shorter or longer than the others.
    #[error("vector {row} has {found} values, not {wanted}")]
    WrongLength {
        /// Its place among the vectors given; 0 for a query.
        row: usize,
        /// Its values.
        found: usize,
        /// The values of every vector of the index.
        wanted: usize,
    },
    /// A vector has a value that is infinite or not a number.
    #[error("vector {row} has a value that is not finite")]
    NotFinite {
        /// Its place among the vectors given; 0 for a query.
        row: usize,
    },
    /// There is nothing at this position.
    #[error("position {position} of {len}")]
    NoSuchPosition {
        /// The position asked for.
        position: usize,
        /// The number of positions.
        len: usize,
    },
    /// The bytes are no index of this kind and version, or not as they were written.
    #[error("the index cannot be used")]
    Damaged(#[from] DamagedFile),
}

/// Unit vectors, row by row; zero vectors stay zero. Each row is filled with zeros up to whole [`Lanes`].
#[derive(Clone, PartialEq)]
pub(in crate::retrieve) struct Matrix {
    dimensions: usize,
    rows: Vec<Lanes>,
}

/// The section with the number of dimensions.
const SHAPE: &str = "shape";
/// The section with the values.
const VALUES: &str = "values";

impl Matrix {
    /// The most values of a vector.
    const MOST: usize = 65_536;

    pub(in crate::retrieve) fn new(dimensions: usize) -> Result<Self, VectorError> {
        if dimensions == 0 || dimensions > Self::MOST {
            return Err(VectorError::Dimensions { found: dimensions });
        }
        Ok(Self { dimensions, rows: Vec::new() })
    }

    pub(in crate::retrieve) fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Lanes per row.
    pub(in crate::retrieve) fn width(&self) -> usize {
        self.dimensions.div_ceil(LANES)
    }

    pub(in crate::retrieve) fn len(&self) -> usize {
        self.rows.len() / self.width()
    }

    pub(in crate::retrieve) fn lanes(&self) -> &[Lanes] {
        &self.rows
    }

    /// These rows, as far as they exist.
    pub(in crate::retrieve) fn rows(&self, rows: Range<usize>) -> &[Lanes] {
        self.rows.get(rows.start * self.width()..rows.end * self.width()).unwrap_or_default()
    }

    pub(in crate::retrieve) fn bytes(&self) -> usize {
        size_of_val(self.rows.as_slice())
    }

    /// Puts vectors before row `at`, all or none.
    pub(in crate::retrieve) fn insert<V: AsRef<[f32]>>(
        &mut self,
        at: usize,
        vectors: impl IntoIterator<Item = V>,
    ) -> Result<usize, VectorError> {
        if at > self.len() {
            return Err(VectorError::NoSuchPosition { position: at, len: self.len() });
        }
        let mut rows = Vec::new();
        for (row, vector) in vectors.into_iter().enumerate() {
            push_unit(self.dimensions, row, vector.as_ref(), &mut rows)?;
        }
        let (at, count) = (at * self.width(), rows.len() / self.width());
        if self.rows.is_empty() {
            self.rows = rows;
        } else {
            self.rows.splice(at..at, rows);
        }
        Ok(count)
    }

    /// Takes rows out, as far as they exist.
    pub(in crate::retrieve) fn remove(&mut self, rows: Range<usize>) {
        let (from, to) = (rows.start * self.width(), rows.end * self.width());
        if from <= to && to <= self.rows.len() {
            self.rows.drain(from..to);
        }
    }

    /// Takes all rows out that are not to be kept, in one pass.
    pub(in crate::retrieve) fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        let (width, mut lane) = (self.width(), 0);
        self.rows.retain(|_| {
            lane += 1;
            keep((lane - 1) / width)
        });
    }

    /// Writes the number of dimensions as one section and the rows' values as another.
    pub(in crate::retrieve) fn write(&self, writer: &mut Writer) {
        writer.section(SHAPE, &(self.dimensions as u64).to_le_bytes());
        writer.section_with(VALUES, |bytes| self.append(bytes));
    }

    /// Appends the rows' values, little-endian, without the zeros that fill them up.
    fn append(&self, bytes: &mut Vec<u8>) {
        bytes.reserve(self.len() * self.dimensions * size_of::<f32>());
        let last = self.dimensions - (self.width() - 1) * LANES;
        for row in self.rows.chunks_exact(self.width()) {
            let Some((end, whole)) = row.split_last() else { continue };
            for lanes in whole {
                bytes.extend_from_slice(lanes.0.map(f32::to_le_bytes).as_flattened());
            }
            bytes.extend_from_slice(end.0.map(f32::to_le_bytes).as_flattened().get(..last * 4).unwrap_or_default());
        }
    }

    /// Reads the sections that [`write`](Self::write) wrote.
    pub(in crate::retrieve) fn read(sections: &Sections<'_>) -> Result<Self, DamagedFile> {
        let wrong = |problem| sections.wrong(SHAPE, problem);
        let dimensions = sections.get(SHAPE)?.try_into().map(u64::from_le_bytes);
        let dimensions = dimensions.ok().and_then(|dimensions| usize::try_from(dimensions).ok());
        let mut matrix =
            Self::new(dimensions.unwrap_or(0)).map_err(|_| wrong("vectors have from 1 to 65,536 values"))?;
        let (dimensions, width, bytes) = (matrix.dimensions, matrix.width(), sections.get(VALUES)?);
        let count = bytes.len() / (dimensions * size_of::<f32>());
        if bytes.len() != count * dimensions * size_of::<f32>() {
            return Err(sections.wrong(VALUES, "it is no whole number of vectors"));
        }
        matrix.rows.reserve_exact(count * width);
        if dimensions.is_multiple_of(LANES) {
            matrix.rows.extend(bytes.as_chunks::<{ 4 * LANES }>().0.iter().map(lanes));
        } else {
            for row in bytes.chunks_exact(dimensions * size_of::<f32>()) {
                let (whole, rest) = row.as_chunks::<{ 4 * LANES }>();
                matrix.rows.extend(whole.iter().map(lanes));
                let mut last = [0; 4 * LANES];
                last.iter_mut().zip(rest).for_each(|(last, byte)| *last = *byte);
                matrix.rows.push(lanes(&last));
            }
        }
        // A value that is not finite has no such norm either.
        if norms(&matrix.rows, width, |norm| norm == 0.0 || (norm - 1.0).abs() < 1e-4) {
            Ok(matrix)
        } else {
            Err(sections.wrong(VALUES, "a vector is not of length 1"))
        }
    }
}

fn lanes(bytes: &[u8; 4 * LANES]) -> Lanes {
    let mut lanes = Lanes::default();
    for (value, bytes) in lanes.0.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *value = f32::from_le_bytes(*bytes);
    }
    lanes
}

/// Appends the vector at length 1, filled up to whole lanes.
pub(super) fn push_unit(
    dimensions: usize,
    row: usize,
    vector: &[f32],
    rows: &mut Vec<Lanes>,
) -> Result<(), VectorError> {
    if vector.len() != dimensions {
        return Err(VectorError::WrongLength { row, found: vector.len(), wanted: dimensions });
    }
    if !vector.iter().all(|value| value.is_finite()) {
        return Err(VectorError::NotFinite { row });
    }
    // In f64 no square of an f32 overflows or vanishes.
    let length = vector.iter().map(|value| f64::from(*value) * f64::from(*value)).fold(0.0, |sum, square| sum + square);
    let length = if length > 0.0 { length.sqrt() } else { 1.0 };
    for chunk in vector.chunks(LANES) {
        let mut lanes = Lanes::default();
        for (lane, value) in lanes.0.iter_mut().zip(chunk) {
            #[expect(clippy::cast_possible_truncation, reason = "rounded once, to the type of the rows")]
            {
                *lane = (f64::from(*value) / length) as f32;
            }
        }
        rows.push(lanes);
    }
    Ok(())
}
