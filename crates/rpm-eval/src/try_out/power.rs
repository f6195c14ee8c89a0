//! How many more users would settle a comparison.

use serde::Serialize;

/// The sum of the normal deviates of a two-sided test at .05 and of a power of 80 %.
const DEVIATES: f64 = 1.959_964 + 0.841_621;
/// With more users than this it is not worth it.
const MOST: f64 = 10_000.0;

/// How many more users like these would settle whether there is a difference as large as the one seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MoreUsers {
    /// About so many.
    About(usize),
    /// More than ten thousand: it would not be worth it.
    TooMany,
    /// It cannot be told: no difference was seen, or there is one user only.
    Unknown,
}

/// Estimates the number of users with which a difference as large as the one seen is found in four of five studies, less those
/// there are. `users` are each user's difference added up over their items, with the number of these.
///
/// The difference is Σtᵤ/Σnᵤ. Its variance over users is that of (tᵤ − D·nᵤ)/n̄ divided by the number of users (the linearized
/// ratio estimator: Cochran 1977, section 6.3).
pub(super) fn more_users(users: &[(f64, usize)]) -> MoreUsers {
    let users: Vec<(f64, f64)> = users.iter().filter(|user| user.1 > 0).map(|user| (user.0, user.1 as f64)).collect();
    let count = users.len() as f64;
    let items: f64 = users.iter().map(|user| user.1).sum();
    let difference = users.iter().map(|user| user.0).sum::<f64>() / items;
    let mean_items = items / count;
    let apart = |user: &(f64, f64)| (user.0 - difference * user.1) / mean_items;
    let variance = users.iter().map(|user| apart(user).powi(2)).sum::<f64>() / (count - 1.0);
    let needed = (DEVIATES / difference).powi(2) * variance;
    if !needed.is_finite() || count < 2.0 || difference.abs() < 1e-9 {
        return MoreUsers::Unknown;
    }
    let more = (needed - count).max(1.0);
    if more > MOST {
        return MoreUsers::TooMany;
    }
    // Two digits: no estimate is better than that.
    let step = if more < 100.0 { 1.0 } else { 10.0_f64.powf(more.log10().floor() - 1.0) };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 1 to 10,000")]
    let rounded = ((more / step).ceil() * step).round() as usize;
    MoreUsers::About(rounded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_follows_the_variance_between_users() {
        // Means 0.3 and −0.1 over ten items each: difference 0.1, variance 0.0444 for ten users, so 35 users in all.
        let users: Vec<(f64, usize)> = (0..10).map(|user| (if user % 2 == 0 { 3.0 } else { -1.0 }, 10)).collect();
        assert_eq!(more_users(&users), MoreUsers::About(25));
        let twice: Vec<(f64, usize)> = users.iter().map(|user| (2.0 * user.0, user.1)).collect();
        assert_eq!(more_users(&twice), MoreUsers::About(25));
    }

    #[test]
    fn no_difference_or_one_user_tells_nothing_and_a_tiny_one_is_not_worth_it() {
        assert_eq!(more_users(&[(1.0, 4)]), MoreUsers::Unknown);
        assert_eq!(more_users(&[]), MoreUsers::Unknown);
        assert_eq!(more_users(&[(1.0, 4), (-1.0, 4)]), MoreUsers::Unknown);
        assert_eq!(more_users(&[(1.01, 4), (-1.0, 4), (0.0, 0)]), MoreUsers::TooMany);
    }
}
