//! The errors of a fleet: the host's, and the words by which jobs fail, which quote nothing.

use std::error::Error as _;
use std::fmt;

use graphile_worker::DbError;

use rpm_core::personalizer::PersonalizerError;
use rpm_core::store::StoreError;
use rpm_core::{Error, StoredError};
use rpm_stores::postgres::NoLongerWaiting;

/// What a host's closure may fail with when it makes a pipeline.
pub type PipelineError = Box<dyn std::error::Error + Send + Sync>;

/// Why a [`Fleet`](crate::Fleet) could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FleetError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operation failed, or the store did.
    #[error(transparent)]
    Stored(#[from] StoredError),
    /// There is no answer, or it cannot be explained.
    #[error(transparent)]
    Personalizer(#[from] PersonalizerError),
    /// The queue failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The fleet was built without a population to refresh.
    #[error("the fleet was built without a population to refresh: give `FleetBuilder::population` one")]
    NoRefresh,
    /// The host's closure made no pipeline.
    #[error("no pipeline was made for work on a user")]
    Pipeline(#[source] PipelineError),
    /// What waits of the user had to be observed first, and could not be.
    #[error("what waits of the user could not be observed ({0})")]
    Observing(JobError),
}

impl FleetError {
    /// True when trying again later may help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Store(error) => error.is_transient(),
            Self::Stored(error) => error.is_transient(),
            Self::Personalizer(error) => error.is_transient(),
            Self::Queue(error) => error.is_transient(),
            Self::Observing(error) => matches!(error, JobError::StoreForNow | JobError::Contended | JobError::Model),
            Self::Pipeline(_) | Self::NoRefresh => false,
        }
    }
}

/// Why the queue could not be asked: the database's SQLSTATE, without its message, which may quote rows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the queue's database {}", self.told())]
pub struct QueueError {
    state: Option<String>,
    /// True where the address is none.
    address: bool,
}

impl QueueError {
    /// From whatever the queue's crate failed with.
    pub(crate) fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut at = Some(error);
        while let Some(error) = at {
            if let Some(error) = error.downcast_ref::<DbError>() {
                return Self { state: error.code().map(str::to_owned), address: false };
            }
            at = error.source();
        }
        Self::unreachable()
    }

    /// Where there was no answer.
    pub(crate) fn unreachable() -> Self {
        Self { state: None, address: false }
    }

    /// Where the address cannot be read. It may hold a password, and is not told.
    pub(crate) fn no_address() -> Self {
        Self { state: None, address: true }
    }

    /// From the first connection.
    pub(crate) fn of_connecting(error: &tokio_postgres::Error) -> Self {
        Self { state: error.code().map(|state| state.code().to_owned()), address: false }
    }

    fn told(&self) -> String {
        match &self.state {
            Some(state) => format!("refused ({state})"),
            None if self.address => {
                "has an address that cannot be read: give one as tokio_postgres reads it".to_owned()
            }
            None => "cannot be reached".to_owned(),
        }
    }

    /// The SQLSTATE; nothing where there was no answer.
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// True when trying again later may help.
    pub fn is_transient(&self) -> bool {
        let state = self.state.as_deref();
        !self.address
            && state.is_none_or(|state| matches!(state.get(..2), Some("08" | "25" | "40" | "53" | "55" | "57" | "58")))
    }
}

/// Why a job failed, in a word: all that the queue and its logs are told.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JobError {
    /// The store failed for now, or could not be reached.
    StoreForNow,
    /// The store failed, or holds a model that cannot be used.
    Store,
    /// Others changed the user at each of many attempts.
    Contended,
    /// The budget of the pipeline was reached.
    Budget,
    /// The model did not answer, or answered in no usable way.
    Model,
    /// A part of the pipeline, or the task, does not fit: the host's code has to change.
    Pipeline,
    /// The queue's database failed.
    Queue,
}

impl JobError {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StoreForNow => "store-for-now",
            Self::Store => "store",
            Self::Contended => "contended",
            Self::Budget => "budget",
            Self::Model => "model",
            Self::Pipeline => "pipeline",
            Self::Queue => "queue",
        }
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The word as well: the queue keeps what `Debug` says.
impl fmt::Debug for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => Self::Contended,
            error if error.is_transient() => Self::StoreForNow,
            _ => Self::Store,
        }
    }
}

impl From<QueueError> for JobError {
    fn from(_: QueueError) -> Self {
        Self::Queue
    }
}

impl From<&Error> for JobError {
    fn from(error: &Error) -> Self {
        match error {
            Error::Budget { .. } => Self::Budget,
            Error::NothingLearned { .. } | Error::Extract(_) | Error::Factor(_) | Error::Answer(_) => Self::Model,
            _ => Self::Pipeline,
        }
    }
}

/// True of a save that found that the interactions it was to take no longer wait.
pub(crate) fn is_no_longer_waiting(error: &StoreError) -> bool {
    error.source().is_some_and(<dyn std::error::Error>::is::<NoLongerWaiting>)
}
