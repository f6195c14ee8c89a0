//! The system's files.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::{Disk, DiskFile, narrow, private, sync_folder};

/// The system's own files.
///
/// Where the system is not Unix, a file's names are not counted and a path is believed to name the file that was opened by it.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Disk for System {
    type File = File;

    fn open(&self, path: &Path) -> io::Result<File> {
        private().read(true).write(true).create(true).truncate(false).open(path)
    }

    fn open_there(&self, path: &Path) -> io::Result<Option<File>> {
        match private().read(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            result => result.map(Some),
        }
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        private().read(true).write(true).create_new(true).open(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn names(&self, path: &Path, file: &File) -> io::Result<bool> {
        match fs::metadata(path) {
            Ok(there) => is_same(&there, file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        sync_folder(path)
    }
}

#[cfg(unix)]
fn is_same(there: &fs::Metadata, file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let own = file.metadata()?;
    Ok((there.dev(), there.ino()) == (own.dev(), own.ino()))
}

#[cfg(not(unix))]
fn is_same(_: &fs::Metadata, _: &File) -> io::Result<bool> {
    Ok(true)
}

impl DiskFile for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    #[cfg(unix)]
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, into, at)
    }

    #[cfg(not(unix))]
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        use std::io::{Read as _, Seek as _};
        let _turn = turn();
        let mut file = self;
        file.seek(io::SeekFrom::Start(at))?;
        file.read(into)
    }

    #[cfg(unix)]
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::write_at(self, bytes, at)
    }

    #[cfg(not(unix))]
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<usize> {
        use std::io::{Seek as _, Write as _};
        let _turn = turn();
        let mut file = self;
        file.seek(io::SeekFrom::Start(at))?;
        file.write(bytes)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        File::set_len(self, len)
    }

    fn sync_data(&self) -> io::Result<()> {
        File::sync_data(self)
    }

    fn sync_all(&self) -> io::Result<()> {
        File::sync_all(self)
    }

    fn try_lock(&self) -> io::Result<bool> {
        match File::try_lock(self) {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    #[cfg(unix)]
    fn names(&self) -> io::Result<u64> {
        Ok(std::os::unix::fs::MetadataExt::nlink(&self.metadata()?))
    }

    #[cfg(not(unix))]
    fn names(&self) -> io::Result<u64> {
        Ok(1)
    }

    fn narrow(&self) -> io::Result<()> {
        narrow(self)
    }

    #[cfg(unix)]
    fn let_in_as(&self, other: &Self) -> io::Result<()> {
        self.set_permissions(other.metadata()?.permissions())
    }

    #[cfg(not(unix))]
    fn let_in_as(&self, _: &Self) -> io::Result<()> {
        Ok(())
    }
}

/// A file has one place there, which a store's readers would move under each other.
#[cfg(not(unix))]
fn turn() -> std::sync::MutexGuard<'static, ()> {
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
