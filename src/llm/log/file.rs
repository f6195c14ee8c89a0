//! A log in an append-only file.

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::container::{Damage, DamagedFile, Found, Frame as AnyFrame, Scanner, read_body};
use crate::files::{beside, narrowed, private, sync_folder};

use super::LogError;
use super::form::KIND;
use super::key::Key;
use super::old::{self, OldFrame};
use super::record::{Frame, HEADER, Record, Start, header, read_start};
use super::store::{LogStats, Store};

/// The ending of the name that a file of version 1 is kept under when some of it was damaged.
const OLD: &str = ".v1";
/// Damaged places that are named; more are counted.
const NAMED: usize = 64;

/// A log in an append-only file. Only the places of the records are held in memory.
/// Bytes of the file that are shown at a time.
const BLOCK: usize = 64 << 10;

pub(super) struct FileStore {
    path: PathBuf,
    /// Held locked for as long as the log is open. A file of its own, since the log's file is replaced by a rewrite.
    _lock: File,
    file: File,
    /// The place of the next record.
    end: u64,
    places: Places<Frame>,
    stats: LogStats,
    damage: Vec<DamagedFile>,
}

/// The place of the newest record of each key.
type Places<F> = HashMap<Key, Place<F>>;

#[derive(Clone, Copy)]
struct Place<F> {
    frame: F,
    body_at: u64,
}

/// Narrows the rights to a file of version 1 that was kept, which holds texts too.
fn narrow_old(path: &Path) -> io::Result<()> {
    match File::open(beside(path, OLD)) {
        Ok(file) => narrowed(file).map(drop),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
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
        remove(&beside(path, ".tmp"))?;
        let mut file = narrowed(private().read(true).write(true).create(true).truncate(false).open(path)?)?;
        narrow_old(path)?;
        let mut first = Vec::with_capacity(HEADER + 1);
        (&file).take(HEADER as u64 + 1).read_to_end(&mut first)?;
        let start = read_start(&first)?;
        if start == Start::Torn {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&header())?;
            file.sync_all()?;
            sync_folder(path)?;
        }
        let mut store = Self {
            path: path.to_owned(),
            _lock: lock,
            file,
            end: HEADER as u64,
            places: HashMap::new(),
            stats: LogStats::default(),
            damage: Vec::new(),
        };
        match start {
            Start::Old => store.convert()?,
            Start::Current | Start::Torn => store.read_places()?,
        }
        Ok(store)
    }

    fn read_places(&mut self) -> Result<(), LogError> {
        let len = self.file.metadata()?.len();
        let (places, torn) = self.scan::<Frame>(HEADER)?;
        (self.places, self.end) = (places, torn.unwrap_or(len));
        if torn.is_some() {
            self.stats.cut_bytes = len.saturating_sub(self.end);
            self.file.set_len(self.end)?;
        }
        Ok(())
    }

    /// Writes a file of version 1 anew. What was not written to its end goes, as it would have gone then; when records
    /// were damaged, the old file stays beside the new one, since somebody may be able to mend it.
    fn convert(&mut self) -> Result<(), LogError> {
        let len = self.file.metadata()?.len();
        let (places, torn) = self.scan::<OldFrame>(old::HEADER)?;
        self.stats.cut_bytes = torn.map_or(0, |at| len.saturating_sub(at));
        if self.stats.damaged > 0 {
            self.keep_old()?;
        }
        let new = self.rewrite(old::HEADER, &places, |_| true)?;
        self.adopt(new)
    }

    /// Gives the file a second name, which it keeps when the new one takes its first.
    fn keep_old(&self) -> Result<(), LogError> {
        let kept = beside(&self.path, OLD);
        remove(&kept)?;
        if fs::hard_link(&self.path, &kept).is_err() {
            fs::copy(&self.path, &kept)?;
            File::open(&kept)?.sync_all()?;
        }
        Ok(sync_folder(&kept)?)
    }

    /// Finds the places of the newest records, and of the last one that was not written to its end.
    fn scan<F: AnyFrame>(&mut self, from: usize) -> Result<(Places<F>, Option<u64>), LogError> {
        let mut scanner = Scanner::new(&self.file, from as u64)?;
        let (mut places, mut torn) = (HashMap::new(), None);
        while let Some(found) = scanner.next::<F>()? {
            match found {
                Found::Body { frame, body, body_at } => match Record::from_body(&body) {
                    Some(record) => drop(places.insert(record.key, Place { frame, body_at })),
                    None => {
                        let at = body_at - F::LEN as u64;
                        note(&mut self.stats, &mut self.damage, at, Damage::Content { problem: UNREADABLE });
                    }
                },
                Found::Damaged { at } => note(&mut self.stats, &mut self.damage, at, Damage::Checksum),
                Found::Torn { at } => torn = Some(at),
            }
        }
        Ok((places, torn))
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

    /// Writes the newest records that are kept to a new file and puts it in the place of the old one, all or nothing.
    fn rewrite<F: AnyFrame>(
        &self,
        from: usize,
        newest: &Places<F>,
        keep: impl FnMut(&Record) -> bool,
    ) -> Result<Rewritten, LogError> {
        let path = beside(&self.path, ".tmp");
        let result = self.write_to(&path, from, newest, keep);
        if result.is_err() {
            // On a full disk it would take the room of the next replies.
            let _ = fs::remove_file(path);
        }
        result
    }

    fn write_to<F: AnyFrame>(
        &self,
        path: &Path,
        from: usize,
        newest: &Places<F>,
        mut keep: impl FnMut(&Record) -> bool,
    ) -> Result<Rewritten, LogError> {
        let file = private().read(true).write(true).create(true).truncate(true).open(path)?;
        // Whoever was let in to the old file is let in to the one in its place.
        #[cfg(unix)]
        file.set_permissions(self.file.metadata()?.permissions())?;
        let mut output = BufWriter::new(file);
        output.write_all(&header())?;
        let (mut end, mut places) = (HEADER as u64, HashMap::new());
        let mut scanner = Scanner::new(&self.file, from as u64)?;
        while let Some(found) = scanner.next::<F>()? {
            let Found::Body { body, body_at, .. } = found else { continue };
            let Some(record) = Record::from_body(&body) else { continue };
            let is_newest = newest.get(&record.key).is_some_and(|place| place.body_at == body_at);
            if !keep(&record) || !is_newest {
                continue;
            }
            let Some((bytes, frame)) = framed(&record) else { continue };
            output.write_all(&bytes)?;
            end += bytes.len() as u64;
            places.insert(record.key, Place { frame, body_at: end - frame.body() as u64 });
        }
        let file = output.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        fs::rename(path, &self.path)?;
        Ok(Rewritten { file, end, places })
    }

    /// Goes on with the file that took the old one's place.
    fn adopt(&mut self, new: Rewritten) -> Result<(), LogError> {
        (self.file, self.end, self.places) = (new.file, new.end, new.places);
        Ok(sync_folder(&self.path)?)
    }
}

/// A file that stands in the place of the old one.
struct Rewritten {
    file: File,
    end: u64,
    places: Places<Frame>,
}

const UNREADABLE: &str = "it is no reply";

/// A record as it is written, with its frame.
fn framed(record: &Record) -> Option<(Vec<u8>, Frame)> {
    let bytes = record.to_bytes()?;
    let frame = Frame::read(bytes.get(..Frame::LEN)?)?;
    Some((bytes, frame))
}

/// Removes a file, if there is one.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn note(stats: &mut LogStats, places: &mut Vec<DamagedFile>, at: u64, damage: Damage) {
    stats.damaged += 1;
    if places.len() < NAMED {
        places.push(DamagedFile::new(KIND, "record", at, damage));
    }
}

impl Store for FileStore {
    fn get(&mut self, key: &Key) -> Option<Record> {
        let Place { frame, body_at } = *self.places.get(key)?;
        // Checked again: the disk may have changed its mind since the file was opened.
        let body = read_body(&mut self.file, &frame, body_at).ok().flatten();
        match body.and_then(|body| Record::from_body(&body)) {
            Some(record) if record.key == *key => Some(record),
            _ => {
                note(&mut self.stats, &mut self.damage, body_at - Frame::LEN as u64, Damage::Checksum);
                self.places.remove(key);
                None
            }
        }
    }

    fn has(&self, key: &Key) -> bool {
        self.places.contains_key(key)
    }

    fn put(&mut self, record: Record) -> bool {
        let Some((bytes, frame)) = framed(&record) else {
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
        self.places.insert(record.key, Place { frame, body_at: self.end - frame.body() as u64 });
        true
    }

    fn purge(&mut self, ids: &[&str]) -> Result<usize, LogError> {
        let (about, mut removed) = (ids.iter().copied().collect(), 0);
        let new = self.rewrite(HEADER, &self.places, |record| {
            let gone = record.is_about(&about);
            removed += usize::from(gone);
            !gone
        })?;
        self.adopt(new)?;
        if !ids.is_empty() {
            // Nobody can tell what its damaged records are about.
            remove(&beside(&self.path, OLD))?;
            sync_folder(&self.path)?;
        }
        Ok(removed)
    }

    fn compact(&mut self) -> Result<u64, LogError> {
        let before = self.end;
        let new = self.rewrite(HEADER, &self.places, |_| true)?;
        self.adopt(new)?;
        Ok(before.saturating_sub(self.end))
    }

    fn sync(&mut self) -> Result<(), LogError> {
        Ok(self.file.sync_data()?)
    }

    fn show(&mut self, from: u64, most: u64, block: &mut dyn FnMut(&[u8])) -> Result<Option<u64>, LogError> {
        let (mut bytes, mut at) = (vec![0; BLOCK], from);
        self.file.seek(SeekFrom::Start(from))?;
        while at - from < most {
            let read = self.file.read(&mut bytes)?;
            if read == 0 {
                return Ok(None);
            }
            block(bytes.get(..read).unwrap_or_default());
            at += read as u64;
        }
        Ok(Some(at))
    }

    fn stats(&self) -> LogStats {
        LogStats { records: self.places.len(), bytes: self.end, ..self.stats }
    }

    fn damage(&self) -> Vec<DamagedFile> {
        self.damage.clone()
    }
}
