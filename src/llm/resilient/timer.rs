//! The seam to a host's clock, and one that a test moves by hand.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// A future that is ready after some time.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The clock that retries, limits and deadlines go by.
///
/// # Contract
/// - `now` never goes back. Its origin is free, but one for all clones of a timer.
/// - A sleep is over when `now` is at least its time later; it wakes whoever polled it last.
/// - Dropping a sleep frees all it holds.
pub trait Timer: fmt::Debug + Send + Sync {
    /// The time since the timer's origin.
    fn now(&self) -> Duration;

    /// Waits this long.
    fn sleep(&self, duration: Duration) -> Sleep;
}

impl<T: Timer + ?Sized> Timer for Arc<T> {
    fn now(&self) -> Duration {
        (**self).now()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        (**self).sleep(duration)
    }
}

/// Sleeps under way, the earliest first.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    set: u64,
    waiting: BTreeMap<(Duration, u64), Waker>,
}

impl Alarms {
    /// A place for a sleep, told apart from others that end at the same time.
    pub(super) fn place(&mut self) -> u64 {
        self.set += 1;
        self.set
    }

    /// Sets or renews an alarm. The caller drops the waker it had once it holds no lock: that may drop other sleeps.
    pub(super) fn set(&mut self, due: Duration, place: u64, waker: &Waker) -> Option<Waker> {
        self.waiting.insert((due, place), waker.clone())
    }

    /// Removes an alarm. Its waker is dropped as in [`set`](Self::set).
    pub(super) fn cancel(&mut self, due: Duration, place: u64) -> Option<Waker> {
        self.waiting.remove(&(due, place))
    }

    /// Removes the alarms whose time has come. The caller wakes them once it holds no lock.
    pub(super) fn due(&mut self, now: Duration) -> Vec<Waker> {
        let later = self.waiting.split_off(&(now, u64::MAX));
        std::mem::replace(&mut self.waiting, later).into_values().collect()
    }

    /// The time of the first alarm.
    pub(super) fn first(&self) -> Option<Duration> {
        self.waiting.keys().next().map(|(due, _)| *due)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

/// A clock that stands still until it is told to go on: for tests. Clones are one clock.
///
/// ```
/// use std::time::Duration;
/// use rpm_core::llm::{ManualTimer, Timer};
///
/// let timer = ManualTimer::default();
/// let sleep = timer.sleep(Duration::from_secs(5));
/// timer.advance(Duration::from_secs(5));
/// pollster::block_on(sleep);
/// assert_eq!(timer.now(), Duration::from_secs(5));
/// ```
#[derive(Debug, Clone, Default)]
pub struct ManualTimer(Arc<Mutex<Manual>>);

#[derive(Debug, Default)]
struct Manual {
    now: Duration,
    alarms: Alarms,
}

impl ManualTimer {
    /// Goes on by this much and wakes the sleeps that are over.
    pub fn advance(&self, by: Duration) {
        let due = {
            let mut manual = self.lock();
            manual.now = manual.now.saturating_add(by);
            let now = manual.now;
            manual.alarms.due(now)
        };
        due.into_iter().for_each(Waker::wake);
    }

    /// Goes on to the end of the first sleep under way. False when there is none.
    pub fn advance_to_next(&self) -> bool {
        let by = {
            let manual = self.lock();
            manual.alarms.first().map(|due| due.saturating_sub(manual.now))
        };
        by.map(|by| self.advance(by)).is_some()
    }

    /// Sleeps that were polled and are neither over nor dropped.
    pub fn sleeping(&self) -> usize {
        self.lock().alarms.len()
    }

    fn lock(&self) -> MutexGuard<'_, Manual> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Timer for ManualTimer {
    fn now(&self) -> Duration {
        self.lock().now
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let due = self.now().saturating_add(duration);
        let place = self.lock().alarms.place();
        Box::pin(ManualSleep { timer: self.clone(), due, place })
    }
}

struct ManualSleep {
    timer: ManualTimer,
    due: Duration,
    place: u64,
}

impl Future for ManualSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut manual = self.timer.lock();
        if manual.now >= self.due {
            return Poll::Ready(());
        }
        let before = manual.alarms.set(self.due, self.place, cx.waker());
        drop(manual);
        drop(before);
        Poll::Pending
    }
}

impl Drop for ManualSleep {
    fn drop(&mut self) {
        let waker = self.timer.lock().alarms.cancel(self.due, self.place);
        drop(waker);
    }
}
