//! The result of a naming pass: the catalog it made, and what it did not take of the replies.

use crate::catalog::{Catalog, CatalogChange, CatalogError};
use crate::data::FactorId;
use crate::llm::{AskError, BudgetLimit, UsageReport};
use crate::operation::Kind;

/// A catalog that a model named, and the account of it. Ids and reasons only: no name that was refused is kept.
#[derive(Debug)]
#[non_exhaustive]
pub struct NamedCatalog {
    /// The next version, or the catalog as it was when nothing of the replies was taken.
    pub catalog: Catalog,
    /// What was renamed, merged and split, in the order in which it was done; each is in
    /// [`Catalog::changes`] too.
    pub changes: Vec<CatalogChange>,
    /// The number of factors that have another description.
    pub described: usize,
    /// The factors that the model was asked about and whose names it left as they were.
    pub kept: Vec<FactorId>,
    /// What was proposed and not taken.
    pub refused: Vec<Refused>,
    /// Factors without a usable reply, with the reason. They are as they were.
    pub unanswered: Vec<Unanswered>,
    /// The calls and tokens: all that the account of the pass holds.
    pub usage: UsageReport,
}

/// A proposal that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// The factor.
    pub factor: FactorId,
    /// The kind of proposal.
    pub proposal: Proposal,
    /// The reason.
    pub reason: RefusedFor,
}

/// The kinds of what a model may propose for a factor.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proposal {
    /// Another name.
    Name,
    /// Another description.
    Description,
    /// To be one with this factor.
    Merge(FactorId),
    /// To be several.
    Split,
}

/// The reasons why a proposal is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RefusedFor {
    /// There is nothing in it.
    Empty,
    /// It is a function word, a number or a list, or begins or ends with a function word.
    NoName,
    /// It repeats words of the request, what queries and responses are called, or a response.
    Echo,
    /// It has more than five words or fills 48 characters; a description, 240 characters.
    TooLong,
    /// It is the name, or a whole term, of another factor, or was proposed for two.
    Taken,
    /// It shares no word with the factor's terms, and its description fewer than two; a description, fewer than two.
    NothingShared,
    /// A word of it is in no text and no term.
    NotInTexts,
    /// It is a part of a term or one of less weight, so that it would stand in texts that do not have the factor.
    TooBroad,
    /// The factor would be in other texts under it: they share less than half with those that it is in.
    OtherTexts,
    /// The pass was given no texts that could tell.
    NoTexts,
    /// The two factors share less than half of the texts that have one of them.
    Apart,
    /// The parts do not divide the factor's terms: one is missing, in two of them, or of another factor.
    NotADivision,
    /// A part is in fewer than three texts.
    TooFewTexts,
    /// Two parts share half or more of the texts that have one of them.
    NotApart,
    /// The factor was merged or split already.
    Changed,
    /// It names no factor that was shown, or the same one twice. Of one that was not shown nothing can be told, so the refusal
    /// stands at the first factor of the request.
    Unknown,
    /// The factor that it would make cannot be in a catalog.
    Unfit,
}

/// A factor without a usable reply.
#[derive(Debug)]
#[non_exhaustive]
pub struct Unanswered {
    /// The factor.
    pub factor: FactorId,
    /// The reason. Of several factors of one request that failed the first has the cause.
    pub error: AskError,
}

/// A naming pass that made nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NamingError {
    /// Not one request got a reply.
    #[error("the model named nothing")]
    Ask(#[source] AskError),
    /// What was made is no catalog.
    #[error("the named catalog is none")]
    Catalog(#[source] CatalogError),
}

impl Kind for NamingError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Ask(_) => "ask",
            Self::Catalog(_) => "catalog",
        }
    }
}

impl NamingError {
    /// True when doing it again later may help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Ask(error) if error.is_transient())
    }

    /// The limit for which nothing was sent.
    pub fn budget_reached(&self) -> Option<BudgetLimit> {
        match self {
            Self::Ask(error) => error.budget_reached(),
            Self::Catalog(_) => None,
        }
    }
}
