//! A clock over the host's tokio runtime.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use super::timer::{Sleep, Timer};

/// The clock of the host's tokio runtime. Feature `tokio`.
///
/// Sleeping needs a runtime with its time driver enabled; without one tokio panics. It follows `tokio::time::pause`.
#[derive(Clone, Copy)]
pub struct TokioTimer(Instant);

impl Default for TokioTimer {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl fmt::Debug for TokioTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokioTimer")
    }
}

impl Timer for TokioTimer {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        // The runtime is looked up when the sleep is first polled, not where it is made.
        Box::pin(async move { tokio::time::sleep(duration).await })
    }
}
