//! Ranked items, and the best of many.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// One ranked item.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retrieved {
    /// Its position in the memory.
    pub position: usize,
    /// Its score by the retriever's measure; higher is more alike.
    pub score: f64,
    /// Its likeness from 0 to 1, comparable between queries.
    pub similarity: f64,
}

/// Later is better, for the heap: a higher score, then the smaller position.
#[derive(PartialEq)]
struct Ranked(Retrieved);

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.score.total_cmp(&other.0.score).then_with(|| other.0.position.cmp(&self.0.position))
    }
}

/// The `k` best, best first, equal scores by position. NaN scores are left out.
///
/// Keeps a heap of `k`, so *n* candidates cost *n* log *k*. The first *j* of a larger *k* are the same.
pub fn top_k(candidates: impl IntoIterator<Item = Retrieved>, k: usize) -> Vec<Retrieved> {
    let mut worst_first = BinaryHeap::with_capacity(k.min(1_024) + 1);
    for candidate in candidates {
        if candidate.score.is_nan() {
            continue;
        }
        worst_first.push(std::cmp::Reverse(Ranked(candidate)));
        if worst_first.len() > k {
            worst_first.pop();
        }
    }
    let mut best: Vec<Ranked> = worst_first.into_iter().map(|entry| entry.0).collect();
    best.sort_by(|a, b| b.cmp(a));
    best.into_iter().map(|entry| entry.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_best_k_are_a_prefix_of_the_full_ranking(scores in prop::collection::vec(prop_oneof![Just(f64::NAN), Just(1.0), -2.0..2.0], 0..60), k in 0_usize..70) {
            let candidates = || scores.iter().enumerate().map(|(position, &score)| Retrieved { position, score, similarity: 0.0 });
            let full = top_k(candidates(), scores.len());
            let best = top_k(candidates(), k);
            prop_assert_eq!(&best[..], &full[..k.min(full.len())]);
            prop_assert!(full.windows(2).all(|w| (-w[0].score, w[0].position) < (-w[1].score, w[1].position)));
        }
    }
}
