//! Files, names, what of them is flushed, and what a loss of power leaves.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::plan::{Act, Call, Fault, Plan, Random};

/// Bytes that a disk writes whole or not at all.
const SECTOR: usize = 512;

/// All that a disk is.
pub(super) struct World {
    /// As a process sees them.
    pub(super) names: BTreeMap<PathBuf, u64>,
    /// As they would be after a loss of power, but for the unflushed.
    flushed: BTreeMap<PathBuf, u64>,
    unflushed: Vec<Naming>,
    files: BTreeMap<u64, Inode>,
    /// By file: the handle that has it locked.
    pub(super) locks: BTreeMap<u64, u64>,
    next: u64,
    pub(super) process: u64,
    pub(super) dead: bool,
    pub(super) calls: u64,
    pub(super) faults: u64,
    pub(super) plan: Plan,
    random: Random,
}

/// A file.
#[derive(Default, Clone)]
pub(super) struct Inode {
    /// As a process sees it.
    pub(super) bytes: Vec<u8>,
    flushed: Vec<u8>,
    unflushed: Vec<Change>,
}

/// A change of a file.
#[derive(Clone)]
enum Change {
    Bytes { at: usize, bytes: Vec<u8> },
    Len(usize),
}

/// A change of names: this one is the file's, and this one is none's any more. Whole or not at all.
#[derive(Debug, Clone)]
struct Naming {
    named: Option<(PathBuf, u64)>,
    unnamed: Option<PathBuf>,
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<PathBuf, u64>) {
        if let Some(path) = &self.unnamed {
            names.remove(path);
        }
        if let Some((path, file)) = &self.named {
            names.insert(path.clone(), *file);
        }
    }

    fn is_in(&self, folder: Option<&Path>) -> bool {
        self.named.as_ref().map(|(path, _)| path).or(self.unnamed.as_ref()).is_some_and(|path| path.parent() == folder)
    }
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Bytes { at, bytes } => {
                let end = at + bytes.len();
                if to.len() < end {
                    to.resize(end, 0);
                }
                if let Some(to) = to.get_mut(*at..end) {
                    to.copy_from_slice(bytes);
                }
            }
            Self::Len(len) => to.resize(*len, 0),
        }
    }

    /// What a loss of power leaves of it.
    fn survive(&self, to: &mut Vec<u8>, random: &mut Random) {
        match (random.below(4), self) {
            (0, _) => {}
            // Some of its sectors; the file may be as long as if all were there.
            (1, Self::Bytes { at, bytes }) => {
                if random.below(2) == 0 && to.len() < at + bytes.len() {
                    to.resize(at + bytes.len(), 0);
                }
                let mut from = 0;
                while from < bytes.len() {
                    let len = (SECTOR - (at + from) % SECTOR).min(bytes.len() - from);
                    if random.below(2) == 0 {
                        let bytes = bytes.get(from..from + len).unwrap_or_default().to_vec();
                        Self::Bytes { at: at + from, bytes }.apply(to);
                    }
                    from += len;
                }
            }
            _ => self.apply(to),
        }
    }
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            names: BTreeMap::new(),
            flushed: BTreeMap::new(),
            unflushed: Vec::new(),
            files: BTreeMap::new(),
            locks: BTreeMap::new(),
            next: 0,
            process: 0,
            dead: false,
            calls: 0,
            faults: 0,
            plan: Plan::Never,
            random: Random::new(seed),
        }
    }

    /// Counts a call and refuses it when it is to fail with nothing done.
    pub(super) fn begin(&mut self, call: Call, process: u64) -> io::Result<Act> {
        if self.dead || process != self.process {
            return Err(killed());
        }
        self.calls += 1;
        let Some(fault) = self.plan.next(call, &mut self.random) else { return Ok(Act::Whole) };
        self.faults += 1;
        let part = u8::try_from(self.random.below(256)).unwrap_or(0);
        match fault {
            Fault::Error if matches!(call, Call::Sync | Call::SyncFolder) => {
                Ok(Act::Fail { kind: io::ErrorKind::Other })
            }
            Fault::Error => Err(io::Error::other("the disk failed")),
            Fault::ErrorAfterwards => Ok(Act::Fail { kind: io::ErrorKind::Other }),
            Fault::NoRoom => Err(io::ErrorKind::StorageFull.into()),
            Fault::Interrupted => Err(io::ErrorKind::Interrupted.into()),
            Fault::Short => Ok(Act::Short { part }),
            Fault::Killed => {
                self.dead = true;
                Err(killed())
            }
            Fault::KilledWithin => Ok(Act::Torn { part }),
        }
    }

    /// The result of a call that did its work.
    pub(super) fn finish<T>(&mut self, act: Act, result: T) -> io::Result<T> {
        match act {
            Act::Whole | Act::Short { .. } => Ok(result),
            Act::Fail { kind } => Err(io::Error::new(kind, "the disk failed after it was done")),
            Act::Torn { .. } => {
                self.dead = true;
                Err(killed())
            }
        }
    }

    /// Ends the process, and the power if it is to go.
    pub(super) fn end(&mut self, power: bool) {
        if power {
            for naming in std::mem::take(&mut self.unflushed) {
                if self.random.below(2) == 0 {
                    naming.apply(&mut self.flushed);
                }
            }
            self.names = self.flushed.clone();
            for file in self.files.values_mut() {
                for change in std::mem::take(&mut file.unflushed) {
                    change.survive(&mut file.flushed, &mut self.random);
                }
                file.bytes.clone_from(&file.flushed);
            }
        }
        let kept: Vec<u64> = self.names.values().chain(self.flushed.values()).copied().collect();
        let pending: Vec<u64> = self.unflushed.iter().filter_map(|naming| Some(naming.named.as_ref()?.1)).collect();
        self.files.retain(|file, _| kept.contains(file) || pending.contains(file));
        self.locks.clear();
        self.plan = Plan::Never;
        self.process += 1;
        self.dead = false;
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(super) fn handle(&mut self) -> u64 {
        self.number()
    }

    /// The file of this name, which is made where there is none.
    pub(super) fn opened(&mut self, path: &Path) -> u64 {
        if let Some(file) = self.names.get(path) {
            return *file;
        }
        let file = self.number();
        self.files.insert(file, Inode::default());
        self.renamed(Naming { named: Some((path.to_owned(), file)), unnamed: None });
        file
    }

    fn renamed(&mut self, naming: Naming) {
        naming.apply(&mut self.names);
        self.unflushed.push(naming);
    }

    pub(super) fn remove(&mut self, path: &Path) {
        if self.names.contains_key(path) {
            self.renamed(Naming { named: None, unnamed: Some(path.to_owned()) });
        }
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let file = *self.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        self.renamed(Naming { named: Some((to.to_owned(), file)), unnamed: Some(from.to_owned()) });
        Ok(())
    }

    pub(super) fn link(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let file = *self.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        if self.names.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.renamed(Naming { named: Some((to.to_owned(), file)), unnamed: None });
        Ok(())
    }

    pub(super) fn keep_names(&mut self, folder: Option<&Path>) {
        for naming in std::mem::take(&mut self.unflushed) {
            if naming.is_in(folder) {
                naming.apply(&mut self.flushed);
            } else {
                self.unflushed.push(naming);
            }
        }
    }

    /// A folder's failed flush: what it did not write is tried again by the next one, as file systems with a journal do.
    pub(super) fn lose_names(&mut self, folder: Option<&Path>) {
        let written = self.random.below(self.unflushed.len() as u64 + 1);
        for (place, naming) in std::mem::take(&mut self.unflushed).into_iter().enumerate() {
            if naming.is_in(folder) && (place as u64) < written {
                naming.apply(&mut self.flushed);
            } else {
                self.unflushed.push(naming);
            }
        }
    }

    pub(super) fn find(&self, path: &Path) -> Option<&Inode> {
        self.files.get(self.names.get(path)?)
    }

    pub(super) fn file(&mut self, file: u64) -> io::Result<&mut Inode> {
        self.files.get_mut(&file).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn put(&mut self, path: &Path, bytes: &[u8]) {
        let file = self.opened(path);
        self.keep_names(path.parent());
        self.files.insert(file, Inode { bytes: bytes.to_vec(), flushed: bytes.to_vec(), unflushed: Vec::new() });
    }

    fn change(&mut self, file: u64, change: Change) -> io::Result<()> {
        let file = self.file(file)?;
        change.apply(&mut file.bytes);
        file.unflushed.push(change);
        Ok(())
    }

    pub(super) fn write(&mut self, file: u64, at: u64, bytes: &[u8]) -> io::Result<()> {
        let at = usize::try_from(at).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.change(file, Change::Bytes { at, bytes: bytes.to_vec() })
    }

    pub(super) fn set_len(&mut self, file: u64, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.change(file, Change::Len(len))
    }

    pub(super) fn keep_writes(&mut self, file: u64) -> io::Result<()> {
        let file = self.file(file)?;
        for change in std::mem::take(&mut file.unflushed) {
            change.apply(&mut file.flushed);
        }
        Ok(())
    }

    /// A failed flush: what it did not write counts as written from then on, and is shown as long as it is remembered.
    pub(super) fn lose_writes(&mut self, file: u64) -> io::Result<()> {
        let mut random = self.random.clone();
        let file = self.file(file)?;
        for change in std::mem::take(&mut file.unflushed) {
            change.survive(&mut file.flushed, &mut random);
        }
        self.random = random;
        Ok(())
    }
}

fn killed() -> io::Error {
    io::Error::other("the process was killed")
}
