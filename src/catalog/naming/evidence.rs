//! The texts that have each factor: what merges, splits and new names are judged by.

use std::collections::BTreeSet;

use crate::catalog::CatalogFactor;
use crate::catalog::index::Index;
use crate::words::{stem, tokens};

/// Different texts, in order.
#[derive(Clone, Default)]
pub(super) struct Evidence(BTreeSet<String>);

impl Evidence {
    pub(super) fn extend(&mut self, texts: impl IntoIterator<Item = String>) {
        self.0.extend(texts);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The stems of all words in them.
    pub(super) fn stems(&self) -> BTreeSet<String> {
        let texts: Vec<&String> = self.0.iter().collect();
        let words: Vec<BTreeSet<String>> =
            crate::parallel::map(&texts, |text| tokens(text).into_iter().map(|token| token.word).collect());
        let words: BTreeSet<String> = words.into_iter().flatten().collect();
        words.iter().map(|word| stem(word)).collect()
    }

    /// By factor, the places of the texts that have it, ascending.
    pub(super) fn of(&self, factors: &[CatalogFactor]) -> Vec<Vec<usize>> {
        let mut seen: Vec<Vec<usize>> = vec![Vec::new(); factors.len()];
        if factors.is_empty() {
            return seen;
        }
        let index = Index::new(factors);
        let texts: Vec<&String> = self.0.iter().collect();
        let found = crate::parallel::map(&texts, |text| index.places(text));
        for (text, places) in found.into_iter().enumerate() {
            for place in places {
                seen.get_mut(place).into_iter().for_each(|seen| seen.push(text));
            }
        }
        seen
    }

    /// The places of the texts that have a factor.
    pub(super) fn of_one(&self, factor: &CatalogFactor) -> Vec<usize> {
        self.of(std::slice::from_ref(factor)).pop().unwrap_or_default()
    }
}
