//! Erasing by writing the file anew, once for all who ask for it at the same time.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use redb::Database;

use rpm_core::store::StoreError;

use super::Compacted;
use super::file::StoreFile;
use super::tables::Outcome;

/// A store's file, with how much of what was written is erased.
pub(super) struct ErasingFile {
    file: StoreFile,
    writes: Mutex<Writes>,
    ended: Condvar,
    /// Of how many writes nothing that they took the place of is in the file. Held by whoever writes it anew.
    erased: Mutex<u64>,
}

struct Writes {
    begun: u64,
    ended: u64,
}

/// A write under way.
struct Writing<'a>(&'a ErasingFile);

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        locked(&self.0.writes).ended += 1;
        self.0.ended.notify_all();
    }
}

impl ErasingFile {
    /// A file of which nobody knows what is in its free pages: as after one write.
    pub(super) fn new(file: StoreFile) -> Self {
        let writes = Mutex::new(Writes { begun: 1, ended: 1 });
        Self { file, writes, ended: Condvar::new(), erased: Mutex::new(0) }
    }

    pub(super) fn read<T>(&self, work: impl Fn(&Database) -> Outcome<T>) -> Result<T, StoreError> {
        self.file.read(work)
    }

    pub(super) fn write<T>(&self, work: impl Fn(&Database) -> Outcome<T>) -> Result<T, StoreError> {
        locked(&self.writes).begun += 1;
        let _writing = Writing(self);
        self.file.write(work)
    }

    /// Writes the file anew.
    pub(super) fn compact(&self) -> Result<Compacted, StoreError> {
        self.anew(&mut locked(&self.erased))
    }

    /// Writes the file anew, unless that was done since the last write that had ended when this was called.
    pub(super) fn erase(&self) -> Result<(), StoreError> {
        let (written, under_way) = {
            let writes = locked(&self.writes);
            (writes.ended, writes.begun)
        };
        let mut erased = locked(&self.erased);
        if *erased < written {
            // Those who are about to write may have the same wish: let them first, and do it once.
            let mut writes = locked(&self.writes);
            while writes.ended < under_way {
                writes = self.ended.wait(writes).unwrap_or_else(PoisonError::into_inner);
            }
            drop(writes);
            self.anew(&mut erased)?;
        }
        Ok(())
    }

    fn anew(&self, erased: &mut u64) -> Result<Compacted, StoreError> {
        // Whatever ends while the file is copied may be in it as it was before.
        let written = locked(&self.writes).ended;
        let compacted = self.file.compact()?;
        *erased = written;
        Ok(compacted)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
