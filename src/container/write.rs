//! Writing a file of sections.

use std::fmt;

use super::{HEAD, HEADER, MAGIC, MARKER, kind_bytes};

/// Writes a file of named sections into memory.
pub struct Writer {
    kind: &'static str,
    version: u32,
    count: u32,
    bytes: Vec<u8>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("kind", &self.kind)
            .field("version", &self.version)
            .field("sections", &self.count)
            .field("bytes", &self.bytes.len())
            .finish()
    }
}

impl Writer {
    /// A file of this kind, of which the first 8 bytes count, and this version of the kind.
    pub fn new(kind: &'static str, version: u32) -> Self {
        Self { kind, version, count: 0, bytes: vec![0; HEADER] }
    }

    /// Adds a section. A name over 64 KiB cannot be read again.
    pub fn section(&mut self, name: &str, body: &[u8]) {
        self.section_with(name, |bytes| bytes.extend_from_slice(body));
    }

    /// Adds a section whose body is what this appends.
    pub fn section_with(&mut self, name: &str, append: impl FnOnce(&mut Vec<u8>)) {
        let at = self.bytes.len();
        self.bytes.resize(at + HEAD, 0);
        self.bytes.extend_from_slice(name.as_bytes());
        let from = self.bytes.len();
        append(&mut self.bytes);
        // An appender that took bytes away wrote an empty body.
        self.bytes.resize(self.bytes.len().max(from), 0);
        let head = head(name, self.bytes.get(from..).unwrap_or_default());
        fill(&mut self.bytes, at, &head);
        self.count += 1;
    }

    /// The whole file.
    pub fn finish(mut self) -> Vec<u8> {
        let header = header(self.kind, self.version, self.count);
        fill(&mut self.bytes, 0, &header);
        self.bytes
    }
}

/// A header.
pub(crate) fn header(kind: &str, version: u32, count: u32) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    fill(&mut header, 0, &MAGIC);
    fill(&mut header, 8, &kind_bytes(kind));
    fill(&mut header, 16, &version.to_le_bytes());
    fill(&mut header, 20, &count.to_le_bytes());
    let sum = crc32fast::hash(header.get(..24).unwrap_or_default());
    fill(&mut header, 24, &sum.to_le_bytes());
    header
}

/// A section of a file that grows, which has no name.
#[cfg(feature = "response-log")]
pub(crate) fn frame(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD + body.len());
    bytes.extend(head("", body));
    bytes.extend(body);
    bytes
}

fn head(name: &str, body: &[u8]) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    fill(&mut head, 0, &MARKER);
    fill(&mut head, 4, &u32::try_from(name.len()).unwrap_or(u32::MAX).to_le_bytes());
    fill(&mut head, 8, &(body.len() as u64).to_le_bytes());
    fill(&mut head, 16, &crc32fast::hash(body).to_le_bytes());
    let mut sum = crc32fast::Hasher::new();
    sum.update(head.get(..20).unwrap_or_default());
    sum.update(name.as_bytes());
    fill(&mut head, 20, &sum.finalize().to_le_bytes());
    head
}

fn fill(bytes: &mut [u8], at: usize, with: &[u8]) {
    bytes.iter_mut().skip(at).zip(with).for_each(|(byte, value)| *byte = *value);
}
