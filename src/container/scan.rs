//! Reading a file that grows: section after section, whatever the bytes are.

use std::io::{self, Read, Seek, SeekFrom};

use super::read::Head;
use super::{HEAD, MARKER};

/// The frame before a body: its length and its check. Older files have frames of their own.
pub(crate) trait Frame: Copy {
    /// Its bytes, of which the first four are [`MARKER`].
    const LEN: usize;

    /// Reads a frame; nothing when these bytes are none. No frame claims a longer body than its file may have.
    fn read(bytes: &[u8]) -> Option<Self>;

    /// The length of the body behind it.
    fn body(&self) -> usize;

    /// True when this is the body that was written.
    fn holds(&self, body: &[u8]) -> bool;
}

/// The frame of a section without a name, as a file that grows has them, of at most `LONGEST` bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unnamed<const LONGEST: usize> {
    len: usize,
    sum: u32,
}

impl<const LONGEST: usize> Frame for Unnamed<LONGEST> {
    const LEN: usize = HEAD;

    fn read(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<HEAD>()?;
        let head = Head::read(bytes).ok().filter(|head| head.name == 0)?;
        head.name(bytes, &[]).ok()?;
        let len = usize::try_from(head.body).ok().filter(|len| *len <= LONGEST)?;
        Some(Self { len, sum: head.sum })
    }

    fn body(&self) -> usize {
        self.len
    }

    fn holds(&self, body: &[u8]) -> bool {
        body.len() == self.len && crc32fast::hash(body) == self.sum
    }
}

/// The thing at a place.
pub(crate) enum Found<F> {
    /// A body as it was written, and where it is.
    Body { frame: F, body: Vec<u8>, body_at: u64 },
    /// Bytes that are no section, as many as it takes to the next one.
    Damaged { at: u64 },
    /// A section that was not written to its end; nothing follows.
    Torn { at: u64 },
}

/// Bytes of the file that are read at a time: sections of some hundred bytes would cost a call each otherwise.
const WINDOW: usize = 64 << 10;

/// Reads a file's sections one after another. Holds one body at a time, and a window of the file.
pub(crate) struct Scanner<R> {
    input: R,
    at: u64,
    end: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl<R: Read + Seek> Scanner<R> {
    /// Begins at this offset.
    pub(crate) fn new(mut input: R, at: u64) -> io::Result<Self> {
        let end = input.seek(SeekFrom::End(0))?;
        Ok(Self { input, at, end, window: Vec::new(), window_at: at })
    }

    /// The next thing; nothing at the end.
    pub(crate) fn next<F: Frame>(&mut self) -> io::Result<Option<Found<F>>> {
        let (at, left) = (self.at, self.end.saturating_sub(self.at));
        if left == 0 {
            return Ok(None);
        }
        if left < F::LEN as u64 {
            return Ok(Some(self.torn()));
        }
        let Some(frame) = self.frame_at::<F>(at)? else {
            self.at = self.next_frame::<F>(at + 1)?;
            return Ok(Some(Found::Damaged { at }));
        };
        let body_at = at + F::LEN as u64;
        if self.end - body_at < frame.body() as u64 {
            return Ok(Some(self.torn()));
        }
        self.at = body_at + frame.body() as u64;
        let body = self.body(&frame, body_at)?;
        Ok(Some(body.map_or(Found::Damaged { at }, |body| Found::Body { frame, body, body_at })))
    }

    fn torn<F>(&mut self) -> Found<F> {
        let at = self.at;
        self.at = self.end;
        Found::Torn { at }
    }

    fn frame_at<F: Frame>(&mut self, at: u64) -> io::Result<Option<F>> {
        let mut bytes = [0; HEAD];
        let Some(bytes) = bytes.get_mut(..F::LEN).filter(|_| self.end.saturating_sub(at) >= F::LEN as u64) else {
            return Ok(None);
        };
        self.read_at(at, bytes)?;
        Ok(F::read(bytes))
    }

    fn body<F: Frame>(&mut self, frame: &F, body_at: u64) -> io::Result<Option<Vec<u8>>> {
        body_by(frame, |into| self.read_at(body_at, into))
    }

    /// Reads from the window; what is longer is read past it.
    fn read_at(&mut self, at: u64, into: &mut [u8]) -> io::Result<()> {
        if into.len() > WINDOW {
            return read_at(&mut self.input, at, into);
        }
        let held = self.held_from(at, into.len())?.get(..into.len()).unwrap_or_default();
        into.copy_from_slice(held);
        Ok(())
    }

    /// What the window holds from this place on, so many bytes at least: it is moved there if it does not reach so far.
    fn held_from(&mut self, at: u64, least: usize) -> io::Result<&[u8]> {
        if self.held(at).len() < least {
            self.window.clear();
            self.window_at = at;
            self.input.seek(SeekFrom::Start(at))?;
            let left = self.end.saturating_sub(at).min(WINDOW as u64);
            (&mut self.input).take(left).read_to_end(&mut self.window)?;
        }
        let held = self.held(at);
        if held.len() < least { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(held) }
    }

    fn held(&self, at: u64) -> &[u8] {
        let begin = at.checked_sub(self.window_at).and_then(|begin| usize::try_from(begin).ok());
        begin.and_then(|begin| self.window.get(begin..)).unwrap_or_default()
    }

    /// The offset of the first frame from here on, or the end.
    fn next_frame<F: Frame>(&mut self, from: u64) -> io::Result<u64> {
        let mut start = from;
        while self.end.saturating_sub(start) >= F::LEN as u64 {
            let part = self.held_from(start, F::LEN)?;
            let mut heads = part.windows(F::LEN).enumerate().filter(|(_, head)| head.starts_with(&MARKER));
            if let Some((place, _)) = heads.find(|(_, head)| F::read(head).is_some()) {
                return Ok(start + place as u64);
            }
            // A frame may lie across two windows.
            start += (part.len() - (F::LEN - 1)) as u64;
        }
        Ok(self.end)
    }
}

/// Reads the body behind a frame; nothing when it is not what was written.
pub(crate) fn read_body<R: Read + Seek, F: Frame>(
    input: &mut R,
    frame: &F,
    body_at: u64,
) -> io::Result<Option<Vec<u8>>> {
    body_by(frame, |into| read_at(input, body_at, into))
}

/// The body of a frame, read so; nothing when it is not what was written.
fn body_by<F: Frame>(frame: &F, read: impl FnOnce(&mut [u8]) -> io::Result<()>) -> io::Result<Option<Vec<u8>>> {
    let mut body = vec![0; frame.body()];
    match read(&mut body) {
        Ok(()) => Ok(frame.holds(&body).then_some(body)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

fn read_at<R: Read + Seek>(input: &mut R, at: u64, into: &mut [u8]) -> io::Result<()> {
    input.seek(SeekFrom::Start(at))?;
    input.read_exact(into)
}
