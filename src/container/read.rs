//! Reading a file of sections, from bytes or from a reader. No length that a file claims is believed before its bytes are there.

use std::fmt;
use std::io::{self, Read};

use super::{Damage, DamagedFile, HEAD, HEADER, LONGEST_NAME, MAGIC, MARKER, kind_bytes};

/// Read and checked at a time: little enough to be in the core's cache still when it is checked.
const PIECE: usize = 128 << 10;

/// The sections of a file that was written at once, all checked, borrowed from its bytes.
#[derive(Clone)]
pub struct Sections<'a> {
    kind: &'static str,
    /// By section: its name, where it begins, its body.
    sections: Vec<(&'a str, u64, &'a [u8])>,
}

impl fmt::Debug for Sections<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: usize = self.sections.iter().map(|(.., body)| body.len()).sum();
        f.debug_struct("Sections")
            .field("kind", &self.kind)
            .field("sections", &self.sections.len())
            .field("bytes", &bytes)
            .finish()
    }
}

impl<'a> Sections<'a> {
    /// Reads a file of this kind and version. Every checksum is verified, nothing is copied.
    ///
    /// # Errors
    /// [`DamagedFile`]: a flipped bit or a cut anywhere is never a wrong result.
    pub fn read(bytes: &'a [u8], kind: &'static str, version: u32) -> Result<Self, DamagedFile> {
        let count = read_header(bytes, kind, version)?;
        let mut rest = bytes.get(HEADER..).unwrap_or_default();
        let mut sections = Vec::new();
        for number in 0..count {
            let at = (bytes.len() - rest.len()) as u64;
            let damaged = |name: &str, damage| DamagedFile::new(kind, name, at, damage);
            let unnamed = |damage| damaged(&format!("#{number}"), damage);
            let (first, behind) = rest.split_first_chunk::<HEAD>().ok_or_else(|| unnamed(Damage::Cut))?;
            let head = Head::read(first).map_err(unnamed)?;
            let (name, behind) = behind.split_at_checked(head.name).ok_or_else(|| unnamed(Damage::Cut))?;
            let name = head.name(first, name).map_err(unnamed)?;
            let len = usize::try_from(head.body).map_err(|_| damaged(name, Damage::TooLarge))?;
            let (body, behind) = behind.split_at_checked(len).ok_or_else(|| damaged(name, Damage::Cut))?;
            if crc32fast::hash(body) != head.sum {
                return Err(damaged(name, Damage::Checksum));
            }
            sections.push((name, at, body));
            rest = behind;
        }
        if !rest.is_empty() {
            let at = (bytes.len() - rest.len()) as u64;
            return Err(DamagedFile::new(kind, &format!("#{count}"), at, Damage::Trailing));
        }
        Ok(Self { kind, sections })
    }

    /// The body of the first section with this name.
    ///
    /// # Errors
    /// [`Damage::Missing`].
    pub fn get(&self, name: &str) -> Result<&'a [u8], DamagedFile> {
        let found = self.sections.iter().find(|(other, ..)| *other == name);
        found.map(|(.., body)| *body).ok_or_else(|| DamagedFile::new(self.kind, name, 0, Damage::Missing))
    }

    /// The names and bodies, in the order they were written.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'a str, &'a [u8])> {
        self.sections.iter().map(|(name, _, body)| (*name, *body))
    }

    /// The error for a section that says what cannot be.
    pub fn wrong(&self, name: &str, problem: &'static str) -> DamagedFile {
        let at = self.sections.iter().find(|(other, ..)| *other == name).map_or(0, |(_, at, _)| *at);
        DamagedFile::new(self.kind, name, at, Damage::Content { problem })
    }
}

/// Why a reader did not give a whole file.
#[derive(Debug)]
pub(crate) enum ReadError {
    Io(io::Error),
    Damaged(DamagedFile),
}

impl From<DamagedFile> for ReadError {
    fn from(damaged: DamagedFile) -> Self {
        Self::Damaged(damaged)
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads the header of a file of this kind and version, and gives its number of sections.
pub(crate) fn read_header(bytes: &[u8], kind: &'static str, version: u32) -> Result<u32, DamagedFile> {
    let damaged = |damage| DamagedFile::new(kind, "header", 0, damage);
    if !bytes.iter().zip(MAGIC).all(|(byte, wanted)| *byte == wanted) {
        return Err(damaged(Damage::WrongMagic));
    }
    let header = bytes.first_chunk::<HEADER>().ok_or_else(|| damaged(Damage::Cut))?;
    let (checked, sum) = header.split_at(HEADER - 4);
    if crc32fast::hash(checked).to_le_bytes() != *sum {
        return Err(damaged(Damage::Checksum));
    }
    if take(header, 8) != kind_bytes(kind) {
        return Err(damaged(Damage::OtherKind));
    }
    match u32::from_le_bytes(take(header, 16)) {
        found if found != version => Err(damaged(Damage::OtherVersion { found, known: version })),
        _ => Ok(u32::from_le_bytes(take(header, 20))),
    }
}

/// True for the beginning of this header and nothing behind it, and for what a loss of power makes of one: zeros from some byte
/// on. Nothing is lost by writing it anew.
#[cfg(feature = "response-log")]
pub(crate) fn is_torn(bytes: &[u8], header: &[u8]) -> bool {
    let written = bytes.iter().zip(header).take_while(|(byte, wanted)| byte == wanted).count();
    bytes.len() <= header.len() && written < header.len() && bytes.iter().skip(written).all(|byte| *byte == 0)
}

/// The bytes from this place on; zeros where there are none.
fn take<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|bytes| bytes.first_chunk()).copied().unwrap_or([0; N])
}

/// The frame before a section's name and body.
pub(super) struct Head {
    pub(super) name: usize,
    pub(super) body: u64,
    pub(super) sum: u32,
    /// The checksum of the head and the name.
    own: u32,
}

impl Head {
    pub(super) fn read(bytes: &[u8; HEAD]) -> Result<Self, Damage> {
        if take(bytes, 0) != MARKER {
            return Err(Damage::Checksum);
        }
        let name = usize::try_from(u32::from_le_bytes(take(bytes, 4))).unwrap_or(usize::MAX);
        if name > LONGEST_NAME {
            return Err(Damage::TooLarge);
        }
        let body = u64::from_le_bytes(take(bytes, 8));
        let (sum, own) = (u32::from_le_bytes(take(bytes, 16)), u32::from_le_bytes(take(bytes, 20)));
        Ok(Self { name, body, sum, own })
    }

    /// The section's name, when this head is the one that was written with it.
    pub(super) fn name<'n>(&self, head: &[u8; HEAD], name: &'n [u8]) -> Result<&'n str, Damage> {
        let mut sum = crc32fast::Hasher::new();
        sum.update(head.get(..HEAD - 4).unwrap_or_default());
        sum.update(name);
        if sum.finalize() != self.own {
            return Err(Damage::Checksum);
        }
        std::str::from_utf8(name).map_err(|_| Damage::Content { problem: "its name is no text" })
    }
}

/// Reads a file of this kind and version from a reader, to its end: names and bodies, in the order they were written. `size` is
/// the number of bytes to come, where it is known; room is made for no more than that.
pub(crate) fn read_from(
    mut input: impl Read,
    size: Option<u64>,
    kind: &'static str,
    version: u32,
) -> Result<Vec<(String, Vec<u8>)>, ReadError> {
    let mut header = Vec::with_capacity(HEADER);
    input.by_ref().take(HEADER as u64).read_to_end(&mut header)?;
    let count = read_header(&header, kind, version)?;
    let (mut at, mut sections) = (HEADER as u64, Vec::new());
    for number in 0..count {
        let unnamed = |damage| DamagedFile::new(kind, &format!("#{number}"), at, damage);
        let mut first = [0; HEAD];
        if !fill(&mut input, &mut first)? {
            return Err(unnamed(Damage::Cut).into());
        }
        let head = Head::read(&first).map_err(unnamed)?;
        let mut name = vec![0; head.name];
        if !fill(&mut input, &mut name)? {
            return Err(unnamed(Damage::Cut).into());
        }
        let name = head.name(&first, &name).map_err(unnamed)?.to_owned();
        let damaged = |damage| DamagedFile::new(kind, &name, at, damage);
        let before = at + (HEAD + head.name) as u64;
        let body = read_section(&mut input, &head, size.map(|size| size.saturating_sub(before)))?.map_err(damaged)?;
        at = before + head.body;
        sections.push((name, body));
    }
    if input.read(&mut [0])? != 0 {
        return Err(DamagedFile::new(kind, &format!("#{count}"), at, Damage::Trailing).into());
    }
    Ok(sections)
}

/// Reads a body; the inner error is damage.
fn read_section(input: &mut impl Read, head: &Head, left: Option<u64>) -> io::Result<Result<Vec<u8>, Damage>> {
    if left.is_some_and(|left| head.body > left) {
        return Ok(Err(Damage::Cut));
    }
    let Ok(len) = usize::try_from(head.body) else { return Ok(Err(Damage::TooLarge)) };
    let mut bytes = Vec::new();
    let room = if left.is_some() { len } else { len.min(PIECE) };
    if bytes.try_reserve_exact(room).is_err() {
        return Ok(Err(Damage::TooLarge));
    }
    let mut sum = crc32fast::Hasher::new();
    while bytes.len() < len {
        let from = bytes.len();
        let piece = PIECE.min(len - from);
        let got = input.by_ref().take(piece as u64).read_to_end(&mut bytes)?;
        if got < piece {
            return Ok(Err(Damage::Cut));
        }
        sum.update(bytes.get(from..).unwrap_or_default());
    }
    Ok(if sum.finalize() == head.sum { Ok(bytes) } else { Err(Damage::Checksum) })
}

/// False when the input ends too early.
fn fill(input: &mut impl Read, into: &mut [u8]) -> io::Result<bool> {
    match input.read_exact(into) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        result => result.map(|()| true),
    }
}
