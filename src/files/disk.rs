//! What a response log and a store ask of a disk: the seam at which their tests put one that fails.
#![expect(clippy::missing_errors_doc, reason = "every call fails as the disk does")]

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};

/// The files of a disk by their names.
pub trait Disk: Debug + Send + Sync + 'static {
    /// An open file.
    type File: DiskFile;

    /// Opens a file for reading and writing; makes an empty one, for the owner's eyes only, when there is none.
    fn open(&self, path: &Path) -> io::Result<Self::File>;

    /// Opens a file for reading, if there is one.
    fn open_there(&self, path: &Path) -> io::Result<Option<Self::File>>;

    /// Makes a file where there is none, for the owner's eyes only. Follows no link.
    fn create(&self, path: &Path) -> io::Result<Self::File>;

    /// Removes a name, if it is there.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Gives a file another name, which a file that has it loses.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives a file a second name.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// The path of the file itself, behind every link.
    fn resolve(&self, path: &Path) -> io::Result<PathBuf>;

    /// False when this path leads to another file than this one, or to none.
    fn names(&self, path: &Path, file: &Self::File) -> io::Result<bool>;

    /// Makes the names in the folder of this path survive a loss of power.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
}

/// An open file.
pub trait DiskFile: Debug + Send + Sync + 'static {
    /// Its bytes.
    fn len(&self) -> io::Result<u64>;

    /// True when it has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Reads some of the bytes at this place; none at the end.
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Writes some of the bytes at this place.
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<usize>;

    /// Cuts it or fills it with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Waits until its bytes would survive a loss of power.
    fn sync_data(&self) -> io::Result<()>;

    /// Waits until its bytes, its rights and its times would.
    fn sync_all(&self) -> io::Result<()>;

    /// Locks the file itself, until it is closed or the process ends; false while another opening has it locked.
    fn try_lock(&self) -> io::Result<bool>;

    /// The number of its names; 1 where the system does not tell.
    fn names(&self) -> io::Result<u64>;

    /// Takes the rights of others to it away.
    fn narrow(&self) -> io::Result<()>;

    /// Lets in whoever is let in to another file.
    fn let_in_as(&self, other: &Self) -> io::Result<()>;

    /// Reads all the bytes at this place.
    fn read_exact_at(&self, mut at: u64, mut into: &mut [u8]) -> io::Result<()> {
        while !into.is_empty() {
            match self.read_at(at, into) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    into = into.get_mut(read..).unwrap_or_default();
                    at += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes all the bytes at this place.
    fn write_all_at(&self, mut at: u64, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write_at(at, bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    bytes = bytes.get(written..).unwrap_or_default();
                    at += written as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
