//! The selection of the best among scores or bounds of scores.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::retrieve::Retrieved;

/// The `k` best seen so far: by score, equal scores by position.
pub(in crate::retrieve) struct Best {
    k: usize,
    /// The worst on top.
    kept: BinaryHeap<WorstLast>,
    /// The score of the worst once there are `k`: nothing below it gets in.
    threshold: f32,
}

/// Less is better, so that sorting puts the best first.
struct WorstLast(Retrieved);

impl Ord for WorstLast {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.score.total_cmp(&self.0.score).then(self.0.position.cmp(&other.0.position))
    }
}

impl PartialOrd for WorstLast {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for WorstLast {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for WorstLast {}

impl Best {
    /// Room for `k` of `candidates`.
    pub(in crate::retrieve) fn new(k: usize, candidates: usize) -> Self {
        let k = k.min(candidates);
        let threshold = if k == 0 { f32::INFINITY } else { f32::NEG_INFINITY };
        Self { k, kept: BinaryHeap::with_capacity(k), threshold }
    }

    /// Takes one in if it is among the best; negative infinity never is.
    pub(in crate::retrieve) fn offer(&mut self, position: usize, score: f32) {
        // Zero has one sign here, or the order would depend on it.
        let (score, wide) = (score + 0.0, f64::from(score + 0.0));
        if score < self.threshold || score == f32::NEG_INFINITY || self.k == 0 {
            return;
        }
        let new = WorstLast(Retrieved { position, score: wide, similarity: 0.0 });
        if self.kept.len() < self.k {
            self.kept.push(new);
        } else if let Some(mut worst) = self.kept.peek_mut()
            && new < *worst
        {
            *worst = new;
        }
        if self.kept.len() == self.k
            && let Some(worst) = self.kept.peek()
        {
            #[expect(clippy::cast_possible_truncation, reason = "it was widened from f32")]
            {
                self.threshold = worst.0.score as f32;
            }
        }
    }

    /// Takes in what is among the best of these; the first is at position 0.
    pub(in crate::retrieve) fn offer_all(&mut self, scores: &[f32]) {
        const BLOCK: usize = 64;
        for (block, scores) in scores.chunks(BLOCK).enumerate() {
            // Counting has no branch per score, so it is a few instructions; blocks with a hit are rare.
            let threshold = self.threshold;
            if scores.iter().filter(|score| **score > threshold).count() > 0 {
                for (place, score) in scores.iter().enumerate() {
                    if *score > self.threshold {
                        self.offer(block * BLOCK + place, *score);
                    }
                }
            }
        }
    }

    /// The best, best first, each with its similarity by `similarity`.
    pub(in crate::retrieve) fn ranked(self, similarity: impl Fn(f64) -> f64) -> Vec<Retrieved> {
        let kept = self.kept.into_sorted_vec().into_iter();
        kept.map(|WorstLast(item)| Retrieved { similarity: similarity(item.score).clamp(0.0, 1.0), ..item }).collect()
    }

    /// Offers every candidate whose upper bound allows it to be among the best, `exact` giving its score.
    ///
    /// `lows` and `highs` are bounds of the scores by position. See the proof in [`screen`](super::screen).
    pub(in crate::retrieve) fn offer_screened(
        &mut self,
        lows: &[f32],
        highs: &[f32],
        candidates: &mut Vec<(f32, usize)>,
        mut exact: impl FnMut(usize) -> f32,
    ) {
        let mut surely = Self::new(self.k, lows.len());
        surely.offer_all(lows);
        let reach = surely.threshold;
        candidates.clear();
        candidates.extend(highs.iter().enumerate().filter(|(_, high)| **high >= reach).map(|(at, high)| (*high, at)));
        candidates.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        for (high, position) in &*candidates {
            // The rest have no higher bound.
            if *high < self.threshold {
                break;
            }
            self.offer(*position, exact(*position));
        }
    }
}
