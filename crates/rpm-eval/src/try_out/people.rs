//! Three people as examples: one for whom it was better, a typical one, and one for whom it was worse.

use rpm_core::Answer;
use rpm_core::data::ResponseSpace;
use rpm_core::explain::WaterfallUnit;
use rpm_core::pipeline::Prepared;

use crate::dataset::{Dataset, EvalUser};
use crate::method::{Spec, offline};
use crate::report::Answers;
use crate::run::{Beside, before};
use crate::{Answered, Chance};

use super::TryError;
use super::page::short;
use super::registered::Registered;
use super::sways::sways;

/// Test items that an example must have, where anybody has so many.
const ENOUGH: usize = 3;
/// Answers that are shown of each.
const ANSWERS: usize = 2;
/// Reasons that are told of an answer.
const REASONS: usize = 3;
/// The longest query and response shown, in characters.
const SHOWN: (usize, usize) = (130, 90);

/// One example.
pub(super) struct Person {
    /// Who this is, and for what it is an example.
    pub(super) title: String,
    /// Past queries.
    pub(super) history: usize,
    /// Test items.
    pub(super) asked: usize,
    /// By how much ours was better, per item.
    pub(super) gain: f64,
    pub(super) sways: Vec<String>,
    pub(super) answers: Vec<Shown>,
}

/// One answer of an example.
pub(super) struct Shown {
    pub(super) query: String,
    pub(super) responded: String,
    pub(super) ours: String,
    pub(super) baseline: String,
    pub(super) reasons: String,
}

/// The examples, drawn by the seed among users with enough test items.
pub(super) async fn people(
    set: &Dataset,
    first_rows: &[usize],
    registered: &Registered,
    [ours, baseline]: [&Answers<'_>; 2],
    step: f64,
    seed: u64,
) -> Result<Vec<Person>, TryError> {
    let beside = Beside::of(set);
    let mut people = Vec::new();
    for (place, gain, words) in drawn(set, registered, ours, baseline, seed) {
        let Some(user) = set.users.get(place) else { continue };
        let row = first_rows.get(place).copied().unwrap_or_default();
        let title = format!("{words}: the user of row {row}");
        let items = |answers: &Answers<'_>| -> Vec<Answered> {
            answers.by_user.get(place).into_iter().flatten().map(|item| (*item).clone()).collect()
        };
        let (ours, baseline) = (items(ours), items(baseline));
        let told = Told { set, user, place, ours: &ours, baseline: &baseline, step };
        let (sways, answers) = Box::pin(told.answers(&registered.ours, &beside, seed)).await?;
        let (history, asked) = (user.history.len(), user.tests.len());
        people.push(Person { title, history, asked, gain, sways, answers });
    }
    Ok(people)
}

/// A user's place, by how much ours is better for them, and what they are an example for.
type Drawn = (usize, f64, &'static str);

fn drawn(set: &Dataset, registered: &Registered, ours: &Answers<'_>, baseline: &Answers<'_>, seed: u64) -> Vec<Drawn> {
    let metric = registered.metric;
    let sign = if metric.higher_is_better() { 1.0 } else { -1.0 };
    let (ours, theirs) = (ours.values(metric, &set.task), baseline.values(metric, &set.task));
    let most = ours.iter().map(Vec::len).max().unwrap_or_default();
    let mean = |(ours, theirs): (&Vec<f64>, &Vec<f64>)| {
        let sum: f64 = ours.iter().zip(theirs).map(|(ours, theirs)| sign * (ours - theirs)).sum();
        sum / ours.len().max(1) as f64
    };
    let gains = ours.iter().zip(&theirs).map(mean).enumerate();
    let enough = |(place, gain): &(usize, f64)| {
        gain.is_finite() && ours.get(*place).is_some_and(|items| items.len() >= ENOUGH.min(most))
    };
    let mut gains: Vec<(usize, f64)> = gains.filter(enough).collect();
    gains.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    if let [(place, gain)] = gains.as_slice() {
        return vec![(*place, *gain, "The one with enough answers")];
    }
    let third = gains.len().div_ceil(3);
    let better: Vec<_> = gains.iter().take(third).filter(|(_, gain)| *gain > 0.0).collect();
    let worse: Vec<_> = gains.iter().rev().take(third).filter(|(_, gain)| *gain < 0.0).collect();
    let middle: Vec<_> = gains.iter().skip(third).take(third.min(gains.len().saturating_sub(2 * third))).collect();
    let middle = if middle.is_empty() { gains.iter().take(1).collect() } else { middle };
    let mut chance = Chance::of(seed, "examples");
    let mut found: Vec<Drawn> = Vec::new();
    for (among, words) in
        [(better, "One for whom it was better"), (middle, "A typical one"), (worse, "One for whom it was worse")]
    {
        let open: Vec<_> = among.into_iter().filter(|(place, _)| found.iter().all(|it| it.0 != *place)).collect();
        if let Some((place, gain)) = open.get(chance.below(open.len())) {
            found.push((*place, *gain, words));
        }
    }
    found
}

/// One user with both methods' answers.
struct Told<'a> {
    set: &'a Dataset,
    user: &'a EvalUser,
    place: usize,
    ours: &'a [Answered],
    baseline: &'a [Answered],
    /// What one step of a scale is in points.
    step: f64,
}

impl Told<'_> {
    /// What sways the user, and some answers with their reasons: the pipeline is asked again, since records keep none.
    async fn answers(&self, ours: &Spec, beside: &Beside, seed: u64) -> Result<(Vec<String>, Vec<Shown>), TryError> {
        let mut bench = beside.bench(self.set, self.place, seed);
        let history = self.set.history(self.user)?;
        let mut session = offline(ours)?.begin(&history, &bench).await?;
        let mut shown = Vec::new();
        let mut places = Chance::of(seed, self.user.id.as_str()).sample(self.user.tests.len(), ANSWERS);
        places.sort_unstable();
        for place in places {
            let (Some(item), Some(ours), Some(baseline)) =
                (self.user.tests.get(place), self.ours.get(place), self.baseline.get(place))
            else {
                continue;
            };
            bench.before = before(self.user, Some(item));
            let answer = session.told(&item.query, &bench).await?;
            let (query, response) = SHOWN;
            shown.push(Shown {
                query: short(item.query.text(), query),
                responded: short(&self.point(&item.gold), response),
                ours: short(&self.given(ours), response),
                baseline: short(&self.given(baseline), response),
                reasons: reasons(&answer, session.user(), self.step),
            });
        }
        Ok((sways(session.user(), self.step), shown))
    }

    /// A response as the table has it.
    fn point(&self, response: &str) -> String {
        match (response.parse::<f64>(), self.set.task.space()) {
            (Ok(point), ResponseSpace::Scale { .. }) => (point * self.step).to_string(),
            _ => response.to_owned(),
        }
    }

    /// What a method answered: the value between points of a scale where it has one.
    fn given(&self, answered: &Answered) -> String {
        match (answered.value, &answered.response) {
            (Some(value), _) if value.fract() != 0.0 => format!("{:.1}", value * self.step),
            (_, Some(response)) => self.point(response),
            (_, None) => "nothing".to_owned(),
        }
    }
}

/// An answer as a sum in a line or two: what is usual, what moved it most, and what is expected, with figures that add up as they
/// are shown.
fn reasons(answer: &Answer, user: &Prepared, step: f64) -> String {
    let reasons = answer.reasons(user);
    let Some(sum) = reasons.waterfall() else {
        return match reasons.steps.first() {
            Some(step) => short(&step.text, 140),
            None => "nothing in it sways this person; what they usually respond".to_owned(),
        };
    };
    // Figures are whole tenths of points or whole percents.
    let (times, points) = match sum.unit {
        WaterfallUnit::Points => (10.0 * step, true),
        _ => (100.0, false),
    };
    #[expect(clippy::cast_possible_truncation, reason = "far below 2^52")]
    let whole = |value: f64| (value * times).round() as i64;
    let shown = |whole: i64, sign: bool| match (points, sign) {
        (true, true) => format!("{:+.1}", whole as f64 / 10.0),
        (true, false) => format!("{:.1}", whole as f64 / 10.0),
        (false, true) => format!("{whole:+} %"),
        (false, false) => format!("{whole} %"),
    };
    let mut parts = vec![format!("{} {}", sum.usual, shown(whole(sum.start), false))];
    let mut rest = whole(sum.end) - whole(sum.start);
    let named = sum.steps.iter().filter(|step| step.source.is_some() && whole(step.added) != 0);
    for step in named.take(REASONS) {
        parts.push(format!("{} {}", short(&step.name, 40), shown(whole(step.added), true)));
        rest -= whole(step.added);
    }
    if rest != 0 {
        parts.push(format!("all else {}", shown(rest, true)));
    }
    parts.push(format!("expected {}", shown(whole(sum.end), false)));
    parts.join("; ")
}
