//! Errors of an evaluation.

use std::path::PathBuf;

use rpm_core::data::DataError;

/// An evaluation that cannot be done. It names files, rows, users and methods, never their texts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// A file cannot be read or written.
    #[error("{}: cannot be read or written", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A file is not of the format it was read as.
    #[error("{}: {problem}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The mistake and its correction.
        problem: String,
    },
    /// A data set without a single usable user.
    #[error("data set {set}: no user with a history and a test item is left of {rows} rows")]
    Empty {
        /// The data set.
        set: String,
        /// The number of rows read.
        rows: usize,
    },
    /// A task, user or interaction of the data set breaks the crate's rules.
    #[error("data set {set}: {item}")]
    Data {
        /// The data set.
        set: String,
        /// The user or item.
        item: String,
        /// The rule.
        #[source]
        source: DataError,
    },
    /// A user whose factors cannot be learned or looked at.
    #[error("data set {set}: the factors of {user} cannot be learned or looked at")]
    Factors {
        /// The data set.
        set: String,
        /// The user.
        user: String,
        /// The cause.
        #[source]
        source: rpm_core::llm::BoxError,
    },
    /// A catalog that cannot be built of a data set's texts.
    #[error("data set {set}: its texts make no catalog")]
    Catalog {
        /// The data set.
        set: String,
        /// The cause.
        #[source]
        source: rpm_core::catalog::CatalogError,
    },
    /// A catalog whose factors the model did not name.
    #[error("data set {set}: its catalog is not named")]
    Naming {
        /// The data set.
        set: String,
        /// The cause.
        #[source]
        source: rpm_core::llm::BoxError,
    },
    /// Users of another set, who would teach, respond to something else.
    #[error("the users of {others} give other responses than those of {set}: name others of the same labels or scale")]
    OtherResponses {
        /// The data set that is scored.
        set: String,
        /// The set of those who would teach.
        others: String,
    },
    /// Users of another set, who would teach, are all in the set that is scored.
    #[error("every user of {others} is in {set} too: name others, or learn from users of {set} itself in folds")]
    NoTeachers {
        /// The data set that is scored.
        set: String,
        /// The set of those who would teach.
        others: String,
    },
    /// A method that does not exist, or that cannot have such an option.
    #[error("method {method}: {problem}")]
    Method {
        /// As it was named.
        method: String,
        /// The mistake and the choices there are.
        problem: String,
    },
    /// Two data sets or two methods of one name, whose records could not be kept apart.
    #[error("the {what} {name} is given twice: name each once")]
    Twice {
        /// `data set` or `method`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A run folder that holds a run already.
    #[error("{} holds a run already: resume it, or choose another folder", path.display())]
    RunExists {
        /// The folder.
        path: PathBuf,
    },
    /// A run folder that another run is writing to.
    #[error("another run is writing to {}: wait for it to end, or choose another folder", path.display())]
    FolderInUse {
        /// The folder.
        path: PathBuf,
    },
    /// A run folder that holds another run.
    #[error("the run in {} had another {field}: choose another folder, or resume with what it had", path.display())]
    OtherRun {
        /// The folder.
        path: PathBuf,
        /// The part that differs.
        field: &'static str,
    },
    /// A chart of a report cannot be drawn.
    #[error("a chart cannot be drawn: {title}")]
    Chart {
        /// The chart's caption.
        title: String,
        /// The cause.
        #[source]
        source: rpm_core::llm::BoxError,
    },
}
