//! Scores by dense sums in `f32`, then exactly for those that may be among the best.

use std::cell::RefCell;

use crate::retrieve::Retrieved;

use super::index::{Bm25Index, small};

/// The room that ranking works in, kept by thread. Between two uses `ordinals` is all zeros.
#[derive(Default)]
struct Room {
    text: String,
    /// By token: its place among the query's tokens + 1, or 0.
    ordinals: Vec<u32>,
    /// The query's tokens that an item has, in order, with their inverse document frequency.
    tokens: Vec<(u32, f64)>,
    unseen: Vec<String>,
    /// By slot.
    scores: Vec<f32>,
    maxima: Vec<f32>,
    sorted: Vec<f32>,
    candidates: Vec<(f32, u32)>,
    /// By the query's tokens: how often an item has them.
    counts: Vec<u32>,
    ranked: Vec<Retrieved>,
}

thread_local! {
    static ROOM: RefCell<Room> = RefCell::default();
}

impl Bm25Index {
    /// The `k` texts most like the query, best first, equal scores by position; texts that share no token with it are left
    /// out. A token that the query repeats counts once. The similarity is the score over that of a text of average length
    /// that has each of the query's tokens once.
    pub fn rank(&self, query: &str, k: usize) -> Vec<Retrieved> {
        if k == 0 || self.is_empty() {
            return Vec::new();
        }
        // Taken, not borrowed: whatever happens, the thread's next query finds a room.
        let mut room = ROOM.try_with(RefCell::take).unwrap_or_default();
        self.read(query, &mut room);
        self.screen(k, &mut room);
        self.settle(&mut room);
        room.ranked.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.position.cmp(&b.position)));
        let best = room.ranked.iter().take(k).copied().collect();
        for &(token, _) in &room.tokens {
            if let Some(ordinal) = room.ordinals.get_mut(token as usize) {
                *ordinal = 0;
            }
        }
        let _ = ROOM.try_with(|kept| kept.replace(room));
        best
    }

    /// The query's different tokens.
    fn read(&self, query: &str, room: &mut Room) {
        let Room { text, ordinals, tokens, unseen, .. } = room;
        tokens.clear();
        unseen.clear();
        let known = self.vocabulary.tokens().len();
        ordinals.resize(ordinals.len().max(known), 0);
        self.vocabulary.read(query, text, |token| match token {
            Ok(token) => {
                if let Some(ordinal) = ordinals.get_mut(token as usize)
                    && *ordinal == 0
                {
                    tokens.push((token, self.idf(self.columns.items(token))));
                    *ordinal = small(tokens.len());
                }
            }
            Err(stem) => unseen.push(stem),
        });
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
    fn screen(&self, k: usize, room: &mut Room) {
        let Room { tokens, scores, maxima, sorted, candidates, .. } = room;
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
    fn settle(&self, room: &mut Room) {
        let Room { ordinals, tokens, unseen, candidates, counts, ranked, .. } = room;
        let own: f64 = tokens.iter().filter(|&&(token, _)| self.columns.items(token) > 0).map(|&(_, idf)| idf).sum();
        let gone = tokens.iter().filter(|&&(token, _)| self.columns.items(token) == 0).count();
        // A token once in an item of average length weighs (k1 + 1) / (1 + k1) = 1.
        let own = own + (unseen.len() + gone) as f64 * self.idf(0);
        ranked.clear();
        for &(_, slot) in candidates.iter() {
            let forms = self.texts.get(slot);
            counts.clear();
            counts.resize(tokens.len(), 0);
            for &form in forms {
                let ordinal = ordinals.get(self.vocabulary.token_of(form) as usize).copied().unwrap_or(0);
                if let Some(count) = counts.get_mut((ordinal as usize).wrapping_sub(1)) {
                    *count += 1;
                }
            }
            let row = self.weights.row(small(forms.len()));
            let mut score = 0.0;
            for (&(_, idf), &count) in tokens.iter().zip(counts.iter()).filter(|&(_, &count)| count > 0) {
                score += idf * f64::from(row.weight(count));
            }
            let position = self.position_of.get(slot as usize).map_or(usize::MAX, |&position| position as usize);
            let similarity = (score / own.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
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
