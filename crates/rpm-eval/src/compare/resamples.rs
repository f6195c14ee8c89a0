//! Which users each resample holds, and how often.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::replicates::{Measured, Replicates};
use crate::Chance;

/// The usual number of resamples. It leaves an error of about a tenth of a standard error in a 95 % interval's ends
/// (Efron and Tibshirani 1993, section 19.3, ask for 1,000 or more).
pub const RESAMPLES: usize = 2_000;

/// Resamples of users, drawn once and shared by all methods and metrics of a data set, so that differences are paired.
///
/// Each draws as many users as there are, with replacement, each user with all items: the cluster bootstrap of Field
/// and Welsh 2007 in its simplest form, which does not draw items within users again (Davison and Hinkley 1997, section
/// 3.8: that would count the variation within users twice).
#[derive(Debug, Clone)]
pub struct Resamples {
    users: usize,
    drawn: usize,
    count: usize,
    seed: u64,
    taken: Vec<bool>,
    /// By user: the place of the first user of the same person.
    first: Vec<usize>,
    /// The number of times each user is in each resample: a row of `users` for every resample.
    times: Vec<u32>,
}

impl Resamples {
    /// Draws `resamples` times among `users`. [`RESAMPLES`] is the usual number; the time and memory are those of
    /// `users` × `resamples` small numbers.
    pub fn new(users: usize, resamples: usize, seed: u64) -> Self {
        Self::among(vec![true; users], (0..users).collect(), resamples, seed)
    }

    /// Draws persons in place of users, each with all their users. `people` has each user's person, as
    /// [`people`](crate::dataset::people) does: users of one person are not independent of each other.
    pub fn of_people(people: &[usize], resamples: usize, seed: u64) -> Self {
        let mut known: BTreeMap<usize, usize> = BTreeMap::new();
        let first = people.iter().enumerate().map(|(at, person)| *known.entry(*person).or_insert(at)).collect();
        Self::among(vec![true; people.len()], first, resamples, seed)
    }

    /// Draws anew among those users for which `taken` is true; the others are never drawn, yet keep their places. A
    /// missing entry is false. With all taken it is the same as `self`.
    ///
    /// Users without items belong left out: drawn, they would only make the number of users a matter of chance.
    #[must_use]
    pub fn only(&self, taken: &[bool]) -> Cow<'_, Self> {
        let taken: Vec<bool> =
            self.taken.iter().enumerate().map(|(at, own)| *own && taken.get(at) == Some(&true)).collect();
        if taken == self.taken {
            Cow::Borrowed(self)
        } else {
            Cow::Owned(Self::among(taken, self.first.clone(), self.count, self.seed))
        }
    }

    fn among(taken: Vec<bool>, first: Vec<usize>, resamples: usize, seed: u64) -> Self {
        let users = taken.len();
        let mut of_person: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (at, (_, first)) in taken.iter().zip(&first).enumerate().filter(|(_, (taken, _))| **taken) {
            of_person.entry(*first).or_default().push(at);
        }
        let places: Vec<Vec<usize>> = of_person.into_values().collect();
        let mut chance = Chance::new(seed);
        let mut times = vec![0_u32; users * resamples];
        for row in times.chunks_exact_mut(users.max(1)) {
            for _ in 0..places.len() {
                for at in places.get(chance.below(places.len())).into_iter().flatten() {
                    if let Some(times) = row.get_mut(*at) {
                        *times += 1;
                    }
                }
            }
        }
        Self { users, drawn: places.len(), count: resamples, seed, taken, first, times }
    }

    /// The number of users, those left out included: as many as a statistic gets numbers.
    pub fn users(&self) -> usize {
        self.users
    }

    /// By user: the place of the first user of the same person, which is their own where each user is one.
    pub(super) fn first(&self) -> &[usize] {
        &self.first
    }

    /// The number of persons that are drawn, and drawn from: that of users where each is one.
    pub fn drawn(&self) -> usize {
        self.drawn
    }

    /// Computes a statistic on the users as they are and on every resample of them.
    ///
    /// The statistic gets how often each user counts, in the users' order: once each the first time. `None` or a number
    /// that is not finite means that it is not defined there. The whole is `None` when it is not defined on the users
    /// as they are.
    pub fn replicates(&self, statistic: impl Fn(&[u32]) -> Option<f64>) -> Option<Replicates> {
        let finite = |times: &[u32]| statistic(times).filter(|value| value.is_finite());
        let once: Vec<u32> = self.taken.iter().map(|&taken| u32::from(taken)).collect();
        let value = finite(&once)?;
        let rows = self.times.chunks_exact(self.users.max(1));
        let values = rows.map(|times| finite(times).unwrap_or(f64::NAN)).collect();
        Some(Replicates::new(value, values, self.drawn, self.fingerprint()))
    }

    /// Measures a statistic: its value with an interval. See [`replicates`](Self::replicates) for what it gets, and
    /// [`Replicates::measured`] for the interval.
    ///
    /// ```
    /// use rpm_eval::compare::{RESAMPLES, Resamples};
    /// let right = [3_u32, 5, 2, 4, 4, 1, 5, 3];
    /// let share = |times: &[u32]| {
    ///     let all: u32 = times.iter().sum();
    ///     let hit: u32 = times.iter().zip(right).map(|(times, right)| times * right).sum();
    ///     (all > 0).then(|| f64::from(hit) / f64::from(5 * all))
    /// };
    /// let measured = Resamples::new(8, RESAMPLES, 7).interval(0.95, share).unwrap();
    /// assert_eq!(measured.value, 27.0 / 40.0);
    /// assert!(measured.interval.unwrap().high < 1.0);
    /// ```
    pub fn interval(&self, level: f64, statistic: impl Fn(&[u32]) -> Option<f64>) -> Option<Measured> {
        Some(self.replicates(statistic)?.measured(level))
    }

    /// The mean over all items of all users: users with more items weigh more. Users without items, and items that are
    /// not finite, are left out. `None` when no item is left or when `items` are not of [`users`](Self::users) users.
    pub fn mean(&self, items: &[Vec<f64>]) -> Option<Replicates> {
        let finite = |items: &Vec<f64>| {
            let kept = items.iter().filter(|value| value.is_finite());
            kept.fold((0.0, 0.0), |(sum, n), value| (sum + value, n + 1.0))
        };
        self.ratio(&items.iter().map(finite).collect::<Vec<_>>())
    }

    /// The first sums' total over the second's, among users whose second is above 0.
    pub(super) fn ratio(&self, sums: &[(f64, f64)]) -> Option<Replicates> {
        if sums.len() != self.users {
            return None;
        }
        let has_items: Vec<bool> = sums.iter().map(|&(_, n)| n > 0.0).collect();
        self.only(&has_items).replicates(|times| {
            let (sum, n) = times.iter().zip(sums).fold((0.0, 0.0), |(sum, n), (&times, own)| {
                let times = f64::from(times);
                (sum + times * own.0, n + times * own.1)
            });
            (n > 0.0).then(|| sum / n)
        })
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// Identifies the draws, so that only replicates of the same draws are subtracted.
    fn fingerprint(&self) -> u64 {
        let start = Chance::new(self.seed ^ self.count as u64).bits();
        let users = self.taken.iter().zip(&self.first).enumerate();
        users.fold(start, |print, (at, (&taken, &first))| {
            Chance::new(print ^ u64::from(taken) ^ (u64::from(first != at) << 1)).bits()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_person_all_users_are_drawn_together_and_a_person_is_no_more_than_one() {
        let together = Resamples::of_people(&[0, 1, 0, 2, 1, 0], 200, 3);
        assert_eq!((together.users(), together.drawn()), (6, 3));
        for times in together.times.chunks_exact(6) {
            assert!(times[0] == times[2] && times[2] == times[5] && times[1] == times[4]);
            assert_eq!(times[0] + times[1] + times[3], 3);
        }
        assert_eq!(Resamples::of_people(&[0, 1, 2], 50, 3).times, Resamples::new(3, 50, 3).times);
        // The first of a person may be left out.
        assert_eq!(together.only(&[false, true, true, true, true, true]).drawn(), 3);
    }

    #[test]
    fn every_resample_holds_as_many_users_as_there_are() {
        let resamples = Resamples::new(7, 50, 3);
        assert_eq!(resamples.times.len(), 350);
        assert!(resamples.times.chunks(7).all(|row| row.iter().sum::<u32>() == 7));
        let [first, second] = [0, 1].map(|row| &resamples.times[7 * row..7 * row + 7]);
        assert_ne!(first, second);
    }

    #[test]
    fn each_user_is_drawn_about_as_often_as_another() {
        let resamples = Resamples::new(10, 4_000, 1);
        for user in 0..10 {
            let times: u32 = resamples.times.iter().skip(user).step_by(10).sum();
            // The standard deviation is 60.
            assert!((3_760..=4_240).contains(&times), "user {user}: {times}");
        }
    }

    #[test]
    fn who_is_left_out_is_never_drawn_and_the_others_keep_their_places() {
        let all = Resamples::new(4, 100, 5);
        let resamples = all.only(&[true, false, true]);
        assert_eq!((resamples.users(), resamples.drawn()), (4, 2));
        assert!(resamples.times.chunks(4).all(|row| row[1] == 0 && row[3] == 0 && row[0] + row[2] == 2));
    }

    #[test]
    fn the_same_seed_gives_the_same_draws_and_another_gives_others() {
        let draws = |seed| Resamples::new(6, 20, seed).times;
        assert_eq!(draws(1), draws(1));
        assert_ne!(draws(1), draws(2));
    }

    #[test]
    fn a_user_without_items_changes_nothing() {
        let items = vec![vec![1.0, 0.0], vec![0.5], vec![0.25, 1.0], vec![0.0], vec![1.0], vec![0.75, 0.5]];
        let without = Resamples::new(6, 500, 9).mean(&items).unwrap().measured(0.95);
        let mut padded = items;
        padded.insert(2, vec![f64::NAN]);
        padded.push(Vec::new());
        let with = Resamples::new(8, 500, 9).mean(&padded).unwrap().measured(0.95);
        assert_eq!(with, without);
        assert!(Resamples::new(7, 500, 9).mean(&padded).is_none());
    }

    #[test]
    fn no_users_have_no_mean() {
        assert!(Resamples::new(0, 100, 1).mean(&[]).is_none());
        assert!(Resamples::new(2, 100, 1).mean(&[vec![], vec![]]).is_none());
        assert!(Resamples::new(2, 0, 1).mean(&[vec![1.0], vec![2.0]]).unwrap().measured(0.95).interval.is_none());
    }
}
