//! Groups feature names that say the same with other words or forms.

use std::collections::{BTreeMap, BTreeSet, HashMap};

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

/// Leaders found so far, with an index from stem to leader.
#[derive(Debug, Default)]
pub(super) struct Leaders {
    stems: Vec<BTreeSet<String>>,
    by_stem: HashMap<String, Vec<usize>>,
}

impl Leaders {
    pub(super) fn push(&mut self, stems: BTreeSet<String>) -> usize {
        let leader = self.stems.len();
        for stem in &stems {
            self.by_stem.entry(stem.clone()).or_default().push(leader);
        }
        self.stems.push(stems);
        leader
    }

    /// The leader most like these stems (Jaccard), the oldest of equals, if it is at least `least` alike. Negated names
    /// are like negated names only.
    pub(super) fn nearest(&self, stems: &BTreeSet<String>, least: f64) -> Option<usize> {
        let mut shared: BTreeMap<usize, usize> = BTreeMap::new();
        for stem in stems {
            let leaders = self.by_stem.get(stem).map(Vec::as_slice).unwrap_or_default();
            if leaders.len() <= TOO_COMMON {
                for leader in leaders {
                    *shared.entry(*leader).or_default() += 1;
                }
            }
        }
        let mut best: Option<(usize, f64)> = None;
        for leader in shared.into_keys() {
            let Some(theirs) = self.stems.get(leader) else { continue };
            if theirs.contains("not") != stems.contains("not") {
                continue;
            }
            let common = theirs.intersection(stems).count();
            let likeness = common as f64 / (theirs.len() + stems.len() - common).max(1) as f64;
            if likeness >= least && best.is_none_or(|(_, score)| likeness > score) {
                best = Some((leader, likeness));
            }
        }
        best.map(|(leader, _)| leader)
    }
}
