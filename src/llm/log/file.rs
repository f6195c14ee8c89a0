//! A log in an append-only file.

use std::collections::HashMap;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use crate::container::{Damage, DamagedFile, Found, Frame as AnyFrame, Scanner, read_body};
use crate::files::{
    Cursor, Disk, DiskFile, HoldError, System, beside, doubt, hold, is_doubted, put_in_place, sole, write_again,
};

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

/// Bytes of the file that are shown at a time.
const BLOCK: usize = 64 << 10;

/// A log in an append-only file. Only the places of the records are held in memory.
pub(super) struct FileStore<D: Disk = System> {
    disk: D,
    /// The file's, behind every link that leads to it.
    path: PathBuf,
    /// Held locked for as long as the log is open, as the log's file is.
    lock: D::File,
    file: D::File,
    /// True when the file's name would survive a loss of power, for all that is known.
    is_named: bool,
    /// True after a flush that failed: what it did not write counts as written from then on.
    is_doubtful: bool,
    /// True after a rewrite that failed: nobody may know whether the new file is in this one's place.
    is_astray: bool,
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

impl FileStore {
    pub(super) fn open(path: &Path) -> Result<Self, LogError> {
        Self::open_on(System, path)
    }
}

impl<D: Disk> FileStore<D> {
    pub(super) fn open_on(disk: D, path: &Path) -> Result<Self, LogError> {
        let held = hold(&disk, path, Some(OLD))?;
        let (file, path) = (held.file, held.path);
        // What a rewrite left that did not end may hold what was to be removed.
        disk.remove(&beside(&path, ".tmp"))?;
        narrow_old(&disk, &path)?;
        let mut first = Vec::with_capacity(HEADER + 1);
        Cursor::new(&file).take(HEADER as u64 + 1).read_to_end(&mut first)?;
        let start = read_start(&first)?;
        let is_doubtful = is_doubted(&held.lock)?;
        let mut store = Self {
            disk,
            path,
            lock: held.lock,
            file,
            is_named: false,
            is_doubtful,
            is_astray: false,
            end: HEADER as u64,
            places: HashMap::new(),
            stats: LogStats::default(),
            damage: Vec::new(),
        };
        match start {
            Start::Old => store.convert()?,
            // Put in its place when it is flushed: a header that is seen is on the disk.
            Start::Torn => {
                let new = store.rewrite(HEADER, &store.places, |_| true)?;
                store.adopt(new)?;
            }
            Start::Current => store.read_places()?,
        }
        Ok(store)
    }

    fn read_places(&mut self) -> Result<(), LogError> {
        let len = self.file.len()?;
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
        let len = self.file.len()?;
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
        self.disk.remove(&kept)?;
        if self.disk.link(&self.path, &kept).is_err() {
            let copy = self.disk.create(&kept)?;
            io::copy(&mut Cursor::new(&self.file), &mut Cursor::new(&copy))?;
            copy.sync_all()?;
        }
        Ok(self.disk.sync_folder(&kept)?)
    }

    /// Finds the places of the newest records, and of the last one that was not written to its end.
    fn scan<F: AnyFrame>(&mut self, from: usize) -> Result<(Places<F>, Option<u64>), LogError> {
        let mut scanner = Scanner::new(Cursor::new(&self.file), from as u64)?;
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
    pub(super) fn exchange(&mut self, file: D::File) -> D::File {
        std::mem::replace(&mut self.file, file)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), LogError> {
        if self.is_astray {
            sole(&self.disk, &self.path, &self.file)?;
            self.is_astray = false;
        }
        Ok(self.file.write_all_at(self.end, bytes)?)
    }

    /// Writes the newest records that are kept to a new file and puts it in the place of the old one, all or nothing.
    fn rewrite<F: AnyFrame>(
        &self,
        from: usize,
        newest: &Places<F>,
        keep: impl FnMut(&Record) -> bool,
    ) -> Result<Rewritten<D::File>, LogError> {
        let path = beside(&self.path, ".tmp");
        let result = self.write_to(&path, from, newest, keep);
        if result.is_err() {
            // On a full disk it would take the room of the next replies.
            let _ = self.disk.remove(&path);
        }
        result
    }

    fn write_to<F: AnyFrame>(
        &self,
        path: &Path,
        from: usize,
        newest: &Places<F>,
        mut keep: impl FnMut(&Record) -> bool,
    ) -> Result<Rewritten<D::File>, LogError> {
        self.disk.remove(path)?;
        let file = self.disk.create(path)?;
        if !file.try_lock()? {
            return Err(LogError::InUse);
        }
        // Whoever was let in to the old file is let in to the one in its place.
        file.let_in_as(&self.file)?;
        let mut output = BufWriter::new(Cursor::new(&file));
        output.write_all(&header())?;
        let (mut end, mut places) = (HEADER as u64, HashMap::new());
        let mut scanner = Scanner::new(Cursor::new(&self.file), from as u64)?;
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
        output.flush()?;
        drop(output);
        file.sync_all()?;
        put_in_place(&self.disk, path, &file, &self.path)?;
        Ok(Rewritten { file, end, places })
    }

    /// Writes the file anew with what is kept, and goes on with it.
    fn anew(&mut self, keep: impl FnMut(&Record) -> bool) -> Result<(), LogError> {
        sole(&self.disk, &self.path, &self.file)?;
        let new = self.rewrite(HEADER, &self.places, keep);
        self.is_astray = new.is_err();
        self.adopt(new?)
    }

    /// Goes on with the file that took the old one's place.
    fn adopt(&mut self, new: Rewritten<D::File>) -> Result<(), LogError> {
        (self.file, self.end, self.places) = (new.file, new.end, new.places);
        (self.is_named, self.is_doubtful) = (false, false);
        self.flush_name()
    }

    fn flush_name(&mut self) -> Result<(), LogError> {
        if !self.is_named {
            self.disk.sync_folder(&self.path)?;
            self.is_named = true;
        }
        Ok(())
    }
}

/// A file that stands in the place of the old one.
struct Rewritten<F> {
    file: F,
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

/// Narrows the rights to a file of version 1 that was kept, which holds texts too.
fn narrow_old<D: Disk>(disk: &D, path: &Path) -> io::Result<()> {
    match disk.open_there(&beside(path, OLD))? {
        Some(file) => file.narrow(),
        None => Ok(()),
    }
}

impl From<HoldError> for LogError {
    fn from(error: HoldError) -> Self {
        match error {
            HoldError::InUse => Self::InUse,
            HoldError::ManyNames { names } => Self::ManyNames { names },
            HoldError::Moved => Self::Moved,
            HoldError::Io(error) => Self::Io(error),
        }
    }
}

fn note(stats: &mut LogStats, places: &mut Vec<DamagedFile>, at: u64, damage: Damage) {
    stats.damaged += 1;
    if places.len() < NAMED {
        places.push(DamagedFile::new(KIND, "record", at, damage));
    }
}

impl<D: Disk> Store for FileStore<D> {
    fn get(&mut self, key: &Key) -> Option<Record> {
        let Place { frame, body_at } = *self.places.get(key)?;
        // Checked again: the disk may have changed its mind since the file was opened. What it fails to give now, it may give later.
        let body = read_body(&mut Cursor::new(&self.file), &frame, body_at).ok()?;
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
        self.anew(|record| {
            let gone = record.is_about(&about);
            removed += usize::from(gone);
            !gone
        })?;
        if !ids.is_empty() {
            // Nobody can tell what its damaged records are about.
            self.disk.remove(&beside(&self.path, OLD))?;
            self.disk.sync_folder(&self.path)?;
        }
        Ok(removed)
    }

    fn compact(&mut self) -> Result<u64, LogError> {
        let before = self.end;
        self.anew(|_| true)?;
        Ok(before.saturating_sub(self.end))
    }

    fn sync(&mut self) -> Result<(), LogError> {
        if !self.is_doubtful && self.file.sync_data().is_err() {
            self.is_doubtful = true;
            doubt(&self.lock);
        }
        if self.is_doubtful {
            write_again(&self.file, &self.lock)?;
            self.is_doubtful = false;
        }
        self.flush_name()
    }

    fn show(&mut self, from: u64, most: u64, block: &mut dyn FnMut(&[u8])) -> Result<Option<u64>, LogError> {
        let (mut bytes, mut at) = (vec![0; BLOCK], from);
        while at - from < most {
            let read = self.file.read_at(at, &mut bytes)?;
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
