//! The models that a stored pipeline keeps open, while a user is read, written and deleted.

use std::sync::{Arc, Mutex, Weak};

use pollster::block_on;
use rpm_core::store::UserModelStore as _;
use rpm_core::{Forget, StoredError, UserModel};

use super::explorer::{Bounds, Check, Task, every_schedule};
use super::writers::{ana, two_processes};

/// The models that were seen, as long as anybody holds them.
type Seen = Arc<Mutex<Vec<Weak<UserModel>>>>;

fn loading(process: &rpm_core::StoredPipeline, seen: &Seen) -> Task {
    let (process, seen) = (process.clone(), Arc::clone(seen));
    Box::pin(async move {
        match process.load(&ana()).await {
            Ok(held) => seen.lock().unwrap().push(Arc::downgrade(&held.model)),
            Err(StoredError::UnknownUser { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    })
}

#[test]
fn a_deleted_user_is_in_no_memory_in_any_schedule_of_readers() {
    for bounds in [Bounds { switches: 4, drops: 0 }, Bounds { switches: 2, drops: 1 }] {
        let run = every_schedule(bounds, 100_000, || {
            let (store, [reading, other]) = two_processes();
            drop(other);
            let seen = Seen::default();
            let deleting = reading.clone();
            let delete: Task = Box::pin(async move { assert!(deleting.delete(&ana()).await.unwrap()) });
            let tasks = vec![loading(&reading, &seen), loading(&reading, &seen), delete];
            let check: Check = Box::new(move |_| {
                if block_on(store.load(&ana())).unwrap().is_some() {
                    return;
                }
                let held = seen.lock().unwrap().iter().filter(|model| model.upgrade().is_some()).count();
                assert_eq!(held, 0, "a deleted user's model is still in memory");
                drop(reading);
            });
            (tasks, check)
        });
        eprintln!("{run} schedules");
        assert!(run > 100, "{run}");
    }
}

#[test]
fn what_is_read_after_a_change_was_acknowledged_has_it_in_every_schedule() {
    let run = every_schedule(Bounds { switches: 1, drops: 1 }, 100_000, || {
        let (_, [reading, writing]) = two_processes();
        let seen = Seen::default();
        let done = Arc::new(Mutex::new(false));
        let forgotten = Arc::clone(&done);
        let forgetting: Task = Box::pin(async move {
            writing.forget(&ana(), &Forget::All).await.unwrap();
            *forgotten.lock().unwrap() = true;
        });
        let tasks = vec![loading(&reading, &seen), loading(&reading, &seen), forgetting];
        let check: Check = Box::new(move |_| {
            if *done.lock().unwrap() {
                let held = block_on(reading.load(&ana())).unwrap().model;
                assert!(held.memory().is_empty());
                let old = seen.lock().unwrap().iter().filter_map(Weak::upgrade).any(|model| !model.memory().is_empty());
                assert!(!old, "a model from before the forgetting is still in memory");
            }
        });
        (tasks, check)
    });
    eprintln!("{run} schedules");
    assert!(run > 100, "{run}");
}
