//! Reads rendered text back: the inverse of framing, of blocks and of the list of known names, for a stand-in that replies to
//! a request as a model would.

use crate::llm::Message;

use super::frame::MARK;

/// The `[id]` blocks of a request with the framed text of each.
pub(crate) fn framed_blocks(asked: &str) -> Vec<(String, String)> {
    let mut blocks: Vec<(String, String)> = Vec::new();
    for line in asked.lines() {
        let id = line.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(id, _)| id);
        match (id, line.strip_prefix(MARK), blocks.last_mut()) {
            (Some(id), ..) => blocks.push((id.to_owned(), String::new())),
            (None, Some(line), Some((_, text))) => {
                text.push_str(line);
                text.push('\n');
            }
            _ => {}
        }
    }
    blocks
}

/// The last framed text that is not a list of options.
pub(crate) fn last_framed(asked: &str) -> String {
    let (mut last, mut open, mut before) = (String::new(), false, "");
    for line in asked.lines() {
        let framed = line.strip_prefix(MARK).filter(|_| open || before != "Options:");
        match framed {
            Some(line) => {
                if !open {
                    last.clear();
                }
                last.push_str(line);
                last.push('\n');
                open = true;
            }
            None => open = false,
        }
        // Further options follow their first.
        if !(before == "Options:" && line.starts_with(MARK)) {
            before = line;
        }
    }
    last
}

/// Names that the prompt says were seen before: its lines `- "name"` and `- "name": …`.
pub(crate) fn names_listed(messages: &[Message]) -> Vec<String> {
    let lines = messages.iter().flat_map(|message| message.content.lines());
    let name = |line: &str| {
        let (name, rest) = line.strip_prefix("- \"")?.split_once('"')?;
        (rest.is_empty() || rest.starts_with(": \"")).then(|| name.to_owned())
    };
    lines.filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{FactorSet, FeatureKey};
    use crate::prompt::{Redaction, frame, known_factors};

    #[test]
    fn the_last_text_is_the_question_and_not_its_options() {
        let asked = "Past:\n| old\n\nNew text:\n| first line\n| second line\nOptions:\n| yes\n| no\n\nnote";
        assert_eq!(last_framed(asked), "first line\nsecond line\n");
        assert_eq!(last_framed("nothing"), "");
    }

    #[test]
    fn what_is_rendered_is_read_back() {
        let asked = format!("[t1]\n{}\n[t2] seen in 2 of 3\n{}\n", frame("one\ntwo"), frame("three"));
        let blocks = [("t1".to_owned(), "one\ntwo\n".to_owned()), ("t2".to_owned(), "three\n".to_owned())];
        assert_eq!(framed_blocks(&asked), blocks);
        let groups =
            [("pace", "", vec![FeatureKey::of("slow pacing")]), ("acting", "", vec![FeatureKey::of("acting")])];
        let known = known_factors(&FactorSet::from_groups(groups).unwrap(), Redaction::default());
        let mut names = names_listed(&[Message::user(known)]);
        names.sort_unstable();
        assert_eq!(names, ["acting", "pace"]);
    }
}
