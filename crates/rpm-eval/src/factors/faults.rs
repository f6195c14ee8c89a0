//! The faults that a label can have for someone who reads it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use rpm_core::data::Task;

use super::words::{Language, words};

/// A reason why a label tells a reader nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LabelFault {
    /// Its words say nothing by themselves: "also", "would not".
    FunctionWord,
    /// It has no letter.
    Number,
    /// It has fewer than three letters, or is of several words and begins or ends with a function word. A phrase may begin
    /// with a word that says which way, such as "no" or "more".
    Fragment,
    /// It says what is asked of everyone: words of the task's question, its name for queries or responses, or a response.
    Echo,
    /// It is of the same words as a label shown before it, in any form and order, or one of the two is part of the other.
    Duplicate,
}

impl LabelFault {
    /// All faults, in the order of tables.
    pub const ALL: [Self; 5] = [Self::FunctionWord, Self::Number, Self::Fragment, Self::Echo, Self::Duplicate];

    /// Its name in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FunctionWord => "function word",
            Self::Number => "number",
            Self::Fragment => "fragment",
            Self::Echo => "echo",
            Self::Duplicate => "duplicate",
        }
    }
}

/// Counts of faults by kind; every kind is there.
pub type FaultCounts = BTreeMap<LabelFault, usize>;

/// The number of labels with each fault. A label may have several.
pub(super) fn by_kind<'f>(labels: impl IntoIterator<Item = &'f [LabelFault]>) -> FaultCounts {
    let mut counts: FaultCounts = LabelFault::ALL.into_iter().map(|fault| (fault, 0)).collect();
    for fault in labels.into_iter().flatten() {
        *counts.entry(*fault).or_default() += 1;
    }
    counts
}

/// Judges the labels of one data set.
pub(super) struct LabelJudge {
    language: Language,
    /// Stems of the words that the task itself uses.
    asked: BTreeSet<String>,
    /// The words of each response.
    responses: BTreeSet<Vec<String>>,
}

impl LabelJudge {
    /// A judge for a task, with the queries' texts, which show the language, and all responses that are open somewhere.
    pub(super) fn new<'t>(
        task: &Task,
        texts: impl IntoIterator<Item = &'t str>,
        responses: impl IntoIterator<Item = &'t str>,
    ) -> Self {
        let language = Language::of(texts);
        let asked = [task.instruction(), task.query_name_str(), task.response_name_str()];
        let asked = asked.into_iter().flat_map(words).filter(|word| !language.is_function_word(word));
        Self {
            language,
            asked: asked.map(|word| language.stem(&word)).collect(),
            responses: responses.into_iter().map(words).filter(|words| !words.is_empty()).collect(),
        }
    }

    /// The faults of each of the labels that one user is shown, in that order.
    pub(super) fn faults<'l>(&self, labels: impl IntoIterator<Item = &'l str>) -> Vec<Vec<LabelFault>> {
        let mut before: Vec<BTreeSet<String>> = Vec::new();
        let mut all = Vec::new();
        for label in labels {
            let words = words(label);
            let mut faults: Vec<LabelFault> = self.unreadable(&words).into_iter().collect();
            if self.echoes(&words) {
                faults.push(LabelFault::Echo);
            }
            let stems: BTreeSet<String> = words.iter().map(|word| self.language.stem(word)).collect();
            let part = |other: &BTreeSet<String>| other.is_subset(&stems) || stems.is_subset(other);
            if !stems.is_empty() && before.iter().any(part) {
                faults.push(LabelFault::Duplicate);
            }
            if !stems.is_empty() {
                before.push(stems);
            }
            all.push(faults);
        }
        all
    }

    /// The fault that keeps a label from being read, the plainest one only.
    fn unreadable(&self, words: &[String]) -> Option<LabelFault> {
        let letters = words.iter().flat_map(|word| word.chars()).filter(|c| c.is_alphabetic()).count();
        let function = |word: &String| self.language.is_function_word(word);
        if letters == 0 {
            return Some(LabelFault::Number);
        }
        if words.iter().all(function) {
            return Some(LabelFault::FunctionWord);
        }
        let begins = words.first().is_some_and(|word| function(word) && !self.language.may_lead(word));
        let ends = words.last().is_some_and(function);
        (letters < 3 || begins || ends).then_some(LabelFault::Fragment)
    }

    fn echoes(&self, words: &[String]) -> bool {
        let mut telling = words.iter().filter(|word| !self.language.is_function_word(word)).peekable();
        let asked = telling.peek().is_some() && telling.all(|word| self.asked.contains(&self.language.stem(word)));
        asked || self.responses.contains(words)
    }
}

#[cfg(test)]
mod tests {
    use super::LabelFault::{Duplicate, Echo, Fragment, FunctionWord, Number};
    use super::*;
    use rpm_core::data::ResponseSpace;

    fn judge() -> LabelJudge {
        let space = ResponseSpace::labels(["in favour", "against it"]).unwrap();
        let task = Task::new("How does the state vote on the resolution?", space.clone()).unwrap();
        let responses = space.fixed_responses().unwrap();
        LabelJudge::new(&task, ["The war in the north and the peace."], responses.iter().map(String::as_str))
    }

    fn faults(labels: &[&str]) -> Vec<Vec<LabelFault>> {
        judge().faults(labels.iter().copied())
    }

    #[test]
    fn a_label_that_a_person_would_use_has_no_fault() {
        let labels = ["nuclear weapons", "war", "right of peoples to self-determination", "no plot", "more funding"];
        assert!(faults(&labels).iter().all(Vec::is_empty), "{:?}", faults(&labels));
    }

    #[test]
    fn each_fault_is_found() {
        for (label, fault) in [
            ("also", FunctionWord),
            ("would not", FunctionWord),
            ("2019", Number),
            ("–", Number),
            ("ab", Fragment),
            ("x 1", Fragment),
            ("of the treaty", Fragment),
            ("treaty on", Fragment),
            ("resolutions", Echo),
            ("voting", Echo),
            ("In Favour", Echo),
        ] {
            assert!(faults(&[label])[0].contains(&fault), "{label}: {:?}", faults(&[label]));
        }
        assert_eq!(faults(&["it"]), [[FunctionWord]], "the plainest reason is enough");
    }

    #[test]
    fn the_later_of_two_alike_labels_is_the_duplicate() {
        let found = faults(&["arms trade", "trade in arms", "arms", "peace", "the trading of arm", "peaceful"]);
        let duplicates: Vec<bool> = found.iter().map(|faults| faults.contains(&Duplicate)).collect();
        assert_eq!(duplicates, [false, true, true, false, true, false]);
    }

    #[test]
    fn every_kind_is_counted_and_a_label_may_have_several() {
        let found = [vec![Echo, Duplicate], vec![], vec![Duplicate]];
        let counts = by_kind(found.iter().map(Vec::as_slice));
        assert_eq!(counts.len(), LabelFault::ALL.len());
        assert_eq!((counts[&Echo], counts[&Duplicate], counts[&Number]), (1, 2, 0));
    }
}
