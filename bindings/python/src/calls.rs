//! Waits for the library's work without holding the interpreter, and looks now and then whether the host wants it to stop.

use std::any::Any;
use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

use crate::errors::Failure;

/// The time between two looks: short enough for a key press, long enough to cost nothing.
const LOOK: Duration = Duration::from_millis(50);

thread_local! {
    /// What the host's code raised on this thread that is no failure but a wish to stop.
    static INTERRUPT: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

/// Ends the call under way on this thread with this exception, as soon as the library gives its turn back.
pub(crate) fn interrupt(exception: PyErr) {
    INTERRUPT.with_borrow_mut(|held| *held = Some(exception));
}

/// Waits for ever where the call under way on this thread is to end: what the host's code is asked next would only hold it up.
pub(crate) async fn unless_interrupted() {
    if INTERRUPT.with_borrow(Option::is_some) {
        std::future::pending::<()>().await;
    }
}

/// Tells a call on another thread to stop.
#[pyclass(frozen, module = "rpm_core._native")]
#[derive(Debug, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

#[pymethods]
impl Stop {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Has the call end with `KeyboardInterrupt`, which nobody sees who no longer waits for it.
    fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Parked {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Waits for `work` with the interpreter released.
///
/// # Errors
/// `KeyboardInterrupt`, or what a signal's handler or the host's own code raised; the work is dropped then. `InternalError` for a fault of
/// the library.
pub(crate) fn wait<T: Send>(py: Python<'_>, stop: Option<&Stop>, work: impl Future<Output = T> + Send) -> PyResult<T> {
    wait_for(py, stop, || work)
}

/// The same for work that is begun where it is waited for, and stays on that thread.
pub(crate) fn wait_for<T: Send, F: Future<Output = T>>(
    py: Python<'_>,
    stop: Option<&Stop>,
    begin: impl FnOnce() -> F + Send,
) -> PyResult<T> {
    let stop = stop.map(|stop| Arc::clone(&stop.0));
    py.detach(|| caught(|| drive(stop.as_deref(), begin()))?)
}

/// Does what needs no waiting with the interpreter released.
pub(crate) fn compute<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> PyResult<T> {
    py.detach(|| caught(work))
}

/// What `work` gives; a panic in it is an exception and not more.
fn caught<T>(work: impl FnOnce() -> T) -> PyResult<T> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic: Box<dyn Any + Send>| {
        drop(panic);
        Failure::new("InternalError", "a fault of the library ended the call; please report it").into()
    })
}

fn drive<T>(stop: Option<&AtomicBool>, work: impl Future<Output = T>) -> PyResult<T> {
    let parked = Arc::new(Parked { thread: thread::current(), woken: AtomicBool::new(false) });
    let waker = Waker::from(Arc::clone(&parked));
    let mut work = pin!(work);
    let mut looked = Instant::now();
    INTERRUPT.with_borrow_mut(Option::take);
    loop {
        let polled = work.as_mut().poll(&mut Context::from_waker(&waker));
        if let Some(exception) = INTERRUPT.with_borrow_mut(Option::take) {
            return Err(exception);
        }
        if let Poll::Ready(done) = polled {
            return Ok(done);
        }
        if looked.elapsed() >= LOOK {
            look(stop)?;
            looked = Instant::now();
        }
        while !parked.woken.swap(false, Ordering::Acquire) {
            thread::park_timeout(LOOK.saturating_sub(looked.elapsed()));
            if looked.elapsed() >= LOOK {
                look(stop)?;
                looked = Instant::now();
            }
        }
    }
}

#[expect(clippy::redundant_closure_for_method_calls, reason = "the method is of one lifetime")]
fn look(stop: Option<&AtomicBool>) -> PyResult<()> {
    if stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
        return Err(PyKeyboardInterrupt::new_err(()));
    }
    Python::attach(|py| py.check_signals())
}
