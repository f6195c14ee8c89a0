//! Random choices that a seed decides.

/// Random choices that are the same in every run: `SplitMix64` (Steele, Lea and Flood 2014).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chance(u64);

impl Chance {
    /// Choices that a seed decides.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Choices that a seed and a name decide, such as a user's.
    pub fn of(seed: u64, name: &str) -> Self {
        // 64-bit FNV-1a.
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        Self(seed ^ hash)
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to below `n`; 0 for none. The remainder's bias is of no importance below some billions.
    pub fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.bits() % n.max(1) as u64).unwrap_or_default()
    }

    /// True with this probability, from 0.0 to 1.0.
    pub fn happens(&mut self, probability: f64) -> bool {
        const UNIT: f64 = 1.0 / (1_u64 << 53) as f64;
        ((self.bits() >> 11) as f64) * UNIT < probability
    }

    /// At most `k` different numbers from 0 to below `n`, in random order.
    pub fn sample(&mut self, n: usize, k: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..n).collect();
        let k = k.min(n);
        for place in 0..k {
            let other = place + self.below(n - place);
            all.swap(place, other);
        }
        all.truncate(k);
        all
    }
}

#[cfg(test)]
impl Chance {
    pub(super) fn uniform(&mut self) -> f64 {
        ((self.bits() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    pub(super) fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_numbers_are_those_of_the_published_generator() {
        // The reference output for seed 1234567, as in Rosetta Code's task "Pseudo-random numbers/Splitmix64".
        let mut chance = Chance::new(1_234_567);
        assert_eq!([chance.bits(), chance.bits()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
        assert_eq!(chance.below(0), 0);
    }

    #[test]
    fn a_sample_has_different_members_and_is_the_same_for_the_same_seed_and_name() {
        for k in [0, 1, 5, 10, 20] {
            let sample = Chance::of(7, "user 1").sample(10, k);
            let different: std::collections::BTreeSet<_> = sample.iter().collect();
            assert_eq!(different.len(), k.min(10));
            assert_eq!(sample, Chance::of(7, "user 1").sample(10, k));
        }
        assert_ne!(Chance::of(7, "user 1").sample(100, 5), Chance::of(7, "user 2").sample(100, 5));
    }

    #[test]
    fn things_happen_about_as_often_as_they_should() {
        let mut chance = Chance::new(1);
        let happened = (0..10_000).filter(|_| chance.happens(0.25)).count();
        assert!((2_300..2_700).contains(&happened), "{happened}");
        assert!(!(0..100).any(|_| chance.happens(0.0)));
        assert!((0..100).all(|_| chance.happens(1.0)));
    }
}
