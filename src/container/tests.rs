//! Every bit and every cut of a file, and files that claim more than they hold.

use std::io::{self, Read};

use proptest::prelude::*;

use super::*;

const KIND: &str = "test";

fn write(sections: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = Writer::new(KIND, 3);
    for (name, body) in sections {
        writer.section(name, body);
    }
    writer.finish()
}

fn from_reader(bytes: &[u8], size: Option<u64>) -> Result<Vec<(String, Vec<u8>)>, DamagedFile> {
    match read_from(bytes, size, KIND, 3) {
        Ok(sections) => Ok(sections),
        Err(ReadError::Damaged(damaged)) => Err(damaged),
        Err(ReadError::Io(error)) => panic!("{error}"),
    }
}

/// Reads in the three ways, which agree.
fn read(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, DamagedFile> {
    let owned = |(name, body): (&str, &[u8])| (name.to_owned(), body.to_vec());
    let borrowed = Sections::read(bytes, KIND, 3).map(|sections| sections.iter().map(owned).collect());
    assert_eq!(from_reader(bytes, None), borrowed);
    assert_eq!(from_reader(bytes, Some(bytes.len() as u64)), borrowed);
    borrowed
}

fn any_sections() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    prop::collection::vec(("[a-z ]{0,12}", prop::collection::vec(any::<u8>(), 0..300)), 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(sections in any_sections()) {
        prop_assert_eq!(read(&write(&sections)).unwrap(), sections);
    }

    #[test]
    fn any_flipped_bit_and_any_cut_is_an_error(sections in any_sections(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let file = write(&sections);
        let mut flipped = file.clone();
        flipped[at.index(file.len())] ^= 1 << bit;
        prop_assert!(read(&flipped).is_err());
        prop_assert!(read(&file[..at.index(file.len())]).is_err());
        prop_assert!(read(&[&file[..], &[0]].concat()).is_err());
    }

    #[test]
    fn any_bytes_are_read_to_an_error(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(MARKER.to_vec())], 0..200),
    ) {
        prop_assert!(read(&bytes).is_err());
        let behind_a_header = [&header_of(2)[..], &bytes].concat();
        prop_assert!(read(&behind_a_header).is_err());
    }
}

fn header_of(count: u32) -> Vec<u8> {
    let mut bytes = write(&[]);
    bytes[20..24].copy_from_slice(&count.to_le_bytes());
    let sum = crc32fast::hash(&bytes[..24]);
    bytes[24..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

#[test]
fn every_flipped_bit_is_named_by_its_section() {
    let sections = [("one".to_owned(), b"first".to_vec()), ("two".to_owned(), Vec::new()), (String::new(), vec![0; 9])];
    let file = write(&sections);
    let begins: Vec<usize> = (0..3).map(|n| write(&sections[..n]).len()).collect();
    for bit in 0..file.len() * 8 {
        let mut flipped = file.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let error = read(&flipped).unwrap_err();
        let hit = begins.iter().filter(|begin| **begin <= bit / 8).count();
        let (name, at) = match hit.checked_sub(1) {
            None => ("header".to_owned(), 0),
            Some(n) if bit / 8 >= begins[n] + HEAD + sections[n].0.len() => (sections[n].0.clone(), begins[n]),
            Some(n) => (format!("#{n}"), begins[n]),
        };
        assert_eq!((&*error.section, error.at), (&*name, at as u64), "bit {bit}: {error}");
    }
}

#[test]
fn the_form_stays_as_it_is() {
    let file = write(&[("ends".to_owned(), vec![1, 2])]);
    assert_eq!(&file[..24], b"\x89RPM\r\n\x1a\ntest\0\0\0\0\x03\0\0\0\x01\0\0\0");
    assert_eq!(&file[28..44], b"\xffrpm\x04\0\0\0\x02\0\0\0\0\0\0\0");
    assert_eq!(&file[52..], b"ends\x01\x02");
    // CRC-32 (ISO-HDLC) of 1, 2.
    assert_eq!(file[44..48], 0xB6CC_4292_u32.to_le_bytes());
}

#[test]
fn each_kind_of_damage_is_told() {
    let file = write(&[("one".to_owned(), vec![7; 20])]);
    let damage = |bytes: &[u8]| read(bytes).unwrap_err().damage;
    assert_eq!(damage(b"{\"format\": 1}"), Damage::WrongMagic);
    assert_eq!(damage(b""), Damage::Cut);
    assert_eq!(damage(&file[..file.len() - 1]), Damage::Cut);
    assert_eq!(damage(&[&file[..], b"x"].concat()), Damage::Trailing);
    assert_eq!(damage(&Writer::new("other", 3).finish()), Damage::OtherKind);
    assert_eq!(damage(&Writer::new(KIND, 9).finish()), Damage::OtherVersion { found: 9, known: 3 });
    let sections = Sections::read(&file, KIND, 3).unwrap();
    assert_eq!(sections.get("two").unwrap_err().damage, Damage::Missing);
    let wrong = sections.wrong("one", "seven is odd");
    assert_eq!(wrong.to_string(), "test: section `one` at byte 28 cannot be: seven is odd");
    assert!(size_of::<DamagedFile>() <= 64);
}

/// Notes the longest buffer that was to be filled.
struct Measured<'a>(&'a [u8], usize);

impl Read for Measured<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.1 = self.1.max(into.len());
        self.0.read(into)
    }
}

#[test]
fn a_short_file_that_claims_to_be_long_makes_no_room_for_what_is_not_there() {
    let mut file = header_of(1);
    let mut head = [&MARKER[..], &3_u32.to_le_bytes(), &(16_u64 << 30).to_le_bytes(), &[0; 4]].concat();
    let mut sum = crc32fast::Hasher::new();
    sum.update(&head);
    sum.update(b"one");
    head.extend(sum.finalize().to_le_bytes());
    file.extend(head);
    file.extend(b"one");
    file.extend([1; 8]);
    assert_eq!(read(&file).unwrap_err().damage, Damage::Cut);
    let mut input = Measured(&file, 0);
    assert!(read_from(&mut input, None, KIND, 3).is_err());
    assert!(input.1 <= 256 << 10, "a buffer of {} bytes", input.1);
    // A name too long to be one is not read either.
    let mut file = header_of(1);
    file.extend([&MARKER[..], &u32::MAX.to_le_bytes(), &[0; 16]].concat());
    assert_eq!(read(&file).unwrap_err().damage, Damage::TooLarge);
}
