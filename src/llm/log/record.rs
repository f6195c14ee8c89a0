use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::llm::{Completion, CompletionRequest, FinishReason, Stage, Usage};

use super::key::Key;

/// The newest format version.
pub(super) const VERSION: u32 = 1;
/// The bytes before the first record: the magic, the version and their check.
pub(super) const HEADER: usize = 16;
/// The bytes before a record's body: the marker, the body's length, its check and a check of these three.
pub(super) const FRAME: usize = 20;
/// The longest body in bytes. What claims to be longer is damage, so that no length read from a file is believed.
pub(super) const LONGEST: usize = 16 << 20;

/// The line ends show a file that was converted as text.
const MAGIC: &[u8; 8] = b"rpmlog\r\n";
/// The first byte never occurs in UTF-8, so no text in a body can look like the beginning of a record.
pub(super) const MARKER: [u8; 4] = [0xff, b'r', b'p', b'm'];

/// One logged reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) key: Key,
    pub(super) stage: Stage,
    pub(super) about: Vec<String>,
    pub(super) completion: Completion,
}

impl Record {
    pub(super) fn new(key: Key, request: &CompletionRequest, completion: &Completion) -> Self {
        Self { key, stage: request.stage, about: request.about.clone(), completion: completion.clone() }
    }

    /// True when it is about one of these items.
    pub(super) fn is_about(&self, ids: &[&str]) -> bool {
        self.about.iter().any(|about| ids.contains(&about.as_str()))
    }

    /// The record as it is written, or nothing when it is too long.
    pub(super) fn to_bytes(&self) -> Option<Vec<u8>> {
        let Completion { text, finish, usage } = &self.completion;
        let body = Body {
            key: self.key.to_hex(),
            stage: self.stage,
            about: self.about.clone(),
            text: text.clone(),
            finish: match finish {
                FinishReason::Stop => Finish::Stop,
                FinishReason::Length => Finish::Length,
                // Never recorded: it is no reply.
                FinishReason::Filtered => return None,
            },
            usage: usage.map(|usage| Tokens {
                input: usage.input_tokens,
                output: usage.output_tokens,
                cached: usage.cached_tokens,
            }),
        };
        let body = serde_json::to_vec(&body).ok().filter(|body| body.len() <= LONGEST)?;
        let mut bytes = Vec::with_capacity(FRAME + body.len());
        bytes.extend(MARKER);
        bytes.extend(u32::try_from(body.len()).ok()?.to_le_bytes());
        bytes.extend(digest::<8>(&body));
        bytes.extend(digest::<4>(&bytes));
        bytes.extend(body);
        Some(bytes)
    }

    /// Reads a body whose check held.
    pub(super) fn from_body(body: &[u8]) -> Option<Self> {
        let body: Body = serde_json::from_slice(body).ok()?;
        let finish = match body.finish {
            Finish::Stop => FinishReason::Stop,
            Finish::Length => FinishReason::Length,
        };
        let mut completion = Completion::new(body.text).finish(finish);
        completion.usage = body.usage.map(|tokens| Usage {
            input_tokens: tokens.input,
            output_tokens: tokens.output,
            cached_tokens: tokens.cached,
        });
        Some(Self { key: Key::from_hex(&body.key)?, stage: body.stage, about: body.about, completion })
    }
}

#[derive(Serialize, Deserialize)]
struct Body {
    key: String,
    stage: Stage,
    about: Vec<String>,
    text: String,
    finish: Finish,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    usage: Option<Tokens>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Finish {
    Stop,
    Length,
}

#[derive(Serialize, Deserialize)]
struct Tokens {
    input: u64,
    output: u64,
    cached: u64,
}

/// What a record's frame says about its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) len: usize,
    check: [u8; 8],
}

impl Frame {
    /// Reads a frame; nothing when these bytes are none.
    pub(super) fn read(bytes: &[u8; FRAME]) -> Option<Self> {
        let (checked, check) = bytes.split_last_chunk::<4>()?;
        let (marker, rest) = checked.split_first_chunk::<4>()?;
        let (len, body_check) = rest.split_first_chunk::<4>()?;
        let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
        let holds = *marker == MARKER && digest::<4>(checked) == *check && len <= LONGEST;
        if holds { Some(Self { len, check: body_check.try_into().ok()? }) } else { None }
    }

    /// True when this is the body that was written.
    pub(super) fn holds(&self, body: &[u8]) -> bool {
        body.len() == self.len && digest::<8>(body) == self.check
    }
}

/// What a file begins with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// A version that can be read.
    Known,
    /// A newer version.
    Future(u32),
    /// A header that was not written to its end, and nothing after it: nothing is lost by writing it anew.
    Torn,
    /// Something else.
    Foreign,
}

/// The header of a new log.
pub(super) fn header() -> [u8; HEADER] {
    header_of(VERSION)
}

fn header_of(version: u32) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    let mut text = MAGIC.to_vec();
    text.extend(version.to_le_bytes());
    text.extend(digest::<4>(&text));
    for (byte, value) in bytes.iter_mut().zip(text) {
        *byte = value;
    }
    bytes
}

/// Reads the first bytes of a file: one more than [`HEADER`], fewer only when it has no more.
pub(super) fn read_header(bytes: &[u8]) -> Header {
    if bytes.len() <= HEADER && is_torn(bytes) {
        return Header::Torn;
    }
    let Some(bytes) = bytes.first_chunk::<HEADER>() else { return Header::Foreign };
    let [_, _, _, _, _, _, _, _, a, b, c, d, ..] = *bytes;
    let version = u32::from_le_bytes([a, b, c, d]);
    match version {
        _ if *bytes != header_of(version) || version == 0 => Header::Foreign,
        VERSION => Header::Known,
        newer => Header::Future(newer),
    }
}

/// True for the beginning of a header and for what a loss of power makes of one: zeros from some byte on.
fn is_torn(bytes: &[u8]) -> bool {
    let header = header();
    let written = bytes.iter().zip(header).take_while(|(byte, wanted)| **byte == *wanted).count();
    written < HEADER && bytes.iter().skip(written).all(|byte| *byte == 0)
}

/// The first bytes of the SHA-256 of some bytes.
fn digest<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let full: [u8; 32] = Sha256::digest(bytes).into();
    let mut short = [0; N];
    for (byte, value) in short.iter_mut().zip(full) {
        *byte = value;
    }
    short
}
