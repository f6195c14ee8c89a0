//! A file as a reader and a writer that keeps its own place.

use std::io::{self, Read, Seek, SeekFrom, Write};

use super::DiskFile;

/// A place in an open file; others may be at other places of it.
#[derive(Debug)]
pub struct Cursor<'a, F> {
    file: &'a F,
    at: u64,
}

impl<'a, F: DiskFile> Cursor<'a, F> {
    /// The file's beginning.
    pub fn new(file: &'a F) -> Self {
        Self { file, at: 0 }
    }
}

impl<F: DiskFile> Read for Cursor<'_, F> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(self.at, into)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl<F: DiskFile> Write for Cursor<'_, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write_at(self.at, bytes)?;
        self.at += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<F: DiskFile> Seek for Cursor<'_, F> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.file.len()?.checked_add_signed(by),
        };
        self.at = to.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
