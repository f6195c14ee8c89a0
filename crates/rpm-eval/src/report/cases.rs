//! Chooses the items that a report shows, and puts items into words.

use rpm_core::data::{Query, ResponseSpace};

use crate::Answered;
use crate::dataset::{Dataset, TestItem};
use crate::metric::Metric;

use super::answers::Answers;
use super::items::{Case, CaseKind, ItemAnswer, ItemRow, UserPage};
use super::roles::Role;
use super::values::SetReport;

/// The most characters of a question and of a reply.
const ASKED: usize = 280;
const SAID: usize = 200;

/// Items of a set in words.
pub(super) struct Items<'a> {
    pub(super) set: &'a Dataset,
    pub(super) answers: &'a [Answers<'a>],
    /// The metric that decides.
    pub(super) metric: Metric,
    /// True when users' texts may be quoted.
    pub(super) texts: bool,
}

/// An item by its place: the user's in the set, and the item's among the user's.
type Place = (usize, usize);

impl Items<'_> {
    /// The three cases, as far as there are items of the kind. Nothing without a method of ours and a simple baseline.
    pub(super) fn cases(&self, report: &SetReport) -> Vec<Case> {
        let named = |name: Option<&str>| self.answers.iter().find(|it| Some(it.method) == name);
        let simple = report.best(Role::Simple, 0);
        let (Some(ours), Some(base)) = (named(report.lead()), named(simple)) else { return Vec::new() };
        let shown = [report.lead(), simple, report.main_base(), report.best(Role::Other, 0)];
        let all = self.scored(ours, base);
        let mut found: Vec<(CaseKind, Place)> = Vec::new();
        for kind in [CaseKind::Gained, CaseKind::Typical, CaseKind::Lost] {
            let free = all.iter().filter(|(place, ..)| found.iter().all(|(_, other)| other != place));
            let of_kind = free.filter_map(|(place, ours, base)| Some((*place, self.key(kind, *ours, *base)?)));
            found.extend(middle(of_kind.collect()).map(|place| (kind, place)));
        }
        let row = |(kind, place): (CaseKind, Place)| {
            let mut once: Vec<&Answers<'_>> = Vec::new();
            for it in shown.iter().filter_map(|name| named(*name)) {
                if once.iter().all(|other| other.method != it.method) {
                    once.push(it);
                }
            }
            Some(Case { kind, item: self.row(place, once.into_iter())? })
        };
        found.into_iter().filter_map(row).collect()
    }

    /// A page for each user.
    pub(super) fn pages(&self) -> Vec<UserPage> {
        let page = |(at, user): (usize, &crate::dataset::EvalUser)| {
            let score = |it: &Answers<'_>| {
                let items = it.by_user.get(at).map(Vec::as_slice).unwrap_or_default();
                (it.method.to_owned(), self.metric.of_items(&self.set.task, items.iter().copied()))
            };
            UserPage {
                set: self.set.name.clone(),
                user: user.id.as_str().to_owned(),
                history: user.history.len(),
                scores: self.answers.iter().map(score).collect(),
                items: (0..user.tests.len()).filter_map(|item| self.row((at, item), self.answers.iter())).collect(),
            }
        };
        self.set.users.iter().enumerate().map(page).collect()
    }

    /// Items that both methods answered, with the values of both; larger is better.
    fn scored(&self, ours: &Answers<'_>, base: &Answers<'_>) -> Vec<(Place, f64, f64)> {
        let better = if self.metric.higher_is_better() { 1.0 } else { -1.0 };
        let value = |item: &Answered| {
            item.response.as_ref()?;
            self.metric.of_item(&self.set.task, item).filter(|value| value.is_finite()).map(|value| value * better)
        };
        let mut all = Vec::new();
        for (user, (ours, base)) in ours.by_user.iter().zip(&base.by_user).enumerate() {
            for (at, (ours, base)) in ours.iter().zip(base).enumerate() {
                all.extend(value(ours).zip(value(base)).map(|(ours, base)| ((user, at), ours, base)));
            }
        }
        all
    }

    /// What items of a kind are ordered by; `None` for an item of another kind.
    fn key(&self, kind: CaseKind, ours: f64, base: f64) -> Option<f64> {
        let of_kind = match kind {
            CaseKind::Gained => ours > base,
            CaseKind::Typical => !self.right_or_wrong() || (ours > 0.5 && base > 0.5),
            CaseKind::Lost if self.right_or_wrong() => ours < 0.5,
            CaseKind::Lost => ours < base,
        };
        of_kind.then_some(if kind == CaseKind::Typical { ours } else { ours - base })
    }

    fn right_or_wrong(&self) -> bool {
        self.metric == Metric::Accuracy
    }

    fn row<'b>(&self, (user, item): Place, answers: impl Iterator<Item = &'b Answers<'b>>) -> Option<ItemRow> {
        let user_of = self.set.users.get(user)?;
        let test = user_of.tests.get(item)?;
        let answer = |it: &Answers<'_>| {
            let answered = it.by_user.get(user)?.get(item)?;
            Some(self.answer(it.method, answered, test))
        };
        Some(ItemRow {
            user: user_of.id.as_str().to_owned(),
            item: test.id.clone(),
            asked: self.texts.then(|| shortened(test.query.text(), ASKED)),
            gold: self.response(&test.query, &test.gold),
            answers: answers.filter_map(answer).collect(),
        })
    }

    fn answer(&self, method: &str, answered: &Answered, test: &TestItem) -> ItemAnswer {
        ItemAnswer {
            method: method.to_owned(),
            response: answered.response.as_ref().map(|it| self.response(&test.query, it)),
            right: self.right_or_wrong().then(|| answered.response.as_ref() == Some(&answered.gold)),
            score: self.metric.of_item(&self.set.task, answered).filter(|value| value.is_finite()),
            confidence: answered.confidence.filter(|it| it.is_finite()),
            why: self.why(answered),
        }
    }

    /// A response: as it is where texts are quoted or it is one of fixed ones, which are the task's and not the user's.
    fn response(&self, query: &Query, response: &str) -> String {
        match self.set.task.space() {
            ResponseSpace::Labels { .. } | ResponseSpace::Scale { .. } => response.to_owned(),
            _ if self.texts => shortened(response, ASKED),
            ResponseSpace::Choices => {
                let options = query.options();
                let place = options.iter().position(|option| option == response).map(|place| place + 1);
                place.map_or_else(|| "no option".to_owned(), |place| format!("option {place} of {}", options.len()))
            }
            _ => format!("a text of {} characters", response.chars().count()),
        }
    }

    fn why(&self, answered: &Answered) -> Option<String> {
        let error = answered.error.as_ref().map(|error| format!("error: {error}"));
        let support = answered.support.map(|(tier, reason)| format!("basis: {} – {}", tier.as_str(), reason.as_str()));
        let raw = answered.raw.as_deref().map(str::trim).filter(|_| self.texts);
        let more = raw.filter(|raw| Some(*raw) != answered.response.as_deref().map(str::trim));
        let said = more.map(|raw| format!("said “{}”", shortened(raw, SAID)));
        let all: Vec<String> = [error, support, said].into_iter().flatten().collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

/// The item in the middle, by the key and then in the set's order.
fn middle(mut items: Vec<(Place, f64)>) -> Option<Place> {
    items.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    items.get(items.len().saturating_sub(1) / 2).map(|(place, _)| *place)
}

/// A text on one line, cut at a word where it is longer than so many characters.
fn shortened(text: &str, most: usize) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some((end, _)) = text.char_indices().nth(most) else { return text };
    let start = text.get(..end).unwrap_or_default();
    let word = start.rfind(' ').filter(|at| *at * 2 > end).and_then(|at| start.get(..at));
    format!("{}…", word.unwrap_or(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_at_a_word_and_one_without_spaces_anywhere() {
        assert_eq!(shortened("one  two\nthree", 20), "one two three");
        assert_eq!(shortened("one two three", 10), "one two…");
        assert_eq!(shortened(&"ü".repeat(9), 4), "üüüü…");
    }

    #[test]
    fn the_middle_is_by_the_key_and_then_by_place() {
        assert_eq!(middle(vec![((0, 1), 3.0), ((0, 0), 1.0), ((2, 0), 2.0)]), Some((2, 0)));
        assert_eq!(middle(vec![((1, 0), 1.0), ((0, 5), 1.0)]), Some((0, 5)));
        assert_eq!(middle(Vec::new()), None);
    }
}
