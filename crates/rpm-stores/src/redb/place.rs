//! The file of a store in its place: its lock, its name, the new file that takes its place, and a database on either.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::{Builder, Database, DatabaseError, StorageBackend};

use rpm_core::files::{Disk, DiskFile, HoldError, beside, doubt, hold, is_doubted, put_in_place, sole, write_again};
use rpm_core::store::StoreError;

/// A store's file, on whichever disk.
pub(super) trait Place: Send + Sync {
    /// Opens the database of the file, or of the new one.
    fn database(&self, builder: &Builder, which: Which) -> Result<Database, DatabaseError>;

    /// The bytes of the file.
    fn len(&self) -> Result<u64, StoreError>;

    /// Fails when what is written now could be lost: when the file is no longer, or may no longer be, in its place, or its name
    /// was not flushed and still cannot be.
    fn ready(&self) -> Result<(), StoreError>;

    /// Makes good what a failed flush may have left out.
    fn mend(&self) -> Result<(), StoreError>;

    /// Makes a new file beside the one that it is to replace, which has to be in its place under one name.
    fn begin(&self) -> Result<(), StoreError>;

    /// Puts the new file in the other one's place. If that fails, the old one goes on.
    fn replace(&self) -> Result<(), StoreError>;

    /// Removes the new file.
    fn give_up(&self);
}

/// Either file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// The one in its place.
    Present,
    /// The one that was begun.
    New,
}

/// A place on one kind of disk.
pub(super) struct On<D: Disk> {
    disk: D,
    path: PathBuf,
    /// Held locked for as long as the store is open, as the file itself is.
    lock: Arc<D::File>,
    state: Mutex<State<D::File>>,
}

struct State<F> {
    file: Arc<Shared<F>>,
    new: Option<Arc<Shared<F>>>,
    /// True when the file's name would survive a loss of power, for all that is known.
    is_named: bool,
    /// True after a replacement that failed: nobody may know which file is in the place.
    is_astray: bool,
}

#[derive(Debug)]
struct Shared<F> {
    file: F,
    /// A flush of it failed: what that did not write counts as written from then on.
    is_doubtful: AtomicBool,
}

impl<F> Shared<F> {
    fn new(file: F, is_doubtful: bool) -> Arc<Self> {
        Arc::new(Self { file, is_doubtful: is_doubtful.into() })
    }
}

impl<D: Disk> On<D> {
    pub(super) fn open(disk: D, path: &Path) -> Result<Self, StoreError> {
        let held = hold(&disk, path, None).map_err(unheld)?;
        // The rest of a rewrite that was cut off may hold data that was to be erased.
        disk.remove(&beside(&held.path, ".tmp"))?;
        let file = Shared::new(held.file, is_doubted(&held.lock)?);
        let state = State { file, new: None, is_named: false, is_astray: false };
        let place = Self { disk, path: held.path, lock: Arc::new(held.lock), state: Mutex::new(state) };
        place.mend()?;
        Ok(place)
    }

    fn state(&self) -> MutexGuard<'_, State<D::File>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tmp(&self) -> PathBuf {
        beside(&self.path, ".tmp")
    }
}

impl<D: Disk> Place for On<D> {
    fn database(&self, builder: &Builder, which: Which) -> Result<Database, DatabaseError> {
        let state = self.state();
        let file = match which {
            Which::Present => Some(Arc::clone(&state.file)),
            Which::New => state.new.clone(),
        };
        drop(state);
        let file = file.ok_or_else(|| redb::StorageError::Io(io::ErrorKind::NotFound.into()))?;
        builder.create_with_backend(Backend { file, lock: Arc::clone(&self.lock) })
    }

    fn len(&self) -> Result<u64, StoreError> {
        Ok(self.state().file.file.len()?)
    }

    fn ready(&self) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.is_astray {
            sole(&self.disk, &self.path, &state.file.file).map_err(unheld)?;
            state.is_astray = false;
        }
        if !state.is_named {
            self.disk.sync_folder(&self.path)?;
            state.is_named = true;
        }
        Ok(())
    }

    fn mend(&self) -> Result<(), StoreError> {
        let file = Arc::clone(&self.state().file);
        if file.is_doubtful.load(Ordering::SeqCst) {
            write_again(&file.file, &self.lock)?;
            file.is_doubtful.store(false, Ordering::SeqCst);
        }
        Ok(())
    }

    fn begin(&self) -> Result<(), StoreError> {
        let mut state = self.state();
        sole(&self.disk, &self.path, &state.file.file).map_err(unheld)?;
        let tmp = self.tmp();
        self.disk.remove(&tmp)?;
        let file = self.disk.create(&tmp)?;
        if !file.try_lock()? {
            return Err(StoreError::InUse);
        }
        state.new = Some(Shared::new(file, false));
        Ok(())
    }

    fn replace(&self) -> Result<(), StoreError> {
        let mut state = self.state();
        let Some(new) = state.new.take() else { return Ok(()) };
        if let Err(error) = put_in_place(&self.disk, &self.tmp(), &new.file, &self.path) {
            state.is_astray = true;
            return Err(error.into());
        }
        (state.file, state.is_named) = (new, false);
        Ok(())
    }

    fn give_up(&self) {
        let mut state = self.state();
        state.new = None;
        let _ = self.disk.remove(&self.tmp());
    }
}

fn unheld(error: HoldError) -> StoreError {
    match error {
        HoldError::InUse => StoreError::InUse,
        HoldError::ManyNames { names } => StoreError::ManyNames { names },
        HoldError::Io(error) => error.into(),
        _ => StoreError::Moved,
    }
}

/// The database's way to the file. It needs no locks of its own: the file is locked.
struct Backend<F> {
    file: Arc<Shared<F>>,
    lock: Arc<F>,
}

impl<F> Debug for Backend<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backend").finish_non_exhaustive()
    }
}

impl<F: DiskFile> StorageBackend for Backend<F> {
    fn len(&self) -> io::Result<u64> {
        self.file.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.file.read_exact_at(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.file.sync_data().inspect_err(|_| {
            self.file.is_doubtful.store(true, Ordering::SeqCst);
            doubt(&*self.lock);
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.file.write_all_at(offset, data)
    }
}
