//! The rows of a CSV file as a spreadsheet numbers them, and a double quote that is not closed.

/// What a look at the bytes alone tells.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Numbered {
    /// By record that is not empty: its row, from 1. Empty lines count, line ends within double quotes do not.
    pub(super) records: Vec<usize>,
    /// The row in which a double quote opens that is not closed.
    pub(super) open: Option<usize>,
}

/// Where in a record a byte stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Record,
    Cell,
    Text,
    Quoted,
    /// After a double quote within a quoted cell, which ends it or stands before another one.
    Ended,
}

/// Numbers the records. A double quote at the beginning of a cell opens it, as it does for the `csv` crate.
///
/// Where a quote was not closed, the next one in the file closes it, and other text than the end of a cell follows that. Within a
/// line this is a slip that is read as text; over several lines it would be rows that are swallowed.
pub(super) fn numbered(bytes: &[u8], separator: u8) -> Numbered {
    let mut found = Numbered::default();
    let (mut at, mut row, mut lines, mut last) = (At::Record, 1, 0_usize, 0_u8);
    for &byte in bytes {
        let ends_line = byte == b'\n' || byte == b'\r';
        // One end of a line of two bytes.
        if byte == b'\n' && last == b'\r' && at == At::Record {
            last = byte;
            continue;
        }
        last = byte;
        if at == At::Quoted {
            lines += usize::from(byte == b'\n');
            at = if byte == b'"' { At::Ended } else { at };
            continue;
        }
        if at == At::Record && !ends_line {
            found.records.push(row);
        }
        at = match byte {
            b'"' if at == At::Ended => At::Quoted,
            b'"' if matches!(at, At::Record | At::Cell) => {
                lines = 0;
                At::Quoted
            }
            _ if ends_line => {
                row += 1;
                At::Record
            }
            _ if byte == separator => At::Cell,
            _ if at == At::Ended && lines > 0 => {
                found.open = Some(row);
                return found;
            }
            _ => At::Text,
        };
    }
    found.open = (at == At::Quoted).then_some(row);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use csv::ReaderBuilder;
    use proptest::prelude::*;

    #[test]
    fn empty_lines_count_and_line_ends_within_quotes_do_not() {
        let text = b"\na,b\r\n\r\n1,\"x\ny \"\"z\"\"\"\n\n2,3\r4,5";
        assert_eq!(numbered(text, b',').records, [2, 4, 6, 7]);
    }

    #[test]
    fn a_quote_that_is_not_closed_is_found_where_it_opens() {
        assert_eq!(numbered(b"a,b\n1,\"x\n2,y\n", b',').open, Some(2));
        assert_eq!(numbered(b"a,b\n1,\"x\n2,\"y\"\n3,\"z\"\n", b',').open, Some(2));
        assert_eq!(numbered(b"a,b\n1,\"x\" and y\n2,5\" of wood\n", b',').open, None);
    }

    proptest! {
        #[test]
        fn there_are_as_many_records_as_the_reader_finds(text in "[a,\"\n\r]{0,40}") {
            let numbered = numbered(text.as_bytes(), b',');
            let mut reader = ReaderBuilder::new().flexible(true).has_headers(false).from_reader(text.as_bytes());
            let records = reader.byte_records().count();
            prop_assert!(numbered.open.is_some() || numbered.records.len() == records);
            prop_assert!(numbered.records.is_sorted());
        }
    }
}
