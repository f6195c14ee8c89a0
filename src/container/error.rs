//! The one error for bytes that are not as they were written.

/// Says which file is damaged, in which section, at which byte, and how. Holds names and numbers, never what the file holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: section `{section}` at byte {at} {damage}")]
#[non_exhaustive]
pub struct DamagedFile {
    /// The kind of file that was expected, such as `log`, `packed` or `bm25`.
    pub kind: &'static str,
    /// The section; `header` for what stands before the first one, `#3` for the fourth one when its name cannot be read.
    pub section: Box<str>,
    /// Offset of the section's first byte from the beginning.
    pub at: u64,
    /// The kind of damage.
    pub damage: Damage,
}

/// The difference of a section from what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// The first bytes are those of no file of this crate.
    #[error("is not the beginning of such a file")]
    WrongMagic,
    /// It is a file of another kind.
    #[error("says that the file is of another kind")]
    OtherKind,
    /// It is a file of another version.
    #[error("has version {found}, and this build reads version {known}")]
    OtherVersion {
        /// The file's version.
        found: u32,
        /// The version that can be read.
        known: u32,
    },
    /// The bytes end before it does.
    #[error("is cut short")]
    Cut,
    /// Its bytes are not those that were written.
    #[error("is not what was written: its checksum is another")]
    Checksum,
    /// It claims to be larger than such a section may be.
    #[error("is too large")]
    TooLarge,
    /// It is not there.
    #[error("is missing")]
    Missing,
    /// There is more behind what should be the last one.
    #[error("begins behind the last section")]
    Trailing,
    /// Its bytes are those that were written, and yet it says what cannot be.
    #[error("cannot be: {problem}")]
    Content {
        /// Its fault.
        problem: &'static str,
    },
}

impl DamagedFile {
    /// Damage to a section of a file of this kind.
    pub fn new(kind: &'static str, section: &str, at: u64, damage: Damage) -> Self {
        Self { kind, section: section.into(), at, damage }
    }
}
