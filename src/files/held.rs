//! A file for one opening at a time, whatever it is called: found behind its links, locked itself, with one name.

use std::io;
use std::path::{Path, PathBuf};

use super::{Disk, DiskFile, beside};

/// A file that this opening alone has.
#[derive(Debug)]
pub struct Held<F> {
    /// The file, locked.
    pub file: F,
    /// Its path, behind every link. Files beside it are named after this one.
    pub path: PathBuf,
    /// Locked as well. A file of its own, since the file is replaced by a rewrite, and older versions know no other lock.
    pub lock: F,
}

/// Why a file could not be had for one opening.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HoldError {
    /// Another opening has it.
    #[error("the file is in use")]
    InUse,
    /// It has more than one name (hard links): rewritten under one, it would stay as it was under the others.
    #[error("the file has {names} names")]
    ManyNames {
        /// How many.
        names: u64,
    },
    /// Its path leads to another file by now, or to none.
    #[error("the file was moved")]
    Moved,
    /// It could not be opened or locked.
    #[error("the file could not be opened")]
    Io(#[from] io::Error),
}

/// How often a file that is moved while it is opened is looked for again: a rewrite that ends just then moves it once.
const LOOKS: usize = 8;

/// Bytes that are written again at a time.
const BLOCK: usize = 256 << 10;

/// Opens a file, or makes an empty one, and locks it. `kept` is the ending of the name under which a rewrite of it keeps the file
/// that it replaces: a rewrite that was cut off may have left the file with both names, of which that one then goes.
///
/// # Errors
/// [`HoldError`]; the file is as it was, or empty when there was none.
pub fn hold<D: Disk>(disk: &D, path: &Path, kept: Option<&str>) -> Result<Held<D::File>, HoldError> {
    for _ in 0..LOOKS {
        let file = disk.open(path)?;
        let resolved = disk.resolve(path)?;
        let lock = disk.open(&beside(&resolved, ".lock"))?;
        if !lock.try_lock()? || !file.try_lock()? {
            return Err(HoldError::InUse);
        }
        if !disk.names(&resolved, &file)? {
            continue;
        }
        // Where the system does not tell, what is kept is not touched.
        if file.names()? > 1
            && let Some(kept) = kept.map(|ending| beside(&resolved, ending))
            && disk.names(&kept, &file)?
        {
            disk.remove(&kept)?;
        }
        sole(disk, &resolved, &file)?;
        file.narrow()?;
        return Ok(Held { file, path: resolved, lock });
    }
    Err(HoldError::Moved)
}

/// Fails unless this path leads to this file, and no other one does.
///
/// # Errors
/// [`HoldError::Moved`], [`HoldError::ManyNames`] or [`HoldError::Io`].
pub fn sole<D: Disk>(disk: &D, path: &Path, file: &D::File) -> Result<(), HoldError> {
    if !disk.names(path, file)? {
        return Err(HoldError::Moved);
    }
    match file.names()? {
        0 => Err(HoldError::Moved),
        1 => Ok(()),
        names => Err(HoldError::ManyNames { names }),
    }
}

/// Puts a new file in the place of another one. Some file systems report a failure of what they did, so it is looked at.
///
/// # Errors
/// The rename's, when the old file is still there.
pub fn put_in_place<D: Disk>(disk: &D, new: &Path, file: &D::File, place: &Path) -> io::Result<()> {
    let Err(error) = disk.rename(new, place) else { return Ok(()) };
    let is_done = !disk.names(new, file).unwrap_or(true) && disk.names(place, file).unwrap_or(false);
    if is_done { Ok(()) } else { Err(error) }
}

/// Says in a file's lock that a flush of the file failed. What it did not write counts as written from then on, also for the next
/// process, until the power goes; so who opens the file next has to know.
pub fn doubt<F: DiskFile>(lock: &F) {
    // A file of this name that somebody else writes to is left as it is.
    if lock.is_empty().unwrap_or(false) {
        let _ = lock.write_all_at(0, DOUBT);
    }
}

/// What a lock says then, or the beginning of it.
const DOUBT: &[u8] = b"a flush failed\n";

/// True when a flush of the file failed that nobody made good.
///
/// # Errors
/// The lock cannot be read.
pub fn is_doubted<F: DiskFile>(lock: &F) -> io::Result<bool> {
    let len = lock.len()?;
    let Some(said) = usize::try_from(len).ok().filter(|len| *len > 0).and_then(|len| DOUBT.get(..len)) else {
        return Ok(false);
    };
    let mut bytes = vec![0; said.len()];
    lock.read_exact_at(0, &mut bytes)?;
    Ok(bytes == said)
}

/// Makes a failed flush good: writes all bytes over themselves, so that the system takes them for new ones, and flushes them. Needs
/// no room.
///
/// # Errors
/// The file cannot be read, written or flushed.
pub fn write_again<F: DiskFile>(file: &F, lock: &F) -> io::Result<()> {
    let (len, mut at, mut bytes) = (file.len()?, 0, vec![0; BLOCK]);
    while at < len {
        let some = usize::try_from(len - at).unwrap_or(BLOCK).min(BLOCK);
        let part = bytes.get_mut(..some).unwrap_or_default();
        file.read_exact_at(at, part)?;
        file.write_all_at(at, part)?;
        at += some as u64;
    }
    file.sync_all()?;
    // If it stays, it is done once more.
    let _ = lock.set_len(0);
    Ok(())
}
