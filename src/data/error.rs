//! The errors of data that cannot be used, each naming the item.

use super::{FactorId, ItemId};

/// Input that cannot be used, and the item it was found in. Carries ids, positions and sizes, never the user's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// An id is empty, longer than [`limits::ID_BYTES`](super::limits::ID_BYTES) or holds a control character.
    #[error(
        "{what} id at position {position} is empty, too long or holds a control character: give a short printable id"
    )]
    BadId {
        /// Which kind of id.
        what: &'static str,
        /// Its position in the list it came in, from 0.
        position: usize,
    },
    /// Two interactions share one id.
    #[error("interaction {item} occurs more than once: ids must be unique within a history")]
    DuplicateId {
        /// The id that occurs again.
        item: ItemId,
    },
    /// There is nothing to learn from.
    #[error("the history is empty: give at least one interaction")]
    EmptyHistory,
    /// More of something than the limit allows.
    #[error("{item}: {what} is {size}, over the limit of {limit}")]
    TooLarge {
        /// The item, or `task`.
        item: String,
        /// The thing that is too large, with its unit.
        what: &'static str,
        /// Its size.
        size: usize,
        /// The limit, from [`limits`](super::limits).
        limit: usize,
    },
    /// Text without any visible character.
    #[error("{item}: {what} is blank")]
    Blank {
        /// The item, or `task`.
        item: String,
        /// The text that is blank.
        what: &'static str,
    },
    /// A control character other than tab, line feed and carriage return, such as NUL.
    #[error("{item}: {what} holds control character U+{code:04X} at byte {position}: remove it")]
    ControlCharacter {
        /// The item, or `task`.
        item: String,
        /// The text it stands in.
        what: &'static str,
        /// The character's code point.
        code: u32,
        /// Its byte position.
        position: usize,
    },
    /// A response that the task does not allow.
    #[error("{item}: the response is not {expected}")]
    OutOfSpace {
        /// The item.
        item: String,
        /// The responses that the task's space allows.
        expected: String,
    },
    /// The task needs options with each query and this one has fewer than two.
    #[error("{item}: the task's responses are chosen among options, and this query gives {found}: give at least two")]
    MissingOptions {
        /// The item.
        item: String,
        /// The number of options it has.
        found: usize,
    },
    /// A query gives options although the task's response space is fixed, or two options read the same.
    #[error("{item}: {problem}")]
    BadOptions {
        /// The item.
        item: String,
        /// The fault of the options.
        problem: &'static str,
    },
    /// A scale or label list that cannot be a response space.
    #[error("the response space {problem}")]
    BadSpace {
        /// Its fault.
        problem: &'static str,
    },
    /// Factors that are not a partition of the features.
    #[error("factor {factor}: {problem}")]
    BadFactor {
        /// The factor.
        factor: FactorId,
        /// Its fault.
        problem: &'static str,
    },
    /// Counts or parameters of a user model that cannot be.
    #[error("the user model's {what} {problem}")]
    BadNumbers {
        /// Which numbers.
        what: &'static str,
        /// Their fault.
        problem: &'static str,
    },
    /// A reasoning path that was begun before the user had something forgotten, and so may speak of it. It is not kept, and is
    /// written again when it is next needed.
    #[error(
        "{item}: its reasoning path was begun before something was forgotten; it is not kept, and is written again when needed"
    )]
    Overtaken {
        /// The item.
        item: ItemId,
    },
    /// A feature whose span does not lie in its query.
    #[error("{item}: feature {position} {problem}")]
    BadFeature {
        /// The item.
        item: String,
        /// The feature's position in its item, from 0.
        position: usize,
        /// Its fault.
        problem: &'static str,
    },
    /// Text that is no feature's key: keys hold no control or invisible characters and only single spaces.
    #[error("a feature key of {bytes} bytes is not in normal form")]
    BadKey {
        /// The key's length in bytes.
        bytes: usize,
    },
    /// An item that the memory does not hold.
    #[error("no interaction {item} in this user's memory")]
    UnknownItem {
        /// The id asked for.
        item: ItemId,
    },
    /// A factor that the user model does not have.
    #[error("no factor {factor} in this user model")]
    UnknownFactor {
        /// The id asked for.
        factor: FactorId,
    },
    /// The user model file cannot be read.
    #[error("not a user model: {problem} (line {line}, column {column})")]
    NotAUserModel {
        /// The fault.
        problem: &'static str,
        /// Line of the file, from 1; 0 when the whole file is meant.
        line: usize,
        /// Column of the line, from 1; 0 when the whole file is meant.
        column: usize,
    },
    /// The user model file was written by a later version of this crate.
    #[error("the user model has format version {found}, this crate reads up to {supported}: update rpm-core")]
    FutureVersion {
        /// The file's version.
        found: u32,
        /// The latest version this crate reads.
        supported: u32,
    },
    /// A user model of another user was handed over.
    #[error("the user model belongs to another user than the one asked for")]
    OtherUser,
}

/// Keeps the place and the kind of a JSON error; its own text may quote the file, which is the user's.
pub(crate) fn unreadable(error: &serde_json::Error) -> DataError {
    let problem = match error.classify() {
        serde_json::error::Category::Syntax => "it is not JSON",
        serde_json::error::Category::Eof => "it is cut short",
        serde_json::error::Category::Data => "a field is missing, unknown or not valid",
        serde_json::error::Category::Io => "it could not be read",
    };
    DataError::NotAUserModel { problem, line: error.line(), column: error.column() }
}
