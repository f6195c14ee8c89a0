//! A file read once: bounded, and hashed while it is read.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::ReadOptions;
use crate::EvalError;

/// The byte order mark, by which some editors mark a file as UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// An open file of a data set.
pub(crate) struct Source {
    path: PathBuf,
    reader: BufReader<Hashed>,
}

/// Hashes what is read and refuses to read beyond a limit.
pub(super) struct Hashed {
    inner: File,
    digest: Sha256,
    left: u64,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let left = self.left.checked_sub(count as u64);
        // A file may grow while it is read, and a pipe has no size to check before.
        self.left = left.ok_or_else(|| io::Error::new(io::ErrorKind::FileTooLarge, "over the limit for a file"))?;
        self.digest.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

impl Source {
    /// Opens a file whose bytes are hashed after those `digest` has seen, and passes over a byte order mark.
    pub(super) fn open(path: &Path, digest: Sha256, options: &ReadOptions) -> Result<Self, EvalError> {
        let fail = |source| io_error(path, source);
        let inner = File::open(path).map_err(fail)?;
        let (size, limit) = (inner.metadata().map_err(fail)?.len(), options.max_file_bytes);
        if size > limit {
            return Err(format_error(path, format!("has {size} bytes, over the limit of {limit}")));
        }
        let mut reader = BufReader::new(Hashed { inner, digest, left: limit });
        if reader.fill_buf().map_err(fail)?.starts_with(BOM) {
            reader.consume(BOM.len());
        }
        Ok(Self { path: path.to_owned(), reader })
    }

    /// The path it was opened by.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The rest of the file.
    pub(super) fn reader(&mut self) -> &mut BufReader<Hashed> {
        &mut self.reader
    }

    /// Reads to the end, so that the hash is of the whole file.
    pub(super) fn finish(mut self) -> Result<Sha256, EvalError> {
        io::copy(&mut self.reader, &mut io::sink()).map_err(|source| io_error(&self.path, source))?;
        Ok(self.reader.into_inner().digest)
    }

    /// A file that is small by its nature, whole.
    pub(crate) fn whole(path: &Path, digest: Sha256, options: &ReadOptions) -> Result<(Vec<u8>, Sha256), EvalError> {
        let mut source = Self::open(path, digest, options)?;
        let mut bytes = Vec::new();
        source.reader.read_to_end(&mut bytes).map_err(|source| io_error(path, source))?;
        Ok((bytes, source.finish()?))
    }
}

pub(crate) fn io_error(path: &Path, source: io::Error) -> EvalError {
    EvalError::Io { path: path.to_owned(), source }
}

pub(crate) fn format_error(path: &Path, problem: impl Into<String>) -> EvalError {
    EvalError::Format { path: path.to_owned(), problem: problem.into() }
}

/// The last part of a path, by which its rows are named.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// A short name for the data in a folder: the folder's own, also where it is given as `.`.
pub(super) fn folder_name(folder: &Path) -> String {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    match (folder.file_name(), folder.canonicalize()) {
        (Some(name), _) => name.to_string_lossy().into_owned(),
        (None, Ok(whole)) => file_name(&whole),
        (None, Err(_)) => "data".to_owned(),
    }
}
