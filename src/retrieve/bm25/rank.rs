//! Scores by dense sums in `f32`, then exactly for those that may be among the best.

use std::cell::RefCell;

use crate::retrieve::Retrieved;

use super::index::Bm25Index;
use super::numbers::{counts, small};
use super::vocabulary::{Room, each_token};

/// The bench that ranking works in, kept by thread. Between two uses `ordinals` is all zeros.
#[derive(Default)]
struct Bench {
    /// By token: its place among the query's tokens + 1, or 0.
    ordinals: Vec<u32>,
    /// The query's tokens that an item has, in order, with their inverse document frequency.
    tokens: Vec<(u32, f64)>,
    unseen: Vec<Vec<u8>>,
    /// By slot.
    scores: Vec<f32>,
    maxima: Vec<f32>,
    sorted: Vec<f32>,
    candidates: Vec<(f32, u32)>,
    /// Of a text's tokens those of the query, by their ordinals.
    hits: Vec<u32>,
    ranked: Vec<Retrieved>,
}

thread_local! {
    static BENCH: RefCell<Bench> = RefCell::default();
}

impl Bm25Index {
    /// The `k` texts most like the query, best first, equal scores by position; texts that share no token with it are left
    /// out. A token that the query repeats counts once. The similarity is the score over that of a text of average length
    /// that has each of the query's tokens once.
    pub fn rank(&self, query: &str, k: usize) -> Vec<Retrieved> {
        if k == 0 || self.is_empty() {
            return Vec::new();
        }
        // Taken, not borrowed: whatever happens, the thread's next query finds a bench.
        let mut bench = BENCH.try_with(RefCell::take).unwrap_or_default();
        self.read(query, &mut bench);
        self.screen(k, &mut bench);
        self.settle(&mut bench);
        bench.ranked.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.position.cmp(&b.position)));
        let best = bench.ranked.iter().take(k).copied().collect();
        for &(token, _) in &bench.tokens {
            if let Some(ordinal) = bench.ordinals.get_mut(token as usize) {
                *ordinal = 0;
            }
        }
        let _ = BENCH.try_with(|kept| kept.replace(bench));
        best
    }

    /// The query's different tokens.
    fn read(&self, query: &str, bench: &mut Bench) {
        let Bench { ordinals, tokens, unseen, .. } = bench;
        tokens.clear();
        unseen.clear();
        ordinals.resize(ordinals.len().max(self.tokens.len()), 0);
        let add = |token: &[u8], hash| match self.tokens.find(token, hash) {
            Some(number) => {
                if let Some(ordinal) = ordinals.get_mut(number as usize)
                    && *ordinal == 0
                {
                    tokens.push((number, self.idf(self.columns.items(number))));
                    *ordinal = small(tokens.len());
                }
            }
            None => unseen.push(token.to_owned()),
        };
        Room::lend(|room| each_token(query, room, add));
        unseen.sort_unstable();
        unseen.dedup();
    }

    /// Inverse document frequency.
    fn idf(&self, items: u32) -> f64 {
        let (n, df) = (self.len() as f64, f64::from(items));
        (1.0 + (n - df + 0.5) / (df + 0.5)).ln()
    }

    /// Finds the slots that may hold one of the `k` best.
    ///
    /// A sum of *m* products of positive numbers in `f32`, one factor rounded too, is off by at most γ = *mu*′ / (1 − *mu*′) of
    /// itself with *mu*′ = (*m* + 1) 2⁻²⁴ (Higham 2002, section 3.1). One of the *k* best by the exact sum is therefore not
    /// below (1 − γ) / (1 + γ) = 1 − 2 *mu*′ times the *k*-th best by the other.
    fn screen(&self, k: usize, bench: &mut Bench) {
        let Bench { tokens, scores, maxima, sorted, candidates, .. } = bench;
        scores.clear();
        scores.resize(self.position_of.len(), 0.0);
        for &(token, idf) in tokens.iter() {
            #[expect(clippy::cast_possible_truncation, reason = "rounding is in the bound")]
            self.columns.add_to(scores, token, idf as f32);
        }
        #[expect(clippy::cast_possible_truncation, reason = "a bound with slack")]
        let kept = (1.0 - (2 * tokens.len() + 16) as f64 * f64::from(f32::EPSILON) / 2.0).max(0.0) as f32;

        // Every group's greatest: the k-th of these is no more than the k-th of all, and costs no comparison by item.
        let groups = (scores.len() * k.min(scores.len())).isqrt().max(1);
        maxima.clear();
        maxima.resize(groups, 0.0);
        for row in scores.chunks(groups) {
            for (greatest, &score) in maxima.iter_mut().zip(row) {
                *greatest = if score > *greatest { score } else { *greatest };
            }
        }
        sorted.clear();
        sorted.extend_from_slice(maxima);
        let floor = kth(sorted, k, |score| *score) * kept;
        candidates.clear();
        for (group, _) in maxima.iter().enumerate().filter(|&(_, &greatest)| greatest >= floor && greatest > 0.0) {
            let slots = (group..scores.len()).step_by(groups);
            let found = slots.filter_map(|slot| scores.get(slot).map(|&score| (score, small(slot))));
            candidates.extend(found.filter(|&(score, _)| score >= floor && score > 0.0));
        }
        let floor = kth(candidates, k, |candidate| candidate.0) * kept;
        candidates.retain(|&(score, _)| score >= floor);
    }

    /// Scores the candidates exactly.
    fn settle(&self, bench: &mut Bench) {
        let Bench { ordinals, tokens, unseen, candidates, hits, ranked, .. } = bench;
        let items = |&(token, _): &(u32, f64)| self.columns.items(token);
        let full: f64 = tokens.iter().filter(|token| items(token) > 0).map(|&(_, idf)| idf).sum();
        let unseen = unseen.len() + tokens.iter().filter(|token| items(token) == 0).count();
        // A token once in a text of average length weighs (k1 + 1) / (1 + k1) = 1.
        let full = full + unseen as f64 * self.idf(0);
        ranked.clear();
        for &(_, slot) in candidates.iter() {
            let text = self.texts.get(slot);
            let row = self.weights.row(text);
            // Written for every token and kept for those of the query: no branch to guess wrong.
            hits.resize(hits.len().max(text.len() + 1), 0);
            let mut found = 0;
            for &token in text {
                let ordinal = ordinals.get(token as usize).copied().unwrap_or(0);
                if let Some(hit) = hits.get_mut(found) {
                    *hit = ordinal;
                }
                found += usize::from(ordinal > 0);
            }
            let hits = hits.get_mut(..found).unwrap_or_default();
            hits.sort_unstable();
            let mut score = 0.0;
            for (ordinal, count) in counts(hits) {
                let idf = tokens.get((ordinal as usize).wrapping_sub(1)).map_or(0.0, |&(_, idf)| idf);
                score += idf * f64::from(row.weight(count));
            }
            let position = self.position_of.get(slot as usize).map_or(usize::MAX, |&position| position as usize);
            let similarity = (score / full.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
            ranked.push(Retrieved { position, score, similarity });
        }
    }
}

/// The `k`-th greatest value; 0 if there are fewer. Reorders the entries.
fn kth<T>(entries: &mut [T], k: usize, value: impl Fn(&T) -> f32) -> f32 {
    if k == 0 || k > entries.len() {
        return 0.0;
    }
    let (_, kth, _) = entries.select_nth_unstable_by(k - 1, |a, b| value(b).total_cmp(&value(a)));
    value(kth)
}
