//! The longest stretch between two awaits.

use std::cell::Cell;
use std::fs;
use std::future::Future;
use std::panic::Location;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// A stretch: how long it took, and how long the processor worked for its thread meanwhile, which is less where the machine has other
/// work, or where the thread waited for others that it had started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// By the clock.
    pub took: Duration,
    /// By the processor; as by the clock where the system does not tell.
    pub worked: Duration,
    /// The call that it was of.
    pub of: Option<&'static Location<'static>>,
}

const NONE: Stretch = Stretch { took: Duration::ZERO, worked: Duration::ZERO, of: None };

thread_local! {
    static LONGEST: Cell<Stretch> = const { Cell::new(NONE) };
}

/// The longest stretch of this thread since it was last asked, by the clock and by the processor.
pub fn longest() -> Stretch {
    LONGEST.replace(NONE)
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
#[track_caller]
pub fn sync<T>(work: impl FnOnce() -> T) -> T {
    of(Location::caller(), work)
}

fn of<T>(of: &'static Location<'static>, work: impl FnOnce() -> T) -> T {
    let (begin, before) = (Instant::now(), worked());
    let done = work();
    let took = begin.elapsed();
    // The system counts at its ticks only, so that it may tell more than passed.
    let worked = before.zip(worked()).map_or(took, |(before, after)| after.saturating_sub(before).min(took));
    let longest = LONGEST.get();
    let of = if worked > longest.worked { Some(of) } else { longest.of };
    LONGEST.set(Stretch { took: longest.took.max(took), worked: longest.worked.max(worked), of });
    done
}

/// Runs a future that waits for nobody to its end, and counts each poll.
#[track_caller]
pub fn run<T>(future: impl Future<Output = T>) -> T {
    let caller = Location::caller();
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(done) = of(caller, || future.as_mut().poll(&mut context)) {
            return done;
        }
    }
}

/// A future whose polls are counted, for an executor of another's.
pub async fn counted<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| sync(|| future.as_mut().poll(context))).await
}
