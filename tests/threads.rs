//! No thread outlives a call: the process has as many after learning and answering as before.
//!
//! One test alone, so that no other test's threads are counted.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]
#![cfg(target_os = "linux")]

use std::thread::sleep;
use std::time::{Duration, Instant};

use pollster::block_on;
use rpm_core::{History, Interaction, Query, ResponseSpace, RpmPipeline, Task};

/// The threads of this process, as the kernel counts them.
fn threads() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status.lines().find_map(|line| line.strip_prefix("Threads:")).unwrap().trim().parse().unwrap()
}

fn history(task: &Task) -> History {
    let words = ["slow", "dull", "bright", "moving", "empty", "clever", "tense"];
    let interactions = (0..300_usize).map(|i| {
        let text = format!("A {} film with a {} end.", words[i % 7], words[(i / 7) % 7]);
        Interaction::new(format!("i{i}"), Query::new(text).unwrap(), (1 + i % 7 % 5).to_string()).unwrap()
    });
    History::new(task, "ann", interactions.collect::<Vec<_>>()).unwrap()
}

#[test]
fn no_thread_outlives_a_call() {
    let pipeline = RpmPipeline::offline(
        Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5).unwrap()).unwrap(),
    );
    let history = history(pipeline.task());
    let before = threads();

    let learned = block_on(pipeline.learn(&history)).unwrap();
    let query = Query::new("A tense film with an empty end.").unwrap();
    let prepared = block_on(pipeline.open(learned.model)).unwrap();
    block_on(pipeline.personalize(&prepared, &query)).unwrap();

    // A thread that has done its work takes a moment to leave the kernel's table.
    let start = Instant::now();
    while threads() > before && start.elapsed() < Duration::from_secs(10) {
        sleep(Duration::from_millis(1));
    }
    assert_eq!(threads(), before);
}
