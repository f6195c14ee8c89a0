//! A sample without the users that are not looked at begins the same population.

use super::tests::{item, task};
use super::*;
use crate::data::MemoryItem;

/// Users of two kinds, every seventh of whom has said nothing.
fn users(number: usize) -> Vec<Vec<MemoryItem>> {
    let of = |user: usize| {
        let likes = if user.is_multiple_of(2) { "3" } else { "1" };
        let other = ["1", "2", "3"][user % 3];
        let rows = [("peace and treaty", likes), ("war and fish", other)];
        let said = if user.is_multiple_of(7) { 0 } else { rows.len() };
        rows.iter().take(said).enumerate().map(|(n, (text, response))| item(n, text, response)).collect()
    };
    (0..number).map(of).collect()
}

#[test]
fn a_sample_of_those_that_are_looked_at_begins_the_same_population() {
    // Of these 1,028 and 1,628 have said something.
    for (number, k) in [(1_200, 5), (1_900, 5)] {
        let users = users(number);
        let census = Census::of_all(&task(true), &users).unwrap();
        let every = Population::looks_at_every(census.users(), k);
        let who_said = users.iter().filter(|user| !user.is_empty());
        let some: Vec<&Vec<MemoryItem>> = who_said.step_by(every).collect();
        assert!(some.len() < 600, "{number}: {}", some.len());
        let (all, some) = (Population::begin(&census, &users, k), Population::begin(&census, &some, k));
        assert_eq!(all.unwrap(), some.unwrap(), "{number}");
    }
    assert_eq!(Population::looks_at_every(0, 10), 1);
    assert_eq!(Population::looks_at_every(1_023, 10), 1);
    assert_eq!(Population::looks_at_every(1_024, 10), 2);
    assert_eq!(Population::looks_at_every(u64::MAX, usize::MAX), 1);
}
