//! Many writers of one user on real threads lose no update in a file.
#![cfg(feature = "redb")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../../../tests/common/mod.rs"]
mod common;
#[path = "../../../tests/common/writers.rs"]
mod writers;

use rpm_stores::RedbStore;
use writers::writers;

fn in_a_file(count: u64, updates: u64) {
    let folder = std::env::temp_dir().join(format!("rpm-core-writers-{}-{updates}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    writers(RedbStore::open(folder.join("users")).unwrap(), count, updates);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn thirty_two_writers_lose_no_update_in_a_file() {
    in_a_file(32, 10);
}

#[test]
#[ignore = "the version with ten updates is enough for each change"]
fn thirty_two_writers_lose_none_of_two_hundred_updates_in_a_file() {
    in_a_file(32, 200);
}
