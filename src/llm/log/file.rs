use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::files::{beside, private, sync_folder};

use super::LogError;
use super::key::Key;
use super::record::{Frame, HEADER, Header, Record, VERSION, header, read_header};
use super::scan::{Found, Scanner, read_body};
use super::store::{LogStats, Store};

/// A log in an append-only file. Only the places of the records are held in memory.
pub(super) struct FileStore {
    path: PathBuf,
    /// Held locked for as long as the log is open. A file of its own, since the log's file is replaced by a rewrite.
    _lock: File,
    file: File,
    /// Where the next record goes.
    end: u64,
    places: HashMap<Key, Place>,
    stats: LogStats,
}

#[derive(Clone, Copy)]
struct Place {
    frame: Frame,
    body_at: u64,
}

impl FileStore {
    pub(super) fn open(path: &Path) -> Result<Self, LogError> {
        let lock = private().write(true).create(true).truncate(false).open(beside(path, ".lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LogError::InUse),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        // What a rewrite left that did not end may hold what was to be removed.
        match fs::remove_file(beside(path, ".tmp")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let mut file = private().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut first = Vec::with_capacity(HEADER + 1);
        (&file).take(HEADER as u64 + 1).read_to_end(&mut first)?;
        match read_header(&first) {
            Header::Known => {}
            Header::Future(found) => return Err(LogError::FutureVersion { found, known: VERSION }),
            Header::Foreign => return Err(LogError::NotALog),
            Header::Torn => {
                file.set_len(0)?;
                file.seek(SeekFrom::Start(0))?;
                file.write_all(&header())?;
                file.sync_all()?;
                sync_folder(path)?;
            }
        }
        let mut store = Self {
            path: path.to_owned(),
            _lock: lock,
            file,
            end: HEADER as u64,
            places: HashMap::new(),
            stats: LogStats::default(),
        };
        store.read_places()?;
        Ok(store)
    }

    fn read_places(&mut self) -> Result<(), LogError> {
        let mut scanner = Scanner::new(&self.file, HEADER as u64)?;
        self.end = self.file.metadata()?.len();
        while let Some(found) = scanner.next()? {
            match found {
                Found::Record { record, frame, body_at } => {
                    self.places.insert(record.key, Place { frame, body_at });
                }
                Found::Damaged => self.stats.damaged += 1,
                Found::Torn { at } => {
                    self.stats.cut_bytes = self.end.saturating_sub(at);
                    self.file.set_len(at)?;
                    self.end = at;
                }
            }
        }
        Ok(())
    }

    /// Puts another handle in the place of the file's.
    #[cfg(test)]
    pub(super) fn exchange(&mut self, file: File) -> File {
        std::mem::replace(&mut self.file, file)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(bytes)
    }

    /// Writes the whole records that are kept to a new file and puts it in the place of the old one, all or nothing.
    fn rewrite(&mut self, keep: impl FnMut(&Record) -> bool) -> Result<(), LogError> {
        let path = beside(&self.path, ".tmp");
        let result = self.rewrite_by(&path, keep);
        if result.is_err() {
            // On a full disk it would take the room of the next replies.
            let _ = fs::remove_file(path);
        }
        result
    }

    fn rewrite_by(&mut self, path: &Path, mut keep: impl FnMut(&Record) -> bool) -> Result<(), LogError> {
        let file = private().read(true).write(true).create(true).truncate(true).open(path)?;
        let mut output = BufWriter::new(file);
        output.write_all(&header())?;
        let mut end = HEADER as u64;
        let mut places = HashMap::new();
        let mut scanner = Scanner::new(&self.file, HEADER as u64)?;
        while let Some(found) = scanner.next()? {
            let Found::Record { record, frame, body_at } = found else { continue };
            let newest = self.places.get(&record.key).is_some_and(|place| place.body_at == body_at);
            if !keep(&record) || !newest {
                continue;
            }
            let Some(bytes) = record.to_bytes() else { continue };
            output.write_all(&bytes)?;
            end += bytes.len() as u64;
            // Written from the same version, the body is the same and so is its frame.
            places.insert(record.key, Place { frame, body_at: end - frame.len as u64 });
        }
        let file = output.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        fs::rename(path, &self.path)?;
        self.file = file;
        self.end = end;
        self.places = places;
        Ok(sync_folder(&self.path)?)
    }
}

impl Store for FileStore {
    fn get(&mut self, key: &Key) -> Option<Record> {
        let place = *self.places.get(key)?;
        // Checked again: the disk may have changed its mind since the file was opened.
        match read_body(&mut self.file, &place.frame, place.body_at) {
            Ok(Some(record)) if record.key == *key => Some(record),
            _ => {
                self.stats.damaged += 1;
                self.places.remove(key);
                None
            }
        }
    }

    fn has(&self, key: &Key) -> bool {
        self.places.contains_key(key)
    }

    fn put(&mut self, record: Record) -> bool {
        let bytes = record.to_bytes();
        let frame = bytes.as_ref().and_then(|bytes| bytes.first_chunk()).and_then(Frame::read);
        let (Some(bytes), Some(frame)) = (bytes, frame) else {
            self.stats.unwritten += 1;
            return false;
        };
        if self.append(&bytes).is_err() {
            // What was written of it must not stand before the next record. If this fails too, the reader skips it.
            let _ = self.file.set_len(self.end);
            self.stats.unwritten += 1;
            return false;
        }
        self.end += bytes.len() as u64;
        self.places.insert(record.key, Place { frame, body_at: self.end - frame.len as u64 });
        true
    }

    fn purge(&mut self, ids: &[&str]) -> Result<usize, LogError> {
        let mut removed = 0;
        self.rewrite(|record| {
            let gone = record.is_about(ids);
            removed += usize::from(gone);
            !gone
        })?;
        Ok(removed)
    }

    fn compact(&mut self) -> Result<u64, LogError> {
        let before = self.end;
        self.rewrite(|_| true)?;
        Ok(before.saturating_sub(self.end))
    }

    fn sync(&mut self) -> Result<(), LogError> {
        Ok(self.file.sync_data()?)
    }

    fn bytes(&mut self) -> Result<Vec<u8>, LogError> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(0))?;
        self.file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn stats(&self) -> LogStats {
        LogStats { records: self.places.len(), bytes: self.end, ..self.stats }
    }
}
