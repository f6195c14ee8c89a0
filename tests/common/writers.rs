//! Many writers of one user on real threads, on any store.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use pollster::block_on;
use rpm_core::RpmPipeline;
use rpm_core::store::UserModelStore;

use crate::common::{self, scale_history, scale_task};

/// Each update writes down one path again, which counts the revision up by one.
pub(crate) fn writers(store: impl UserModelStore + 'static, writers: u64, updates: u64) {
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
