//! Vectors of length 1, searched by cosine.

use std::fmt;

use crate::container::{Sections, Writer};
use crate::retrieve::Retrieved;
use crate::retrieve::vectors::{Best, Copied, Matrix, Screen, Screening, VectorError, bounds, scan, with_scratch};

/// The size of all vectors, in bytes, from which on looking at the one-byte copy first is faster.
const SCREENING_PAYS: usize = 1 << 20;

/// Vectors of length 1 in one block of memory, searched exactly by cosine.
///
/// Scores are f32 dot products in one fixed order of additions: the same bits on every CPU and for any number of
/// threads. Memory: 4 bytes a value, in rows of whole cache lines (1,536 bytes for 384 values), and with [`Screening`]
/// a quarter of it more (392 bytes for 384 values). A search allocates nothing but its result.
///
/// ```
/// # use rpm_core::retrieve::{DenseIndex, VectorError};
/// let mut index = DenseIndex::new(2, [[3.0, 4.0], [0.0, 1.0]])?;
/// index.insert(0, &[-1.0, 0.0])?;
/// let best = index.top_k(&[0.0, 2.0], 2)?;
/// assert_eq!((best[0].position, best[0].score), (2, 1.0));
/// assert_eq!(best[1].position, 1);
/// # Ok::<(), VectorError>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct DenseIndex {
    matrix: Matrix,
    screening: Screening,
    screen: Option<Copied<Screen>>,
}

impl DenseIndex {
    pub(super) const KIND: &str = "dense";
    /// The version of the sections. Version 1 had a form of its own.
    pub(super) const VERSION: u32 = 2;

    /// An index of vectors of `dimensions` values, each scaled to length 1; a zero vector stays zero.
    ///
    /// # Errors
    /// [`VectorError`] for a vector of another length or with a value that is not finite, and for `dimensions` out of
    /// range.
    pub fn new<V: AsRef<[f32]>>(dimensions: usize, vectors: impl IntoIterator<Item = V>) -> Result<Self, VectorError> {
        let mut matrix = Matrix::new(dimensions)?;
        matrix.insert(0, vectors)?;
        Ok(Self::of(matrix))
    }

    fn of(matrix: Matrix) -> Self {
        let mut index = Self { matrix, screening: Screening::Auto, screen: None };
        index.recode_from(0);
        index
    }

    /// Sets the use of a copy in one byte a value, which is searched first. Results are the same. Default: [`Screening::Auto`].
    #[must_use]
    pub fn screening(mut self, screening: Screening) -> Self {
        self.screening = screening;
        self.screen = None;
        self.recode_from(0);
        self
    }

    /// Brings the screen up to date with the rows from `row` on.
    fn recode_from(&mut self, row: usize) {
        let mut copied = self.screen.take().unwrap_or_default();
        if self.screening.wanted(self.matrix.bytes(), SCREENING_PAYS) {
            self.screen = Some(match copied.take() {
                Some(mut screen) => {
                    screen.rebuild_from(row, self.matrix.lanes(), self.matrix.width());
                    Copied::at_once(screen)
                }
                None if self.screening == Screening::Always => Copied::at_once(self.coded()),
                // Questions asked so far count, or an index that is edited between them would never be copied.
                None => copied,
            });
        }
    }

    fn coded(&self) -> Screen {
        Screen::new(self.matrix.lanes(), self.matrix.width())
    }

    /// The number of vectors.
    pub fn len(&self) -> usize {
        self.matrix.len()
    }

    /// True without vectors.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values of every vector.
    pub fn dimensions(&self) -> usize {
        self.matrix.dimensions()
    }

    /// The bytes of memory that the vectors and their one-byte copy take.
    pub fn memory(&self) -> usize {
        self.matrix.bytes() + self.screen.as_ref().and_then(Copied::get).map_or(0, Screen::bytes)
    }

    /// Puts a vector at a position; those from there on move up by one. The index is then equal to one built anew.
    ///
    /// # Errors
    /// [`VectorError`], with the index as it was.
    pub fn insert(&mut self, position: usize, vector: &[f32]) -> Result<(), VectorError> {
        self.matrix.insert(position, [vector])?;
        self.recode_from(position);
        Ok(())
    }

    /// Takes the vector at a position out; those behind it move down by one. The index is then equal to one built anew.
    ///
    /// # Errors
    /// [`VectorError::NoSuchPosition`], with the index as it was.
    pub fn remove(&mut self, position: usize) -> Result<(), VectorError> {
        if position >= self.len() {
            return Err(VectorError::NoSuchPosition { position, len: self.len() });
        }
        self.matrix.remove(position..position + 1);
        self.recode_from(position);
        Ok(())
    }

    /// Removes the vectors at these positions, given ascending, and then inserts others at positions given ascending: as
    /// one after another, but what stays is moved and copied once. After an error the index is of no use.
    pub(in crate::retrieve) fn edit<V: AsRef<[f32]>>(
        &mut self,
        removed: &[usize],
        inserted: &[usize],
        vectors: impl IntoIterator<Item = V>,
    ) -> Result<(), VectorError> {
        if !removed.is_empty() {
            self.matrix.retain(|row| removed.binary_search(&row).is_err());
        }
        for (&position, vector) in inserted.iter().zip(vectors) {
            self.matrix.insert(position, [vector])?;
        }
        if let Some(&first) = removed.first().into_iter().chain(inserted.first()).min() {
            self.recode_from(first);
        }
        Ok(())
    }

    /// The `k` vectors of the greatest cosine with the query, best first, equal scores by position. The score is the
    /// cosine; the similarity is the cosine from 0 to 1. A zero vector has a cosine of 0 with everything.
    ///
    /// # Errors
    /// [`VectorError`] for a query of another length or with a value that is not finite.
    pub fn top_k(&self, query: &[f32], k: usize) -> Result<Vec<Retrieved>, VectorError> {
        with_scratch(|scratch| {
            scratch.set_query(self.dimensions(), [query])?;
            let query = scratch.query.as_slice();
            let mut best = Best::new(k, self.len());
            scratch.scores.resize(self.len(), 0.0);
            if let Some(screen) = self.screen.as_ref().and_then(|copied| copied.ask(|| self.coded())) {
                scratch.highs.resize(self.len(), 0.0);
                bounds(screen, query, &mut scratch.words, &mut scratch.scores, &mut scratch.highs);
                let exact = |position: usize| {
                    let mut score = [0.0];
                    scan(query, self.matrix.rows(position..position + 1), &mut score);
                    let [score] = score;
                    score
                };
                best.offer_screened(&scratch.scores, &scratch.highs, &mut scratch.candidates, exact);
            } else {
                scan(query, self.matrix.lanes(), &mut scratch.scores);
                best.offer_all(&scratch.scores);
            }
            Ok(best.ranked(|score| score))
        })
    }

    /// The index as bytes: a [container](crate::container) with 4 bytes a value, little-endian. The one-byte copy is not
    /// written; reading makes it anew.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new(Self::KIND, Self::VERSION);
        self.matrix.write(&mut writer);
        writer.finish()
    }

    /// The index that [`to_bytes`](Self::to_bytes) wrote, with [`Screening::Auto`].
    ///
    /// # Errors
    /// [`VectorError::Damaged`] when they are cut, longer, not as they were written, of another kind or version, or hold a
    /// vector that is neither of length 1 nor zero.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, VectorError> {
        let sections = Sections::read(bytes, Self::KIND, Self::VERSION)?;
        Ok(Self::of(Matrix::read(&sections)?))
    }
}

impl fmt::Debug for DenseIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DenseIndex")
            .field("len", &self.len())
            .field("dimensions", &self.dimensions())
            .field("screened", &self.screen.is_some())
            .finish()
    }
}
