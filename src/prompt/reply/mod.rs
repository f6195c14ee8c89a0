//! Reads the JSON asked of a language model out of the reply it gave.
//!
//! A wrong value read without a word is worse than a refusal, so the order is fixed: the reply as it is; then every
//! outermost bracketed value outside the model's thinking, tried against the wanted type, the last that fits winning
//! (an echoed template comes first, the final answer last); and each of these is repaired only as far as it has one
//! likely reading. Whatever was done is listed in `repairs`.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

use self::items::Form;
use self::kind::{form_of, wants_object};
use self::repair::Keep;
use self::scan::{Piece, Scan};

mod items;
mod kind;
mod repair;
mod scan;

/// Longest reply that is looked through for JSON. It is done in one go, so that the worst one of this length must not keep an executor
/// for long.
const MAX_REPLY_BYTES: usize = 256 << 10;

const WRONG_SHAPE: &str = "the reply has JSON, but not in the form asked for";

/// A change that was made to a reply before it could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Repair {
    /// The model's thinking was taken away.
    StrippedThinking,
    /// A code fence was taken away.
    StrippedFence,
    /// Words, control tokens or other JSON around the answer were taken away.
    StrippedProse,
    /// JSON that ended too early was closed after its last whole item.
    ClosedBrackets,
    /// Some items could not be read and were left out.
    DroppedItems,
    /// The syntax was put right: commas, quotes, comments, literals.
    Syntax,
    /// Bare items or a bare list were taken where an object with one field was asked for.
    WrappedItem,
}

/// A value read from a reply.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply<T> {
    /// The value.
    pub value: T,
    /// The changes made to the reply, in the order of [`Repair`]; empty if it was right as it came.
    pub repairs: Vec<Repair>,
}

/// A list of items read from a reply.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplyItems<T> {
    /// The items that could be read, in the reply's order.
    pub items: Vec<T>,
    /// Number of items that were there but could not be read.
    pub unreadable: usize,
    /// True if the reply ended before the list did; the item it ended in is in neither of the above.
    pub truncated: bool,
    /// The changes made to the reply, in the order of [`Repair`]; empty if it was right as it came.
    pub repairs: Vec<Repair>,
}

/// The reason why a reply could not be read. No variant holds any of the reply's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// The reply has nothing but white space.
    #[error("the reply is empty")]
    Empty,
    /// The reply has no JSON object or list, as in a refusal.
    #[error("the reply has no JSON object or list")]
    NoJson,
    /// The reply has JSON, but not of the shape asked for, or it was cut too early to have it.
    #[error("{WRONG_SHAPE}: expected {expected}")]
    WrongShape {
        /// The form that was wanted, as JSON in one line with `…` for what is free.
        expected: String,
    },
    /// The last JSON of the reply is broken in a way that has no single likely reading.
    #[error("the reply's JSON is broken at byte {position}")]
    Malformed {
        /// The end of what could be read, in bytes of the reply without leading white space.
        position: usize,
    },
    /// The reply is longer than 256 KiB, and not the value asked for as it stands. Lists of items are not read beyond that.
    #[error("the reply has {bytes} bytes, more than the {MAX_REPLY_BYTES} that are searched")]
    TooLong {
        /// Length of the reply.
        bytes: usize,
    },
    /// The reply has so many unpaired brackets that finding JSON in it would take too long.
    #[error("the reply of {bytes} bytes has too many unpaired brackets")]
    TooTangled {
        /// Length of the reply.
        bytes: usize,
    },
}

impl ReplyError {
    /// The error in words for the model, whose request says what the form is.
    pub(crate) fn problem(&self) -> String {
        match self {
            Self::WrongShape { .. } => WRONG_SHAPE.to_owned(),
            other => other.to_string(),
        }
    }
}

/// Reads one value of type `T`.
///
/// If the reply was cut, only unfinished trailing members are dropped; whether the rest is enough is for `T` to say.
/// An earlier value is not taken in place of a later one that is cut or broken: it may be an echoed template.
///
/// # Errors
///
/// See [`ReplyError`]. A reply that is valid JSON of another type is [`ReplyError::WrongShape`].
pub fn read_reply<T: DeserializeOwned>(reply: &str) -> Result<Reply<T>, ReplyError> {
    let clean = without_controls(reply);
    let text = trimmed(&clean)?;
    let fits = |text: &str| !(wants_object::<T>() && text.starts_with('['));
    if fits(text)
        && let Ok(value) = serde_json::from_str(text)
    {
        return Ok(Reply { value, repairs: Vec::new() });
    }
    check_length(text)?;
    let wrong_shape = || ReplyError::WrongShape { expected: form_of::<T>() };
    if serde_json::from_str::<serde_json::Value>(text).is_ok() {
        return Err(wrong_shape());
    }
    let scan = scan(text, Keep::WholeItems)?;
    for (index, piece) in scan.pieces.iter().enumerate().rev() {
        if piece.inner || !piece.is_readable() || !fits(&piece.parsed.json) {
            continue;
        }
        if let Ok(value) = serde_json::from_str(&piece.parsed.json) {
            if scan.unfinished_after(index).is_some() {
                break;
            }
            return Ok(Reply { value, repairs: scan.repairs(|other| other == index) });
        }
    }
    Err(scan.error(wrong_shape))
}

/// Reads the items of `{"field": [..]}`, each on its own, so that a bad one does not cost the others.
///
/// Also accepted: a bare list, and bare items one after another; then the items of a list that is broken somewhere.
/// Of a list that was cut, the whole items are kept. `items` may be empty beside a non-zero `unreadable`.
///
/// # Errors
///
/// See [`ReplyError`]; [`ReplyError::WrongShape`] also if the list was cut before its first item was whole.
pub fn read_items<T: DeserializeOwned>(reply: &str, field: &'static str) -> Result<ReplyItems<T>, ReplyError> {
    read_list(reply, field, Keep::WholeItems)
}

/// Reads items as [`read_items`] does, but of a list that was cut inside an item's own list, the item is kept too, with
/// the whole members of its list. Only for types in which every member of that list stands for itself.
pub(crate) fn read_cut_items<T: DeserializeOwned>(
    reply: &str,
    field: &'static str,
) -> Result<ReplyItems<T>, ReplyError> {
    read_list(reply, field, Keep::PartOfLast)
}

fn read_list<T: DeserializeOwned>(reply: &str, field: &'static str, keep: Keep) -> Result<ReplyItems<T>, ReplyError> {
    let clean = without_controls(reply);
    let text = trimmed(&clean)?;
    check_length(text)?;
    let wrong_shape = || ReplyError::WrongShape { expected: format!("{{\"{field}\":[…]}}") };
    if let Ok(value) = serde_json::from_str(text) {
        return Form::of(value, field).into_items().ok_or_else(wrong_shape);
    }
    let scan = scan(text, keep)?;
    items::pick(&scan, field).ok_or_else(|| scan.error(wrong_shape))
}

/// A reply with a space for each control character, written out or as an escape of JSON: nothing that a terminal obeys gets into
/// what is read. Line ends and tabs stay.
fn without_controls(reply: &str) -> Cow<'_, str> {
    let is_odd = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    if !reply.contains(is_odd) && !reply.contains("\\u00") && !reply.contains("\\b") && !reply.contains("\\f") {
        return Cow::Borrowed(reply);
    }
    let (mut clean, mut rest) = (String::with_capacity(reply.len()), reply);
    while let Some(c) = rest.chars().next() {
        let escaped = rest.strip_prefix('\\').map(|escape| (escape.chars().next(), escape));
        let (bytes, odd) = match escaped {
            Some((Some('u'), escape)) => {
                let code = escape.get(1..5).and_then(|digits| u32::from_str_radix(digits, 16).ok());
                (if code.is_some() { 6 } else { 2 }, code.and_then(char::from_u32).is_some_and(is_odd))
            }
            Some((Some(other), _)) => (1 + other.len_utf8(), matches!(other, 'b' | 'f') || is_odd(other)),
            _ => (c.len_utf8(), is_odd(c)),
        };
        let (taken, left) = rest.split_at_checked(bytes).unwrap_or((rest, ""));
        clean.push_str(if odd { " " } else { taken });
        rest = left;
    }
    Cow::Owned(clean)
}

fn trimmed(reply: &str) -> Result<&str, ReplyError> {
    let text = reply.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if text.is_empty() { Err(ReplyError::Empty) } else { Ok(text) }
}

/// Fails for a reply that is too long to be taken apart.
fn check_length(text: &str) -> Result<(), ReplyError> {
    let bytes = text.len();
    if bytes > MAX_REPLY_BYTES { Err(ReplyError::TooLong { bytes }) } else { Ok(()) }
}

fn scan(text: &str, keep: Keep) -> Result<Scan, ReplyError> {
    let bytes = text.len();
    let mut scan = scan::scan(text, keep).ok_or(ReplyError::TooTangled { bytes })?;
    scan.keep = keep;
    Ok(scan)
}

fn sorted(mut repairs: Vec<Repair>) -> Vec<Repair> {
    repairs.sort_unstable();
    repairs.dedup();
    repairs
}

impl Scan {
    /// The first value after the one at `index` that has the same brackets and is cut or broken.
    fn unfinished_after(&self, index: usize) -> Option<usize> {
        let object = self.pieces.get(index)?.object;
        let unfinished = |piece: &Piece| piece.object == object && (piece.is_cut() || piece.is_broken());
        self.pieces.iter().skip(index + 1).position(unfinished).map(|later| index + 1 + later)
    }

    /// Returns the changes made to get at the values that are `used`.
    fn repairs(&self, used: impl Fn(usize) -> bool) -> Vec<Repair> {
        let mut repairs = Vec::new();
        let mut prose = self.prose;
        for (index, piece) in self.pieces.iter().enumerate() {
            if used(index) {
                if piece.is_cut() {
                    repairs.push(Repair::ClosedBrackets);
                }
                if piece.parsed.syntax {
                    repairs.push(Repair::Syntax);
                }
            } else {
                prose |= !piece.inner;
            }
        }
        let around = [
            (self.thinking, Repair::StrippedThinking),
            (self.fence, Repair::StrippedFence),
            (prose, Repair::StrippedProse),
        ];
        repairs.extend(around.iter().filter(|(done, _)| *done).map(|(_, repair)| *repair));
        sorted(repairs)
    }

    /// Returns the reason why nothing of this could be used.
    fn error(&self, wrong_shape: impl FnOnce() -> ReplyError) -> ReplyError {
        match self.pieces.iter().rfind(|piece| !piece.inner) {
            None => ReplyError::NoJson,
            Some(piece) if piece.is_broken() => ReplyError::Malformed { position: piece.parsed.end },
            Some(_) => wrong_shape(),
        }
    }
}

#[cfg(test)]
mod tests;
