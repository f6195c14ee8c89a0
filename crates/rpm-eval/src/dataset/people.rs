//! Who users are to each other: one person, or people who belong together.

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest as _, Sha256};

use super::EvalUser;

/// A digest of what says who a user is. Users with a mark in common are one person, or belong together, so that none of them
/// may teach what another is asked. No name in a file is kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark([u8; 32]);

impl Mark {
    /// The mark of a user's id in the file.
    pub fn id(id: &str) -> Self {
        Self::of("id", id)
    }

    /// The mark of a group that a user is of.
    pub fn group(group: &str) -> Self {
        Self::of("group", group)
    }

    /// The mark of the user at this place, and of those whose profile is part of theirs.
    pub(super) fn profile(place: usize) -> Self {
        Self::of("profile", &place.to_string())
    }

    /// The marks of a user with this id and group, where the file gives them and they are not blank.
    pub(super) fn all(id: Option<&str>, group: Option<&str>) -> Vec<Self> {
        let named = |name: &&str| !name.trim().is_empty();
        id.filter(named).map(Self::id).into_iter().chain(group.filter(named).map(Self::group)).collect()
    }

    fn of(kind: &str, name: &str) -> Self {
        let mut digest = Sha256::new();
        digest.update(kind);
        digest.update([0]);
        digest.update(name.trim());
        Self(digest.finalize().into())
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mark")
    }
}

/// By user: the number of the person or group, from 0 in order of their first user. Users have one number where they have a mark
/// in common, or each one with a third.
pub fn people(users: &[EvalUser]) -> Vec<usize> {
    let mut first: BTreeMap<Mark, usize> = BTreeMap::new();
    // Each user points at an earlier one of the same, or at itself.
    let mut earlier: Vec<usize> = Vec::with_capacity(users.len());
    for (place, user) in users.iter().enumerate() {
        earlier.push(place);
        for mark in &user.marks {
            let known = *first.entry(*mark).or_insert(place);
            let (one, other) = (root(&earlier, known), root(&earlier, place));
            if let Some(later) = earlier.get_mut(one.max(other)) {
                *later = one.min(other);
            }
        }
    }
    let mut numbers: BTreeMap<usize, usize> = BTreeMap::new();
    let number = |place: usize| {
        let next = numbers.len();
        *numbers.entry(root(&earlier, place)).or_insert(next)
    };
    (0..users.len()).map(number).collect()
}

fn root(earlier: &[usize], mut place: usize) -> usize {
    while let Some(&before) = earlier.get(place).filter(|before| **before != place) {
        place = before;
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rpm_core::data::UserId;

    fn user(marks: &[u8]) -> EvalUser {
        let marks = marks.iter().map(|mark| Mark::id(&mark.to_string())).collect();
        EvalUser { id: UserId::new("user").unwrap(), marks, history: Vec::new(), tests: Vec::new() }
    }

    fn numbers(marks: &[&[u8]]) -> Vec<usize> {
        people(&marks.iter().map(|marks| user(marks)).collect::<Vec<_>>())
    }

    #[test]
    fn users_with_a_mark_in_common_are_one_also_through_a_third() {
        assert_eq!(numbers(&[&[], &[1], &[], &[1, 2], &[3], &[2]]), [0, 1, 2, 1, 3, 1]);
        assert_eq!(numbers(&[&[1], &[2], &[1, 2]]), [0, 0, 0]);
        assert!(numbers(&[]).is_empty());
    }

    #[test]
    fn an_id_is_no_group_and_space_around_a_name_says_nothing() {
        assert_ne!(Mark::id("India"), Mark::group("India"));
        assert_eq!(Mark::group(" India "), Mark::group("India"));
        assert_eq!(format!("{:?}", Mark::id("Ana")), "Mark");
    }

    proptest! {
        #[test]
        fn a_number_is_shared_exactly_where_marks_lead_from_one_to_the_other(
            marks in prop::collection::vec(prop::collection::vec(0_u8..12, 0..3), 0..12),
        ) {
            let lists: Vec<&[u8]> = marks.iter().map(Vec::as_slice).collect();
            let numbers = numbers(&lists);
            // Reachability by brute force.
            let n = marks.len();
            let mut joined: Vec<Vec<bool>> = (0..n)
                .map(|a| (0..n).map(|b| a == b || marks[a].iter().any(|mark| marks[b].contains(mark))).collect())
                .collect();
            for via in 0..n {
                for (a, b) in (0..n).flat_map(|a| (0..n).map(move |b| (a, b))) {
                    joined[a][b] |= joined[a][via] && joined[via][b];
                }
            }
            for (a, b) in (0..n).flat_map(|a| (0..n).map(move |b| (a, b))) {
                prop_assert_eq!(numbers[a] == numbers[b], joined[a][b]);
            }
        }
    }
}
