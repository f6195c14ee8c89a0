//! Charts of values with their intervals, one below the other, as values: scores, differences, and those with others.

use super::charts::{Chart, Drawing, Forest, ForestRow, Sign};
use super::roles::Role;
use super::values::{MethodRow, Metric, SetReport, WithOthers};
use super::{number, wording};
use crate::compare::Measured;

/// All methods by the metric at this place. `None` without a score.
pub(super) fn scores(set: &SetReport, place: usize) -> Option<Chart> {
    let metric = set.metrics.get(place)?;
    let rows: Vec<ForestRow> = set.methods.iter().filter_map(|row| score(row, place, true)).collect();
    let caption = format!(
        "{}, by method. {MARKS} Bars are 95\u{a0}% intervals; whether they overlap does not decide: see the paired \
         differences.",
        metric.direction()
    );
    let label = format!("{} by method, {}: {}.", metric.name, metric.way(), spoken(&rows));
    let reference = set.best(Role::Simple, place).and_then(|method| set.value(method, place));
    forest(Forest { rows, title: metric.axis(), zero: false, reference }, caption, label)
}

/// What the marks of methods are.
pub(super) const MARKS: &str = "Filled diamonds are our methods, squares simple baselines, rings other methods; the dashed line is at the best simple baseline.";

/// The methods that most depends on, by the metric at this place, best first: at most so many. `None` without a score.
pub(super) fn panel(set: &SetReport, place: usize, most: usize) -> Option<Chart> {
    let metric = set.metrics.get(place)?;
    let simple = set.best(Role::Simple, place);
    let mut ranked: Vec<&MethodRow> =
        set.methods.iter().filter(|row| set.value(&row.method, place).is_some()).collect();
    let better = if metric.higher_is_better { -1.0 } else { 1.0 };
    let key = |row: &MethodRow| set.value(&row.method, place).unwrap_or_default() * better;
    ranked.sort_by(|a, b| key(a).total_cmp(&key(b)));
    // Those that are asked about, then ours, then the rest, each by its value.
    let first = [set.lead(), simple, set.main_base(), set.best(Role::Other, place)];
    let rank = |row: &MethodRow| match first.iter().position(|name| *name == Some(row.method.as_str())) {
        Some(place) => place,
        None if Role::of(&row.method) == Role::Ours => first.len(),
        None => first.len() + 1,
    };
    let mut chosen: Vec<(usize, &MethodRow)> = ranked.into_iter().enumerate().collect();
    chosen.sort_by_key(|(order, row)| (rank(row), *order));
    chosen.truncate(most);
    chosen.sort_by_key(|(order, _)| *order);
    let mut rows: Vec<ForestRow> = chosen.iter().filter_map(|(_, row)| score(row, place, false)).collect();
    let all: Vec<ForestRow> = chosen.iter().filter_map(|(_, row)| score(row, place, true)).collect();
    for row in &mut rows {
        if row.sign == Sign::Role(Role::Ours) {
            row.name = format!("{} (ours)", row.name);
        } else if Some(row.name.as_str()) == simple {
            row.name = format!("{} (best simple)", row.name);
        }
    }
    let reference = simple.and_then(|method| set.value(method, place));
    let label = format!("{}, {} by method, {}: {}.", set.name, metric.name, metric.way(), spoken(&all));
    forest(Forest { rows, title: metric.axis(), zero: false, reference }, String::new(), label)
}

/// A method's score; with its interval printed, or the value alone.
fn score(row: &MethodRow, place: usize, interval: bool) -> Option<ForestRow> {
    let score = row.scores.get(place).copied().flatten().filter(|score| score.value.is_finite())?;
    Some(ForestRow {
        name: row.method.clone(),
        text: if interval { number::measured(Some(score)) } else { number::score(score.value) },
        value: score.value,
        interval: ends(score),
        sign: Sign::Role(Role::of(&row.method)),
    })
}

/// Paired differences to the main base in the metric at this place. `None` without a comparison.
pub(super) fn differences(set: &SetReport, place: usize) -> Option<Chart> {
    let (metric, base) = (set.metrics.get(place)?, set.main_base()?);
    let of_metric = set.comparisons.iter().filter(|c| c.base == base && c.metric == metric.name);
    let rows: Vec<ForestRow> = of_metric
        .filter(|c| c.difference.value.is_finite())
        .map(|c| ForestRow {
            name: c.method.clone(),
            text: number::difference(c.difference),
            value: c.difference.value,
            interval: ends(c.difference),
            sign: Sign::Verdict(set.verdict(c)),
        })
        .collect();
    let caption = format!(
        "Paired difference in {} to {base}, with 95\u{a0}% intervals. {} of the line is better. Filled squares: told apart \
         by the adjusted p; rings: not told apart.",
        metric.name,
        metric.side()
    );
    let label = format!("Paired differences in {} to {base}, {}: {}.", metric.name, metric.way(), spoken(&rows));
    let title = format!("{}, method less base", metric.name);
    forest(Forest { rows, title, zero: true, reference: None }, caption, label)
}

/// Methods with others less the same alone, in the first metric. `None` without a comparison.
pub(super) fn with_others(set: &SetReport) -> Option<Chart> {
    let metric = set.metrics.first()?;
    let all = || set.with_others.iter().filter(|it| it.comparison.metric == metric.name);
    // Room is short: who the others are is said where it tells rows apart.
    let name = |it: &WithOthers| {
        let alike = all().filter(|other| other.comparison.base == it.comparison.base).count();
        if alike > 1 { it.method() } else { it.alone() }
    };
    let rows: Vec<ForestRow> = all()
        .filter(|it| it.comparison.difference.value.is_finite())
        .map(|it| ForestRow {
            name: format!("{} own: {}", wording::own(it.own), name(it)),
            text: number::difference(it.comparison.difference),
            value: it.comparison.difference.value,
            interval: ends(it.comparison.difference),
            sign: Sign::Verdict(set.verdict(&it.comparison)),
        })
        .collect();
    let caption = format!(
        "Paired difference in {} of each method with others to the same method alone, with 95\u{a0}% intervals, by own \
         interactions known. {} of the line others help. Filled squares: told apart by the adjusted p; rings: not told \
         apart.",
        metric.name,
        metric.side()
    );
    let label =
        format!("Paired differences in {}, with others less alone, {}: {}.", metric.name, metric.way(), spoken(&rows));
    let title = format!("{}, with others less alone", metric.name);
    forest(Forest { rows, title, zero: true, reference: None }, caption, label)
}

/// The ends of an interval, if there is one.
pub(super) fn ends(measured: Measured) -> Option<(f64, f64)> {
    measured.interval.map(|interval| (interval.low, interval.high))
}

fn forest(forest: Forest, caption: String, label: String) -> Option<Chart> {
    let drawn = !forest.rows.is_empty();
    drawn.then_some(Chart { caption, label, drawing: Drawing::Forest(forest) })
}

/// A row's numbers, for a chart's label.
fn spoken(rows: &[ForestRow]) -> String {
    let sign = |row: &ForestRow| match row.sign {
        Sign::Verdict(verdict) => format!(", {}", verdict.word()),
        Sign::Role(Role::Ours) => ", ours".to_owned(),
        Sign::Role(_) => String::new(),
    };
    rows.iter().map(|row| format!("{} {}{}", row.name, row.text, sign(row))).collect::<Vec<_>>().join("; ")
}

impl Metric {
    /// The better side of an axis.
    fn side(&self) -> &'static str {
        if self.higher_is_better { "Right" } else { "Left" }
    }

    /// The direction that is better along an axis.
    pub(super) fn way(&self) -> &'static str {
        if self.higher_is_better { "further right is better" } else { "further left is better" }
    }

    /// An axis' title.
    fn axis(&self) -> String {
        format!("{}: {}", self.name, self.way())
    }
}
