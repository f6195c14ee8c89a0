//! Decides whether an attempt is made again, and after which pause.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use crate::llm::CompletionRequest;

/// Longer pauses make no sense for a call that someone waits for.
const LONGEST: Duration = Duration::from_secs(86_400);

/// The number and the delays of a request's retries.
#[derive(Debug, Clone, Copy)]
pub(super) struct Retry {
    pub(super) times: u32,
    pub(super) first: Duration,
    pub(super) longest: Duration,
    pub(super) longest_asked: Duration,
    pub(super) seed: u64,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            times: 4,
            first: Duration::from_millis(500),
            longest: Duration::from_secs(30),
            longest_asked: Duration::from_secs(60),
            seed: 0,
        }
    }
}

impl Retry {
    /// The pauses before each retry of a request that was attempted `earlier` times before. They differ by request, so that
    /// requests that failed together do not come back together, and are the same in each run.
    pub(super) fn pauses(
        &self,
        request: &CompletionRequest,
        earlier: u32,
    ) -> impl Iterator<Item = Duration> + Send + use<> {
        let mut hasher = DefaultHasher::new();
        self.seed.hash(&mut hasher);
        request.stage.hash(&mut hasher);
        for message in &request.messages {
            message.content.hash(&mut hasher);
        }
        ExponentialBuilder::new()
            .with_min_delay(self.first.min(LONGEST))
            .with_max_delay(self.longest.min(LONGEST))
            .with_factor(2.0)
            .with_max_times(usize::try_from(self.times).unwrap_or(usize::MAX))
            .with_jitter()
            .with_jitter_seed(hasher.finish())
            .build()
            .skip(usize::try_from(earlier).unwrap_or(usize::MAX))
    }

    /// Returns the time to wait before the next attempt; `None` to give up.
    pub(super) fn pause(
        &self,
        pauses: &mut impl Iterator<Item = Duration>,
        asked: Option<Duration>,
    ) -> Option<Duration> {
        let pause = pauses.next()?;
        match asked {
            Some(asked) if asked > self.longest_asked => None,
            Some(asked) => Some(pause.max(asked)),
            None => Some(pause),
        }
    }
}
