//! The numbers of texts, tokens and slots.

/// Stands for "no position" where a slot holds no text.
pub(super) const NOWHERE: u32 = u32::MAX;

/// The different tokens of a text, given ascending, with how often they occur.
pub(super) fn counts(tokens: &[u32]) -> impl Iterator<Item = (u32, u32)> {
    tokens.chunk_by(|a, b| a == b).filter_map(|run| run.first().map(|&token| (token, small(run.len()))))
}

/// Numbers of texts, tokens and slots are small; see the limits of [`Bm25Index`](super::Bm25Index).
pub(super) fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
