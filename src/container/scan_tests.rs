//! Reading on behind damage.

use std::io::{self, Read};

use super::*;

/// Counts the bytes that are read.
struct Counted<R> {
    input: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(into)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

impl<R: io::Seek> io::Seek for Counted<R> {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        self.input.seek(to)
    }
}

#[test]
fn a_damaged_stretch_is_read_once_however_many_beginnings_of_sections_it_holds() {
    let damaged = MARKER.repeat(1 << 16);
    let mut input = Counted { input: io::Cursor::new(&damaged), bytes: 0 };
    let mut scanner = Scanner::new(&mut input, 0).unwrap();
    assert!(matches!(scanner.next::<Unnamed<1024>>().unwrap(), Some(Found::Damaged { at: 0 })));
    assert!(scanner.next::<Unnamed<1024>>().unwrap().is_none());
    assert!(input.bytes < damaged.len() as u64 * 11 / 10, "{} bytes", input.bytes);
}

#[test]
fn a_section_behind_damage_is_found_wherever_windows_end() {
    let body = b"a body".as_slice();
    let section = frame(body);
    for before in (65_470..65_580).chain([131_000]) {
        let file = [vec![0xff_u8; before], section.clone()].concat();
        let mut scanner = Scanner::new(io::Cursor::new(&file), 0).unwrap();
        assert!(matches!(scanner.next::<Unnamed<1024>>().unwrap(), Some(Found::Damaged { at: 0 })));
        let found = scanner.next::<Unnamed<1024>>().unwrap();
        assert!(matches!(found, Some(Found::Body { body: found, .. }) if found == body), "{before}");
    }
}

#[test]
fn a_file_is_read_once_however_small_its_sections_are_and_however_many_are_damaged() {
    let (good, mut bad) = (frame(b"a body"), frame(b"a body"));
    *bad.last_mut().unwrap() = 0;
    let file = [good, bad, b"no frame".to_vec()].concat().repeat(5_000);
    let mut input = Counted { input: io::Cursor::new(&file), bytes: 0 };
    let mut scanner = Scanner::new(&mut input, 0).unwrap();
    let (mut bodies, mut damaged) = (0, 0);
    while let Some(found) = scanner.next::<Unnamed<1024>>().unwrap() {
        bodies += usize::from(matches!(found, Found::Body { .. }));
        damaged += usize::from(matches!(found, Found::Damaged { .. }));
    }
    // The bytes that are no frame are damage of their own, but for the last of them, which may be the beginning of one.
    assert_eq!((bodies, damaged), (5_000, 9_999));
    assert!(input.bytes < file.len() as u64 * 11 / 10, "{} bytes of {}", input.bytes, file.len());
}
