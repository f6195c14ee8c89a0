//! Version 1 of a packed file, which had a form of its own: it is read, and no longer written.
//!
//! ```text
//! magic "RPMPACK\0", version (4), sections (4), bytes of the table (8), checksum of the 24 bytes before and the table (4)
//! the table; by section: bytes of its name (2), its name, its bytes (8), its checksum (4)
//! the sections, one behind the other
//! ```

use std::io::{self, Read};

use crate::container::{Damage, DamagedFile};

use super::{KIND, PackedError, Section, VERSION};

pub(super) const MAGIC: [u8; 8] = *b"RPMPACK\0";
/// The bytes between the magic and the table.
const HEADER: usize = 20;
/// More would be no table of ours.
const LONGEST_TABLE: u64 = 1 << 20;
/// Read and checked at a time, so that no more room is made than there are bytes.
const PIECE: usize = 128 << 10;

/// Reads what follows the magic.
pub(super) fn read(mut input: impl Read) -> Result<Vec<Section>, PackedError> {
    let mut header = [0; HEADER];
    fill(&mut input, &mut header, "header", 0)?;
    let damaged = |section, at, damage| DamagedFile::new(KIND, section, at, damage);
    let mut fields = Fields(&header);
    let number = |bytes: Option<[u8; 4]>| bytes.map_or(0, u32::from_le_bytes);
    let (found, count) = (number(fields.take()), number(fields.take()));
    if found != 1 {
        return Err(damaged("header", 0, Damage::OtherVersion { found, known: VERSION }).into());
    }
    let len = fields.take().map_or(u64::MAX, u64::from_le_bytes);
    let wanted = number(fields.take());
    let len = usize::try_from(len).ok().filter(|len| *len as u64 <= LONGEST_TABLE);
    let mut table = vec![0; len.ok_or_else(|| damaged("header", 0, Damage::TooLarge))?];
    fill(&mut input, &mut table, "table", 28)?;
    let mut sum = crc32fast::Hasher::new();
    sum.update(&MAGIC);
    sum.update(header.get(..HEADER - 4).unwrap_or_default());
    sum.update(&table);
    if sum.finalize() != wanted {
        return Err(damaged("table", 28, Damage::Checksum).into());
    }
    let mut fields = Fields(&table);
    let (mut at, mut sections) = (28 + table.len() as u64, Vec::new());
    for _ in 0..count {
        let problem = "it names sections that cannot be";
        let entry = fields.entry().ok_or_else(|| damaged("table", 28, Damage::Content { problem }))?;
        let bytes = section(&mut input, &entry)?.map_err(|damage| damaged(entry.name, at, damage))?;
        at += entry.len;
        sections.push(Section { name: entry.name.to_owned(), bytes });
    }
    if !fields.0.is_empty() || input.read(&mut [0])? != 0 {
        return Err(damaged("end", at, Damage::Trailing).into());
    }
    Ok(sections)
}

/// Reads a section; the inner error is damage.
fn section(input: &mut impl Read, entry: &Entry<'_>) -> io::Result<Result<Vec<u8>, Damage>> {
    let Ok(len) = usize::try_from(entry.len) else { return Ok(Err(Damage::TooLarge)) };
    let (mut bytes, mut sum) = (Vec::new(), crc32fast::Hasher::new());
    while bytes.len() < len {
        let (from, piece) = (bytes.len(), PIECE.min(len - bytes.len()));
        if input.by_ref().take(piece as u64).read_to_end(&mut bytes)? < piece {
            return Ok(Err(Damage::Cut));
        }
        sum.update(bytes.get(from..).unwrap_or_default());
    }
    Ok(if sum.finalize() == entry.sum { Ok(bytes) } else { Err(Damage::Checksum) })
}

fn fill(input: &mut impl Read, into: &mut [u8], section: &str, at: u64) -> Result<(), PackedError> {
    input.read_exact(into).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => DamagedFile::new(KIND, section, at, Damage::Cut).into(),
        _ => error.into(),
    })
}

/// A section's row in the table.
struct Entry<'a> {
    name: &'a str,
    len: u64,
    sum: u32,
}

/// The bytes that are not read yet.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn entry(&mut self) -> Option<Entry<'a>> {
        let len = usize::from(u16::from_le_bytes(self.take()?));
        let (name, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        let name = std::str::from_utf8(name).ok()?;
        Some(Entry { name, len: u64::from_le_bytes(self.take()?), sum: u32::from_le_bytes(self.take()?) })
    }
}
