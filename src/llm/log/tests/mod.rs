//! Tests of the response log: what is kept, what is read again, and damage of its file.

mod file;
mod records;

use super::key::Key;
use super::record::{Record, header};
use super::store::Store;
use super::{MemoryStore, ReplyCacheLimits};
use crate::llm::{Completion, Stage};

fn record(number: u8, about: &str, text: &str) -> Record {
    let completion = Completion::new(text);
    Record { key: Key([number; 32]), stage: Stage::Extract, about: vec![about.to_owned()], completion }
}

fn log_of(records: &[Record]) -> Vec<u8> {
    let mut bytes = header().to_vec();
    bytes.extend(records.iter().flat_map(|record| record.to_bytes().unwrap()));
    bytes
}

#[test]
fn memory_gives_up_the_oldest_replies_first() {
    let mut store = MemoryStore::new(ReplyCacheLimits::default().records(2).bytes(20));
    for (number, text) in [(1, "aaaa"), (2, "bbbb"), (3, "cccc")] {
        assert!(store.put(record(number, "i", text)));
    }
    assert_eq!((store.has(&Key([1; 32])), store.has(&Key([2; 32])), store.has(&Key([3; 32]))), (false, true, true));
    assert_eq!((store.stats().records, store.stats().bytes, store.stats().evicted), (2, 10, 1));
    assert!(store.put(record(4, "i", "a text of 19 bytes.")));
    assert_eq!((store.stats().records, store.stats().bytes, store.stats().evicted), (1, 20, 3));
    assert!(!store.put(record(5, "i", "a text of 20 bytes..")));
    assert_eq!((store.stats().records, store.stats().unwritten), (1, 1));
    assert!(store.put(record(4, "j", "short")));
    assert_eq!((store.stats().records, store.stats().bytes), (1, 6));
    assert_eq!((store.purge(&["i"]).unwrap(), store.purge(&["j"]).unwrap()), (0, 1));
    assert_eq!((store.stats().records, store.stats().bytes), (0, 0));
}
