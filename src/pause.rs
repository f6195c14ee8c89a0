//! A pause between two stretches of work, in which an executor gets to its other tasks.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

/// Gives the executor its turn once, whichever it is. Whoever awaits it may be dropped there.
pub(crate) fn pause() -> impl Future<Output = ()> + Send {
    Pause(false)
}

/// Texts that are gone through between two pauses, in bytes: some milliseconds.
pub(crate) const AT_ONCE: usize = 64 << 10;
/// Every item is some work, whatever its text.
const EACH: usize = 64;
/// The work on the features of a byte of text, in bytes.
const FEATURED: usize = 16;
/// Where in a text of many different words the features end that are kept, about.
const LAST_FEATURE: usize = 1_024;

/// Work on texts with pauses in proportion to what was done.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    done: usize,
}

impl Pace {
    /// Says that a text of so many bytes is about to be gone through, and pauses before it where it is time to.
    pub(crate) async fn step(&mut self, bytes: usize) {
        self.done += bytes + EACH;
        if self.done > AT_ONCE {
            self.done = bytes + EACH;
            pause().await;
        }
    }

    /// Says that the features of a text are about to be gone through, and pauses before it where it is time to. Each is some work, and
    /// a short text may have as many as a long one.
    pub(crate) async fn step_features(&mut self, text: usize) {
        self.step(text + FEATURED * text.min(LAST_FEATURE)).await;
    }
}

/// How many of the first texts of these lengths are gone through without a pause: one at least, where there is one.
pub(crate) fn within(bytes: usize, texts: impl Iterator<Item = usize>) -> usize {
    let mut left = bytes;
    let fits = |len: &usize| {
        let fits = left >= *len + EACH;
        left = left.saturating_sub(*len + EACH);
        fits
    };
    texts.take_while(fits).count().max(1)
}

/// Lets go of many things, each of which is some work, with pauses.
pub(crate) async fn let_go<T>(things: impl IntoIterator<Item = T>) {
    let mut pace = Pace::default();
    for thing in things {
        pace.step(0).await;
        drop(thing);
    }
}

/// The outcome of work that waits for nobody but in its pauses, without them: for those who cannot await.
pub(crate) fn at_once<T>(work: impl Future<Output = T>) -> T {
    let (mut work, mut context) = (pin!(work), Context::from_waker(Waker::noop()));
    loop {
        if let Poll::Ready(done) = work.as_mut().poll(&mut context) {
            return done;
        }
    }
}

struct Pause(bool);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_taken_until_they_are_too_much_for_one_stretch_and_never_none() {
        assert_eq!(within(1_000, [100; 20].into_iter()), 6, "164 each");
        assert_eq!(within(1_000, [5_000, 5].into_iter()), 1);
        assert_eq!(within(1_000, [900, 5_000].into_iter()), 1);
    }

    #[test]
    fn a_pause_comes_before_each_stretch_and_gives_others_one_turn() {
        let mut context = Context::from_waker(Waker::noop());
        let mut work = pin!(async {
            let mut pace = Pace::default();
            for _ in 0..10 {
                pace.step(AT_ONCE / 2).await;
            }
        });
        let polls = (1..100).find(|_| work.as_mut().poll(&mut context).is_ready());
        // Two such texts are more than a stretch.
        assert_eq!(polls, Some(10));
    }

    #[test]
    fn work_in_steps_is_done_at_once_for_those_who_cannot_await() {
        let work = async {
            let mut pace = Pace::default();
            for _ in 0..10 {
                pace.step(AT_ONCE).await;
            }
            7
        };
        assert_eq!(at_once(work), 7);
    }
}
