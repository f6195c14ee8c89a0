//! Whole numbers from a discrete Gaussian, drawn exactly, and the coins that this takes.
//!
//! Canonne, Kamath and Steinke, [The Discrete Gaussian for Differential Privacy](https://arxiv.org/abs/2004.00010), algorithms 1 to 3.
//! Only whole numbers are computed with, so that no rounding of a float tells of what the noise hides.

use sha2::{Digest as _, Sha256};

/// Bits that nobody foretells who does not know the seed: SHA-256 of the seed and a counter, a block after the other.
pub(super) struct Coins {
    seed: [u8; 32],
    blocks: u64,
    block: [u8; 32],
    used: usize,
}

/// Stands before what is hashed, so that the seed gives other bits elsewhere.
const NAME: &[u8] = b"rpm-core/population/noise/1";

/// The most that σ may be, so that no product here overflows.
pub(super) const WIDEST: u128 = 1 << 28;

impl Coins {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self { seed, blocks: 0, block: [0; 32], used: 32 }
    }

    fn byte(&mut self) -> u8 {
        if self.used == self.block.len() {
            let hash = Sha256::new().chain_update(NAME).chain_update(self.seed);
            self.block = hash.chain_update(self.blocks.to_le_bytes()).finalize().into();
            (self.blocks, self.used) = (self.blocks.wrapping_add(1), 0);
        }
        let byte = self.block.get(self.used).copied().unwrap_or_default();
        self.used += 1;
        byte
    }

    /// A whole number below this, all alike likely. 0 below 0 and 1.
    fn below(&mut self, most: u128) -> u128 {
        let bits = u128::BITS - most.saturating_sub(1).leading_zeros();
        let mask = if bits == 0 { 0 } else { u128::MAX >> (u128::BITS - bits) };
        loop {
            let mut number = 0;
            for _ in 0..bits.div_ceil(8) {
                number = (number << 8) | u128::from(self.byte());
            }
            if number & mask < most.max(1) {
                return number & mask;
            }
        }
    }

    /// True with probability a/b.
    fn coin(&mut self, a: u128, b: u128) -> bool {
        self.below(b) < a
    }

    /// True with probability exp(−a/b).
    fn decays(&mut self, mut a: u128, b: u128) -> bool {
        while a > b {
            if !self.decays_once(b, b) {
                return false;
            }
            a -= b;
        }
        self.decays_once(a, b)
    }

    /// The same for a ≤ b.
    fn decays_once(&mut self, a: u128, b: u128) -> bool {
        let mut k = 1;
        while self.coin(a, b) && self.coin(1, k) {
            k += 1;
        }
        k % 2 == 1
    }

    /// A whole number with probability in proportion to exp(−|number|/t).
    fn laplace(&mut self, t: u128) -> (bool, u128) {
        loop {
            let part = self.below(t);
            if !self.decays(part, t) {
                continue;
            }
            let mut times = 0;
            while self.decays_once(1, 1) {
                times += 1;
            }
            let (below, size) = (self.coin(1, 2), part + t * times);
            if !(below && size == 0) {
                return (below, size);
            }
        }
    }

    /// A whole number with probability in proportion to exp(−number²/2σ²). Of a σ above 2²⁸ it is as if it were that.
    pub(super) fn gaussian(&mut self, sigma: u128) -> i64 {
        let sigma = sigma.clamp(1, WIDEST);
        let (t, variance) = (sigma + 1, sigma * sigma);
        loop {
            let (below, size) = self.laplace(t);
            // More than 2⁶² is never drawn before the sun is cold.
            let Some(square) = size.checked_mul(t).and_then(|far| far.abs_diff(variance).checked_pow(2)) else {
                continue;
            };
            if self.decays(square, 2 * variance * t * t) {
                let size = i64::try_from(size).unwrap_or(i64::MAX);
                return if below { -size } else { size };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often each number was drawn, and should have been.
    fn against_its_probabilities(sigma: u32, draws: u32) {
        let mut coins = Coins::new([u8::try_from(sigma).unwrap(); 32]);
        let drawn: Vec<i64> = (0..draws).map(|_| coins.gaussian(u128::from(sigma))).collect();
        let weight = |n: i64| (-(n as f64).powi(2) / (2.0 * f64::from(sigma).powi(2))).exp();
        let all: f64 = (-60..=60).map(|n| weight(n * i64::from(sigma))).sum::<f64>();
        let all = if sigma == 1 { all } else { (-60 * i64::from(sigma)..=60 * i64::from(sigma)).map(weight).sum() };
        for n in -3 * i64::from(sigma)..=3 * i64::from(sigma) {
            let p = weight(n) / all;
            let share = drawn.iter().filter(|drawn| **drawn == n).count() as f64 / f64::from(draws);
            let error = (p * (1.0 - p) / f64::from(draws)).sqrt();
            assert!((share - p).abs() < 5.0 * error, "{sigma} {n}: {share} for {p}");
        }
    }

    #[test]
    fn numbers_come_as_often_as_a_discrete_gaussian_says() {
        for sigma in [1, 2, 7] {
            against_its_probabilities(sigma, 40_000);
        }
    }

    #[test]
    fn the_spread_of_a_wide_one_is_its_sigma() {
        let mut coins = Coins::new([9; 32]);
        for sigma in [1_000_u32, 1 << 28] {
            let drawn: Vec<f64> =
                (0..4_000).map(|_| coins.gaussian(u128::from(sigma)) as f64 / f64::from(sigma)).collect();
            let mean: f64 = drawn.iter().sum::<f64>() / 4_000.0;
            let variance: f64 = drawn.iter().map(|n| n * n).sum::<f64>() / 4_000.0;
            assert!(mean.abs() < 0.08 && (variance - 1.0).abs() < 0.12, "{sigma}: {mean} {variance}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_another_gives_others() {
        let drawn = |seed: u8| {
            let mut coins = Coins::new([seed; 32]);
            (0..50).map(|_| coins.gaussian(100)).collect::<Vec<i64>>()
        };
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
    }
}
