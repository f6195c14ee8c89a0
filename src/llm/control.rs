//! Breaks the control sequences of chat formats, so that no text in a message can end a turn or begin one.

use unicode_normalization::UnicodeNormalization;

use crate::data::text::is_invisible;

/// Beginnings and ends of the control sequences of chat formats, in lower case. A provider may read them inside content, so
/// a space is put into each. `<|` and `|>` stand for whole families, such as `<|im_end|>`, `<|eot_id|>` and `<|end|>`.
const CONTROL: [&str; 25] = [
    "<|",
    "|>",
    "<s>",
    "</s>",
    "<bos>",
    "<eos>",
    "<pad>",
    "<unk>",
    "<sop>",
    "<eop>",
    "<<sys>>",
    "<</sys>>",
    "[inst]",
    "[/inst]",
    "[gmask]",
    "[system_prompt]",
    "[/system_prompt]",
    "[available_tools]",
    "[/available_tools]",
    "[tool_calls]",
    "[tool_results]",
    "[/tool_results]",
    "<start_of_turn>",
    "<end_of_turn>",
    "<start_of_image>",
];

/// Breaks every control sequence of a chat format in a text by a space after its first character. Full-width and
/// compatibility forms and letters of either case count, and invisible characters in between do not help.
pub(crate) fn break_control(text: String) -> String {
    let folded = Folded::of(&text);
    let mut breaks: Vec<usize> = Vec::new();
    for control in CONTROL {
        let first = control.chars().next().map_or(1, char::len_utf8);
        breaks.extend(folded.text.match_indices(control).filter_map(|(at, _)| folded.ends.get(at + first - 1)));
    }
    if breaks.is_empty() {
        return text;
    }
    breaks.sort_unstable();
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
                folded.text.push(c.to_ascii_lowercase());
            } else if !is_invisible(c) {
                folded.text.extend(std::iter::once(c).nfkc().flat_map(char::to_lowercase));
            }
            folded.ends.resize(folded.text.len(), end);
        }
        folded
    }
}

/// Returns the first control sequence that a text holds, however it is written.
#[cfg(test)]
pub(crate) fn control_sequence_in(text: &str) -> Option<&'static str> {
    let whole: String = text.chars().filter(|c| !is_invisible(*c)).nfkc().flat_map(char::to_lowercase).collect();
    let each = Folded::of(text).text;
    CONTROL.into_iter().find(|control| each.contains(control) || whole.contains(control))
}
