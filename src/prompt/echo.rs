//! Tells names that a model took from the request's own words.

use std::collections::BTreeSet;

use crate::llm::Message;
use crate::words::{Language, tokens};

/// The words of a request besides the data: its rules, their examples, and the task.
#[derive(Clone)]
pub(crate) struct OwnWords(BTreeSet<String>);

impl OwnWords {
    /// The words of a request rendered without data.
    pub(crate) fn of(messages: &[Message]) -> Self {
        Self(messages.iter().flat_map(|message| telling(&message.content)).collect())
    }

    /// True for a name all of whose telling words are the request's own, and none of them in what it names.
    pub(crate) fn are_all_of(&self, name: &str, named: &str) -> bool {
        let (mut words, named) = (telling(name).peekable(), telling(named).collect::<BTreeSet<_>>());
        words.peek().is_some() && words.all(|word| self.0.contains(&word) && !named.contains(&word))
    }
}

/// The stems of the words that say something by themselves; numbers do not. All are compared by the same rules, so that the language
/// does not matter.
fn telling(text: &str) -> impl Iterator<Item = String> {
    let says = |word: &String| word.chars().any(char::is_alphabetic) && !Language::English.is_stop_word(word);
    tokens(text).into_iter().map(|token| token.word).filter(says).map(|word| Language::English.stem(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(text: &str) -> OwnWords {
        OwnWords::of(&[Message::system(text)])
    }

    #[test]
    fn a_name_of_the_requests_words_alone_is_an_echo_unless_it_is_in_what_it_names() {
        let own = own("Groups [g1] seen in 2 of 40. A coat shop has \"helpful staff\".");
        for (name, named) in [("seen in 7 of 9", "slow pace"), ("Helpful staff", "the car"), ("groups", "")] {
            assert!(own.are_all_of(name, named), "{name}");
        }
        for (name, named) in [
            ("helpful staff", "the staff was kind"),
            ("helpful nurse", "the car"),
            ("slow pace", "slow"),
            ("12", ""),
            ("the", "of"),
        ] {
            assert!(!own.are_all_of(name, named), "{name}");
        }
    }
}
