//! Runs blocking work on a thread of the host's choice, and waits for it without blocking.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

/// A piece of work that blocks its thread for a short time.
pub type BlockingJob = Box<dyn FnOnce() + Send>;

/// Takes jobs to a thread that may block.
pub(super) type Runner = Arc<dyn Fn(BlockingJob) + Send + Sync>;

/// Runs `work` through the host's runner; `None` when the job was dropped instead of run.
pub(super) async fn on<T: Send + 'static>(runner: &Runner, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let slot = Arc::new(Mutex::new(Slot { value: None, waker: None, over: false }));
    let done = Done(Arc::clone(&slot));
    runner(Box::new(move || {
        let value = work();
        done.0.lock().unwrap_or_else(PoisonError::into_inner).value = Some(value);
        drop(done);
    }));
    poll_fn(move |cx| {
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.over {
            return Poll::Ready(slot.value.take());
        }
        slot.waker = Some(cx.waker().clone());
        Poll::Pending
    })
    .await
}

struct Slot<T> {
    value: Option<T>,
    waker: Option<Waker>,
    over: bool,
}

/// Marks the job as over when it is dropped, run or not.
struct Done<T>(Arc<Mutex<Slot<T>>>);

impl<T> Drop for Done<T> {
    fn drop(&mut self) {
        let waker = {
            let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            slot.over = true;
            slot.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
