//! Counts of the responses given, which the baselines without a model use.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rpm_core::data::{Interaction, Query, Task};

/// The number of times each response was given.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Counts(BTreeMap<String, usize>);

impl Counts {
    /// Those of a history, whose responses are in the task's spelling.
    pub(super) fn of<'i>(interactions: impl IntoIterator<Item = &'i Interaction>) -> Self {
        let mut counts = BTreeMap::new();
        for interaction in interactions {
            *counts.entry(interaction.response().to_owned()).or_default() += 1;
        }
        Self(counts)
    }

    /// Those of all users. A response that the task does not allow is left out.
    pub(super) fn of_all(task: &Task, population: &[Vec<Interaction>]) -> Self {
        let mut spelled: BTreeMap<&str, (&Query, usize)> = BTreeMap::new();
        for interaction in population.iter().flatten() {
            spelled.entry(interaction.response()).or_insert((interaction.query(), 0)).1 += 1;
        }
        let mut counts = BTreeMap::new();
        for (text, (query, times)) in spelled {
            if let Some(response) = task.parse_response(query, text) {
                *counts.entry(response).or_default() += times;
            }
        }
        Self(counts)
    }

    /// The number of times this one was given.
    pub(super) fn times(&self, response: &str) -> usize {
        self.0.get(response).copied().unwrap_or(0)
    }

    /// The most frequent one; ties go to the one more frequent in `tie`, then to the last in order of the alphabet.
    pub(super) fn most_frequent(&self, tie: &Self) -> Option<&str> {
        let most = self.0.iter().max_by_key(|(response, times)| (**times, tie.times(response), *response));
        most.map(|(response, _)| response.as_str())
    }
}

/// The number of times the option at each place was chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Places(BTreeMap<usize, usize>);

impl Places {
    /// Those of a history; empty unless its queries have options.
    pub(super) fn of<'i>(interactions: impl IntoIterator<Item = &'i Interaction>) -> Self {
        let mut places = BTreeMap::new();
        for interaction in interactions {
            let options = interaction.query().options();
            if let Some(place) = options.iter().position(|option| option == interaction.response()) {
                *places.entry(place).or_default() += 1;
            }
        }
        Self(places)
    }

    /// The number of times the option at this place, from 0, was chosen.
    pub(super) fn times(&self, place: usize) -> usize {
        self.0.get(&place).copied().unwrap_or(0)
    }
}

/// The option of a query that is worth most by its place and text; ties go to the earlier.
pub(super) fn best_option<W: Ord>(query: &Query, worth: impl Fn(usize, &str) -> W) -> Option<&str> {
    let best = query.options().iter().enumerate().max_by_key(|(place, text)| (worth(*place, text), Reverse(*place)));
    best.map(|(_, text)| text.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rpm_core::data::ResponseSpace;

    fn given(responses: &[&str]) -> Vec<Interaction> {
        let query = Query::new("a text").unwrap();
        let numbered = responses.iter().enumerate();
        numbered.map(|(n, text)| Interaction::new(format!("i{n}"), query.clone(), *text).unwrap()).collect()
    }

    #[test]
    fn ties_go_to_the_response_more_frequent_elsewhere_then_to_the_last_of_the_alphabet() {
        let own = Counts::of(&given(&["a", "b", "c"]));
        assert_eq!(own.most_frequent(&Counts::of(&given(&["b", "b", "c"]))), Some("b"));
        assert_eq!(own.most_frequent(&Counts::default()), Some("c"));
        assert_eq!(Counts::default().most_frequent(&own), None);
    }

    #[test]
    fn a_response_counts_in_the_tasks_spelling_or_not_at_all() {
        let task = Task::new("Rate it", ResponseSpace::scale(1, 5).unwrap()).unwrap();
        let counts = Counts::of_all(&task, &[given(&["4", "4.0", "9"]), given(&[" 4 ", "2"])]);
        assert_eq!((counts.times("4"), counts.times("2"), counts.times("9")), (3, 1, 0));
    }

    #[test]
    fn options_of_equal_worth_go_to_the_earlier() {
        let query = Query::with_options("Which?", ["one", "two", "three"]).unwrap();
        assert_eq!(best_option(&query, |_, text| text.len()), Some("three"));
        assert_eq!(best_option(&query, |_, _| 0), Some("one"));
        let chosen = Interaction::new("a", query, "two").unwrap();
        let places = Places::of([&chosen]);
        assert_eq!((places.times(0), places.times(1)), (0, 1));
    }
}
