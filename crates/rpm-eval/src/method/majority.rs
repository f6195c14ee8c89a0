//! The most frequent response, of all users or of one.

use async_trait::async_trait;

use rpm_core::data::{History, Query, ResponseSpace, Task};

use super::counts::{Counts, Places, best_option};
use super::{Bench, Method, MethodError, Prediction, Session};

/// The most frequent response, whatever is asked: that of all users' histories, or of the user's own.
///
/// - Ties within a user go to the response more frequent among all users, then to the last in order of the alphabet.
/// - Among the options of a query: the one whose text was chosen most often; within a user, ties go to the one whose
///   place was, then to the earlier.
///
/// All users' histories are [`Bench::population`], whole: it holds no test item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Majority {
    /// Of all users.
    All,
    /// Of the user.
    Own,
}

struct Ready {
    of: Majority,
    counts: Counts,
    places: Places,
    /// The answer to every query without options.
    most: Option<String>,
}

#[async_trait]
impl Method for Majority {
    fn name(&self) -> String {
        match self {
            Self::All => "global-majority",
            Self::Own => "majority",
        }
        .to_owned()
    }

    fn applies(&self, task: &Task) -> bool {
        !task.space().is_open_ended()
    }

    fn asks_model(&self) -> bool {
        false
    }

    async fn learn(&self, history: &History, bench: &Bench<'_>) -> Result<Box<dyn Session>, MethodError> {
        let all = Counts::of_all(bench.task, bench.population);
        let (counts, most) = match self {
            Self::All => (all.clone(), all.most_frequent(&all).map(str::to_owned)),
            Self::Own => {
                let own = Counts::of(history.interactions());
                let most = own.most_frequent(&all).map(str::to_owned);
                (own, most)
            }
        };
        Ok(Box::new(Ready { of: *self, counts, places: Places::of(history.interactions()), most }))
    }
}

#[async_trait]
impl Session for Ready {
    async fn answer(&mut self, query: &Query, bench: &Bench<'_>) -> Result<Prediction, MethodError> {
        let place = |place| if self.of == Majority::Own { self.places.times(place) } else { 0 };
        let response = match bench.task.space() {
            ResponseSpace::Choices => best_option(query, |at, text| (self.counts.times(text), place(at))),
            _ => self.most.as_deref(),
        };
        Ok(response.map(Prediction::response).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rpm_core::data::Interaction;

    fn given(responses: &[&str]) -> Vec<Interaction> {
        let numbered = responses.iter().enumerate();
        let query = || Query::new("a text").unwrap();
        numbered.map(|(n, text)| Interaction::new(format!("i{n}"), query(), *text).unwrap()).collect()
    }

    fn said(
        of: Majority,
        task: &Task,
        own: Vec<Interaction>,
        others: &[Vec<Interaction>],
        query: &Query,
    ) -> Option<String> {
        let history = History::new(task, "ana", own).unwrap();
        let bench = Bench::new(task, others);
        let answer = async { of.learn(&history, &bench).await?.answer(query, &bench).await };
        pollster::block_on(answer).unwrap().response
    }

    #[test]
    fn a_tie_within_a_user_goes_to_what_others_say_more_often() {
        let task = Task::new("Tag it", ResponseSpace::labels(["a", "b", "c"]).unwrap()).unwrap();
        let (query, others) = (Query::new("new").unwrap(), vec![given(&["a", "c", "c"])]);
        let say = |of, own: &[&str]| said(of, &task, given(own), &others, &query).unwrap();
        assert_eq!(say(Majority::Own, &["a", "b"]), "a");
        assert_eq!(say(Majority::Own, &["b", "b", "a"]), "b");
        assert_eq!(say(Majority::Own, &["b"]), "b");
        assert_eq!(say(Majority::All, &["b", "b"]), "c");
    }

    #[test]
    fn without_any_other_user_the_global_majority_says_nothing() {
        let task = Task::new("Rate it", ResponseSpace::scale(1, 5).unwrap()).unwrap();
        let query = Query::new("new").unwrap();
        assert_eq!(said(Majority::All, &task, given(&["3"]), &[], &query), None);
        assert_eq!(said(Majority::Own, &task, given(&["3"]), &[], &query).as_deref(), Some("3"));
    }

    #[test]
    fn among_options_the_text_counts_first_then_the_place_then_the_order() {
        let task = Task::new("Choose", ResponseSpace::choices()).unwrap();
        let chosen = |id: &str, options: [&str; 2], response| {
            Interaction::new(id, Query::with_options("?", options).unwrap(), response).unwrap()
        };
        let own = vec![chosen("a", ["yes", "no"], "no"), chosen("b", ["up", "down"], "down")];
        let say = |of, options: [&str; 2]| {
            let query = Query::with_options("?", options).unwrap();
            said(of, &task, own.clone(), std::slice::from_ref(&own), &query).unwrap()
        };
        assert_eq!(say(Majority::Own, ["no", "maybe"]), "no");
        assert_eq!(say(Majority::Own, ["left", "right"]), "right");
        assert_eq!(say(Majority::All, ["left", "right"]), "left");
        assert_eq!(say(Majority::All, ["left", "down"]), "down");
    }

    #[test]
    fn it_is_for_tasks_with_responses_to_count() {
        let text = Task::new("Name it", ResponseSpace::text(80).unwrap()).unwrap();
        assert!(!Majority::Own.applies(&text) && !Majority::All.applies(&text));
        assert!(!Majority::Own.asks_model());
    }
}
