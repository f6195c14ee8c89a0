//! The store of a log's records, and what is counted of them.

use crate::container::DamagedFile;

use super::LogError;
use super::key::Key;
use super::record::Record;

/// Holds a log's records. Every method is short and blocks for as long as it takes.
pub(super) trait Store: Send {
    /// The reply to this request, if it is there and whole.
    fn get(&mut self, key: &Key) -> Option<Record>;
    /// True when there is a reply to this request.
    fn has(&self, key: &Key) -> bool;
    /// Keeps a reply; false when it could not be kept.
    fn put(&mut self, record: Record) -> bool;
    /// Removes every record about one of these items, and gives how many there were.
    fn purge(&mut self, ids: &[&str]) -> Result<usize, LogError>;
    /// Gives back the room of records that are damaged or superseded, in bytes.
    fn compact(&mut self) -> Result<u64, LogError>;
    /// Waits until what was kept would survive a loss of power.
    fn sync(&mut self) -> Result<(), LogError>;
    /// Shows everything that is kept, as it is kept, block by block from this place on, up to about so many bytes. Gives the
    /// next place; nothing at the end.
    fn show(&mut self, from: u64, most: u64, block: &mut dyn FnMut(&[u8])) -> Result<Option<u64>, LogError>;
    /// Returns counts of the records.
    fn stats(&self) -> LogStats;
    /// The places where a record was damaged, as far as they are kept.
    fn damage(&self) -> Vec<DamagedFile> {
        Vec::new()
    }
}

/// Counts of a response log: the replies it holds, and what it met since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LogStats {
    /// Replies that can be reused.
    pub records: usize,
    /// The room they take in bytes: of the file, or of the texts and ids in memory.
    pub bytes: u64,
    /// Places where a record was damaged and therefore skipped.
    pub damaged: u64,
    /// Bytes of an unfinished record that were cut off when the file was opened.
    pub cut_bytes: u64,
    /// Replies that could not be kept: the disk was full, or the reply too long.
    pub unwritten: u64,
    /// Replies that memory gave up for newer ones.
    pub evicted: u64,
    /// Replies that were given and not kept, since they are about what was purged after they were begun.
    pub overtaken: u64,
}
