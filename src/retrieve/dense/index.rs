use std::fmt;

use crate::container::{Sections, Writer};
use crate::retrieve::Retrieved;
use crate::retrieve::vectors::{Best, Copied, Matrix, Screen, Screening, VectorError, bounds, scan, with_scratch};

/// From this many bytes of vectors on, looking at the one-byte copy first is faster.
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
    const KIND: &str = "dense";
    /// Version 1 had a form of its own.
    const VERSION: u32 = 2;

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

    /// Whether to keep and search a copy in one byte a value first. Results are the same. Default: [`Screening::Auto`].
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

    /// How many vectors there are.
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is_bytes_error<T>(read: &Result<T, VectorError>) -> bool {
        matches!(read, Err(VectorError::Damaged(_)))
    }

    /// Vectors meant to be hard to tell apart: few different values, copies, near copies, zeros, single places,
    /// extremes.
    fn vectors(dimensions: usize) -> impl Strategy<Value = Vec<Vec<f32>>> {
        let any = prop::collection::vec(-1.0_f32..1.0, dimensions);
        let coarse = prop::collection::vec(prop_oneof![Just(-1.0_f32), Just(0.0), Just(1.0)], dimensions);
        let one_hot =
            (0..dimensions, prop_oneof![Just(1.0_f32), Just(-1e30), Just(1e-30)]).prop_map(move |(place, value)| {
                let mut vector = vec![0.0; dimensions];
                vector[place] = value;
                vector
            });
        let near = (0..dimensions, -1e-6_f32..1e-6).prop_map(move |(place, little)| {
            let mut vector = vec![1.0; dimensions];
            vector[place] += little;
            vector
        });
        prop::collection::vec(prop_oneof![any, coarse, one_hot, near, Just(vec![0.0; dimensions])], 1..50)
    }

    fn cosine(a: &[f32], b: &[f32]) -> f64 {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let lengths = (dot(a, a) * dot(b, b)).sqrt();
        if lengths > 0.0 { dot(a, b) / lengths } else { 0.0 }
    }

    proptest! {
        #[test]
        fn screened_and_unscreened_answers_are_the_same_to_the_bit(
            vectors in vectors(21), query in 0_usize..50, k in 0_usize..60,
        ) {
            let exact = DenseIndex::new(21, &vectors).unwrap().screening(Screening::Never);
            let screened = exact.clone().screening(Screening::Always);
            let query = &vectors[query % vectors.len()];
            let (exact, screened) = (exact.top_k(query, k).unwrap(), screened.top_k(query, k).unwrap());
            prop_assert_eq!(exact.len(), k.min(vectors.len()));
            for (exact, screened) in exact.iter().zip(&screened) {
                prop_assert_eq!((exact.position, exact.score.to_bits()), (screened.position, screened.score.to_bits()));
            }
            prop_assert_eq!(&exact, &screened);
            for item in &exact {
                prop_assert!((item.score - cosine(query, &vectors[item.position])).abs() < 1e-5);
                prop_assert_eq!(item.similarity.to_bits(), item.score.clamp(0.0, 1.0).to_bits());
            }
            prop_assert!(exact.windows(2).all(|w| (-w[0].score, w[0].position) < (-w[1].score, w[1].position)));
        }

        #[test]
        fn a_changed_index_equals_a_rebuilt_one(
            mut vectors in vectors(17), more in vectors(17), at in 0_usize..50, always: bool,
        ) {
            let screening = if always { Screening::Always } else { Screening::Auto };
            let mut index = DenseIndex::new(17, &vectors).unwrap().screening(screening);
            for vector in more {
                let at = at % (vectors.len() + 1);
                index.insert(at, &vector).unwrap();
                vectors.insert(at, vector);
                let at = (at * 7) % vectors.len();
                index.remove(at).unwrap();
                vectors.remove(at);
            }
            let rebuilt = DenseIndex::new(17, &vectors).unwrap().screening(screening);
            prop_assert!(index == rebuilt);
            let read = DenseIndex::from_bytes(&index.to_bytes()).unwrap();
            prop_assert!(read.screening(screening) == rebuilt);
        }

        #[test]
        fn cut_or_wrong_bytes_are_an_error(vectors in vectors(16), cut in 0_usize..4_000) {
            let bytes = DenseIndex::new(16, &vectors).unwrap().to_bytes();
            prop_assert!(is_bytes_error(&DenseIndex::from_bytes(&bytes[..cut % bytes.len()])));
            let longer = [bytes.as_slice(), &[0]].concat();
            prop_assert!(is_bytes_error(&DenseIndex::from_bytes(&longer)));
            let mut wrong = bytes.clone();
            wrong[cut % 8] ^= 1;
            prop_assert!(is_bytes_error(&DenseIndex::from_bytes(&wrong)));
        }
    }

    #[test]
    fn bytes_with_a_vector_that_is_not_of_length_1_are_an_error() {
        let bytes = DenseIndex::new(3, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]).unwrap().to_bytes();
        for value in [2.0_f32, f32::NAN, f32::INFINITY] {
            let sections = Sections::read(&bytes, DenseIndex::KIND, DenseIndex::VERSION).unwrap();
            let mut values = sections.get("values").unwrap().to_vec();
            let end = values.len();
            values[end - 4..].copy_from_slice(&value.to_le_bytes());
            let mut writer = Writer::new(DenseIndex::KIND, DenseIndex::VERSION);
            writer.section("shape", sections.get("shape").unwrap());
            writer.section("values", &values);
            let error = DenseIndex::from_bytes(&writer.finish()).unwrap_err();
            assert!(matches!(&error, VectorError::Damaged(damaged) if *damaged.section == *"values"), "{error:?}");
        }
    }

    #[test]
    fn what_cannot_be_indexed_is_named_and_changes_nothing() {
        assert_eq!(DenseIndex::new(0, [[0.0_f32; 0]]), Err(VectorError::Dimensions { found: 0 }));
        assert_eq!(DenseIndex::new(70_000, [[0.0_f32; 0]; 0]), Err(VectorError::Dimensions { found: 70_000 }));
        let not_finite = DenseIndex::new(2, [[1.0, 0.0], [f32::NAN, 0.0]]);
        assert_eq!(not_finite, Err(VectorError::NotFinite { row: 1 }));
        let mut index = DenseIndex::new(2, [[1.0, 0.0], [0.0, 1.0]]).unwrap();
        let before = index.clone();
        assert_eq!(index.insert(0, &[1.0]), Err(VectorError::WrongLength { row: 0, found: 1, wanted: 2 }));
        assert_eq!(index.insert(0, &[1.0, f32::INFINITY]), Err(VectorError::NotFinite { row: 0 }));
        assert_eq!(index.insert(3, &[1.0, 0.0]), Err(VectorError::NoSuchPosition { position: 3, len: 2 }));
        assert_eq!(index.remove(2), Err(VectorError::NoSuchPosition { position: 2, len: 2 }));
        assert_eq!(index.top_k(&[1.0], 1), Err(VectorError::WrongLength { row: 0, found: 1, wanted: 2 }));
        assert_eq!(index.top_k(&[f32::NAN, 1.0], 1), Err(VectorError::NotFinite { row: 0 }));
        assert_eq!(index, before);
    }

    #[test]
    fn an_empty_index_and_a_k_of_zero_find_nothing() {
        let empty = DenseIndex::new(2, [[0.0_f32; 2]; 0]).unwrap().screening(Screening::Always);
        assert_eq!(empty.top_k(&[1.0, 0.0], 3), Ok(vec![]));
        let one = DenseIndex::new(2, [[0.0_f32; 2]]).unwrap().screening(Screening::Always);
        assert_eq!(one.top_k(&[1.0, 0.0], 0), Ok(vec![]));
        assert_eq!(one.top_k(&[1.0, 0.0], usize::MAX).unwrap().len(), 1);
    }
}
