//! A pause between two stretches of work, in which an executor gets to its other tasks.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Gives the executor its turn once, whichever it is. Whoever awaits it may be dropped there.
pub(crate) fn pause() -> impl Future<Output = ()> + Send {
    Pause(false)
}

/// Texts that are gone through between two pauses, in bytes: some milliseconds.
const AT_ONCE: usize = 64 << 10;

/// Work on texts with pauses in proportion to what was done.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    done: usize,
}

impl Pace {
    /// Says that a text of so many bytes is about to be gone through, and pauses before it where it is time to.
    pub(crate) async fn step(&mut self, bytes: usize) {
        // Every item is some work, whatever its text.
        self.done += bytes + 64;
        if self.done > AT_ONCE {
            self.done = 0;
            pause().await;
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
