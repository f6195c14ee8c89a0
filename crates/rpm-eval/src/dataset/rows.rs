//! Rows of a text file, one in memory at a time: lines, or the elements of a JSON array.

use std::fmt;
use std::io::{self, BufRead};
use std::path::Path;

use super::source::{format_error, io_error};
use crate::EvalError;

/// One row. Its bytes are `None` where it is over the limit; then it has been passed over.
#[derive(PartialEq, Eq)]
pub(crate) struct Row<'a> {
    /// Its line, or its place in the array, from 1.
    pub(crate) number: usize,
    pub(crate) bytes: Option<&'a [u8]>,
}

/// The lines of a file that are not blank, without their ends.
pub(crate) struct Lines<R> {
    reader: R,
    number: usize,
    limit: usize,
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(reader: R, limit: usize) -> Self {
        Self { reader, number: 0, limit, buffer: Vec::new() }
    }

    /// The next line.
    pub(crate) fn next(&mut self) -> io::Result<Option<Row<'_>>> {
        loop {
            self.buffer.clear();
            let most = (self.limit as u64).saturating_add(1);
            let read = io::Read::take(&mut self.reader, most).read_until(b'\n', &mut self.buffer)?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            if self.buffer.len() > self.limit && self.buffer.last() != Some(&b'\n') {
                self.reader.skip_until(b'\n')?;
                return Ok(Some(Row { number: self.number, bytes: None }));
            }
            if !self.buffer.trim_ascii().is_empty() {
                break;
            }
        }
        Ok(Some(Row { number: self.number, bytes: Some(self.buffer.trim_ascii()) }))
    }
}

/// The elements of a JSON array. Only the end of each is found here; its content is left to a parser, so that a bad
/// element does not end the reading.
pub(super) struct Elements<R> {
    reader: R,
    number: usize,
    limit: usize,
    buffer: Vec<u8>,
    /// The next part: the array's opening, another element, or nothing.
    next: Next,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Opening,
    Element,
    Nothing,
}

/// The reason an array cannot be read on.
#[derive(Debug)]
pub(super) enum Broken {
    Io(io::Error),
    Shape(String),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Broken {
    pub(super) fn of(self, path: &Path) -> EvalError {
        match self {
            Self::Io(source) => io_error(path, source),
            Self::Shape(problem) => format_error(path, problem),
        }
    }
}

fn shape<T>(problem: impl Into<String>) -> Result<T, Broken> {
    Err(Broken::Shape(problem.into()))
}

impl<R: BufRead> Elements<R> {
    pub(super) fn new(reader: R, limit: usize) -> Self {
        Self { reader, number: 0, limit, buffer: Vec::new(), next: Next::Opening }
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        let byte = self.reader.fill_buf()?.first().copied();
        if byte.is_some() {
            self.reader.consume(1);
        }
        Ok(byte)
    }

    fn visible(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.byte()? {
                Some(b' ' | b'\t' | b'\n' | b'\r') => {}
                other => return Ok(other),
            }
        }
    }

    /// The next element.
    pub(super) fn next(&mut self) -> Result<Option<Row<'_>>, Broken> {
        if self.next == Next::Nothing {
            return Ok(None);
        }
        let opening = self.next == Next::Opening;
        if opening && self.visible()? != Some(b'[') {
            return shape("is not a JSON array");
        }
        self.next = Next::Element;
        let first = self.visible()?;
        if opening && first == Some(b']') {
            return self.close();
        }
        self.number += 1;
        let over = self.element(first)?;
        let bytes = (!over).then_some(self.buffer.trim_ascii());
        Ok(Some(Row { number: self.number, bytes }))
    }

    /// Reads an element and what ends it; true when it is over the limit.
    fn element(&mut self, first: Option<u8>) -> Result<bool, Broken> {
        self.buffer.clear();
        let (mut depth, mut quoted, mut escaped, mut over) = (0_usize, false, false, false);
        let mut byte = first;
        loop {
            let Some(now) = byte else {
                return shape(format!("ends within element {}: it seems cut off", self.number));
            };
            match now {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                _ if quoted => {}
                b'[' | b'{' => depth += 1,
                b',' if depth == 0 => return Ok(over),
                b']' if depth == 0 => {
                    self.close()?;
                    return Ok(over);
                }
                b'}' if depth == 0 => return shape(format!("has a brace too many at element {}", self.number)),
                b']' | b'}' => depth -= 1,
                _ => {}
            }
            if self.buffer.len() < self.limit {
                self.buffer.push(now);
            } else {
                over = true;
            }
            byte = self.byte()?;
        }
    }

    fn close(&mut self) -> Result<Option<Row<'static>>, Broken> {
        self.next = Next::Nothing;
        match self.visible()? {
            None => Ok(None),
            Some(_) => shape("goes on after the end of its array"),
        }
    }
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row")
            .field("number", &self.number)
            .field("bytes", &self.bytes.map(<[u8]>::len))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(text: &[u8], limit: usize) -> Vec<(usize, Option<Vec<u8>>)> {
        let mut lines = Lines::new(text, limit);
        let mut rows = Vec::new();
        while let Some(row) = lines.next().unwrap() {
            rows.push((row.number, row.bytes.map(<[u8]>::to_vec)));
        }
        rows
    }

    fn elements(text: &[u8], limit: usize) -> Result<Vec<Option<Vec<u8>>>, Broken> {
        let mut elements = Elements::new(text, limit);
        let mut rows = Vec::new();
        while let Some(row) = elements.next()? {
            rows.push(row.bytes.map(<[u8]>::to_vec));
        }
        Ok(rows)
    }

    #[test]
    fn lines_keep_their_numbers_over_blank_ones_and_both_ends() {
        let rows = lines(b"a\r\n\r\n  \nb\n\nc", 10);
        assert_eq!(rows, [(1, Some(b"a".to_vec())), (4, Some(b"b".to_vec())), (6, Some(b"c".to_vec()))]);
    }

    #[test]
    fn a_line_over_the_limit_is_passed_over_and_the_next_is_read() {
        let rows = lines(b"abcd\nabcde\nabc\nabcdefghij", 4);
        assert_eq!(rows, [(1, Some(b"abcd".to_vec())), (2, None), (3, Some(b"abc".to_vec())), (4, None)]);
    }

    #[test]
    fn brackets_and_commas_in_strings_end_nothing() {
        let rows = elements(br#" [ {"a": "],}\"["} , [1, [2]], 3 ] "#, 100).unwrap();
        let expected: [&[u8]; 3] = [br#"{"a": "],}\"["}"#, b"[1, [2]]", b"3"];
        assert_eq!(rows, expected.map(|row| Some(row.to_vec())));
        assert!(elements(b"[]", 9).unwrap().is_empty());
    }

    #[test]
    fn an_element_over_the_limit_is_passed_over_and_the_next_is_read() {
        assert_eq!(elements(b"[\"long long\", 1]", 5).unwrap(), [None, Some(b"1".to_vec())]);
    }

    #[test]
    fn an_array_that_is_cut_off_or_goes_on_is_refused() {
        for text in ["", "{}", "[", "[1", "[1,", "[\"a]", "[1] 2", "[1}", "[{]"] {
            assert!(matches!(elements(text.as_bytes(), 99), Err(Broken::Shape(_))), "{text}");
        }
    }

    proptest! {
        #[test]
        fn elements_are_those_a_parser_finds(values in prop::collection::vec("[\\PC\\\\\"\\[\\]{},]{0,12}", 0..6)) {
            let text = serde_json::to_vec(&values).unwrap();
            let rows = elements(&text, 1_000).unwrap();
            let read: Vec<String> = rows.into_iter().map(|row| serde_json::from_slice(&row.unwrap()).unwrap()).collect();
            prop_assert_eq!(read, values);
        }

        #[test]
        fn no_bytes_make_the_reading_panic_or_find_a_row_over_the_limit(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"[]{},\"\\ \n".to_vec())], 0..200),
            limit in 0_usize..40,
        ) {
            let _ = elements(&bytes, limit).map(|rows| {
                assert!(rows.into_iter().flatten().all(|row| row.len() <= limit));
            });
            prop_assert!(lines(&bytes, limit).into_iter().filter_map(|row| row.1).all(|row| row.len() <= limit));
        }
    }
}
