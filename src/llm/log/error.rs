/// A response log that could not be opened or changed. Holds no text of a user and no path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The file could not be read or written.
    #[error("the log's file could not be read or written")]
    Io(#[from] std::io::Error),
    /// The file is something else, or its header is damaged. It was left as it is.
    #[error("the file is no response log, or its header is damaged")]
    NotALog,
    /// The file was written by a newer version of this crate. It was left as it is.
    #[error("the log has format version {found}; this version of the crate reads up to {known}")]
    FutureVersion {
        /// The file's version.
        found: u32,
        /// The newest version this crate reads.
        known: u32,
    },
    /// Another opening of the same file, in this process or another one, is in use.
    #[error("the log is in use by another process or another opening")]
    InUse,
}
