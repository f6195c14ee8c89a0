//! The longest stretch between two awaits, and how much memory was in use at most.

use std::cell::Cell;
use std::future::Future;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

thread_local! {
    static LONGEST: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// The longest stretch of this thread since it was last asked.
pub fn longest() -> Duration {
    LONGEST.replace(Duration::ZERO)
}

/// Counts a stretch of work that no await interrupts.
pub fn sync<T>(work: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let done = work();
    let took = begin.elapsed();
    LONGEST.set(LONGEST.get().max(took));
    done
}

/// Runs a future that waits for nobody to its end, and counts each poll.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(done) = sync(|| future.as_mut().poll(&mut context)) {
            return done;
        }
    }
}

/// A future whose polls are counted, for an executor of another's.
pub async fn counted<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| sync(|| future.as_mut().poll(context))).await
}
