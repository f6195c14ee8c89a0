//! A clock over one thread, for hosts without a runtime.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use super::timer::{Alarms, Sleep, Timer};

/// A clock that needs no runtime. Clones are one clock.
///
/// All sleeps of one clock share one thread. It starts with the first sleep and ends at once when none is left, so it does
/// not outlive the calls it serves. Starting it costs some ten microseconds; hosts on tokio take `TokioTimer` instead.
#[derive(Clone)]
pub struct ThreadTimer(Arc<Shared>);

struct Shared {
    /// Taken when it is first asked for: there are targets without a clock, whose hosts give another one.
    origin: OnceLock<Instant>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    alarms: Alarms,
    running: bool,
}

impl Default for ThreadTimer {
    fn default() -> Self {
        Self(Arc::new(Shared { origin: OnceLock::new(), state: Mutex::default(), changed: Condvar::new() }))
    }
}

impl fmt::Debug for ThreadTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ThreadTimer")
    }
}

impl Shared {
    fn now(&self) -> Duration {
        self.origin.get_or_init(Instant::now).elapsed()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes sleeps until none is left.
    fn run(&self) {
        let mut state = self.lock();
        loop {
            let due = state.alarms.due(self.now());
            if !due.is_empty() {
                drop(state);
                due.into_iter().for_each(Waker::wake);
                state = self.lock();
                continue;
            }
            let Some(first) = state.alarms.first() else {
                state.running = false;
                return;
            };
            let left = first.saturating_sub(self.now());
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Timer for ThreadTimer {
    fn now(&self) -> Duration {
        self.0.now()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let due = self.0.now().saturating_add(duration);
        let place = self.0.lock().alarms.place();
        Box::pin(ThreadSleep { shared: self.0.clone(), due, place })
    }
}

struct ThreadSleep {
    shared: Arc<Shared>,
    due: Duration,
    place: u64,
}

impl Future for ThreadSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.shared.now() >= self.due {
            return Poll::Ready(());
        }
        let before = {
            let mut state = self.shared.lock();
            let before = state.alarms.set(self.due, self.place, cx.waker());
            if !state.running {
                let shared = self.shared.clone();
                let started = thread::Builder::new().name("rpm-timer".to_owned()).spawn(move || shared.run());
                state.running = started.is_ok();
                if started.is_err() {
                    // Without a thread the sleep asks to be polled again: slow, and still right.
                    cx.waker().wake_by_ref();
                }
            } else if state.alarms.first() == Some(self.due) {
                self.shared.changed.notify_one();
            }
            before
        };
        drop(before);
        Poll::Pending
    }
}

impl Drop for ThreadSleep {
    fn drop(&mut self) {
        let waker = {
            let mut state = self.shared.lock();
            let waker = state.alarms.cancel(self.due, self.place);
            if state.alarms.first().is_none() {
                self.shared.changed.notify_one();
            }
            waker
        };
        drop(waker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_thread_wakes_sleeps_in_time_and_ends_with_the_last_one() {
        let timer = ThreadTimer::default();
        let begun = Instant::now();
        let (long, short) = (timer.sleep(Duration::from_secs(60)), timer.sleep(Duration::from_millis(20)));
        pollster::block_on(futures_util::future::select(long, short));
        let took = begun.elapsed();
        assert!(took >= Duration::from_millis(20) && took < Duration::from_secs(20), "{took:?}");
        // The long sleep was dropped a moment ago.
        for _ in 0..5_000 {
            if !timer.0.lock().running {
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        assert!(!timer.0.lock().running);
        assert_eq!(timer.0.lock().alarms.len(), 0);
        pollster::block_on(timer.sleep(Duration::from_millis(1)));
    }
}
