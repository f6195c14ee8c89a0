//! The response log: every paid reply is kept and found again by the whole of its request.
//!
//! ```text
//! key.rs      what a request's identity is            record.rs  how a record is written and read
//! old.rs      the file of version 1                   memory.rs, file.rs  where records are (store.rs: the seam)
//! erasing.rs  what was erased, and is not kept by whoever began before
//! flights.rs  one call for equal requests at once     logged.rs  the backend that uses all this
//! replay.rs   the backend behind a log that has none
//! ```

mod erasing;
mod error;
mod file;
mod flights;
mod form;
mod key;
mod logged;
mod memory;
mod old;
mod record;
mod replay;
mod store;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::container::DamagedFile;

use super::{CompletionRequest, LlmBackend};

pub(crate) use erasing::Erasing;
use erasing::Erasures;
pub use error::LogError;
use file::FileStore;
use flights::Flights;
pub use key::Key;
pub use logged::{LogMode, LoggedBackend, SendMode};
use memory::MemoryStore;
pub use memory::ReplyCacheLimits;
use record::Record;
use replay::Nobody;
pub use store::LogStats;
use store::Store;

/// Keeps every paid reply: a cache, a checkpoint against crashes and a deterministic replay in one.
///
/// [`wrap`](Self::wrap) puts it around a backend. A request that was answered before, in this run or an earlier one, is
/// answered from the log and costs nothing; all others are sent, and their replies are kept as they arrive. So work that
/// was broken off goes on where it was when it is simply done again.
///
/// Two requests share a reply when the [model](LlmBackend::model), the stage and everything that is sent are the same; a
/// SHA-256 over all of it tells. Clones share one log, and so may several backends and threads.
///
/// # Blocking
/// Looking up and keeping a reply reads or writes a few kilobytes under a short lock, in the task that asks, where a log
/// in a file touches the disk. [`open`](Self::open), [`purge`](Self::purge), [`compact`](Self::compact) and
/// [`sync`](Self::sync) may take longer: call them where blocking is allowed.
///
/// # Privacy
/// A log holds replies and the ids of the items they are about, never prompts. Replies quote the user. Keep one log per
/// user, remove it with the user, and [`purge`](Self::purge) what a user takes back.
///
/// ```
/// # use rpm_core::llm::{Message, ReplyCacheLimits, ResponseLog, Stage};
/// # use rpm_core::{Completion, CompletionRequest, LlmBackend, backend_fn};
/// # pollster::block_on(async {
/// let log = ResponseLog::in_memory(ReplyCacheLimits::default());
/// let backend = log.wrap(backend_fn(|_| async { Ok(Completion::new("A reply.")) }));
/// let request = CompletionRequest::new(Stage::Answer, vec![Message::user("A question?")], 100);
/// let paid = backend.complete(&request).await?;
/// let free = backend.complete(&request).await?;
/// assert!(paid == free && log.stats().records == 1);
/// # Ok::<(), rpm_core::BackendError>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct ResponseLog {
    kept: Arc<Mutex<Kept>>,
    flights: Flights,
}

/// The records, and what may not become one.
struct Kept {
    store: Box<dyn Store>,
    erasures: Erasures,
    /// How often what it holds was written anew, so that places in it are others.
    rewrites: u64,
    /// Replies that were not kept for being begun before an erasure.
    overtaken: u64,
}

impl ResponseLog {
    /// A log that lives as long as the process.
    pub fn in_memory(limits: ReplyCacheLimits) -> Self {
        Self::of(MemoryStore::new(limits))
    }

    /// Opens the log in this file, or makes an empty one. The file has no limit and no eviction; it grows by each new
    /// reply. Beside it, where links to it lead, lies a file with `.lock` at the end of its name, which may stay.
    ///
    /// A reply survives the end of the process as soon as it is returned, and a loss of power once it is
    /// [`sync`](Self::sync)ed or the system has written it by itself: only `sync`, [`purge`](Self::purge),
    /// [`compact`](Self::compact) and the making of a new file wait for the disk. A loss of power can take any of the
    /// replies that were kept since then, and no others. A record that was not written to its end is cut off; one that
    /// is damaged is skipped, counted in [`stats`](Self::stats), named in [`damage`](Self::damage) and asked for again. A reply
    /// that the disk has no room for is counted there too, and returned all the same.
    ///
    /// A file of an earlier version is written anew beside the old one and put in its place, all or nothing, and goes on from
    /// there. Where records of it were damaged, the old file stays as `<file>.v1`, until replies are next
    /// [`purge`](Self::purge)d or somebody removes it; it quotes the user as the log does.
    ///
    /// # Errors
    /// - [`LogError::InUse`] when the file is open already: a log has one opening at a time, whose clones are shared.
    /// - [`LogError::ManyNames`] when it has hard links: it could be erased under one of its names only. Other systems than Unix do not tell.
    /// - [`LogError::Damaged`] when the file is not to be touched: it is no log, its header is damaged, or a newer version of this
    ///   crate wrote it.
    /// - [`LogError::Io`] when it cannot be read or written.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LogError> {
        Ok(Self::of(FileStore::open(path.as_ref())?))
    }

    /// [`open`](Self::open) on a disk of a test's own.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    #[cfg(feature = "testing")]
    #[doc(hidden)]
    pub fn open_on(disk: impl crate::files::Disk, path: impl AsRef<Path>) -> Result<Self, LogError> {
        Ok(Self::of(FileStore::open_on(disk, path.as_ref())?))
    }

    fn of(store: impl Store + 'static) -> Self {
        let kept = Kept { store: Box::new(store), erasures: Erasures::default(), rewrites: 0, overtaken: 0 };
        Self { kept: Arc::new(Mutex::new(kept)), flights: Flights::default() }
    }

    /// A backend that answers from this log where it can and asks `backend` where it must.
    pub fn wrap(&self, backend: impl LlmBackend + 'static) -> LoggedBackend {
        LoggedBackend::new(self.clone(), Arc::new(backend))
    }

    /// A backend that answers from this log alone, with the replies that `model` gave: no key, no network, the same on every run. `model`
    /// is what the recording backend's [`model`](LlmBackend::model) gave, which is part of what makes requests equal.
    ///
    /// It repeats what was recorded: the pipeline has to ask the same, with the same wording and the same history.
    ///
    /// # Errors
    /// A request that is not in the log is [`BackendError::NotLogged`](super::BackendError::NotLogged), with its stage and its items.
    ///
    /// ```
    /// # use rpm_core::llm::{Message, ReplyCacheLimits, ResponseLog, Stage};
    /// # use rpm_core::{BackendError, Completion, CompletionRequest, LlmBackend, backend_fn};
    /// # pollster::block_on(async {
    /// let log = ResponseLog::in_memory(ReplyCacheLimits::default());
    /// let paid = log.wrap(backend_fn(|_| async { Ok(Completion::new("A reply.")) }));
    /// let request = CompletionRequest::new(Stage::Answer, vec![Message::user("A question?")], 100);
    /// paid.complete(&request).await?;
    ///
    /// let replayed = log.replay(paid.model());
    /// assert_eq!(replayed.complete(&request).await?.text, "A reply.");
    /// let other = CompletionRequest::new(Stage::Answer, vec![Message::user("Another?")], 100).about(["query"]);
    /// let error = replayed.complete(&other).await.unwrap_err();
    /// assert!(matches!(&error, BackendError::NotLogged { stage: Stage::Answer, about } if about == "query"));
    /// # Ok::<(), BackendError>(())
    /// # }).unwrap();
    /// ```
    pub fn replay(&self, model: impl Into<String>) -> LoggedBackend {
        self.wrap(Nobody::of(model)).mode(LogMode::ReplayOnly)
    }

    /// Removes every reply about any of these items and gives how many there were. `query` names the queries that were
    /// answered. The file is written anew beside the old one and put in its place, all or nothing; damaged records go
    /// too, and with them a `<file>.v1` that was kept for them: nobody can tell whom they are about.
    ///
    /// Replies that are under way hold too: one about any of these items is given to whoever waits for it and not kept, if its operation
    /// began before this call (a request without an operation, if it was put to the log before). Replies about other items are kept.
    /// Other copies are not reached: back-ups, and what the file system keeps of removed files.
    ///
    /// # Errors
    /// [`LogError::Moved`] and [`LogError::ManyNames`] when the file is no longer in its place, or has another name: nothing was removed.
    /// [`LogError::Io`]; if so, nothing was removed, unless it was `<file>.v1` that could not be, or the folder that could
    /// not be written to disk: purge again.
    pub fn purge<I: AsRef<str>>(&self, ids: impl IntoIterator<Item = I>) -> Result<usize, LogError> {
        let names = ids.into_iter().map(|id| id.as_ref().to_owned()).collect();
        self.erase_as(erasing::Cause::Purge, names).map(|(removed, _)| removed)
    }

    /// Writes the file anew without records that are damaged or superseded, and gives the bytes won. Does nothing in
    /// memory.
    ///
    /// # Errors
    /// Those of [`purge`](Self::purge).
    pub fn compact(&self) -> Result<u64, LogError> {
        let mut kept = self.kept();
        kept.rewrites += 1;
        kept.store.compact()
    }

    /// Waits until the replies kept so far would survive a loss of power. After one that failed, all bytes are written over
    /// themselves first: the system takes what a failed flush left out for written. Does nothing in memory.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub fn sync(&self) -> Result<(), LogError> {
        self.kept().store.sync()
    }

    /// Shows what it holds, as it is kept, for a search of it: block by block from this place on, up to about so many bytes. Gives
    /// the next place, nothing at the end; and how often it was written anew, after which places are others.
    pub(crate) fn show(
        &self,
        from: u64,
        most: u64,
        mut block: impl FnMut(&[u8]),
    ) -> Result<(Option<u64>, u64), LogError> {
        let mut kept = self.kept();
        Ok((kept.store.show(from, most, &mut block)?, kept.rewrites))
    }

    /// Returns counts of its replies and of what it met since it was opened.
    pub fn stats(&self) -> LogStats {
        let kept = self.kept();
        LogStats { overtaken: kept.overtaken, ..kept.store.stats() }
    }

    /// Returns the places of damaged records met since it was opened, the first 64 of them. A file of an earlier
    /// version is named with the places it had, which are those in `<file>.v1`.
    pub fn damage(&self) -> Vec<DamagedFile> {
        self.kept().store.damage()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, key: &Key) -> Option<Record> {
        self.kept().store.get(key)
    }

    fn has(&self, key: &Key) -> bool {
        self.kept().store.has(key)
    }

    /// Keeps a reply. One that cannot be kept is counted; its request gets it all the same. One that is about what was erased since it
    /// was begun is not kept, unless somebody waits for the same who has not erased it.
    fn keep(&self, key: Key, request: &CompletionRequest, completion: &super::Completion) {
        let kept = &mut *self.kept();
        let begun = request.begun.unwrap_or_default();
        match kept.erasures.kept_about(&key, &request.about, begun).map(<[String]>::to_vec) {
            Some(about) => drop(kept.store.put(Record { about, ..Record::new(key, request, completion) })),
            None => kept.overtaken += 1,
        }
    }
}

impl fmt::Debug for ResponseLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseLog").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
