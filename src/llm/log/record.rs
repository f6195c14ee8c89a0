//! A reply as a log keeps it, and the beginning of a log's file.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::container::{self, DamagedFile, GROWING, Unnamed, is_torn, read_header};
use crate::llm::{Completion, CompletionRequest, FinishReason, Stage, TokenChoices, Usage};

use super::form::{KIND, LONGEST, VERSION};
use super::key::Key;
use super::old;

/// The bytes before the first record.
pub(super) use crate::container::HEADER;

/// The frame before a record's body.
pub(super) type Frame = Unnamed<LONGEST>;

/// One logged reply.
#[cfg_attr(test, derive(Debug))]
#[derive(Clone, PartialEq)]
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
    pub(super) fn is_about(&self, ids: &HashSet<&str>) -> bool {
        self.about.iter().any(|about| ids.contains(about.as_str()))
    }

    /// The record as it is written, or nothing when it is too long.
    pub(super) fn to_bytes(&self) -> Option<Vec<u8>> {
        let Completion { text, finish, usage, tokens, reasoning_tokens: _ } = &self.completion;
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
            likeliest: tokens.clone(),
        };
        let body = serde_json::to_vec(&body).ok().filter(|body| body.len() <= LONGEST)?;
        Some(container::frame(&body))
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
        completion.tokens = body.likeliest;
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
    /// By token of the reply.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    likeliest: Vec<TokenChoices>,
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

/// The beginning of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// The header of this version.
    Current,
    /// The header of version 1.
    Old,
    /// A header that was not written to its end, and nothing after it: nothing is lost by writing it anew.
    Torn,
}

/// The header of a new log.
pub(super) fn header() -> [u8; HEADER] {
    container::header(KIND, VERSION, GROWING)
}

/// Reads the first bytes of a file: one more than [`HEADER`], fewer only when it has no more.
pub(super) fn read_start(bytes: &[u8]) -> Result<Start, DamagedFile> {
    if is_torn(bytes, &header()) || is_torn(bytes, &old::header()) {
        return Ok(Start::Torn);
    }
    if old::is_old(bytes)? {
        return Ok(Start::Old);
    }
    read_header(bytes, KIND, VERSION).map(|_| Start::Current)
}
