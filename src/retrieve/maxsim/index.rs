use std::fmt;
use std::ops::Range;

use crate::container::{Sections, Writer};
use crate::retrieve::Retrieved;
use crate::retrieve::vectors::{
    Best, Copied, Lanes, Late, Matrix, Screen, Screening, VectorError, late, late_bound, late_scores, with_scratch,
};

/// From this many bytes of vectors on, looking at the one-byte copy first is faster.
const SCREENING_PAYS: usize = 1 << 20;

/// Several vectors per example, searched exactly by late interaction (MaxSim): the score of an example is the sum, over
/// the query's vectors, of the greatest cosine with one of the example's.
///
/// Source of the score: Khattab and Zaharia, "`ColBERT`", SIGIR 2020, equation 3. Vectors are scaled to length 1; a
/// zero vector stays zero. An example without vectors is kept in its place but never found. Scores are f32, added in
/// the order of the query's vectors: the same bits on every CPU and for any number of threads. Memory: 4 bytes a value,
/// in rows of whole cache lines, 8 bytes an example, and with [`Screening`] a quarter of it more. A search allocates
/// nothing but its result.
///
/// ```
/// # use rpm_core::retrieve::{MaxSimIndex, VectorError};
/// let index = MaxSimIndex::new(2, [vec![[1.0, 0.0]], vec![], vec![[0.0, 1.0], [1.0, 0.0]]])?;
/// let best = index.top_k(&[[2.0, 0.0], [0.0, 3.0]], 3)?;
/// assert_eq!((best[0].position, best[0].score, best[0].similarity), (2, 2.0, 1.0));
/// assert_eq!((best[1].position, best[1].score, best[1].similarity), (0, 1.0, 0.5));
/// assert_eq!(best.len(), 2);
/// # Ok::<(), VectorError>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct MaxSimIndex {
    matrix: Matrix,
    /// By example, how many rows end with it.
    ends: Vec<usize>,
    screening: Screening,
    screen: Option<Copied<Screened>>,
}

/// The one-byte copy, and by example the greatest length of what it leaves out of a row.
#[derive(Clone, PartialEq)]
struct Screened {
    screen: Screen,
    rests: Vec<f32>,
}

impl MaxSimIndex {
    const KIND: &str = "maxsim";
    /// Version 1 had a form of its own.
    const VERSION: u32 = 2;
    const ENDS: &str = "ends";

    /// An index of examples with any number of vectors of `dimensions` values each.
    ///
    /// # Errors
    /// [`VectorError`] for a vector of another length or with a value that is not finite (`row` counts the vectors of
    /// its own example), and for `dimensions` out of range.
    pub fn new<E, V>(dimensions: usize, examples: impl IntoIterator<Item = E>) -> Result<Self, VectorError>
    where
        E: IntoIterator<Item = V>,
        V: AsRef<[f32]>,
    {
        let (mut matrix, mut ends) = (Matrix::new(dimensions)?, Vec::new());
        for example in examples {
            matrix.insert(matrix.len(), example)?;
            ends.push(matrix.len());
        }
        Ok(Self::of(matrix, ends))
    }

    fn of(matrix: Matrix, ends: Vec<usize>) -> Self {
        let mut index = Self { matrix, ends, screening: Screening::Auto, screen: None };
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

    /// Brings the screen up to date with the examples from `example` on.
    fn recode_from(&mut self, example: usize) {
        let mut copied = self.screen.take().unwrap_or_default();
        if self.screening.wanted(self.matrix.bytes(), SCREENING_PAYS) {
            self.screen = Some(match copied.take() {
                Some(Screened { mut screen, mut rests }) => {
                    let row = example.checked_sub(1).map_or(0, |last| self.rows_of(last).end);
                    screen.rebuild_from(row, self.matrix.lanes(), self.matrix.width());
                    rests.truncate(example);
                    Copied::at_once(self.with_rests(screen, rests))
                }
                None if self.screening == Screening::Always => Copied::at_once(self.coded()),
                // Questions asked so far count, or an index that is edited between them would never be copied.
                None => copied,
            });
        }
    }

    fn coded(&self) -> Screened {
        self.with_rests(Screen::new(self.matrix.lanes(), self.matrix.width()), Vec::new())
    }

    /// The screen with the rests of the first examples as given, and of the others as it says.
    fn with_rests(&self, screen: Screen, mut rests: Vec<f32>) -> Screened {
        let from = rests.len();
        rests.extend((from..self.len()).map(|example| screen.greatest_rest(self.rows_of(example))));
        Screened { screen, rests }
    }

    /// The rows of an example.
    fn rows_of(&self, example: usize) -> Range<usize> {
        let end = |example: Option<usize>| example.and_then(|example| self.ends.get(example)).copied().unwrap_or(0);
        end(example.checked_sub(1))..end(Some(example))
    }

    /// How many examples there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True without examples.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The values of every vector.
    pub fn dimensions(&self) -> usize {
        self.matrix.dimensions()
    }

    /// The bytes of memory that the vectors, their ends and their one-byte copy take.
    pub fn memory(&self) -> usize {
        let screen = |screened: &Screened| screened.screen.bytes() + size_of_val(screened.rests.as_slice());
        self.matrix.bytes()
            + size_of_val(self.ends.as_slice())
            + self.screen.as_ref().and_then(Copied::get).map_or(0, screen)
    }

    /// Puts an example at a position; those from there on move up by one. The index is then equal to one built anew.
    ///
    /// # Errors
    /// [`VectorError`], with the index as it was.
    pub fn insert<V: AsRef<[f32]>>(
        &mut self,
        position: usize,
        vectors: impl IntoIterator<Item = V>,
    ) -> Result<(), VectorError> {
        self.insert_rows(position, vectors)?;
        self.recode_from(position);
        Ok(())
    }

    /// Takes the example at a position out; those behind it move down by one. The index is then equal to one built
    /// anew.
    ///
    /// # Errors
    /// [`VectorError::NoSuchPosition`], with the index as it was.
    pub fn remove(&mut self, position: usize) -> Result<(), VectorError> {
        if position >= self.len() {
            return Err(VectorError::NoSuchPosition { position, len: self.len() });
        }
        let rows = self.rows_of(position);
        self.matrix.remove(rows.clone());
        self.ends.remove(position);
        self.ends.iter_mut().skip(position).for_each(|end| *end -= rows.len());
        self.recode_from(position);
        Ok(())
    }

    /// Removes the examples at these positions, given ascending, and then inserts others at positions given ascending: as
    /// one after another, but what stays is moved and copied once. After an error the index is of no use.
    pub(in crate::retrieve) fn edit<E, V>(
        &mut self,
        removed: &[usize],
        inserted: &[usize],
        examples: impl IntoIterator<Item = E>,
    ) -> Result<(), VectorError>
    where
        E: IntoIterator<Item = V>,
        V: AsRef<[f32]>,
    {
        if !removed.is_empty() {
            let gone: Vec<Range<usize>> = removed.iter().map(|&example| self.rows_of(example)).collect();
            let first_after = |row: usize| gone.get(gone.partition_point(|rows| rows.end <= row));
            self.matrix.retain(|row| !first_after(row).is_some_and(|rows| rows.contains(&row)));
            let stay = (0..self.len()).filter(|example| removed.binary_search(example).is_err());
            let ends = stay.scan(0, |end, example| {
                *end += self.rows_of(example).len();
                Some(*end)
            });
            self.ends = ends.collect();
        }
        for (&position, example) in inserted.iter().zip(examples) {
            self.insert_rows(position, example)?;
        }
        if let Some(&first) = removed.first().into_iter().chain(inserted.first()).min() {
            self.recode_from(first);
        }
        Ok(())
    }

    /// All of an insertion but the screen.
    fn insert_rows<V: AsRef<[f32]>>(
        &mut self,
        position: usize,
        vectors: impl IntoIterator<Item = V>,
    ) -> Result<(), VectorError> {
        if position > self.len() {
            return Err(VectorError::NoSuchPosition { position, len: self.len() });
        }
        let row = self.rows_of(position).start;
        let rows = self.matrix.insert(row, vectors)?;
        self.ends.insert(position, row);
        self.ends.iter_mut().skip(position).for_each(|end| *end += rows);
        Ok(())
    }

    /// The `k` examples of the greatest score, best first, equal scores by position. The similarity is the score over
    /// the number of the query's vectors, from 0 to 1. Without a vector in the query nothing is found.
    ///
    /// # Errors
    /// [`VectorError`] for a query vector of another length or with a value that is not finite.
    pub fn top_k<V: AsRef<[f32]>>(
        &self,
        query: impl IntoIterator<Item = V>,
        k: usize,
    ) -> Result<Vec<Retrieved>, VectorError> {
        with_scratch(|scratch| {
            scratch.set_query(self.dimensions(), query)?;
            let width = self.matrix.width();
            let counted = scratch.query.len() / width;
            if counted == 0 {
                return Ok(Vec::new());
            }
            scratch.query.resize(counted.next_multiple_of(Late::TOGETHER) * width, Lanes::default());
            let query = Late { queries: scratch.query.as_slice(), counted, width };
            scratch.scores.resize(self.len(), 0.0);
            let mut best = Best::new(k, self.len());
            if let Some(Screened { screen, rests }) =
                self.screen.as_ref().and_then(|copied| copied.ask(|| self.coded()))
            {
                let ends = self.ends.iter().copied();
                let rest = late_scores(screen, query, ends, &mut scratch.late, &mut scratch.scores);
                scratch.highs.resize(self.len(), 0.0);
                for ((low, high), example_rest) in scratch.scores.iter_mut().zip(&mut scratch.highs).zip(rests) {
                    let within = late_bound(counted, width, rest, *example_rest);
                    (*low, *high) = (*low - within, *low + within);
                }
                let exact = |position: usize| {
                    let (rows, mut score) = (self.rows_of(position), [0.0]);
                    let end = std::iter::once(rows.len());
                    late(query, self.matrix.rows(rows), end, &mut scratch.best, &mut score);
                    let [score] = score;
                    score
                };
                best.offer_screened(&scratch.scores, &scratch.highs, &mut scratch.candidates, exact);
            } else {
                late(query, self.matrix.lanes(), self.ends.iter().copied(), &mut scratch.best, &mut scratch.scores);
                best.offer_all(&scratch.scores);
            }
            Ok(best.ranked(|score| score / counted as f64))
        })
    }

    /// The index as bytes: a [container](crate::container) with 8 bytes an example for where it ends and 4 bytes a value, all
    /// little-endian. The one-byte copy is not written; reading makes it anew.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new(Self::KIND, Self::VERSION);
        writer.section_with(Self::ENDS, |bytes| {
            bytes.extend(self.ends.iter().flat_map(|end| (*end as u64).to_le_bytes()));
        });
        self.matrix.write(&mut writer);
        writer.finish()
    }

    /// The index that [`to_bytes`](Self::to_bytes) wrote, with [`Screening::Auto`].
    ///
    /// # Errors
    /// [`VectorError::Damaged`] when they are cut, longer, not as they were written, of another kind or version, or hold
    /// examples that do not follow one another or a vector that is neither of length 1 nor zero.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, VectorError> {
        let sections = Sections::read(bytes, Self::KIND, Self::VERSION)?;
        let matrix = Matrix::read(&sections)?;
        let (ends, rest) = sections.get(Self::ENDS)?.as_chunks();
        let end = |bytes: &[u8; 8]| usize::try_from(u64::from_le_bytes(*bytes)).unwrap_or(usize::MAX);
        let ends: Vec<usize> = ends.iter().map(end).collect();
        if !rest.is_empty() || !ends.is_sorted() || ends.last().copied().unwrap_or(0) != matrix.len() {
            return Err(sections.wrong(Self::ENDS, "examples do not follow one another").into());
        }
        Ok(Self::of(matrix, ends))
    }
}

impl fmt::Debug for MaxSimIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MaxSimIndex")
            .field("len", &self.len())
            .field("vectors", &self.matrix.len())
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

    const DIMENSIONS: usize = 19;

    fn vector() -> impl Strategy<Value = Vec<f32>> {
        let any = prop::collection::vec(-1.0_f32..1.0, DIMENSIONS);
        let coarse = prop::collection::vec(prop_oneof![Just(-1.0_f32), Just(0.0), Just(1e30)], DIMENSIONS);
        prop_oneof![any, coarse, Just(vec![0.0; DIMENSIONS]), Just(vec![1.0; DIMENSIONS])]
    }

    fn examples(most: usize) -> impl Strategy<Value = Vec<Vec<Vec<f32>>>> {
        prop::collection::vec(prop::collection::vec(vector(), 0..7), 1..most)
    }

    fn model(query: &[Vec<f32>], example: &[Vec<f32>]) -> f64 {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let cosine = |a: &Vec<f32>, b: &Vec<f32>| {
            let lengths = (dot(a, a) * dot(b, b)).sqrt();
            if lengths > 0.0 { dot(a, b) / lengths } else { 0.0 }
        };
        query.iter().map(|q| example.iter().map(|e| cosine(q, e)).fold(f64::NEG_INFINITY, f64::max)).sum()
    }

    proptest! {
        #[test]
        fn screened_and_unscreened_answers_are_the_same_to_the_bit(
            examples in examples(30), query in prop::collection::vec(vector(), 1..20), k in 0_usize..40,
        ) {
            let exact = MaxSimIndex::new(DIMENSIONS, &examples).unwrap().screening(Screening::Never);
            let screened = exact.clone().screening(Screening::Always);
            let (exact, screened) = (exact.top_k(&query, k).unwrap(), screened.top_k(&query, k).unwrap());
            prop_assert_eq!(&exact, &screened);
            let filled = examples.iter().filter(|example| !example.is_empty()).count();
            prop_assert_eq!(exact.len(), k.min(filled));
            for item in &exact {
                prop_assert!((item.score - model(&query, &examples[item.position])).abs() < 1e-4);
                let similarity = (item.score / query.len() as f64).clamp(0.0, 1.0);
                prop_assert_eq!(item.similarity.to_bits(), similarity.to_bits());
            }
            prop_assert!(exact.windows(2).all(|w| (-w[0].score, w[0].position) < (-w[1].score, w[1].position)));
        }

        #[test]
        fn a_changed_index_equals_a_rebuilt_one(
            mut all in examples(20), more in examples(10), at in 0_usize..50, always: bool,
        ) {
            let screening = if always { Screening::Always } else { Screening::Auto };
            let mut index = MaxSimIndex::new(DIMENSIONS, &all).unwrap().screening(screening);
            for example in more {
                let at = at % (all.len() + 1);
                index.insert(at, &example).unwrap();
                all.insert(at, example);
                let at = (at * 7) % all.len();
                index.remove(at).unwrap();
                all.remove(at);
            }
            let rebuilt = MaxSimIndex::new(DIMENSIONS, &all).unwrap().screening(screening);
            prop_assert!(index == rebuilt);
            let read = MaxSimIndex::from_bytes(&index.to_bytes()).unwrap();
            prop_assert!(read.screening(screening) == rebuilt);
        }

        #[test]
        fn cut_or_wrong_bytes_are_an_error(all in examples(20), cut in 0_usize..4_000) {
            let bytes = MaxSimIndex::new(DIMENSIONS, &all).unwrap().to_bytes();
            prop_assert!(is_bytes_error(&MaxSimIndex::from_bytes(&bytes[..cut % bytes.len()])));
            let longer = [bytes.as_slice(), &[0]].concat();
            prop_assert!(is_bytes_error(&MaxSimIndex::from_bytes(&longer)));
        }
    }

    #[test]
    fn what_cannot_be_indexed_is_named_and_changes_nothing() {
        let mut index = MaxSimIndex::new(2, [vec![[1.0, 0.0]], vec![]]).unwrap();
        let before = index.clone();
        assert_eq!(index.insert(1, [[1.0, 0.0], [f32::NAN, 0.0]]), Err(VectorError::NotFinite { row: 1 }));
        assert_eq!(index.insert(1, [[1.0]]), Err(VectorError::WrongLength { row: 0, found: 1, wanted: 2 }));
        assert_eq!(index.insert(3, [[1.0, 0.0]]), Err(VectorError::NoSuchPosition { position: 3, len: 2 }));
        assert_eq!(index.remove(2), Err(VectorError::NoSuchPosition { position: 2, len: 2 }));
        assert_eq!(index, before);
    }

    #[test]
    fn a_query_without_vectors_finds_nothing() {
        let index = MaxSimIndex::new(2, [vec![[1.0_f32, 0.0]]]).unwrap();
        assert_eq!(index.top_k([[0.0_f32; 2]; 0], 3), Ok(vec![]));
    }
}
