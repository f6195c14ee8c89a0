//! The log in a file: cut, decayed, filled, purged and opened twice.

use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use sha2::{Digest, Sha256};

use super::{log_of, record};
use crate::container::{Damage, MARKER};
use crate::llm::FinishReason;
use crate::llm::log::LogError;
use crate::llm::log::file::FileStore;
use crate::llm::log::form::LONGEST;
use crate::llm::log::key::Key;
use crate::llm::log::record::{HEADER, header};
use crate::llm::log::store::Store;

/// A file name of its own in the system's folder for such files, removed with what lies beside it.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("rpm-core-log-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("replies")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_withheld_or_endless_reply_is_never_written() {
    let mut one = record(1, "a", "");
    one.completion.finish = FinishReason::Filtered;
    assert!(one.to_bytes().is_none());
    assert!(record(1, "a", &"x".repeat(LONGEST)).to_bytes().is_none());
    let scratch = Scratch::new();
    let mut store = FileStore::open(&scratch.file()).unwrap();
    assert!(!store.put(record(1, "a", &"x".repeat(LONGEST))));
    assert_eq!((store.stats().unwritten, store.stats().records, store.stats().bytes), (1, 0, HEADER as u64));
}

#[test]
fn a_file_cut_anywhere_opens_and_goes_on() {
    let records = [record(1, "a", "first"), record(2, "b", "second")];
    let bytes = log_of(&records);
    let ends = [HEADER, log_of(&records[..1]).len(), bytes.len()];
    let scratch = Scratch::new();
    for cut in 0..=bytes.len() {
        fs::write(scratch.file(), &bytes[..cut]).unwrap();
        let whole = ends.iter().filter(|&&end| end <= cut).count().saturating_sub(1);
        let mut store = FileStore::open(&scratch.file()).unwrap();
        assert_eq!(store.stats().records, whole, "{cut}");
        assert_eq!(store.stats().cut_bytes, cut.saturating_sub(ends[whole]) as u64, "{cut}");
        assert_eq!(fs::metadata(scratch.file()).unwrap().len(), ends[whole] as u64, "{cut}");
        assert!(store.put(record(3, "c", "third")));
        drop(store);
        let mut store = FileStore::open(&scratch.file()).unwrap();
        assert_eq!((store.stats().records, store.stats().cut_bytes, store.stats().damaged), (whole + 1, 0, 0), "{cut}");
        assert_eq!(store.get(&Key([3; 32])).unwrap().completion.text, "third");
        assert_eq!(store.get(&Key([1; 32])).is_some(), whole > 0, "{cut}");
    }
}

/// Returns a byte that may stand where a loss of power took the last write.
fn fill(kind: &str, place: usize) -> u8 {
    match kind {
        "zeros" => 0,
        "markers" => MARKER[place % MARKER.len()],
        _ => (place.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0],
    }
}

#[test]
fn a_loss_of_power_takes_only_what_was_written_last() {
    let records = [record(1, "a", "first"), record(2, "b", "second"), record(3, "c", "third")];
    let ends = [0, 1, 2, 3].map(|n| log_of(&records[..n]).len());
    let (whole, bytes) = (ends[3], log_of(&records));
    let scratch = Scratch::new();
    let lose = |lost: Range<usize>, len: usize, kind: &str| {
        let mut bytes = bytes.clone();
        bytes.resize(len, 0);
        for place in lost.clone() {
            bytes[place] = fill(kind, place);
        }
        // A new file, since file systems write one that is overwritten to the disk at once.
        let _ = fs::remove_file(scratch.file());
        fs::write(scratch.file(), &bytes).unwrap();
        let mut store = FileStore::open(&scratch.file()).unwrap();
        for (n, record) in records.iter().enumerate() {
            let touched = lost.start < ends[n + 1] && lost.end > ends[n];
            let found = store.get(&record.key);
            // A byte may have been what it is filled with.
            assert!(found.is_some() || touched, "{lost:?} of {len}, {kind}: {n} is gone");
            assert!(found.is_none_or(|found| found == *record), "{lost:?} of {len}, {kind}: {n} is another");
        }
        let before = store.stats().records;
        assert!(store.put(record(4, "d", "fourth")), "{lost:?} of {len}, {kind}");
        drop(store);
        let mut store = FileStore::open(&scratch.file()).unwrap();
        assert_eq!(store.stats().records, before + 1, "{lost:?} of {len}, {kind}");
        assert!(store.get(&Key([4; 32])).is_some(), "{lost:?} of {len}, {kind}");
    };
    let mut cases = 0;
    for start in HEADER..=whole {
        // The tail is lost, and the file is as long as it was, or longer for what did not come. Or else a block is
        // lost, and the next ones are there: they are not written in their order.
        for (end, len) in [(whole, whole), (whole + 512, whole + 512), (whole.min(start + 64), whole)] {
            for kind in ["zeros", "markers", "noise"] {
                lose(start..end, len, kind);
                cases += 1;
            }
        }
    }
    println!("{cases} cases over a log of {whole} bytes");
}

#[test]
fn a_loss_of_power_while_a_log_is_made_leaves_a_log() {
    let scratch = Scratch::new();
    for written in 0..=HEADER {
        for len in written..=HEADER {
            let mut bytes = header()[..written].to_vec();
            bytes.resize(len, 0);
            fs::write(scratch.file(), bytes).unwrap();
            let mut store = FileStore::open(&scratch.file()).unwrap();
            assert!(store.put(record(1, "a", "first")), "{written} of {len}");
            drop(store);
            assert_eq!(fs::read(scratch.file()).unwrap(), log_of(&[record(1, "a", "first")]), "{written} of {len}");
        }
    }
}

#[test]
fn every_flipped_bit_of_a_log_is_named_by_its_place_and_costs_one_record() {
    let records = [record(1, "a", "first"), record(2, "b", "second"), record(3, "c", "third")];
    let ends = [0, 1, 2, 3].map(|n| log_of(&records[..n]).len());
    let bytes = log_of(&records);
    let scratch = Scratch::new();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(scratch.file(), &flipped).unwrap();
        let store = FileStore::open(&scratch.file());
        if bit / 8 < HEADER {
            assert!(matches!(store, Err(LogError::Damaged(error)) if &*error.section == "header"), "{bit}");
            continue;
        }
        let mut store = store.unwrap();
        let hit = (0..3).find(|&n| bit / 8 < ends[n + 1]).unwrap();
        let places: Vec<u64> = store.damage().iter().map(|damage| damage.at).collect();
        assert_eq!(places, [ends[hit] as u64], "{bit}");
        assert_eq!((store.stats().damaged, store.stats().cut_bytes), (1, 0), "{bit}");
        for (n, record) in records.iter().enumerate() {
            assert_eq!(store.get(&record.key).as_ref(), (n != hit).then_some(record), "{bit}");
        }
    }
}

#[test]
fn what_follows_a_damaged_end_is_found() {
    let scratch = Scratch::new();
    let mut bytes = log_of(&[record(1, "a", "first")]);
    bytes.extend([0; 500]);
    fs::write(scratch.file(), bytes).unwrap();
    let mut store = FileStore::open(&scratch.file()).unwrap();
    assert_eq!((store.stats().records, store.stats().damaged), (1, 1));
    assert!(store.put(record(2, "b", "second")));
    drop(store);
    let mut store = FileStore::open(&scratch.file()).unwrap();
    assert_eq!((store.stats().records, store.stats().damaged), (2, 1));
    assert_eq!(store.compact().unwrap(), 500);
    assert!(store.put(record(3, "c", "third")));
    drop(store);
    let expected = log_of(&[record(1, "a", "first"), record(2, "b", "second"), record(3, "c", "third")]);
    assert_eq!(fs::read(scratch.file()).unwrap(), expected);
}

#[test]
fn a_record_that_decays_while_the_file_is_open_is_a_miss() {
    let scratch = Scratch::new();
    let mut store = FileStore::open(&scratch.file()).unwrap();
    assert!(store.put(record(1, "a", "first")) && store.put(record(2, "b", "second")));
    let mut bytes = fs::read(scratch.file()).unwrap();
    // Still JSON, and still a reply: only the check can tell.
    let place = bytes.windows(5).position(|part| part == b"first").unwrap();
    bytes[place] ^= 1;
    fs::write(scratch.file(), bytes).unwrap();
    assert!(store.get(&Key([1; 32])).is_none());
    assert_eq!(store.get(&Key([2; 32])).unwrap().completion.text, "second");
    assert_eq!((store.stats().records, store.stats().damaged), (1, 1));
    assert!(store.put(record(1, "a", "anew")));
    assert_eq!(store.get(&Key([1; 32])).unwrap().completion.text, "anew");
}

#[test]
fn other_files_and_newer_versions_are_left_as_they_are() {
    let scratch = Scratch::new();
    let mut newer = crate::container::header("log", 3, u32::MAX).to_vec();
    newer.extend(b"whatever comes then");
    let mut newer_old = b"rpmlog\r\n\x02\0\0\0".to_vec();
    newer_old.extend(&Sha256::digest(&newer_old)[..4]);
    let other_kind = crate::container::Writer::new("dense", 2).finish();
    let mut flipped = log_of(&[record(1, "a", "first")]);
    flipped[8] ^= 2;
    let cases: [(&[u8], Damage); 9] = [
        (&[0; HEADER + 1], Damage::WrongMagic),
        (b"{}", Damage::WrongMagic),
        (b"a much longer file of some other program", Damage::WrongMagic),
        (b"rpmlog\n\x01\0\0\0", Damage::WrongMagic),
        (b"rpmlog\r\n\x01\0\0\0....", Damage::Checksum),
        (&flipped, Damage::Checksum),
        (&other_kind, Damage::OtherKind),
        (&newer, Damage::OtherVersion { found: 3, known: 2 }),
        (&newer_old, Damage::OtherVersion { found: 2, known: 2 }),
    ];
    for (bytes, damage) in cases {
        fs::write(scratch.file(), bytes).unwrap();
        let Err(LogError::Damaged(error)) = FileStore::open(&scratch.file()) else { panic!("{bytes:?} is opened") };
        assert_eq!((error.kind, &*error.section, error.at, error.damage), ("log", "header", 0, damage));
        assert_eq!(fs::read(scratch.file()).unwrap(), bytes);
    }
}

#[test]
fn a_log_has_one_opening_at_a_time() {
    let scratch = Scratch::new();
    let mut first = FileStore::open(&scratch.file()).unwrap();
    assert!(matches!(FileStore::open(&scratch.file()), Err(LogError::InUse)));
    first.compact().unwrap();
    assert!(matches!(FileStore::open(&scratch.file()), Err(LogError::InUse)), "after a rewrite too");
    drop(first);
    assert!(FileStore::open(&scratch.file()).is_ok());
}

#[test]
fn what_is_purged_is_not_in_the_files_bytes() {
    let scratch = Scratch::new();
    fs::write(scratch.0.join("replies.tmp"), "a rewrite that was killed: lighthouse").unwrap();
    let mut store = FileStore::open(&scratch.file()).unwrap();
    assert!(!scratch.0.join("replies.tmp").exists());
    let mut shared = record(3, "c", "the harbour, too");
    shared.about.push("a".into());
    for record in
        [record(1, "a", "a lighthouse"), record(1, "a", "a lighthouse anew"), shared, record(2, "b", "a baker")]
    {
        assert!(store.put(record));
    }
    assert_eq!(store.purge(&["nobody"]).unwrap(), 0);
    assert_eq!(store.stats().records, 3);
    assert_eq!(store.purge(&["a", "x"]).unwrap(), 2);
    for file in fs::read_dir(&scratch.0).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        for word in ["lighthouse", "harbour", "\"a\"", &"01".repeat(32)] {
            assert!(!bytes.windows(word.len()).any(|part| part == word.as_bytes()), "{word}");
        }
    }
    assert_eq!(store.get(&Key([2; 32])).unwrap().completion.text, "a baker");
    assert!(store.get(&Key([1; 32])).is_none());
    assert!(store.put(record(4, "d", "afterwards")));
    drop(store);
    assert_eq!(fs::read(scratch.file()).unwrap(), log_of(&[record(2, "b", "a baker"), record(4, "d", "afterwards")]));
}

#[test]
fn a_reply_that_cannot_be_written_is_counted_and_spoils_nothing() {
    let scratch = Scratch::new();
    let mut store = FileStore::open(&scratch.file()).unwrap();
    assert!(store.put(record(1, "a", "first")));
    let writable = store.exchange(fs::File::open(scratch.file()).unwrap());
    assert!(!store.put(record(2, "b", "second")));
    assert_eq!((store.stats().records, store.stats().unwritten), (1, 1));
    store.exchange(writable);
    assert!(store.put(record(3, "c", "third")));
    drop(store);
    let expected = log_of(&[record(1, "a", "first"), record(3, "c", "third")]);
    assert_eq!(fs::read(scratch.file()).unwrap(), expected);
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = Scratch::new();
    let mut store = FileStore::open(&scratch.file()).unwrap();
    store.compact().unwrap();
    for file in fs::read_dir(&scratch.0).unwrap() {
        assert_eq!(file.unwrap().metadata().unwrap().permissions().mode() & 0o077, 0);
    }
}
