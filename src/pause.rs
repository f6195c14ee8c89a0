//! A pause between two stretches of work, in which an executor gets to its other tasks.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Gives the executor its turn once, whichever it is. Whoever awaits it may be dropped there.
pub(crate) fn pause() -> impl Future<Output = ()> + Send {
    Pause(false)
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
