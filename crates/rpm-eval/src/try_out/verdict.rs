//! The verdict: the one comparison in one sentence.

use rpm_core::data::Task;
use rpm_core::stats::Interval;
use serde::Serialize;

use crate::compare::{Outcomes, Paired, Resamples, paired};
use crate::metric::Metric;
use crate::report::{Answers, LEVEL};

use super::page::counted;
use super::power::more_users;
use super::registered::Registered;
use super::{MoreUsers, TryError};

/// Below this p a difference is called one. The interval has no say in it.
const THRESHOLD: f64 = 0.05;
/// Above this p nothing points either way, and no number of users is told.
const NO_SIGN: f64 = 0.5;
/// The fewest users among whom anything can be told apart.
const FEWEST: usize = 6;

/// What the comparison comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Finding {
    /// rpm-core is better than the best simple method.
    Helps,
    /// It is worse.
    Worse,
    /// They cannot be told apart, which is not to say that they are equal.
    NotToldApart,
    /// There is one user, and nothing can be said over users.
    OneUser,
}

/// The one comparison, with the sentence that says what it comes to.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Verdict {
    /// What it comes to.
    pub finding: Finding,
    /// In one sentence. Figures on a scale are in its points, also where half points are taken twice.
    pub sentence: String,
    /// What is to be read with it; empty where there is nothing.
    pub note: String,
    /// Test items.
    pub items: usize,
    /// Users.
    pub users: usize,
    /// By how much rpm-core is better, above 0, or worse: less error on a scale, in its steps, more right or more alike elsewhere.
    pub gain: f64,
    /// Its 95 % interval over users; `None` with fewer than six.
    pub interval: Option<Interval>,
    /// The larger of the two p of the comparison; see [`Paired`].
    pub p: f64,
    /// Users for whom it was better, alike, and worse.
    pub by_user: Outcomes,
    /// How many more users would settle it, where it is not told apart.
    pub more_users: Option<MoreUsers>,
}

/// Differences in the unit in which they are told.
struct Unit<'a> {
    /// A difference of 1 is so many.
    times: f64,
    decimals: usize,
    /// True where shares are told of a hundred.
    of_hundred: bool,
    before: &'a str,
    called: &'a str,
    better: &'a str,
    worse: &'a str,
    after: &'a str,
}

impl Unit<'_> {
    /// Of a metric, on a scale whose steps are so many points.
    fn of(metric: Metric, step: f64) -> Self {
        let (times, before, called, after) = match metric {
            Metric::Mae => (step, "was wrong by", "points", ""),
            Metric::Rouge1 => (100.0, "had", "of 100 words", " in common with what was written"),
            _ => (100.0, "was right in", "of 100 answers", ""),
        };
        let (better, worse) = if metric.higher_is_better() { ("more", "fewer") } else { ("less", "more") };
        let of_hundred = metric != Metric::Mae;
        Self { times, decimals: if of_hundred { 1 } else { 2 }, of_hundred, before, called, better, worse, after }
    }

    fn number(&self, value: f64) -> String {
        format!("{:.*}", self.decimals, (value * self.times).abs())
    }

    fn direction(&self, value: f64) -> &str {
        if value < 0.0 { self.worse } else { self.better }
    }

    /// `0.21 points less`; `6.4 more of 100 answers`.
    fn amount(&self, gain: f64) -> String {
        let (number, direction) = (self.number(gain), self.direction(gain));
        if self.of_hundred {
            format!("{number} {direction} {}", self.called)
        } else {
            format!("{number} {} {direction}", self.called)
        }
    }

    /// `0.08 to 0.34` where both ends are of one direction, which is the difference's own; else `between 0.30 less and 0.10 more`.
    fn interval(&self, interval: Interval) -> String {
        let Interval { low, high } = interval;
        if low < 0.0 && high > 0.0 {
            let (worse, better) = (self.number(low), self.number(high));
            return format!("between {better} {} and {worse} {}", self.better, self.worse);
        }
        let (near, far) = if high <= 0.0 { (high, low) } else { (low, high) };
        format!("{} to {}", self.number(near), self.number(far))
    }
}

/// Compares ours with the simple method that was chosen.
pub(super) fn verdict(
    registered: &Registered,
    ours: &Answers<'_>,
    baseline: &Answers<'_>,
    task: &Task,
    step: f64,
    seed: u64,
) -> Result<Verdict, TryError> {
    let metric = registered.metric;
    let (ours, theirs) = (ours.values(metric, task), baseline.values(metric, task));
    let resamples = Resamples::new(ours.len(), crate::compare::RESAMPLES, seed);
    let (better, worse) = if metric.higher_is_better() { (&ours, &theirs) } else { (&theirs, &ours) };
    let none = || crate::EvalError::Empty { set: "the table".to_owned(), rows: 0 };
    let found = paired(&resamples, better, worse, LEVEL).ok_or_else(none)?;
    let items = found.items.won + found.items.tied + found.items.lost;
    let users = found.users.won + found.users.tied + found.users.lost;
    let (gain, p) = (found.difference.value, found.p.max(found.sign_flip_p));
    let finding = match found.difference.interval {
        _ if users == 1 => Finding::OneUser,
        Some(_) if p < THRESHOLD && gain > 0.0 => Finding::Helps,
        Some(_) if p < THRESHOLD && gain < 0.0 => Finding::Worse,
        _ => Finding::NotToldApart,
    };
    let total = |(better, worse): (&Vec<f64>, &Vec<f64>)| {
        let pairs = better.iter().zip(worse).map(|(better, worse)| better - worse);
        let finite: Vec<f64> = pairs.filter(|difference| difference.is_finite()).collect();
        (finite.iter().sum::<f64>(), finite.len())
    };
    let more = || match more_users(&better.iter().zip(worse).map(total).collect::<Vec<_>>()) {
        _ if p > NO_SIGN => MoreUsers::Unknown,
        MoreUsers::About(more) => MoreUsers::About(more.max(FEWEST.saturating_sub(users))),
        other => other,
    };
    let more_users = (finding == Finding::NotToldApart).then(more);
    let told = Words { registered, found: &found, unit: &Unit::of(metric, step), items, users, p };
    let (sentence, note) = (told.sentence(finding, more_users), told.note(finding, more_users));
    let (interval, by_user) = (found.difference.interval, found.users);
    Ok(Verdict { finding, sentence, note, items, users, gain, interval, p, by_user, more_users })
}

/// All that the sentences are made of.
struct Words<'a> {
    registered: &'a Registered,
    found: &'a Paired,
    unit: &'a Unit<'a>,
    items: usize,
    users: usize,
    p: f64,
}

impl Words<'_> {
    fn sentence(&self, finding: Finding, more: Option<MoreUsers>) -> String {
        let Self { registered, found, unit, .. } = self;
        let (items, users) = (counted(self.items, "held-out answer"), counted(self.users, "user"));
        let baseline = &registered.baseline.words;
        let gain = found.difference.value;
        let amount = unit.amount(gain);
        let compared = format!("rpm-core {} {amount}{} than {baseline}", unit.before, unit.after);
        let interval =
            found.difference.interval.map_or_else(String::new, |it| format!(" (95 % interval {})", unit.interval(it)));
        match finding {
            Finding::Helps => format!("On {items} of {users}, {compared}{interval}: it helps."),
            Finding::Worse => format!("On {items} of {users}, {compared}{interval}: it is worse here."),
            Finding::NotToldApart => {
                let settle = match more {
                    Some(MoreUsers::About(more)) => {
                        let more = counted(more, "more user");
                        let users = if self.users == 1 { "this one" } else { "these" };
                        format!(": about {more} like {users} would settle it, if the difference is as large as it looks")
                    }
                    Some(MoreUsers::TooMany) => {
                        ": if the difference is as small as it looks, it would take more than 10,000 more users like these, \
                         which would not be worth it"
                            .to_owned()
                    }
                    _ if self.p > NO_SIGN => ": there is no sign of a difference".to_owned(),
                    _ => String::new(),
                };
                format!("On {items} of {users}, rpm-core could not be told apart from {baseline}{settle}.")
            }
            Finding::OneUser => format!(
                "The data are of one user, and nothing can be said over users: on this user's {items}, {compared}, which \
                 describes this user only."
            ),
        }
    }

    fn note(&self, finding: Finding, more: Option<MoreUsers>) -> String {
        let Self { found, unit, users, p, .. } = self;
        let Outcomes { won, tied, lost } = found.users;
        let by_user = format!("Of the users, it was better for {won}, worse for {lost} and the same for {tied}");
        let seen = if found.difference.value == 0.0 {
            "What was seen: they were equally good".to_owned()
        } else {
            format!("What was seen: it {} {}{}", unit.before, unit.amount(found.difference.value), unit.after)
        };
        let contrary = self.contrary();
        match (finding, found.difference.interval) {
            (Finding::OneUser, _) => String::new(),
            (Finding::NotToldApart, Some(interval)) => {
                let estimate = match more {
                    Some(MoreUsers::About(_)) => {
                        ". The number of users is an estimate, for a difference as large as this one (80 % power)"
                    }
                    _ => "",
                };
                format!(
                    "{seen} (95 % interval {}; p {}{contrary}). {by_user}{estimate}.",
                    unit.interval(interval),
                    probability(*p)
                )
            }
            (Finding::NotToldApart, None) => {
                format!("{seen}. With {users} users nothing can be told apart: it takes six. {by_user}.")
            }
            _ => format!("{by_user} (p {}{contrary}).", probability(*p)),
        }
    }

    /// What is said where the interval by itself would say another thing than p, by which the verdict goes.
    fn contrary(&self) -> &'static str {
        let Some(Interval { low, high }) = self.found.difference.interval else { return "" };
        let leaves_out_none = low > 0.0 || high < 0.0;
        match (leaves_out_none, self.p < THRESHOLD) {
            (true, false) => ", by which the verdict goes: the interval leaves out 0, but is too narrow with few users",
            (false, true) => ", by which the verdict goes, though the interval holds 0",
            _ => "",
        }
    }
}

fn probability(p: f64) -> String {
    if p < 0.001 { "below .001".to_owned() } else { format!("{p:.3}").trim_start_matches('0').to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_intervals_say_which_way_they_go() {
        let points = Unit::of(Metric::Mae, 1.0);
        assert_eq!(points.amount(0.214), "0.21 points less");
        assert_eq!(points.amount(-0.2), "0.20 points more");
        assert_eq!(points.interval(Interval { low: 0.08, high: 0.34 }), "0.08 to 0.34");
        assert_eq!(points.interval(Interval { low: -0.34, high: -0.08 }), "0.08 to 0.34");
        assert_eq!(points.interval(Interval { low: -0.1, high: 0.3 }), "between 0.30 less and 0.10 more");
        // Half points that are taken twice.
        assert_eq!(Unit::of(Metric::Mae, 0.5).amount(0.5), "0.25 points less");
        let right = Unit::of(Metric::Accuracy, 1.0);
        assert_eq!(right.amount(0.064), "6.4 more of 100 answers");
        assert_eq!(right.interval(Interval { low: -0.01, high: 0.02 }), "between 2.0 more and 1.0 fewer");
        assert_eq!((probability(0.0001).as_str(), probability(0.0421).as_str()), ("below .001", ".042"));
    }
}
