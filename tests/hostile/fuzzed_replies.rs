//! Replies that fuzzing found to be read wrongly.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use rpm_core::prompt::{read_items, read_reply};
use serde::Deserialize;

#[derive(Deserialize)]
struct Answer {
    answer: String,
}

#[test]
fn a_control_character_behind_a_backslash_is_none_in_what_is_read() {
    for c in (0..0x20_u8).map(char::from).chain(['\u{7f}', '\u{9b}']).filter(|c| !matches!(c, '\t' | '\n' | '\r')) {
        // Well formed but for the backslash, and to be repaired besides.
        for reply in [format!("{{\"answer\":\"a\\{c}[2J\"}}"), format!("{{answer: 'a\\{c}[2J',}}")] {
            let Ok(read) = read_reply::<Answer>(&reply) else { continue };
            assert!(!read.value.answer.contains(|c: char| c.is_control()), "{c:?} is read of {reply:?}");
        }
        let items = read_items::<String>(&format!("{{\"items\":[\"a\\{c}\",'b\\{c}']}}"), "items").unwrap();
        assert!(!items.items.concat().contains(|c: char| c.is_control()), "{c:?} is read of items");
    }
}
