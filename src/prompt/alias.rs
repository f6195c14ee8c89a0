//! Ids that stand for things of one request by their place in it: `t1` for texts, `x1` for features, `g1` for groups.

use serde_json::Value;

/// The alias of the thing at this place, from 0.
pub(crate) fn alias(kind: char, place: usize) -> String {
    format!("{kind}{}", place + 1)
}

/// The place that an alias stands for, from 0.
pub(crate) fn place(kind: char, alias: &str) -> Option<usize> {
    let bare = alias.trim().trim_matches(['[', ']', '(', ')', '"']).to_lowercase();
    bare.strip_prefix(kind)?.parse::<usize>().ok()?.checked_sub(1)
}

/// True if one of `items` items of a reply is about the text at `place` of the `texts` asked about, by the id it gives.
/// The only item of a reply about a single text needs none.
pub(crate) fn is_about(id: &Value, items: usize, at: usize, texts: usize) -> bool {
    (texts == 1 && items == 1) || id.as_str().and_then(|id| place('t', id)) == Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_alias_is_read_in_any_usual_spelling() {
        for spelling in ["t2", "T2", "[t2]", " (t2) ", "\"t2\""] {
            assert_eq!(place('t', spelling), Some(1));
        }
        for other in ["t0", "x2", "2", "t", "t-1", "t99999999999999999999999", ""] {
            assert_eq!(place('t', other), None);
        }
        assert_eq!(place('t', &alias('t', 7)), Some(7));
    }

    #[test]
    fn only_the_single_item_about_a_single_text_needs_no_id() {
        assert!(is_about(&Value::Null, 1, 0, 1));
        assert!(is_about(&json!("t9"), 1, 0, 1));
        assert!(is_about(&json!("t1"), 2, 0, 1));
        assert!(!is_about(&json!("t2"), 2, 0, 1));
        assert!(!is_about(&json!(1), 1, 0, 2));
    }
}
