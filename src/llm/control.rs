//! Breaks the control sequences of chat formats, so that no text in a message can end a turn or begin one.

use unicode_normalization::UnicodeNormalization;

use crate::data::visible::shows_nothing;

/// Names that stand in angle brackets as one token: ends and beginnings, fillers, roles and media. `<b>` and `<i>` are none.
const NAMES: [&str; 33] = [
    "s",
    "bos",
    "eos",
    "pad",
    "unk",
    "cls",
    "sep",
    "mask",
    "sop",
    "eop",
    "eod",
    "eot",
    "eom",
    "eoh",
    "eoa",
    "sys",
    "inst",
    "system",
    "user",
    "human",
    "assistant",
    "bot",
    "model",
    "tool",
    "tools",
    "function",
    "think",
    "thinking",
    "image",
    "img",
    "video",
    "audio",
    "end",
];
/// The longest name of a token in bytes.
const LONGEST: usize = 64;

/// Breaks every control sequence of a chat format in a text by a space after its first character, since a provider may read
/// them inside content. Full-width and compatibility forms and letters of either case count, and invisible characters in between
/// do not help. They go by their shape: `<|`, `|>`, `[|` and `|]`, a name with an underscore, doubled brackets or a known name in
/// angle brackets, and capitals or a name with an underscore in square ones.
pub(crate) fn break_control(text: String) -> String {
    let folded = Folded::of(&text);
    // Each begins with a sign of one byte.
    let mut breaks: Vec<usize> = folded.sequences().filter_map(|(at, _)| folded.ends.get(at).copied()).collect();
    if breaks.is_empty() {
        return text;
    }
    breaks.dedup();
    let (mut broken, mut from) = (String::with_capacity(text.len() + breaks.len()), 0);
    for at in breaks {
        broken.push_str(text.get(from..at).unwrap_or_default());
        broken.push(' ');
        from = at;
    }
    broken.push_str(text.get(from..).unwrap_or_default());
    broken
}

/// The bytes of a control sequence that a text, in capitals where the original has them, begins with.
fn sequence(rest: &str) -> Option<usize> {
    if ["<|", "|>", "[|", "|]"].iter().any(|pair| rest.starts_with(pair)) {
        return Some(2);
    }
    let (open, close) = match rest.as_bytes().first()? {
        b'<' => ('<', '>'),
        b'[' => ('[', ']'),
        _ => return None,
    };
    let inner = rest.strip_prefix(open)?;
    let doubled = inner.starts_with(open);
    let inner = inner.strip_prefix(open).unwrap_or(inner);
    let inner = inner.strip_prefix('/').unwrap_or(inner);
    let is_of_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '\u{2581}' | '-' | ':');
    let end = inner.char_indices().take(LONGEST).find(|(_, c)| !is_of_name(*c)).filter(|(_, c)| *c == close)?.0;
    let name = inner.get(..end)?;
    let (lower, long) = (name.to_lowercase(), name.chars().count() > 1);
    let joined = name.contains(['_', '\u{2581}']) && name.contains(char::is_alphabetic);
    let is_sequence = match open {
        '<' => {
            let numbered = ["unused", "extra", "reserved", "0x"].iter().any(|known| lower.starts_with(known));
            joined || doubled && long || numbered || NAMES.contains(&lower.as_str())
        }
        _ => {
            let capitals = name.contains(char::is_uppercase) && !name.contains(char::is_lowercase);
            long && (joined || capitals || ["gmask", "inst", "sys"].contains(&lower.as_str()))
        }
    };
    is_sequence.then(|| rest.len() - inner.len() + end + 1)
}

/// A text as a lenient reader might see it, and for each of its bytes where its character ends in the original.
struct Folded {
    text: String,
    ends: Vec<usize>,
}

impl Folded {
    fn of(text: &str) -> Self {
        let mut folded = Self { text: String::with_capacity(text.len()), ends: Vec::with_capacity(text.len()) };
        for (start, c) in text.char_indices() {
            let end = start + c.len_utf8();
            if c.is_ascii() {
                folded.text.push(c);
            } else if !shows_nothing(c) {
                folded.text.extend(std::iter::once(c).nfkc());
            }
            folded.ends.resize(folded.text.len(), end);
        }
        folded
    }

    /// The control sequences: where each begins, and its bytes.
    fn sequences(&self) -> impl Iterator<Item = (usize, usize)> {
        let at = self.text.match_indices(['<', '|', '[']).map(|(at, _)| at);
        at.filter_map(|at| Some((at, sequence(self.text.get(at..)?)?)))
    }
}

/// Returns the first control sequence that a text holds, however it is written.
#[cfg(test)]
pub(crate) fn control_sequence_in(text: &str) -> Option<String> {
    let whole: String = text.chars().filter(|c| !shows_nothing(*c)).nfkc().collect();
    [Folded::of(text), Folded::of(&whole)].iter().find_map(|folded| {
        let (at, bytes) = folded.sequences().next()?;
        folded.text.get(at..at + bytes).map(str::to_owned)
    })
}
