//! Random choices that are the same in every run, and the bootstrap over users.

/// `SplitMix64` (Steele, Lea and Flood 2014).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // Of no importance below some billions.
        usize::try_from((z ^ (z >> 31)) % n.max(1) as u64).unwrap_or_default()
    }
}

/// The mean difference of paired scores, and its 95 % interval by the bootstrap over users: users are drawn with
/// replacement, each with all items. `by_user` holds the differences, item by item.
pub(crate) fn paired(by_user: &[Vec<f64>]) -> (f64, f64, f64) {
    const RESAMPLES: usize = 2_000;
    let sums: Vec<(f64, f64)> = by_user.iter().map(|items| (items.iter().sum(), items.len() as f64)).collect();
    let mean = |picked: &mut dyn Iterator<Item = (f64, f64)>| {
        let (sum, n) = picked.fold((0.0, 0.0), |all, one| (all.0 + one.0, all.1 + one.1));
        if n > 0.0 { sum / n } else { 0.0 }
    };
    let mut chance = Chance(7);
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| mean(&mut (0..sums.len()).map(|_| sums.get(chance.below(sums.len())).copied().unwrap_or_default())))
        .collect();
    means.sort_by(f64::total_cmp);
    let at = |place: usize| means.get(place).copied().unwrap_or_default();
    (mean(&mut sums.iter().copied()), at(RESAMPLES / 40), at(RESAMPLES - 1 - RESAMPLES / 40))
}
