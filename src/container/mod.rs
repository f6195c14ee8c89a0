//! One form for every binary file of this crate: a header, then named sections, each with a checksum.
//!
//! ```text
//! header    magic 89 "RPM" CR LF 1A LF (8), kind (8, filled with zeros), version of the kind (4), sections (4),
//!           checksum of the 24 bytes before (4)
//! section   marker FF "rpm" (4), bytes of its name (4), bytes of its body (8), checksum of the body (4),
//!           checksum of the 20 bytes before and the name (4), name, body
//! ```
//!
//! Numbers are little-endian, checksums CRC-32 (ISO-HDLC). A file that is written at once says how many sections it has, so
//! that a cut between two of them shows. A file that grows says 2³² − 1 instead: it has as many as there are, and one that was not
//! written to its end is cut off. The marker's first byte never occurs in UTF-8, so that a reader finds the next section behind a
//! damaged one. `docs/decisions/0025-one-container.md` has the reasons.
//!
//! A host's own [`Retriever`](crate::Retriever) may write its index in this form:
//!
//! ```
//! use rpm_core::container::{Sections, Writer};
//!
//! let mut writer = Writer::new("my-index", 1);
//! writer.section("counts", &[1, 2, 3]);
//! let bytes = writer.finish();
//!
//! let sections = Sections::read(&bytes, "my-index", 1)?;
//! assert_eq!(sections.get("counts")?, [1, 2, 3]);
//! let error = Sections::read(&bytes[..60], "my-index", 1).unwrap_err();
//! assert_eq!(error.to_string(), "my-index: section `counts` at byte 28 is cut short");
//! # Ok::<(), rpm_core::container::DamagedFile>(())
//! ```

mod error;
mod read;
#[cfg(feature = "response-log")]
mod scan;
#[cfg(all(test, feature = "response-log"))]
mod scan_tests;
#[cfg(test)]
mod tests;
mod write;

pub use error::{Damage, DamagedFile};
pub use read::Sections;
pub(crate) use read::{ReadError, read_from};
#[cfg(feature = "response-log")]
pub(crate) use read::{is_torn, read_header};
#[cfg(feature = "response-log")]
pub(crate) use scan::{Found, Frame, Scanner, Unnamed, read_body};
pub use write::Writer;
#[cfg(feature = "response-log")]
pub(crate) use write::{frame, header};

/// The first bytes of every file. The first is no text, the line ends show a file that was converted as text.
const MAGIC: [u8; 8] = *b"\x89RPM\r\n\x1a\n";
/// The bytes before the first section.
pub(crate) const HEADER: usize = 28;
/// The first bytes of every section.
pub(crate) const MARKER: [u8; 4] = [0xff, b'r', b'p', b'm'];
/// The bytes before a section's name.
pub(crate) const HEAD: usize = 24;
/// The number of sections of a file that grows.
#[cfg(feature = "response-log")]
pub(crate) const GROWING: u32 = u32::MAX;
/// The longest name of a section in bytes.
pub(crate) const LONGEST_NAME: usize = 64 << 10;

/// The kind as it is written: eight bytes, filled with zeros.
fn kind_bytes(kind: &str) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes.iter_mut().zip(kind.bytes()).for_each(|(byte, letter)| *byte = letter);
    bytes
}
