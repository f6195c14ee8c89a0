//! The likeness of whole texts by the terms they share.

use ndarray::{Array1, Array2};

use super::seen::Owned;
use super::terms::Terms;

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
        let texts = of.len();
        let numbered = (0_u32..).take(texts);
        let pairs = numbered.flat_map(|text| of.of(text as usize).iter().map(move |term| (*term, text)));
        let mut pairs: Vec<(u32, u32)> = pairs.collect();
        pairs.sort_unstable();
        let weight = |df: usize| (((1.0 + texts as f64) / (1.0 + df as f64)).ln() + 1.0).sqrt();
        let by_frequency: Vec<f64> = (0..=texts).map(weight).collect();
        let (mut terms, mut weights, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        let mut end = 0;
        for same in pairs.chunk_by(|a, b| a.0 == b.0) {
            end += same.len();
            terms.extend(same.first().map(|(term, _)| *term));
            weights.push(by_frequency.get(same.len()).copied().unwrap_or(1.0));
            ends.push(end);
        }
        let unseen = by_frequency.first().copied().unwrap_or(1.0);
        let mut likeness = Self { texts, terms, weights, ends, unseen, postings: Vec::new() };
        let lengths: Vec<f64> = (0..texts).map(|text| likeness.length(of.of(text))).collect();
        let mut place = 0;
        for (at, (_, text)) in pairs.into_iter().enumerate() {
            while likeness.ends.get(place).is_some_and(|end| *end <= at) {
                place += 1;
            }
            let share = likeness.weight_at(Some(place)) / lengths.get(text as usize).copied().unwrap_or(1.0);
            #[expect(clippy::cast_possible_truncation, reason = "a share is at most 1")]
            likeness.postings.push((text, share as f32));
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
        squares.sum::<f64>().sqrt().max(f64::MIN_POSITIVE)
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
    pub(super) fn among(&self) -> Array2<f64> {
        let mut likeness = Array2::zeros((self.texts, self.texts));
        for place in 0..self.terms.len() {
            let list = self.postings(place);
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
