//! Many writers of one user on real threads: no update is lost.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../common/writers.rs"]
mod writers;

use rpm_core::InMemoryStore;
use writers::writers;

#[test]
fn thirty_two_writers_lose_no_update_in_memory() {
    writers(InMemoryStore::new(), 32, 200);
}
