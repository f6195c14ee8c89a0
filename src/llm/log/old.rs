//! Version 1 of a log's file, which had a form of its own. It is read once, to be written anew in the common one.

use sha2::{Digest, Sha256};

use crate::container::{Damage, DamagedFile, Frame, MARKER};

use super::form::{KIND, LONGEST, VERSION};

/// The bytes before the first record: the magic, the version and their check.
pub(super) const HEADER: usize = 16;
const MAGIC: &[u8; 8] = b"rpmlog\r\n";

/// The header of a log of version 1.
pub(super) fn header() -> [u8; HEADER] {
    header_of(1)
}

fn header_of(version: u32) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    let mut text = MAGIC.to_vec();
    text.extend(version.to_le_bytes());
    text.extend(digest::<4>(&text));
    bytes.iter_mut().zip(text).for_each(|(byte, value)| *byte = value);
    bytes
}

/// Reads the first bytes of a file; false when they are not those of such a log.
pub(super) fn is_old(bytes: &[u8]) -> Result<bool, DamagedFile> {
    let damaged = |damage| Err(DamagedFile::new(KIND, "header", 0, damage));
    if !bytes.starts_with(MAGIC) {
        return Ok(false);
    }
    let Some(bytes) = bytes.first_chunk::<HEADER>() else { return damaged(Damage::Cut) };
    let [_, _, _, _, _, _, _, _, a, b, c, d, ..] = *bytes;
    match u32::from_le_bytes([a, b, c, d]) {
        version if *bytes != header_of(version) => damaged(Damage::Checksum),
        1 => Ok(true),
        found => damaged(Damage::OtherVersion { found, known: VERSION }),
    }
}

/// The frame before a record's body: the marker, the body's length, its check and a check of these three.
#[derive(Debug, Clone, Copy)]
pub(super) struct OldFrame {
    len: usize,
    check: [u8; 8],
}

impl Frame for OldFrame {
    const LEN: usize = 20;

    fn read(bytes: &[u8]) -> Option<Self> {
        let (checked, check) = bytes.split_last_chunk::<4>()?;
        let (marker, rest) = checked.split_first_chunk::<4>()?;
        let (len, body_check) = rest.split_first_chunk::<4>()?;
        let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
        let holds = *marker == MARKER && digest::<4>(checked) == *check && len <= LONGEST;
        if holds { Some(Self { len, check: body_check.try_into().ok()? }) } else { None }
    }

    fn body(&self) -> usize {
        self.len
    }

    fn holds(&self, body: &[u8]) -> bool {
        body.len() == self.len && digest::<8>(body) == self.check
    }
}

/// The first bytes of the SHA-256 of some bytes.
fn digest<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let full: [u8; 32] = Sha256::digest(bytes).into();
    let mut short = [0; N];
    short.iter_mut().zip(full).for_each(|(byte, value)| *byte = value);
    short
}
