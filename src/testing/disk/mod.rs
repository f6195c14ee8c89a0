//! A disk in memory that fails on command, for tests of whatever writes files through [`Disk`].
//!
//! It fails as disks do: a call gives an error (and may have done its work all the same), writes and reads come short, there is no
//! room, and a process is killed, or the power goes, between any two calls. What was not flushed when the power goes is there, gone
//! or torn, each write for itself; so are new names in a folder that was not flushed. What a failed flush did not write is shown
//! until then, and never written. The same seed gives the same disk, byte for byte.
//!
//! ```text
//! world.rs   files, names, what of them is flushed, and what a loss of power leaves     plan.rs  which call fails how
//! ```

mod plan;
mod world;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use plan::Act;
pub use plan::{Call, Fault, Plan, Random};
use world::World;

use crate::files::{Disk, DiskFile};

/// The disk. Clones are the same one.
#[derive(Clone)]
pub struct FailingDisk(Arc<Mutex<World>>);

impl fmt::Debug for FailingDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailingDisk").finish_non_exhaustive()
    }
}

/// A file of the disk, as one opening of one process has it.
#[derive(Debug)]
pub struct FailingFile {
    disk: FailingDisk,
    file: u64,
    handle: u64,
    process: u64,
}

impl FailingDisk {
    /// An empty disk that does not fail.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(World::new(seed))))
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails like this from here on.
    pub fn fail(&self, plan: Plan) {
        self.world().plan = plan;
    }

    /// The calls so far.
    pub fn calls(&self) -> u64 {
        self.world().calls
    }

    /// The faults so far.
    pub fn faults(&self) -> u64 {
        self.world().faults
    }

    /// True after a fault that ended the process: every call fails until the next one begins.
    pub fn is_dead(&self) -> bool {
        self.world().dead
    }

    /// The process is killed, if it is not, and the next one begins. What it wrote is there.
    pub fn kill(&self) {
        self.world().end(false);
    }

    /// The power goes, and comes back.
    pub fn lose_power(&self) {
        self.world().end(true);
    }

    /// Writes a file as another program would, flushed.
    pub fn put(&self, path: impl AsRef<Path>, bytes: &[u8]) {
        self.world().put(path.as_ref(), bytes);
    }

    /// The bytes of a file.
    pub fn bytes(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        self.world().find(path.as_ref()).map(|file| file.bytes.clone())
    }

    /// The names of all files.
    pub fn names(&self) -> Vec<PathBuf> {
        self.world().names.keys().cloned().collect()
    }

    /// True when a file that has a name holds this text.
    pub fn holds(&self, text: &str) -> bool {
        let world = self.world();
        world
            .names
            .keys()
            .filter_map(|path| world.find(path))
            .any(|file| file.bytes.windows(text.len()).any(|part| part == text.as_bytes()))
    }
}

/// Takes one call's turn: the world, unless the call fails before it does anything, and what is to become of it.
macro_rules! turn {
    ($disk:expr, $call:expr, $process:expr) => {{
        let mut world = $disk.world();
        let process = $process.unwrap_or(world.process);
        let act = world.begin($call, process)?;
        (world, act)
    }};
}

impl Disk for FailingDisk {
    type File = FailingFile;

    fn open(&self, path: &Path) -> io::Result<FailingFile> {
        let (mut world, act) = turn!(self, Call::Open, None);
        let file = world.opened(path);
        let handle = world.handle();
        let opened = FailingFile { disk: self.clone(), file, handle, process: world.process };
        let ended = world.finish(act, ());
        // A file that is dropped asks for the world.
        drop(world);
        ended.map(|()| opened)
    }

    fn open_there(&self, path: &Path) -> io::Result<Option<FailingFile>> {
        let (mut world, act) = turn!(self, Call::Open, None);
        let Some(&file) = world.names.get(path) else { return world.finish(act, ()).map(|()| None) };
        let handle = world.handle();
        let opened = FailingFile { disk: self.clone(), file, handle, process: world.process };
        let ended = world.finish(act, ());
        drop(world);
        ended.map(|()| Some(opened))
    }

    fn create(&self, path: &Path) -> io::Result<FailingFile> {
        let (mut world, act) = turn!(self, Call::Create, None);
        if world.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = world.opened(path);
        let handle = world.handle();
        let opened = FailingFile { disk: self.clone(), file, handle, process: world.process };
        let ended = world.finish(act, ());
        // A file that is dropped asks for the world.
        drop(world);
        ended.map(|()| opened)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let (mut world, act) = turn!(self, Call::Remove, None);
        world.remove(path);
        world.finish(act, ())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (mut world, act) = turn!(self, Call::Rename, None);
        world.rename(from, to)?;
        world.finish(act, ())
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (mut world, act) = turn!(self, Call::Link, None);
        world.link(from, to)?;
        world.finish(act, ())
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        let (mut world, act) = turn!(self, Call::Look, None);
        let found = if world.names.contains_key(path) { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) };
        world.finish(act, ())?;
        found.map(|()| path.to_owned())
    }

    fn names(&self, path: &Path, file: &FailingFile) -> io::Result<bool> {
        let (mut world, act) = turn!(self, Call::Look, None);
        let is_same = world.names.get(path) == Some(&file.file);
        world.finish(act, is_same)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        let (mut world, act) = turn!(self, Call::SyncFolder, None);
        match act {
            Act::Fail { .. } => world.lose_names(path.parent()),
            _ => world.keep_names(path.parent()),
        }
        world.finish(act, ())
    }
}

impl DiskFile for FailingFile {
    fn len(&self) -> io::Result<u64> {
        let (mut world, act) = turn!(self.disk, Call::Look, Some(self.process));
        let len = world.file(self.file)?.bytes.len() as u64;
        world.finish(act, len)
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let (mut world, act) = turn!(self.disk, Call::Read, Some(self.process));
        let bytes = world.file(self.file)?.bytes.get(usize::try_from(at).unwrap_or(usize::MAX)..).unwrap_or_default();
        let mut len = bytes.len().min(into.len());
        if let Act::Short { part } = act {
            len = (len * usize::from(part) / 256).max(len.min(1));
        }
        if let (Some(to), Some(from)) = (into.get_mut(..len), bytes.get(..len)) {
            to.copy_from_slice(from);
        }
        world.finish(act, len)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<usize> {
        let (mut world, act) = turn!(self.disk, Call::Write, Some(self.process));
        let len = match act {
            Act::Short { part } | Act::Torn { part } => (bytes.len() * usize::from(part) / 256).max(bytes.len().min(1)),
            _ => bytes.len(),
        };
        world.write(self.file, at, bytes.get(..len).unwrap_or_default())?;
        world.finish(act, len)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let (mut world, act) = turn!(self.disk, Call::SetLen, Some(self.process));
        world.set_len(self.file, len)?;
        world.finish(act, ())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync_all()
    }

    fn sync_all(&self) -> io::Result<()> {
        let (mut world, act) = turn!(self.disk, Call::Sync, Some(self.process));
        match act {
            Act::Fail { .. } => world.lose_writes(self.file)?,
            _ => world.keep_writes(self.file)?,
        }
        world.finish(act, ())
    }

    fn try_lock(&self) -> io::Result<bool> {
        let (mut world, act) = turn!(self.disk, Call::Lock, Some(self.process));
        let is_ours = *world.locks.entry(self.file).or_insert(self.handle) == self.handle;
        world.finish(act, is_ours)
    }

    fn names(&self) -> io::Result<u64> {
        let (mut world, act) = turn!(self.disk, Call::Look, Some(self.process));
        let names = world.names.values().filter(|file| **file == self.file).count() as u64;
        world.finish(act, names)
    }

    fn narrow(&self) -> io::Result<()> {
        let (mut world, act) = turn!(self.disk, Call::Look, Some(self.process));
        world.finish(act, ())
    }

    fn let_in_as(&self, _: &Self) -> io::Result<()> {
        let (mut world, act) = turn!(self.disk, Call::Look, Some(self.process));
        world.finish(act, ())
    }
}

impl Drop for FailingFile {
    fn drop(&mut self) {
        let mut world = self.disk.world();
        if world.process == self.process && world.locks.get(&self.file) == Some(&self.handle) {
            world.locks.remove(&self.file);
        }
    }
}
