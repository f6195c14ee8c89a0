//! The sign-flip test: which differences chance alone would bring about, if both methods were as good for every user.

use super::replicates::ROUNDING;
use crate::Chance;

/// Two-sided p-value of "neither method is better for any user": among all ways to swap both methods for whole users,
/// the share with a total difference as far from 0 as seen.
///
/// `totals` are the users' differences, added up over their items. Exact where all ways are no more than `flips`,
/// otherwise by so many drawn ones, plus the one seen. 1 without a difference.
///
/// Source: Fisher's randomization test for pairs (1935); with whole clusters swapped, exact under the same null.
pub(super) fn sign_flip(totals: &[f64], flips: usize, seed: u64) -> f64 {
    let totals: Vec<f64> = totals.iter().copied().filter(|&total| total != 0.0).collect();
    let size: f64 = totals.iter().map(|total| total.abs()).sum();
    if size <= 0.0 || !size.is_finite() {
        return 1.0;
    }
    let seen = totals.iter().sum::<f64>().abs() - ROUNDING * size;
    // All signs turned give the same distance, so the last user's stays.
    let ways = u32::try_from(totals.len()).ok().and_then(|users| 1_u64.checked_shl(users - 1));
    if let Some(ways) = ways.filter(|&ways| ways <= flips.max(1) as u64) {
        let far = (0..ways).filter(|&way| turned(&totals, || way).abs() >= seen);
        return far.count() as f64 / ways as f64;
    }
    let mut chance = Chance::new(seed);
    let far = (0..flips).filter(|_| turned(&totals, || chance.bits()).abs() >= seen);
    // The one seen counts as drawn (Davison and Hinkley 1997, section 4.3).
    (far.count() + 1) as f64 / (flips + 1) as f64
}

/// The sum where a bit for each number turns its sign; 64 bits are asked for at a time.
fn turned(totals: &[f64], mut bits: impl FnMut() -> u64) -> f64 {
    let mut sum = 0.0;
    for some in totals.chunks(64) {
        let mut bits = bits();
        for total in some {
            // A branch here would be guessed wrong every other time.
            sum += f64::from_bits(total.to_bits() ^ (bits << 63));
            bits >>= 1;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_users_are_tested_exactly() {
        // Of 8 ways, up to turning all signs, the sums are 10, 8, 6, 4, 4, 2, 0, 2 for 1, 2, 3, 4.
        for (totals, p) in [
            (vec![1.0, 2.0, 3.0, 4.0], 1.0 / 8.0),
            (vec![-1.0, 2.0, 3.0, 4.0], 2.0 / 8.0),
            (vec![1.0, 2.0, -3.0, 4.0], 5.0 / 8.0),
            (vec![1.0, -2.0, -3.0, 4.0], 1.0),
            (vec![5.0], 1.0),
            (vec![0.0, 0.0], 1.0),
            (vec![], 1.0),
            (vec![f64::INFINITY, 1.0], 1.0),
        ] {
            assert!((sign_flip(&totals, 2_000, 1) - p).abs() < 1e-12, "{totals:?}");
        }
    }

    #[test]
    fn drawn_signs_come_near_the_exact_share() {
        let totals: Vec<f64> = (1..=12).map(|at| f64::from(at) * if at % 3 == 0 { -1.0 } else { 1.0 }).collect();
        let (exact, drawn) = (sign_flip(&totals, 2_048, 1), sign_flip(&totals, 2_047, 1));
        // The standard error is about 0.009.
        let apart = (exact - drawn).abs();
        assert!(apart > 0.0 && apart < 0.035, "{exact} {drawn}");
        let many = vec![1.0; 200];
        assert!((sign_flip(&many, 999, 4) - 0.001).abs() < 1e-12);
    }
}
