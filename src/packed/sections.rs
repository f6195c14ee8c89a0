//! A file of named sections, each with a checksum.
//!
//! ```text
//! magic "RPMPACK\0", version (4), sections (4), bytes of the table (8), checksum of the 24 bytes before and the table (4)
//! the table; by section: bytes of its name (2), its name, its bytes (8), its checksum (4)
//! the sections, one behind the other
//! ```
//!
//! Numbers are little-endian; checksums are CRC-32 (ISO-HDLC).

use std::io::{self, Read};

use super::PackedError;

const MAGIC: [u8; 8] = *b"RPMPACK\0";
pub(super) const VERSION: u32 = 1;
const HEADER: usize = 28;
/// More would be no table of ours.
const LONGEST_TABLE: u64 = 1 << 20;
/// Read and checked at a time: little enough to be in the core's cache still when it is checked.
const PIECE: usize = 128 << 10;

/// A section and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// The file of these sections.
///
/// # Errors
/// [`PackedError::TooLarge`] for a name or a table that is too long.
pub(super) fn write(sections: &[Section]) -> Result<Vec<u8>, PackedError> {
    let mut table = Vec::new();
    for Section { name, bytes } in sections {
        let len = u16::try_from(name.len()).map_err(|_| PackedError::TooLarge { section: name.clone() })?;
        table.extend(len.to_le_bytes());
        table.extend(name.as_bytes());
        table.extend((bytes.len() as u64).to_le_bytes());
        table.extend(crc32fast::hash(bytes).to_le_bytes());
    }
    let too_many = || PackedError::TooLarge { section: "table".to_owned() };
    if table.len() as u64 > LONGEST_TABLE {
        return Err(too_many());
    }
    let mut file = MAGIC.to_vec();
    file.extend(VERSION.to_le_bytes());
    file.extend(u32::try_from(sections.len()).map_err(|_| too_many())?.to_le_bytes());
    file.extend((table.len() as u64).to_le_bytes());
    let mut sum = crc32fast::Hasher::new();
    sum.update(&file);
    sum.update(&table);
    file.extend(sum.finalize().to_le_bytes());
    file.extend(table);
    for section in sections {
        file.extend(&section.bytes);
    }
    Ok(file)
}

/// The sections of a file, all checked.
pub(super) fn read(mut input: impl Read) -> Result<Vec<Section>, PackedError> {
    let mut header = [0; HEADER];
    fill(&mut input, &mut header, "header")?;
    let mut fields = Fields(&header);
    if fields.take() != Some(MAGIC) {
        return Err(PackedError::NotPacked);
    }
    let damaged = |section: &str| PackedError::Damaged { section: section.to_owned() };
    let number = |bytes: Option<[u8; 4]>| bytes.map(u32::from_le_bytes).ok_or_else(|| damaged("header"));
    let version = number(fields.take())?;
    if version != VERSION {
        return Err(PackedError::OtherVersion { found: version, known: VERSION });
    }
    let count = number(fields.take())?;
    let len = fields.take().map(u64::from_le_bytes).filter(|len| *len <= LONGEST_TABLE);
    let wanted = number(fields.take())?;
    let mut table = vec![0; usize::try_from(len.ok_or_else(|| damaged("header"))?).unwrap_or(0)];
    fill(&mut input, &mut table, "table")?;
    let mut sum = crc32fast::Hasher::new();
    sum.update(header.get(..HEADER - 4).unwrap_or_default());
    sum.update(&table);
    if sum.finalize() != wanted {
        return Err(damaged("table"));
    }
    let mut fields = Fields(&table);
    let mut sections = Vec::new();
    for _ in 0..count {
        let (name, len, sum) = fields.entry().ok_or_else(|| damaged("table"))?;
        let bytes = section(&mut input, name, len, sum)?;
        sections.push(Section { name: name.to_owned(), bytes });
    }
    if !fields.0.is_empty() || input.read(&mut [0])? != 0 {
        return Err(damaged("end"));
    }
    Ok(sections)
}

fn section(input: &mut impl Read, name: &str, len: u64, wanted: u32) -> Result<Vec<u8>, PackedError> {
    let mut bytes = Vec::new();
    let mut sum = crc32fast::Hasher::new();
    let len = usize::try_from(len).map_err(|_| PackedError::TooLarge { section: name.to_owned() })?;
    // A damaged length cannot ask for room that the file does not fill: the table is checked before.
    bytes.try_reserve_exact(len).map_err(|_| PackedError::TooLarge { section: name.to_owned() })?;
    while bytes.len() < len {
        let from = bytes.len();
        let piece = PIECE.min(len - from);
        let got = input.by_ref().take(piece as u64).read_to_end(&mut bytes)?;
        if got < piece {
            return Err(PackedError::Cut { section: name.to_owned() });
        }
        sum.update(bytes.get(from..).unwrap_or_default());
    }
    if sum.finalize() == wanted { Ok(bytes) } else { Err(PackedError::Damaged { section: name.to_owned() }) }
}

fn fill(input: &mut impl Read, into: &mut [u8], section: &str) -> Result<(), PackedError> {
    input.read_exact(into).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => PackedError::Cut { section: section.to_owned() },
        _ => error.into(),
    })
}

/// The bytes that are not read yet.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn entry(&mut self) -> Option<(&'a str, u64, u32)> {
        let len = usize::from(u16::from_le_bytes(self.take()?));
        let (name, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        let name = std::str::from_utf8(name).ok()?;
        Some((name, u64::from_le_bytes(self.take()?), u32::from_le_bytes(self.take()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_sections() -> impl Strategy<Value = Vec<Section>> {
        let section = ("[a-z ]{0,12}", prop::collection::vec(any::<u8>(), 0..300));
        prop::collection::vec(section.prop_map(|(name, bytes)| Section { name, bytes }), 0..5)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(sections in any_sections()) {
            prop_assert_eq!(read(&write(&sections).unwrap()[..]).unwrap(), sections);
        }

        #[test]
        fn any_flipped_bit_and_any_cut_is_an_error(sections in any_sections(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
            let file = write(&sections).unwrap();
            let at = at.index(file.len());
            let mut flipped = file.clone();
            flipped[at] ^= 1 << bit;
            prop_assert!(read(&flipped[..]).is_err());
            prop_assert!(read(&file[..at]).is_err());
            let longer = [file, vec![0]].concat();
            prop_assert!(read(&longer[..]).is_err());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes[..]);
            let _ = read(&[&MAGIC[..], &bytes].concat()[..]);
        }
    }

    #[test]
    fn an_error_names_the_section() {
        let section = |name: &str| Section { name: name.to_owned(), bytes: vec![7; 10] };
        let mut file = write(&[section("one"), section("two")]).unwrap();
        let last = file.len() - 1;
        file[last] = 0;
        let named = |result: Result<Vec<Section>, PackedError>| result.unwrap_err().to_string();
        assert_eq!(named(read(&file[..])), "section `two` is damaged");
        assert_eq!(named(read(&file[..last - 10])), "the file ends in section `one`");
        assert_eq!(named(read(&file[..10])), "the file ends in section `header`");
        file[8] = 2;
        assert_eq!(named(read(&file[..])), "the file has version 2, this build reads version 1");
        assert_eq!(named(read(&b"{\"format\":\"rpm-core/user-model\"}"[..])), "the file is no packed user model");
    }
}
