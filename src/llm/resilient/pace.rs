//! Spaces attempts out over the minute.

use std::time::Duration;

use async_lock::Mutex;

use super::timer::Timer;

const MINUTE: u128 = 60_000_000_000;

/// The most that may be sent per minute. Each request and each token takes its share of the minute; the next request
/// waits until the shares before it are over.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Limits {
    pub(super) requests: Option<u32>,
    pub(super) tokens: Option<u64>,
    pub(super) burst: Duration,
}

/// The shares taken so far, by all users of the limits.
#[derive(Debug, Default)]
pub(super) struct Pace {
    limits: Limits,
    /// The end of the shares of the requests and tokens sent so far. One request at a time waits for that, the others
    /// for it; one that is dropped while it waits has taken nothing.
    over: Mutex<Over>,
}

#[derive(Debug, Default)]
struct Over {
    requests: Duration,
    tokens: Duration,
}

impl Pace {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, over: Mutex::default() }
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// Waits until a request of this many tokens may be sent.
    pub(super) async fn pass(&self, tokens: u64, timer: &dyn Timer) {
        let Limits { requests: by_request, tokens: by_token, burst } = self.limits;
        if by_request.is_none() && by_token.is_none() {
            return;
        }
        let mut over = self.over.lock().await;
        let due = over.requests.max(over.tokens).saturating_sub(burst);
        let now = loop {
            let now = timer.now();
            if now >= due {
                break now;
            }
            timer.sleep(due.saturating_sub(now)).await;
        };
        if let Some(limit) = by_request {
            over.requests = over.requests.max(now).saturating_add(share(1, u64::from(limit)));
        }
        if let Some(limit) = by_token {
            over.tokens = over.tokens.max(now).saturating_add(share(tokens, limit));
        }
    }
}

/// The share of a minute that this amount takes, rounded up.
fn share(amount: u64, per_minute: u64) -> Duration {
    let nanos = (u128::from(amount) * MINUTE).div_ceil(u128::from(per_minute.max(1)));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
