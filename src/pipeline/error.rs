//! The errors of a pipeline, each with its stage.

use crate::answer::AnswerError;
use crate::data::{DataError, ItemId};
use crate::extract::ExtractError;
use crate::factor::FactorError;
use crate::llm::{AskError, BudgetLimit, Stage};
use crate::model::EditError;
use crate::model::PackedError;
use crate::operation::Kind;
use crate::retrieve::RetrieveError;

/// Why an operation failed, and at which stage. The cause is in [`source`](std::error::Error::source).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Input that cannot be used.
    #[error("the input cannot be used")]
    Data(#[from] DataError),
    /// The user model was learned for another task than the pipeline's.
    #[error("the user model was learned for another task")]
    OtherTask,
    /// The answer was given with another user model: it rests on a factor or an interaction that this one does not
    /// have.
    #[error("the answer was given with another user model")]
    OtherModel,
    /// No interaction's features could be found; the first one failed for this reason.
    #[error("no interaction could be learned, the first failure at {item}")]
    NothingLearned {
        /// The first interaction that failed.
        item: ItemId,
        /// Why.
        source: Box<ExtractError>,
    },
    /// The budget was reached before there was anything to keep: not one interaction was learned, or the query was not
    /// answered.
    #[error("the budget's limit of {limit} was reached in the stage {stage}, before there was a result")]
    Budget {
        /// The stage that was not done.
        stage: Stage,
        /// The limit that is used up.
        limit: BudgetLimit,
    },
    /// An edit or a rollback that cannot be made.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// A response log could not be read or written.
    #[cfg(feature = "response-log")]
    #[error("a response log could not be read or written")]
    Log(#[source] Box<crate::llm::LogError>),
    /// The query's features could not be found.
    #[error("the query's features could not be found")]
    Extract(#[source] Box<ExtractError>),
    /// Factors could not be fitted or assigned.
    #[error("factors could not be fitted or assigned")]
    Factor(#[source] Box<FactorError>),
    /// Exemplars could not be found.
    #[error("exemplars could not be found")]
    Retrieve(#[source] Box<RetrieveError>),
    /// There is no answer.
    #[error("there is no answer")]
    Answer(#[source] Box<AnswerError>),
    /// A packed file could not be made or used.
    #[error("the packed user model cannot be used")]
    Packed(#[source] Box<PackedError>),
    /// A part broke its contract.
    #[error("the {part} broke its contract: {problem}")]
    Contract {
        /// The part.
        part: &'static str,
        /// The breach.
        problem: &'static str,
    },
}

impl Error {
    pub(super) fn of_extract(error: ExtractError) -> Self {
        match error.budget_reached() {
            Some(limit) => Self::Budget { stage: Stage::Extract, limit },
            None => Self::Extract(Box::new(error)),
        }
    }

    pub(super) fn of_factor(error: FactorError) -> Self {
        match error.budget_reached() {
            Some(limit) => Self::Budget { stage: Stage::Group, limit },
            None => Self::Factor(Box::new(error)),
        }
    }

    pub(super) fn of_retrieve(error: RetrieveError) -> Self {
        Self::Retrieve(Box::new(error))
    }

    pub(super) fn of_answer(error: AnswerError) -> Self {
        match error.budget_reached() {
            Some(limit) => Self::Budget { stage: Stage::Answer, limit },
            None => Self::Answer(Box::new(error)),
        }
    }

    /// The stage that failed; `None` for input and contract errors.
    pub fn stage(&self) -> Option<Stage> {
        match self {
            Self::NothingLearned { .. } | Self::Extract(_) => Some(Stage::Extract),
            Self::Factor(_) => Some(Stage::Group),
            Self::Retrieve(_) => Some(Stage::Retrieve),
            Self::Answer(_) => Some(Stage::Answer),
            Self::Budget { stage, .. } => Some(*stage),
            #[cfg(feature = "response-log")]
            Self::Log(_) => None,
            Self::Data(_)
            | Self::OtherTask
            | Self::OtherModel
            | Self::Edit(_)
            | Self::Packed(_)
            | Self::Contract { .. } => None,
        }
    }

    /// The kind's name in spans and metrics: one of a dozen words.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Data(_) => "data",
            Self::OtherTask => "other_task",
            Self::OtherModel => "other_model",
            Self::NothingLearned { .. } => "nothing_learned",
            Self::Budget { .. } => "budget",
            Self::Edit(_) => "edit",
            #[cfg(feature = "response-log")]
            Self::Log(_) => "log",
            Self::Extract(_) => "extract",
            Self::Factor(_) => "factor",
            Self::Retrieve(_) => "retrieve",
            Self::Answer(_) => "answer",
            Self::Packed(_) => "packed",
            Self::Contract { .. } => "contract",
        }
    }

    /// True when trying again later may help.
    pub fn is_transient(&self) -> bool {
        let ask: Option<&AskError> = match self {
            Self::NothingLearned { source, .. } | Self::Extract(source) => match &**source {
                ExtractError::Ask(ask) => Some(ask),
                ExtractError::Other(_) => None,
            },
            Self::Factor(source) => match &**source {
                FactorError::Ask(ask) => Some(ask),
                _ => None,
            },
            Self::Answer(source) => match &**source {
                AnswerError::Ask(ask) => Some(ask),
                _ => None,
            },
            _ => None,
        };
        ask.is_some_and(AskError::is_transient)
    }
}

impl Kind for Error {
    fn kind(&self) -> &'static str {
        self.kind()
    }
}

#[cfg(feature = "response-log")]
impl From<crate::llm::LogError> for Error {
    fn from(error: crate::llm::LogError) -> Self {
        Self::Log(Box::new(error))
    }
}
