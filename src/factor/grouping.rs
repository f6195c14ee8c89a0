//! Groups feature names that say the same with other words or forms.

use std::collections::{BTreeSet, HashMap};

use crate::data::FeatureKey;
use crate::words::{is_stop_word, stem, tokens};

/// A word in more leaders than this tells too little to look them all up; it keeps grouping linear in the features.
const TOO_COMMON: usize = 64;

/// A feature name as the set of its stems.
pub(super) fn stems(key: &FeatureKey) -> BTreeSet<String> {
    let words = tokens(key.as_str());
    let content: BTreeSet<String> =
        words.iter().filter(|token| !is_stop_word(&token.word)).map(|token| stem(&token.word)).collect();
    if content.is_empty() { words.into_iter().map(|token| token.word).collect() } else { content }
}

/// Leaders found so far, with an index from stem to leader. Stems are numbered: comparing names compares numbers.
#[derive(Debug, Default)]
pub(super) struct Leaders {
    numbers: HashMap<String, u32>,
    /// By leader: the numbers of its stems, ascending, and whether it is negated.
    stems: Vec<(Vec<u32>, bool)>,
    /// By stem: the leaders that have it, ascending.
    by_stem: Vec<Vec<usize>>,
}

impl Leaders {
    pub(super) fn push(&mut self, stems: BTreeSet<String>) {
        let (leader, negated) = (self.stems.len(), is_negated(&stems));
        let mut numbers = Vec::with_capacity(stems.len());
        for stem in stems {
            let next = u32::try_from(self.by_stem.len()).unwrap_or(u32::MAX);
            let number = *self.numbers.entry(stem).or_insert(next);
            if number == next {
                self.by_stem.push(Vec::new());
            }
            if let Some(of) = self.by_stem.get_mut(number as usize) {
                of.push(leader);
            }
            numbers.push(number);
        }
        numbers.sort_unstable();
        self.stems.push((numbers, negated));
    }

    /// The leader most like these stems (Jaccard), the oldest of equals, if it is at least `least` alike. Negated names
    /// are like negated names only.
    pub(super) fn nearest(&self, stems: &BTreeSet<String>, least: f64) -> Option<usize> {
        let negated = is_negated(stems);
        let mut known: Vec<u32> = stems.iter().filter_map(|stem| self.numbers.get(stem).copied()).collect();
        known.sort_unstable();
        let telling = known.iter().filter_map(|number| self.by_stem.get(*number as usize));
        let mut near: Vec<usize> = telling.filter(|of| of.len() <= TOO_COMMON).flatten().copied().collect();
        near.sort_unstable();
        near.dedup();
        let mut best: Option<(usize, f64)> = None;
        for leader in near {
            let Some((theirs, theirs_negated)) = self.stems.get(leader) else { continue };
            if *theirs_negated != negated {
                continue;
            }
            let common = theirs.iter().filter(|number| known.binary_search(number).is_ok()).count();
            let likeness = common as f64 / (theirs.len() + stems.len() - common).max(1) as f64;
            if likeness >= least && best.is_none_or(|(_, score)| likeness > score) {
                best = Some((leader, likeness));
            }
        }
        best.map(|(leader, _)| leader)
    }
}

fn is_negated(stems: &BTreeSet<String>) -> bool {
    stems.contains("not")
}
