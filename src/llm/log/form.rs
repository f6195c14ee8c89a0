//! The kind, the version and the bounds of a log's file.

/// The kind of the file.
pub(super) const KIND: &str = "log";
/// The newest format version. Version 1 had a form of its own (`old`).
pub(super) const VERSION: u32 = 2;
/// The longest body in bytes. A frame that claims a longer one is damaged, so that no length read from a file is believed.
pub(super) const LONGEST: usize = 16 << 20;
