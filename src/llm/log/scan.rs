use std::io::{self, Read, Seek, SeekFrom};

use super::record::{FRAME, Frame, LONGEST, MARKER, Record};

/// What stands at a place of a log.
pub(super) enum Found {
    /// A whole record and where its body is.
    Record { record: Box<Record>, frame: Frame, body_at: u64 },
    /// Bytes that are no record, as many as it takes to the next one.
    Damaged,
    /// A record that was not written to its end; nothing follows.
    Torn { at: u64 },
}

/// Reads a log's records one after another, whatever the bytes are. Holds one record at a time.
pub(super) struct Scanner<R> {
    input: R,
    at: u64,
    end: u64,
}

impl<R: Read + Seek> Scanner<R> {
    /// Begins at this offset.
    pub(super) fn new(mut input: R, at: u64) -> io::Result<Self> {
        let end = input.seek(SeekFrom::End(0))?;
        Ok(Self { input, at, end })
    }

    /// What comes next; nothing at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Found>> {
        let left = self.end.saturating_sub(self.at);
        if left == 0 {
            return Ok(None);
        }
        if left < FRAME as u64 {
            return Ok(Some(self.torn()));
        }
        let Some(frame) = self.frame_at(self.at)? else {
            self.at = self.next_frame(self.at + 1)?;
            return Ok(Some(Found::Damaged));
        };
        let body_at = self.at + FRAME as u64;
        if self.end - body_at < frame.len as u64 {
            return Ok(Some(self.torn()));
        }
        let mut body = vec![0; frame.len];
        read_at(&mut self.input, body_at, &mut body)?;
        self.at = body_at + frame.len as u64;
        let record = if frame.holds(&body) { Record::from_body(&body) } else { None };
        Ok(Some(match record {
            Some(record) => Found::Record { record: Box::new(record), frame, body_at },
            None => Found::Damaged,
        }))
    }

    fn torn(&mut self) -> Found {
        let at = self.at;
        self.at = self.end;
        Found::Torn { at }
    }

    fn frame_at(&mut self, at: u64) -> io::Result<Option<Frame>> {
        let mut bytes = [0; FRAME];
        if self.end.saturating_sub(at) < FRAME as u64 {
            return Ok(None);
        }
        read_at(&mut self.input, at, &mut bytes)?;
        Ok(Frame::read(&bytes))
    }

    /// The offset of the first frame from here on, or the end.
    fn next_frame(&mut self, from: u64) -> io::Result<u64> {
        let mut window = vec![0; 64 << 10];
        let mut start = from;
        while self.end.saturating_sub(start) >= FRAME as u64 {
            let len = usize::try_from(self.end - start).unwrap_or(usize::MAX).min(window.len());
            let Some(part) = window.get_mut(..len) else { break };
            read_at(&mut self.input, start, part)?;
            let places: Vec<usize> =
                part.windows(MARKER.len()).enumerate().filter(|(_, w)| *w == MARKER).map(|(place, _)| place).collect();
            for place in places {
                if self.frame_at(start + place as u64)?.is_some() {
                    return Ok(start + place as u64);
                }
            }
            // A marker may lie across two windows.
            start += (len - (MARKER.len() - 1)) as u64;
        }
        Ok(self.end)
    }
}

/// Reads one body that was found before; nothing when it is not what it was.
pub(super) fn read_body<R: Read + Seek>(input: &mut R, frame: &Frame, body_at: u64) -> io::Result<Option<Record>> {
    debug_assert!(frame.len <= LONGEST);
    let mut body = vec![0; frame.len];
    match read_at(input, body_at, &mut body) {
        Ok(()) => Ok(if frame.holds(&body) { Record::from_body(&body) } else { None }),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

fn read_at<R: Read + Seek>(input: &mut R, at: u64, into: &mut [u8]) -> io::Result<()> {
    input.seek(SeekFrom::Start(at))?;
    input.read_exact(into)
}
