//! The reason why something is no catalog.

use crate::data::FactorId;

/// A catalog that cannot be, and the factor at fault. Carries ids, places and sizes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// A factor that cannot be in a catalog.
    #[error("factor {factor} of the catalog {problem}")]
    BadFactor {
        /// The factor.
        factor: FactorId,
        /// Its fault.
        problem: &'static str,
    },
    /// A change of a factor that the catalog does not have.
    #[error("no factor {factor} in the catalog")]
    UnknownFactor {
        /// The factor asked for.
        factor: FactorId,
    },
    /// More factors than a catalog may have.
    #[error("a catalog of {factors} factors is over the limit of {limit}")]
    TooLarge {
        /// The number of factors.
        factors: usize,
        /// The limit.
        limit: usize,
    },
    /// A file that is no catalog.
    #[error("not a catalog: {problem} (line {line}, column {column})")]
    NotACatalog {
        /// The fault.
        problem: &'static str,
        /// Line of the file, from 1; 0 when the whole file is meant.
        line: usize,
        /// Column of the line, from 1; 0 when the whole file is meant.
        column: usize,
    },
    /// A file of a later version of this crate.
    #[error("the catalog has format version {found}, this crate reads up to {supported}: update rpm-core")]
    FutureVersion {
        /// The file's version.
        found: u32,
        /// The latest version this crate reads.
        supported: u32,
    },
    /// The factors of a file are not those that its digest was made of.
    #[error("the catalog is not the one that its digest was made of: leave the digest out of what was changed by hand")]
    OtherDigest,
}
