//! Records among any other bytes: what is written is read, and what is damaged is found.

use std::io::{Cursor, Read, Seek, SeekFrom};

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::{log_of, record};
use crate::container::{Found, HEAD as FRAME, MARKER, Scanner};
use crate::llm::log::form::LONGEST;
use crate::llm::log::key::Key;
use crate::llm::log::record::{Frame, HEADER, Record, header};
use crate::llm::{Completion, FinishReason, Stage, Usage};

#[derive(Default)]
struct Scan {
    records: Vec<Record>,
    damaged: usize,
    torn: Option<u64>,
}

fn scan(input: impl Read + Seek, at: u64) -> Scan {
    let mut scanner = Scanner::new(input, at).unwrap();
    let mut scan = Scan::default();
    while let Some(found) = scanner.next::<Frame>().unwrap() {
        match found {
            Found::Body { body, .. } => scan.records.push(Record::from_body(&body).unwrap()),
            Found::Damaged { .. } => scan.damaged += 1,
            Found::Torn { at } => scan.torn = Some(at),
        }
    }
    scan
}

fn scan_log(bytes: &[u8]) -> Scan {
    scan(Cursor::new(bytes), HEADER as u64)
}

fn any_record() -> impl Strategy<Value = Record> {
    let usage = prop::option::of((any::<u64>(), any::<u64>(), any::<u64>()));
    let ids = prop::collection::vec("\\PC{0,6}", 0..3);
    (any::<[u8; 32]>(), any::<bool>(), ids, any::<String>(), usage).prop_map(|(key, cut, about, text, usage)| {
        let mut completion = Completion::new(text);
        if cut {
            completion.finish = FinishReason::Length;
        }
        completion.usage = usage.map(|(input_tokens, output_tokens, cached_tokens)| Usage {
            input_tokens,
            output_tokens,
            cached_tokens,
        });
        Record { key: Key(key), stage: Stage::WritePath, about, completion }
    })
}

fn any_records() -> impl Strategy<Value = Vec<Record>> {
    prop::collection::vec(any_record(), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(records in any_records()) {
        let scan = scan_log(&log_of(&records));
        prop_assert!(scan.records == records);
        prop_assert_eq!((scan.damaged, scan.torn), (0, None));
    }

    #[test]
    fn any_bytes_are_read_to_their_end(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(MARKER.to_vec())], 0..400),
    ) {
        let scan = scan(Cursor::new(&bytes), 0);
        prop_assert!(scan.records.is_empty());
        prop_assert!(scan.damaged <= bytes.len());
    }

    #[test]
    fn records_among_other_bytes_are_found(
        records in any_records(),
        noise in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..200), 6),
    ) {
        let mut bytes = header().to_vec();
        for (record, noise) in records.iter().zip(&noise) {
            bytes.extend(noise);
            bytes.extend(record.to_bytes().unwrap());
        }
        let scan = scan_log(&bytes);
        prop_assert!(scan.records == records);
        prop_assert_eq!((scan.damaged, scan.torn), (records.len(), None));
    }

    #[test]
    fn the_beginning_of_a_log_holds_the_first_of_its_records(records in any_records(), part in any::<prop::sample::Index>()) {
        let bytes = log_of(&records);
        let kept = HEADER + part.index(bytes.len() - HEADER);
        let scan = scan_log(&bytes[..kept]);
        prop_assert!(scan.records.len() < records.len());
        prop_assert!(scan.records == records[..scan.records.len()]);
        let whole = log_of(&scan.records).len();
        prop_assert_eq!((scan.damaged, scan.torn), (0, (kept > whole).then_some(whole as u64)));
    }

    #[test]
    fn a_flipped_bit_loses_one_record_and_changes_none(
        records in any_records(),
        place in any::<prop::sample::Index>(),
        bit in 0..8_u32,
    ) {
        let mut bytes = log_of(&records);
        let place = HEADER + place.index(bytes.len() - HEADER);
        bytes[place] ^= 1 << bit;
        let lost = (1..=records.len()).find(|&n| place < log_of(&records[..n]).len()).unwrap() - 1;
        let mut left = records;
        left.remove(lost);
        let scan = scan_log(&bytes);
        prop_assert!(scan.records == left);
        prop_assert_eq!((scan.damaged, scan.torn), (1, None));
    }
}

/// Notes the longest buffer that was to be filled: what the reader allocated for it.
struct Measured(Cursor<Vec<u8>>, usize);

impl Read for &mut Measured {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.1 = self.1.max(into.len());
        self.0.read(into)
    }
}

impl Seek for &mut Measured {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn a_length_is_not_believed_before_it_is_known_to_fit() {
    let longest = LONGEST as u64;
    for (len, damaged, torn) in [(u64::MAX, 1, None), (longest + 1, 1, None), (longest, 0, Some(0))] {
        let mut bytes = MARKER.to_vec();
        bytes.extend([0; 4]);
        bytes.extend(len.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes.extend([b'x'; 1000]);
        let mut input = Measured(Cursor::new(bytes), 0);
        let scan = scan(&mut input, 0);
        assert_eq!((scan.damaged, scan.torn), (damaged, torn), "{len}");
        assert!(input.1 <= 1024, "{len}: a buffer of {} bytes", input.1);
    }
}

#[test]
fn the_format_stays_as_it_is() {
    let mut one = record(0xab, "a", "ok");
    one.completion = Completion::new("ok").usage(Usage { input_tokens: 3, output_tokens: 2, cached_tokens: 1 });
    let bytes = log_of(&[one]);
    assert_eq!(&bytes[..24], b"\x89RPM\r\n\x1a\nlog\0\0\0\0\0\x02\0\0\0\xff\xff\xff\xff");
    let body = format!(
        r#"{{"key":"{}","stage":"extract","about":["a"],"text":"ok","finish":"stop","usage":{{"input":3,"output":2,"cached":1}}}}"#,
        "ab".repeat(32),
    );
    assert_eq!(&bytes[HEADER..HEADER + 4], b"\xffrpm");
    assert_eq!(std::str::from_utf8(&bytes[HEADER + FRAME..]).unwrap(), body);
    assert_eq!(
        Key(Sha256::digest(&bytes).into()).to_hex(),
        "1097ff7c187e4fe8eb8375682d172c0e120efa07367ad83e1c39605e5f7a6474"
    );
}
