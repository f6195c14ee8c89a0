//! Bodies: of requests, which are to come in time, and of responses, which keep a place while they last.

use std::convert::Infallible;
use std::fmt;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::BoxBody;
use hyper::body::Bytes;
use tokio::time::Sleep;

use crate::places::Place;

/// A body that fails when it does not come in time.
pub(super) struct Timely<B> {
    body: Pin<Box<B>>,
    until: Pin<Box<Sleep>>,
    late: Arc<AtomicBool>,
}

impl<B> Timely<B> {
    /// It may take so long. Gives also what tells whether it took longer.
    pub(super) fn new(body: B, time: Duration) -> (Self, Arc<AtomicBool>) {
        let late = Arc::new(AtomicBool::new(false));
        (Self { body: Box::pin(body), until: Box::pin(tokio::time::sleep(time)), late: Arc::clone(&late) }, late)
    }
}

/// Why a body did not come.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unread<E: fmt::Display> {
    #[error("it took too long")]
    Late,
    #[error("{0}")]
    Failed(E),
}

impl<B: Body> Body for Timely<B>
where
    B::Error: fmt::Display,
{
    type Data = B::Data;
    type Error = Unread<B::Error>;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, Self::Error>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = this.body.as_mut().poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Unread::Failed)));
        }
        ready!(this.until.as_mut().poll(cx));
        this.late.store(true, Ordering::Relaxed);
        Poll::Ready(Some(Err(Unread::Late)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A response's body with the place of its request, which is free when the body was sent or nobody reads it any more.
pub(super) struct Placed {
    pub(super) body: BoxBody<Bytes, Infallible>,
    pub(super) _place: Place,
}

impl Body for Placed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
