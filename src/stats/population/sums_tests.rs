//! Files of sums: read as they were written, merged as they were, and refused where no users have such numbers.

use std::sync::OnceLock;

use proptest::prelude::*;

use super::tests::{item, task, two_kinds, users};
use super::*;

fn of_all(task: &crate::data::Task, users: &[Vec<crate::data::MemoryItem>]) -> Census {
    let mut census = Census::new(task).unwrap();
    for user in users {
        census.merge(&Census::of(task, user).unwrap()).unwrap();
    }
    census
}

fn merge_each(counts: &mut Counts, population: &Population, users: &[Vec<crate::data::MemoryItem>]) {
    for user in users {
        counts.merge(&population.count(user)).unwrap();
    }
}

/// Sums by some tree of merges: which two become one is told by the numbers.
fn by_tree<T>(mut parts: Vec<T>, tree: &[usize], merge: impl Fn(&mut T, &T)) -> T {
    let mut step = 0;
    while parts.len() > 1 {
        let at = |parts: &Vec<T>, step: usize| tree[step % tree.len()].wrapping_mul(step + 1) % parts.len();
        let one = parts.swap_remove(at(&parts, step));
        let into = at(&parts, step + 1);
        merge(&mut parts[into], &one);
        step += 2;
    }
    parts.pop().unwrap()
}

/// A population of the same words, begun once.
fn begun(scale: bool) -> &'static Population {
    static BEGUN: [OnceLock<Population>; 2] = [OnceLock::new(), OnceLock::new()];
    BEGUN[usize::from(scale)].get_or_init(|| {
        let (task, users) = (task(scale), two_kinds());
        Population::begin(&of_all(&task, &users), &users, 2).unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_of_merges_gives_the_same_bytes_and_what_is_taken_out_was_never_there(
        users in users(), scale: bool, tree in prop::collection::vec(any::<usize>(), 1..40), shard in 1_usize..6,
        out in any::<prop::sample::Index>(),
    ) {
        let task = task(scale);
        let whole = of_all(&task, &users);
        let shards: Vec<Census> = users.chunks(shard).map(|users| of_all(&task, users)).collect();
        let mut merged = by_tree(shards, &tree, |into, one| into.merge(one).unwrap());
        prop_assert_eq!(merged.to_json(), whole.to_json());
        let out = out.index(users.len());
        let others: Vec<_> = users.iter().enumerate().filter(|(user, _)| *user != out).map(|(_, user)| user.clone()).collect();
        merged.take_out(&Census::of(&task, &users[out]).unwrap()).unwrap();
        prop_assert_eq!(merged.to_json(), of_all(&task, &others).to_json());

        let population = begun(scale);
        let of = |users: &[Vec<crate::data::MemoryItem>]| {
            let mut counts = population.nobody();
            merge_each(&mut counts, population, users);
            counts
        };
        let shards: Vec<Counts> = users.chunks(shard).map(of).collect();
        let mut merged = by_tree(shards, &tree, |into, one| into.merge(one).unwrap());
        prop_assert_eq!(merged.to_json(), of(&users).to_json());
        merged.take_out(&population.count(&users[out])).unwrap();
        prop_assert_eq!(merged.to_json(), of(&others).to_json());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn sums_are_read_as_they_were_written_and_merge_as_they_did(users in users(), scale: bool, split in 1_usize..3) {
        let task = task(scale);
        let (whole, some, rest) = (of_all(&task, &users), of_all(&task, &users[..split]), of_all(&task, &users[split..]));
        prop_assert_eq!(&Census::from_json(&whole.to_json()).unwrap(), &whole);
        let mut read = Census::from_json(&some.to_json()).unwrap();
        read.merge(&Census::from_json(&rest.to_json()).unwrap()).unwrap();
        prop_assert_eq!(read.to_json(), whole.to_json());

        let Ok(population) = Population::begin(&whole, &users, 2) else { return Ok(()) };
        let counts: Vec<Counts> = users.iter().map(|user| population.count(user)).collect();
        let (mut merged, mut read) = (population.nobody(), Counts::from_json(&population.nobody().to_json()).unwrap());
        for one in &counts {
            merged.merge(one).unwrap();
            read.merge(&Counts::from_json(&one.to_json()).unwrap()).unwrap();
        }
        prop_assert_eq!(read.to_json(), merged.to_json());
        prop_assert_eq!(population.fitted(&read).ok(), population.fitted(&merged).ok());
    }

    #[test]
    fn changed_files_are_refused_or_are_other_sums_and_none_panics(
        scale: bool, places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        seal: bool,
    ) {
        let (task, users) = (task(scale), two_kinds());
        let census = of_all(&task, &users);
        let population = begun(scale);
        let mut counts = population.nobody();
        merge_each(&mut counts, population, &users);
        let changed = |json: String| {
            let mut bytes = json.into_bytes();
            for (place, byte) in &places {
                let digits = b"0123456789-[],e";
                let place = place.index(bytes.len());
                bytes[place] = digits[*byte as usize % digits.len()];
            }
            let json = String::from_utf8(bytes).unwrap();
            if seal { sealed(&json) } else { json }
        };
        if let Ok(mut read) = Census::from_json(&changed(census.to_json())) {
            prop_assert!(seal || read == census);
            let _ = (read.merge(&census), read.take_out(&census), read.take_out(&census));
            let _ = Population::begin(&read, &users, 2);
        }
        if let Ok(mut read) = Counts::from_json(&changed(counts.to_json())) {
            prop_assert!(seal || read == counts);
            let _ = (read.merge(&counts), population.fitted(&read), read.take_out(&counts), read.take_out(&counts));
        }
    }
}

/// The file with the digest of what it holds now, as somebody who makes one up would write it.
fn sealed(json: &str) -> String {
    use sha2::Digest as _;
    let Some(start) = json.rfind("\"digest\":\"").map(|at| at + 10) else { return json.to_owned() };
    let Some(end) = json[start..].find('"').map(|length| start + length) else { return json.to_owned() };
    let open = format!("{}{}", &json[..start], json[end..].trim_end());
    let digest = crate::data::hex(&sha2::Sha256::digest(&open));
    format!("{}{digest}{}", &json[..start], &json[end..])
}

#[test]
fn sums_that_no_users_have_are_refused() {
    let (task, users) = (task(true), two_kinds());
    let census = of_all(&task, &users).to_json();
    let population = Population::begin(&of_all(&task, &users), &users, 2).unwrap();
    let mut counts = population.nobody();
    merge_each(&mut counts, &population, &users);
    let counts = counts.to_json();
    assert!(Census::from_json(&sealed(&census)).is_ok() && Counts::from_json(&sealed(&counts)).is_ok());
    for (from, to) in [
        ("\"users\":12", "\"users\":11"),
        ("\"users\":12", "\"users\":18446744073709551615"),
        ("\"interactions\":144", "\"interactions\":11"),
        ("\"interactions\":144", "\"interactions\":1e3"),
        ("\"shares\":[", "\"shares\":[-"),
        ("\"shares\":[", "\"shares\":[0,"),
        ("\"pairs\":[12,", "\"pairs\":[13,"),
        ("\"responses\":[\"1\",\"2\"", "\"responses\":[\"1\",\"1\""),
        ("\"terms\":[[", "\"terms\":[[5,13,13],["),
        ("\"format_version\":1", "\"format_version\":0"),
        ("census", "counts"),
    ] {
        let bad = census.replacen(from, to, 1);
        assert_ne!(bad, census, "{from}");
        let error = Census::from_json(&sealed(&bad)).unwrap_err();
        assert!(matches!(error, PopulationError::NotSums { what: "a census", .. }), "{from} {error}");
    }
    for (from, to) in [
        ("\"under\":\"", "\"under\":\"00"),
        ("\"users\":12", "\"users\":16777217"),
        ("\"tones\":[0,0", "\"tones\":[0,-1"),
        ("\"likeness\":[[", "\"likeness\":[[4294967295,1],["),
        ("\"likeness\":[[0,", "\"likeness\":[[0,-"),
        ("\"having\":[[0,", "\"having\":[[0,1"),
        ("\"masses\":[[0,", "\"masses\":[[0,-"),
        ("\"effects\":[[", "\"effects\":[[0,9223372036854775807],["),
        ("\"axes\":[", "\"axes\":[[],"),
        ("\"products\":[", "\"products\":[1,"),
        ("\"powers\":[0,0", "\"powers\":[0,-1"),
    ] {
        let bad = counts.replacen(from, to, 1);
        assert_ne!(bad, counts, "{from}");
        let error = Counts::from_json(&sealed(&bad)).unwrap_err();
        assert!(matches!(error, PopulationError::NotSums { what: "counts", .. }), "{from} {error}");
    }
    let later = census.replacen("\"format_version\":1", "\"format_version\":2", 1);
    assert_eq!(Census::from_json(&later), Err(PopulationError::FutureVersion { found: 2, supported: 1 }));
    assert!(Census::from_json(&counts).is_err() && Counts::from_json(&census).is_err());
    assert!(Counts::from_json(&counts[..counts.len() / 2]).is_err());
}

#[test]
fn more_users_than_a_sum_can_be_of_are_refused_and_nothing_is_added() {
    let task = task(true);
    let one = Census::of(&task, &[item(0, "slow", "1")]).unwrap();
    let mut full = one.clone();
    (full.users, full.interactions) = (USERS_SUMMED, USERS_SUMMED);
    let full = Census::from_json(&full.to_json()).unwrap();
    let mut more = full.clone();
    assert_eq!(more.merge(&one), Err(PopulationError::TooMany { most: USERS_SUMMED }));
    assert_eq!(more, full);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn many_users_counted_at_once_are_counted_as_each_by_itself(some in users(), scale: bool, shard in 1_usize..1_000) {
        let task = task(scale);
        // Enough that room is made for all sums at once.
        let users: Vec<_> = (0..1_000).map(|user| some[user % some.len()].clone()).collect();
        let census = Census::of_all(&task, &users).unwrap();
        prop_assert_eq!(census.to_json(), of_all(&task, &users).to_json());
        let population = begun(scale);
        let whole = population.count_all(&users).unwrap();
        let one_by_one: Vec<Counts> = some.iter().map(|user| population.count(user)).collect();
        let mut counts = population.nobody();
        for user in 0..1_000 {
            counts.merge(&one_by_one[user % some.len()]).unwrap();
        }
        prop_assert_eq!(whole.to_json(), counts.to_json());
        let mut sharded = population.nobody();
        for users in users.chunks(shard) {
            sharded.merge(&population.count_all(users).unwrap()).unwrap();
        }
        prop_assert_eq!(sharded.to_json(), counts.to_json());
        prop_assert_eq!(population.count_read(population, &population.read(&users)).unwrap().to_json(), counts.to_json());
    }
}
