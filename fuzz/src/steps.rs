//! The longest stretch between two awaits.

use std::cell::Cell;
use std::fs;
use std::future::Future;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// A stretch: how long it took, and how long the processor worked for its thread meanwhile, which is less where the machine has other
/// work, or where the thread waited for others that it had started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stretch {
    /// By the clock.
    pub took: Duration,
    /// By the processor; as by the clock where the system does not tell.
    pub worked: Duration,
}

thread_local! {
    static LONGEST: Cell<Stretch> = const { Cell::new(Stretch { took: Duration::ZERO, worked: Duration::ZERO }) };
}

/// The longest stretch of this thread since it was last asked, by the clock and by the processor.
pub fn longest() -> Stretch {
    LONGEST.replace(Stretch::default())
}

/// The processor's time for this thread so far.
fn worked() -> Option<Duration> {
    if cfg!(fuzzing) {
        return None;
    }
    let told = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// Counts a stretch of work that no await interrupts.
pub fn sync<T>(work: impl FnOnce() -> T) -> T {
    let (begin, before) = (Instant::now(), worked());
    let done = work();
    let took = begin.elapsed();
    // The system counts at its ticks only, so that it may tell more than passed.
    let worked = before.zip(worked()).map_or(took, |(before, after)| after.saturating_sub(before).min(took));
    let longest = LONGEST.get();
    LONGEST.set(Stretch { took: longest.took.max(took), worked: longest.worked.max(worked) });
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
