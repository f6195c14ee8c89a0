//! Goes through the schedules of a few tasks.
//!
//! ```text
//! run: make tasks → at each step choose: poll one that was woken, or drop one → all ended → check
//! next: the last choice that has another option takes it; what comes after it begins anew
//! ```
//!
//! Switching away from a task that could go on is what makes schedules many, and faults that need many such switches are rare: there is
//! a bound on them, and within it every schedule is run.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

pub(crate) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Checks what a run left, told which tasks were dropped.
pub(crate) type Check = Box<dyn FnOnce(&[bool])>;

/// The bounds within which every schedule is run.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// Switches away from a task that could go on.
    pub(crate) switches: usize,
    /// Tasks that are dropped before their end.
    pub(crate) drops: usize,
}

#[derive(Clone, Copy)]
enum Step {
    Poll(usize),
    Drop(usize),
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Runs every schedule within the bounds, and gives their number. At most so many: more is an error of the test.
pub(crate) fn every_schedule(bounds: Bounds, most: usize, mut make: impl FnMut() -> (Vec<Task>, Check)) -> usize {
    // Of each step the option that is taken, and how many there are.
    let mut path: Vec<(usize, usize)> = Vec::new();
    for run in 1..=most {
        let (tasks, check) = make();
        check(&run_one(tasks, bounds, &mut path));
        while path.last().is_some_and(|(taken, options)| taken + 1 == *options) {
            path.pop();
        }
        let Some((taken, _)) = path.last_mut() else { return run };
        *taken += 1;
    }
    panic!("more than {most} schedules");
}

fn run_one(tasks: Vec<Task>, bounds: Bounds, path: &mut Vec<(usize, usize)>) -> Vec<bool> {
    let count = tasks.len();
    let mut live: Vec<Option<Task>> = tasks.into_iter().map(Some).collect();
    let woken: Vec<Arc<Woken>> = (0..count).map(|_| Arc::new(Woken(AtomicBool::new(true)))).collect();
    let (mut dropped, mut begun) = (vec![false; count], vec![false; count]);
    let (mut last, mut switches, mut drops, mut step) = (None, 0, 0, 0);
    while live.iter().any(Option::is_some) {
        let is_ready = |task: &usize| live[*task].is_some() && woken[*task].0.load(Ordering::SeqCst);
        let goes_on = last.filter(is_ready);
        let mut options: Vec<Step> = goes_on.into_iter().map(Step::Poll).collect();
        if goes_on.is_none() || switches < bounds.switches {
            options.extend((0..count).filter(is_ready).filter(|task| Some(*task) != goes_on).map(Step::Poll));
        }
        assert!(!options.is_empty(), "nobody is woken, and not all have ended: {path:?}");
        if drops < bounds.drops {
            options.extend((0..count).filter(|task| begun[*task] && live[*task].is_some()).map(Step::Drop));
        }
        if step == path.len() {
            path.push((0, options.len()));
        }
        assert_eq!(path[step].1, options.len(), "the same choices lead to the same options");
        match options[path[step].0] {
            Step::Poll(task) => {
                switches += usize::from(goes_on.is_some_and(|other| other != task));
                (last, begun[task]) = (Some(task), true);
                woken[task].0.store(false, Ordering::SeqCst);
                let waker = Waker::from(Arc::clone(&woken[task]));
                let future = live[task].as_mut().unwrap();
                if future.as_mut().poll(&mut Context::from_waker(&waker)) == Poll::Ready(()) {
                    live[task] = None;
                }
            }
            Step::Drop(task) => {
                (live[task], dropped[task]) = (None, true);
                drops += 1;
            }
        }
        step += 1;
    }
    dropped
}

/// Lets others run, once.
pub(crate) async fn others_run() {
    let mut waited = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// With one pause each two tasks run in one of six orders: a b a b, a b b a, a a b b and the three that begin with b.
#[test]
fn every_schedule_is_run_once() {
    let run = |switches| {
        let mut orders = std::collections::BTreeSet::new();
        let last = Arc::new(Mutex::new(String::new()));
        let run = every_schedule(Bounds { switches, drops: 0 }, 100, || {
            orders.insert(std::mem::take(&mut *last.lock().unwrap()));
            let task = |name: char| -> Task {
                let order = Arc::clone(&last);
                Box::pin(async move {
                    order.lock().unwrap().push(name);
                    others_run().await;
                    order.lock().unwrap().push(name);
                })
            };
            (vec![task('a'), task('b')], Box::new(|_: &[bool]| {}))
        });
        orders.insert(last.lock().unwrap().clone());
        // The first run began with the order of none.
        assert_eq!(orders.len(), run + 1, "{orders:?}");
        run
    };
    assert_eq!([run(0), run(1), run(2), run(9)], [2, 4, 6, 6]);
}
