//! What stands between a pipeline for one user and the backends that it asks.

use std::fmt;
use std::sync::Arc;

use rpm_core::stats::population::Population;
use rpm_core::store::StoreError;
use rpm_core::{LlmBackend, UserId};
use rpm_stores::PostgresStore;
use rpm_stores::postgres::Replies;

/// What the work on one user shares with all other work on them, in whichever process: the replies that were paid for. Given to the
/// host's closure that makes the pipeline; a pipeline that asks no model has no use for it.
///
/// ```
/// use rpm_core::{Error, LlmBackend, RpmPipeline, Task};
/// use rpm_fleet::Calls;
///
/// fn pipeline(calls: &Calls, task: &Task, model: impl LlmBackend + 'static) -> Result<RpmPipeline, Box<dyn std::error::Error + Send + Sync>> {
///     Ok(RpmPipeline::builder(task.clone()).backend(calls.through(model)).build()?)
/// }
/// ```
pub struct Calls {
    user: UserId,
    replies: Option<Replies>,
    population: Option<Arc<Population>>,
}

impl Calls {
    /// Those of work that begins now. Of a user who has no model, and is not made known by this, nobody keeps replies.
    pub(crate) async fn of(
        store: &PostgresStore,
        user: &UserId,
        population: Option<Arc<Population>>,
    ) -> Result<Self, StoreError> {
        Ok(Self { user: user.clone(), replies: store.replies_of_known(user).await?, population })
    }

    /// Whom the work is on.
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// The population to answer with, for [`RpmPipelineBuilder::population`](rpm_core::RpmPipelineBuilder::population): the latest that the fleet
    /// made. Nothing where none was made yet, and in a fleet that was built without [`population`](crate::FleetBuilder::population).
    pub fn population(&self) -> Option<Arc<Population>> {
        self.population.clone()
    }

    /// A backend that answers from the user's replies where it can, and keeps what it pays for, so that a reply that one worker paid for
    /// serves all, and work that was killed goes on where it was. Put it around what talks to the provider, with retries and an
    /// [`Allowance`](rpm_stores::postgres::Allowance) inside it: `calls.through(retries(allowance.wrap(provider)))`.
    pub fn through(&self, backend: impl LlmBackend + 'static) -> Arc<dyn LlmBackend> {
        match &self.replies {
            Some(replies) => Arc::new(replies.clone().wrap(backend)),
            None => Arc::new(backend),
        }
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls").field("user", &self.user).field("keeps", &self.replies.is_some()).finish()
    }
}
