//! A sample of the users that are looked at is looked at as a whole, so that it begins the same population.

use super::Population;

#[test]
fn of_a_sample_of_those_that_are_looked_at_all_are_looked_at() {
    for k in [2, 10, 256, 257, 400, 5_000] {
        for users in (0..6_000_u64).chain([99_999, 100_000, 1_000_003]) {
            let every = Population::looks_at_every(users, k);
            let some = users.div_ceil(every as u64);
            assert!(every == 1 || some >= 512.max(2 * k as u64), "{users}, {k}");
            assert_eq!(Population::looks_at_every(some, k), 1, "{users}, {k}");
        }
    }
    assert_eq!([0, 1_023, 1_024, 1_536].map(|users| Population::looks_at_every(users, 10)), [1, 1, 2, 3]);
    assert_eq!(Population::looks_at_every(u64::MAX, usize::MAX), 1);
}
