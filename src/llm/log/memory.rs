//! A response log in memory, within limits.

use std::collections::{HashMap, VecDeque};

use crate::llm::TokenLogprob;

use super::LogError;
use super::key::Key;
use super::record::Record;
use super::store::{LogStats, Store};

/// The limits of a log in memory. Over a limit, the oldest replies are given up first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplyCacheLimits {
    /// The most replies. Default: 10,000.
    pub records: usize,
    /// The most bytes of texts and ids. A single reply over it is not kept. Default: 64 MiB.
    pub bytes: u64,
}

impl Default for ReplyCacheLimits {
    fn default() -> Self {
        Self { records: 10_000, bytes: 64 << 20 }
    }
}

impl ReplyCacheLimits {
    /// Keeps this many replies at most.
    #[must_use]
    pub fn records(mut self, records: usize) -> Self {
        self.records = records;
        self
    }

    /// Keeps this many bytes at most.
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }
}

pub(super) struct MemoryStore {
    limits: ReplyCacheLimits,
    records: HashMap<Key, Record>,
    /// The oldest first.
    order: VecDeque<Key>,
    stats: LogStats,
}

impl MemoryStore {
    pub(super) fn new(limits: ReplyCacheLimits) -> Self {
        Self { limits, records: HashMap::new(), order: VecDeque::new(), stats: LogStats::default() }
    }

    fn remove(&mut self, key: &Key) -> bool {
        let record = self.records.remove(key);
        self.stats.bytes -= record.as_ref().map_or(0, size);
        record.is_some()
    }
}

fn size(record: &Record) -> u64 {
    let about: usize = record.about.iter().map(String::len).sum();
    let tokens = record.completion.tokens.iter().flat_map(|place| &place.likeliest);
    let tokens: usize = tokens.map(|token| size_of::<TokenLogprob>() + token.token.len()).sum();
    (record.completion.text.len() + about + tokens) as u64
}

impl Store for MemoryStore {
    fn get(&mut self, key: &Key) -> Option<Record> {
        self.records.get(key).cloned()
    }

    fn has(&self, key: &Key) -> bool {
        self.records.contains_key(key)
    }

    fn put(&mut self, record: Record) -> bool {
        let (key, bytes) = (record.key, size(&record));
        if bytes > self.limits.bytes || self.limits.records == 0 {
            self.stats.unwritten += 1;
            return false;
        }
        if self.remove(&key) {
            self.order.retain(|old| *old != key);
        }
        while self.records.len() >= self.limits.records || self.stats.bytes + bytes > self.limits.bytes {
            let Some(oldest) = self.order.pop_front() else { break };
            self.remove(&oldest);
            self.stats.evicted += 1;
        }
        self.stats.bytes += bytes;
        self.order.push_back(key);
        self.records.insert(key, record);
        true
    }

    fn purge(&mut self, ids: &[&str]) -> Result<usize, LogError> {
        let about = ids.iter().copied().collect();
        let gone: Vec<Key> = self.records.values().filter(|record| record.is_about(&about)).map(|r| r.key).collect();
        for key in &gone {
            self.remove(key);
        }
        self.order.retain(|key| self.records.contains_key(key));
        Ok(gone.len())
    }

    fn compact(&mut self) -> Result<u64, LogError> {
        Ok(0)
    }

    fn sync(&mut self) -> Result<(), LogError> {
        Ok(())
    }

    fn show(&mut self, from: u64, most: u64, block: &mut dyn FnMut(&[u8])) -> Result<Option<u64>, LogError> {
        let (mut shown, mut next) = (0, from);
        for key in self.order.iter().skip(usize::try_from(from).unwrap_or(usize::MAX)) {
            if shown >= most {
                return Ok(Some(next));
            }
            next += 1;
            let Some(bytes) = self.records.get(key).and_then(Record::to_bytes) else { continue };
            block(&bytes);
            shown += bytes.len() as u64;
        }
        Ok(None)
    }

    fn stats(&self) -> LogStats {
        LogStats { records: self.records.len(), ..self.stats }
    }
}
