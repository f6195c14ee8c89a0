//! The likeness of whole texts by the terms they share.

use ndarray::{Array1, Array2};

use crate::pause::{at_once, pause};

use super::seen::Owned;
use super::terms::Terms;

/// Occurrences of terms that are gone through between two pauses: some milliseconds.
const PAIRS_AT_ONCE: u64 = 1 << 17;
/// Products of shares that are summed between two pauses.
const SUMS_AT_ONCE: usize = 1 << 20;

/// The terms of texts with the texts that have them, in order of term and text, part by part: each has the terms of a range.
struct Parts<'t> {
    /// By text: the terms of the parts to come.
    left: Vec<&'t [u32]>,
    next: u64,
    ranges: u64,
}

impl<'t> Parts<'t> {
    fn new(of: &'t Terms) -> Self {
        let left: Vec<&[u32]> = (0..of.len()).map(|text| of.of(text)).collect();
        let pairs: usize = left.iter().map(|terms| terms.len()).sum();
        Self { left, next: 0, ranges: pairs as u64 / PAIRS_AT_ONCE + 1 }
    }

    fn next(&mut self) -> Option<Vec<(u32, u32)>> {
        if self.next == self.ranges {
            return None;
        }
        let (ranges, range) = (self.ranges, self.next);
        self.next += 1;
        let mut pairs = Vec::new();
        for (text, terms) in (0_u32..).zip(&mut self.left) {
            // Terms of words are hashes, so that equal ranges have about as many.
            let here = terms.partition_point(|term| (u64::from(*term) * ranges) >> 32 <= range);
            let (now, later) = terms.split_at_checked(here).unwrap_or_default();
            pairs.extend(now.iter().map(|term| (*term, text)));
            *terms = later;
        }
        pairs.sort_unstable();
        Some(pairs)
    }
}

/// The length of a text by the squares of its terms' weights.
fn square_root(squares: f64) -> f64 {
    squares.sqrt().max(f64::MIN_POSITIVE)
}

/// Cosine likeness of a text to past ones. A term that a text has weighs √idf, idf = ln((1 + n) / (1 + df)) + 1, however
/// often it stands there.
///
/// Terms that no past text has count in a text's length, so that one about something new is like nothing. How rare a term is
/// goes by the number of texts, whatever their weights: it is about words, not about the user.
#[derive(Debug, Clone)]
pub(super) struct Likeness {
    texts: usize,
    /// Ascending.
    terms: Vec<u32>,
    /// By term: its weight, and where its postings end.
    weights: Vec<f64>,
    ends: Vec<usize>,
    unseen: f64,
    /// The texts that have the term, with its share of their length; one term after another.
    postings: Vec<(u32, f32)>,
}

impl Likeness {
    pub(super) fn new(of: &Terms) -> Self {
        at_once(Self::in_steps(of))
    }

    /// The same with pauses.
    pub(super) async fn in_steps(of: &Terms) -> Self {
        let texts = of.len();
        let mut parts = Vec::new();
        let mut left = Parts::new(of);
        while let Some(part) = left.next() {
            parts.push(part);
            pause().await;
        }
        let weight = |df: usize| (((1.0 + texts as f64) / (1.0 + df as f64)).ln() + 1.0).sqrt();
        let by_frequency: Vec<f64> = (0..=texts).map(weight).collect();
        let (mut terms, mut weights, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        let (mut end, mut lengths) = (0, vec![0.0; texts]);
        for part in &parts {
            for same in part.chunk_by(|a, b| a.0 == b.0) {
                end += same.len();
                let weight = by_frequency.get(same.len()).copied().unwrap_or(1.0);
                terms.extend(same.first().map(|(term, _)| *term));
                weights.push(weight);
                ends.push(end);
                // Of each text in the order of its terms, as `length` sums.
                for (_, text) in same {
                    if let Some(sum) = lengths.get_mut(*text as usize) {
                        *sum += weight.powi(2);
                    }
                }
            }
            pause().await;
        }
        for squares in &mut lengths {
            *squares = square_root(*squares);
        }
        let unseen = by_frequency.first().copied().unwrap_or(1.0);
        let mut likeness = Self { texts, terms, weights, ends, unseen, postings: Vec::with_capacity(end) };
        let mut place = 0;
        for part in parts {
            for (_, text) in part {
                while likeness.ends.get(place).is_some_and(|end| *end <= likeness.postings.len()) {
                    place += 1;
                }
                let share = likeness.weight_at(Some(place)) / lengths.get(text as usize).copied().unwrap_or(1.0);
                #[expect(clippy::cast_possible_truncation, reason = "a share is at most 1")]
                likeness.postings.push((text, share as f32));
            }
            pause().await;
        }
        likeness
    }

    pub(super) fn texts(&self) -> usize {
        self.texts
    }

    fn place(&self, term: u32) -> Option<usize> {
        self.terms.binary_search(&term).ok()
    }

    fn weight_at(&self, place: Option<usize>) -> f64 {
        place.and_then(|place| self.weights.get(place)).copied().unwrap_or(self.unseen)
    }

    fn length(&self, terms: &[u32]) -> f64 {
        let squares = terms.iter().map(|term| self.weight_at(self.place(*term)).powi(2));
        square_root(squares.sum())
    }

    /// The places of a text's terms among those of the past, with their shares of the text's length; terms that the past
    /// does not have are left out.
    pub(super) fn shares(&self, terms: &[u32]) -> Vec<(usize, usize, f64)> {
        let length = self.length(terms);
        let known = |(at, term): (usize, &u32)| {
            let place = self.place(*term)?;
            Some((at, place, self.weight_at(Some(place)) / length))
        };
        terms.iter().enumerate().filter_map(known).collect()
    }

    /// The likeness to every past text of a text with these [shares](Self::shares).
    pub(super) fn sum(&self, shares: &[(usize, usize, f64)]) -> Vec<f64> {
        let mut likeness = vec![0.0; self.texts];
        for (_, place, share) in shares {
            for (text, value) in self.postings(*place) {
                if let Some(sum) = likeness.get_mut(*text as usize) {
                    *sum += share * f64::from(*value);
                }
            }
        }
        for value in &mut likeness {
            *value = value.clamp(0.0, 1.0);
        }
        likeness
    }

    /// The likeness of past texts to those before them, from 0 to 1: row i has those to the texts 0 to i − 1, and zeros.
    /// With pauses.
    pub(super) async fn among_in_steps(&self) -> Array2<f64> {
        let mut likeness = Array2::zeros((self.texts, self.texts));
        let mut done = 0;
        for place in 0..self.terms.len() {
            let list = self.postings(place);
            done += list.len() * list.len() + 1;
            if done > SUMS_AT_ONCE {
                done = 0;
                pause().await;
            }
            for (number, (text, share)) in list.iter().enumerate() {
                let mut row = likeness.row_mut(*text as usize);
                let Some(row) = row.as_slice_mut() else { continue };
                for (before, other) in list.iter().take(number) {
                    if let Some(sum) = row.get_mut(*before as usize) {
                        *sum += f64::from(*share) * f64::from(*other);
                    }
                }
            }
        }
        likeness.mapv_inplace(|sum: f64| sum.clamp(0.0, 1.0));
        likeness
    }

    /// By owner of parts of a text's terms: `Σ_i c_mi · s_i`, where `c_mi` is the owner's part of the likeness to past text i, and
    /// `s_i` the text's row of `says`.
    pub(super) fn of_owners(
        &self,
        shares: &[(usize, usize, f64)],
        (owners, owned): (usize, &[Owned]),
        says: &Array2<f64>,
    ) -> Vec<Array1<f64>> {
        let columns = says.ncols();
        let says = says.as_slice().unwrap_or_default();
        let mut sums = vec![Array1::zeros(columns); owners];
        for Owned { term, owner, part } in owned {
            let found = shares.binary_search_by_key(term, |(term, ..)| *term).ok().and_then(|found| shares.get(found));
            let (Some((_, place, share)), Some(sum)) = (found, sums.get_mut(*owner)) else { continue };
            for (text, value) in self.postings(*place) {
                let start = *text as usize * columns;
                let by = part * share * f64::from(*value);
                for (sum, say) in sum.iter_mut().zip(says.get(start..start + columns).unwrap_or_default()) {
                    *sum += by * say;
                }
            }
        }
        sums
    }

    /// The past texts that have the term at this place, with its share of their length.
    fn postings(&self, place: usize) -> &[(u32, f32)] {
        let start = place.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        self.ends.get(place).and_then(|end| self.postings.get(start..*end)).unwrap_or_default()
    }
}
