//! The database's file: one opening at a time, opened again after a failed write, written anew to erase.

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::{Mutex, PoisonError, RwLock};

use redb::{Database, DatabaseError, Error};

use super::Compacted;
use super::place::{On, Place, Which};
use super::tables::{self, Outcome};
use rpm_core::files::Disk;
use rpm_core::store::StoreError;

/// Pages kept in memory, in bytes: enough for the tree above the models, which are read rarely and decoded anyway.
const CACHE: usize = 64 << 20;

pub(super) struct StoreFile {
    place: Box<dyn Place>,
    /// True when the whole file is read when it is opened.
    checked: bool,
    /// Held by whoever writes, so that nobody writes to a file that is about to be replaced.
    writing: Mutex<()>,
    /// `None` after it could not be opened again.
    database: RwLock<Option<Database>>,
}

impl StoreFile {
    pub(super) fn open(disk: impl Disk, path: &Path, checked: bool) -> Result<Self, StoreError> {
        let place = Box::new(On::open(disk, path)?);
        let database = match place.len()? {
            0 => made(&*place, checked).inspect_err(|_| place.give_up())?,
            _ => open(&*place, Which::Present, checked)?,
        };
        place.ready()?;
        Ok(Self { place, checked, writing: Mutex::new(()), database: RwLock::new(Some(database)) })
    }

    /// Runs a transaction that only reads.
    pub(super) fn read<T>(&self, work: impl Fn(&Database) -> Outcome<T>) -> Result<T, StoreError> {
        match self.on_database(&work) {
            Ok(outcome) => outcome,
            Err(error) if closed(&error) => {
                self.reopen()?;
                self.on_database(&work).map_err(failed)?
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Runs a transaction that writes, one at a time.
    pub(super) fn write<T>(&self, work: impl Fn(&Database) -> Outcome<T>) -> Result<T, StoreError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.place.ready()?;
        // A database that a failed write closed refuses to begin; nothing is done twice.
        self.read(work)
    }

    fn on_database<T>(&self, work: &impl Fn(&Database) -> Outcome<T>) -> Outcome<T> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        database.as_ref().map_or(Err(Error::DatabaseClosed), |database| unpanicked(|| work(database)))
    }

    /// A database that met an I/O error does nothing more until it is opened again.
    fn reopen(&self) -> Result<(), StoreError> {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        let usable = database.as_ref().is_some_and(|database| database.begin_write().is_ok());
        if !usable {
            *database = None;
            self.place.mend()?;
            *database = Some(open(&*self.place, Which::Present, self.checked)?);
        }
        Ok(())
    }

    pub(super) fn compact(&self) -> Result<Compacted, StoreError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let result = self.replace();
        if result.is_err() {
            // It would take room, and holds what a user may ask to be deleted.
            self.place.give_up();
        }
        result
    }

    fn replace(&self) -> Result<Compacted, StoreError> {
        let before = self.place.len()?;
        self.place.begin()?;
        let new = open(&*self.place, Which::New, self.checked)?;
        self.read(|old| tables::copy(old, &new).map(Ok))?;
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        self.place.replace()?;
        *database = Some(new);
        drop(database);
        self.place.ready()?;
        Ok(Compacted { before, after: self.place.len()? })
    }
}

/// Makes the database beside the empty file and puts it in its place when it is whole: a half of one could never be opened again.
fn made(place: &dyn Place, checked: bool) -> Result<Database, StoreError> {
    place.begin()?;
    let database = open(place, Which::New, checked)?;
    place.replace()?;
    Ok(database)
}

/// Opens the database in this file, and makes one in an empty file.
fn open(place: &dyn Place, which: Which, checked: bool) -> Result<Database, StoreError> {
    let mut builder = Database::builder();
    // Else a file that was damaged while nobody had it open could make the database panic.
    builder.set_cache_size(CACHE).set_check_integrity_on_open(checked);
    let database =
        unpanicked(|| Ok(place.database(&builder, which))).map_err(failed)?.map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => StoreError::InUse,
            DatabaseError::Storage(redb::StorageError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
                StoreError::NotAStore
            }
            error => failed(error.into()),
        })?;
    unpanicked(|| tables::prepare(&database)).map_err(failed)??;
    Ok(database)
}

/// The database asserts what holds in any file that it wrote; in a damaged one it may not, which is an error here.
fn unpanicked<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(Error::Corrupted("it is not as written".into())))
}

/// True when the database must be opened again.
fn closed(error: &Error) -> bool {
    matches!(error, Error::PreviousIo | Error::DatabaseClosed)
}

fn failed(error: Error) -> StoreError {
    match error {
        Error::Io(error) => error.into(),
        Error::Corrupted(_) => StoreError::Damaged { source: error.into() },
        error => StoreError::permanent(error),
    }
}
