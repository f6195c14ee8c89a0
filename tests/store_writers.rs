//! Many writers of one user on real threads: no update is lost.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use common::{scale_history, scale_task};
use pollster::block_on;
use rpm_core::{MemoryStore, RpmPipeline, UserModelStore};

/// Each update writes down one path again, which counts the revision up by one.
fn writers(store: impl UserModelStore + 'static, writers: u64, updates: u64) {
    let pipeline = RpmPipeline::offline(scale_task()).with_store(store);
    let model = block_on(pipeline.learn(&scale_history())).unwrap().model;
    let path = common::a_path(&model);
    let (attempts, most) = (AtomicU64::new(0), AtomicU64::new(0));
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..writers {
            scope.spawn(|| {
                let (pipeline, mut last) = (pipeline.clone(), 0);
                for _ in 0..updates {
                    let mut tried = 0;
                    let revision = block_on(pipeline.update(model.user(), |model| {
                        tried += 1;
                        model.adopt_paths([path.clone()])?;
                        Ok(model.revision())
                    }));
                    let revision = revision.unwrap();
                    assert!(revision > last, "a writer sees its own updates");
                    last = revision;
                    attempts.fetch_add(tried, Ordering::SeqCst);
                    most.fetch_max(tried, Ordering::SeqCst);
                }
            });
        }
    });
    let held = block_on(pipeline.load(model.user())).unwrap();
    eprintln!(
        "{}: {writers} writers × {updates} updates, revision {} (expected {}), {} attempts, at most {} for one, {:.1} s",
        pipeline.store().name(),
        held.model.revision(),
        1 + writers * updates,
        attempts.into_inner(),
        most.into_inner(),
        start.elapsed().as_secs_f64(),
    );
    assert_eq!(held.model.revision(), 1 + writers * updates);
}

#[test]
fn thirty_two_writers_lose_no_update_in_memory() {
    writers(MemoryStore::new(), 32, 200);
}

#[cfg(feature = "store-redb")]
fn in_a_file(count: u64, updates: u64) {
    let folder = std::env::temp_dir().join(format!("rpm-core-writers-{}-{updates}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    writers(rpm_core::RedbStore::open(folder.join("users")).unwrap(), count, updates);
    std::fs::remove_dir_all(folder).unwrap();
}

#[cfg(feature = "store-redb")]
#[test]
fn thirty_two_writers_lose_no_update_in_a_file() {
    in_a_file(32, 10);
}

#[cfg(feature = "store-redb")]
#[test]
#[ignore = "the version with ten updates is enough for each change"]
fn thirty_two_writers_lose_none_of_two_hundred_updates_in_a_file() {
    in_a_file(32, 200);
}
