//! Several vectors per example, searched by late interaction.

use std::fmt;
use std::ops::Range;

use crate::container::{Sections, Writer};
use crate::retrieve::Retrieved;
use crate::retrieve::vectors::{
    Best, Copied, Lanes, Late, Matrix, Screen, Screening, VectorError, late, late_bound, late_scores, with_scratch,
};

/// The size of all vectors, in bytes, from which on looking at the one-byte copy first is faster.
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
    /// By example, the number of rows up to its end.
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

    /// Sets the use of a copy in one byte a value, which is searched first. Results are the same. Default: [`Screening::Auto`].
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

    /// The screen with the rests of the first examples as given, and of the others as the screen has them.
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

    /// The number of examples.
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
