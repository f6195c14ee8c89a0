//! Charts of points in a plane, as values: cost, curves, own interactions, confidence.

use super::charts::{Chart, Drawing, Line, Plane, Point, Spread};
use super::forests::ends;
use super::values::{Curve, Learning, LearningLine, MethodRow, Metric, ReliabilityBin, SetReport};
use super::{number, wording};
use crate::compare::Measured;

/// Methods that have the first score, with their places.
fn first_scores(set: &SetReport) -> impl Iterator<Item = (usize, &MethodRow, Measured)> {
    set.methods.iter().enumerate().filter_map(|(place, row)| {
        let score = row.scores.first().copied().flatten().filter(|score| score.value.is_finite())?;
        Some((place, row, score))
    })
}

/// The first metric over what an answer costs. `None` without a score.
pub(super) fn cost(set: &SetReport) -> Option<Chart> {
    let metric = set.metrics.first()?;
    let priced = set.methods.iter().any(|row| row.dollars_per_1000.is_some_and(|dollars| dollars > 0.0));
    // A cost that is not known is not drawn; to ask nothing costs nothing.
    let cost = |row: &MethodRow| match row.answering {
        need if need.uncounted > 0.0 => None,
        need if priced => row.dollars_per_1000.or((need.requests <= 0.0).then_some(0.0)),
        need => Some(need.tokens()),
    };
    let lines: Vec<Line> = first_scores(set)
        .filter_map(|(place, row, score)| {
            let x = cost(row)?;
            let spent = if priced { number::dollars(Some(x)) } else { number::amount(x) };
            Some(Line {
                name: row.method.clone(),
                place,
                text: format!("{spent}, {}", number::score(score.value)),
                points: vec![Point { x, y: score.value, interval: ends(score), share: None }],
            })
        })
        .collect();
    if lines.is_empty() {
        return None;
    }
    let x_title = if priced { "Dollars per 1,000 answers" } else { "Tokens per answer" };
    let caption = format!(
        "{} over what answering costs, with 95\u{a0}% intervals; each step to the right is a ratio, and a zero stands apart; learning is not counted. In \
         the legend: {}, and the value.",
        metric.direction(),
        x_title.to_lowercase()
    );
    let label = format!("{} over {}: {}.", metric.name, x_title.to_lowercase(), listed(&lines));
    let drawing = Drawing::Plane(Plane {
        x_title: x_title.to_owned(),
        y_title: metric.direction(),
        x: Spread::Ratios,
        steps: Vec::new(),
        y: Spread::Linear,
        lines,
        diagonal: false,
    });
    Some(Chart { caption, label, drawing })
}

/// A curve over an option that was varied.
pub(super) fn curve(set: &SetReport, curve: &Curve) -> Chart {
    let lines = curve.lines.iter().map(|line| {
        let points =
            line.points.iter().map(|p| Point { x: p.x, y: p.measured.value, interval: ends(p.measured), share: None });
        Line {
            name: line.method.clone(),
            place: place(set, &line.method),
            text: String::new(),
            points: points.collect(),
        }
    });
    let metric = set.metrics.iter().find(|metric| metric.name == curve.metric);
    let way = metric.map_or_else(|| curve.metric.clone(), Metric::direction);
    let shown = curve.lines.iter().map(|line| {
        let points =
            line.points.iter().map(|p| format!("{} at {}", number::score(p.measured.value), number::tick(p.x)));
        format!("{} {}", line.method, points.collect::<Vec<_>>().join(", "))
    });
    let label =
        format!("{}, {} over {}: {}.", curve.title, curve.metric, curve.x_label, shown.collect::<Vec<_>>().join("; "));
    let steps = if curve.log_x { " Each step to the right is a ratio; a zero stands apart at the left." } else { "" };
    let caption = format!("{}. Bars are 95\u{a0}% intervals; lines are drawn slightly apart.{steps}", curve.title);
    let drawing = Drawing::Plane(Plane {
        x_title: curve.x_label.clone(),
        y_title: way,
        x: if curve.log_x { Spread::Ratios } else { Spread::Linear },
        steps: Vec::new(),
        y: Spread::Linear,
        lines: lines.collect(),
        diagonal: false,
    });
    Chart { caption, label, drawing }
}

/// A metric over own interactions, with and without others. `None` without a value.
pub(super) fn learning(set: &SetReport, learning: &Learning) -> Option<Chart> {
    let points = |line: &LearningLine| {
        let points = line.points.iter().enumerate().filter_map(|(place, point)| Some((place, (*point)?)));
        points.filter(|(_, point)| point.value.is_finite()).collect::<Vec<_>>()
    };
    let lines: Vec<Line> = learning
        .lines
        .iter()
        .enumerate()
        .map(|(place, line)| Line {
            name: line.method.clone(),
            place,
            text: String::new(),
            points: points(line)
                .into_iter()
                .map(|(place, point)| Point { x: place as f64, y: point.value, interval: ends(point), share: None })
                .collect(),
        })
        .filter(|line| !line.points.is_empty())
        .collect();
    if lines.is_empty() {
        return None;
    }
    let shown = learning.lines.iter().map(|line| {
        let at = |(place, point): (usize, Measured)| {
            let step = learning.steps.get(place).copied().flatten();
            format!("{} at {}", number::measured(Some(point)), wording::own(step))
        };
        format!("{} {}", line.method, points(line).into_iter().map(at).collect::<Vec<_>>().join(", "))
    });
    let metric = set.metrics.iter().find(|metric| metric.name == learning.metric);
    let way = metric.map_or_else(|| learning.metric.clone(), Metric::direction);
    let label = format!(
        "{} over the user's own interactions that are known: {}.",
        learning.metric,
        shown.collect::<Vec<_>>().join("; ")
    );
    let caption = format!(
        "{way} over how many of the user's own latest interactions are known. Bars are 95\u{a0}% intervals; lines are drawn \
         slightly apart, and steps equally far apart whatever they are."
    );
    let drawing = Drawing::Plane(Plane {
        x_title: "own interactions known".to_owned(),
        y_title: way,
        x: Spread::Steps,
        steps: learning.steps.iter().map(|step| wording::own(*step)).collect(),
        y: Spread::Linear,
        lines,
        diagonal: false,
    });
    Some(Chart { caption, label, drawing })
}

/// The share of right answers by confidence.
pub(super) fn reliability(set: &SetReport) -> Chart {
    let most = set.reliability.iter().flat_map(|line| &line.bins).map(|bin| bin.answers).max().unwrap_or(1).max(1);
    let point = |bin: &ReliabilityBin| Point {
        x: bin.confidence,
        y: bin.right,
        interval: None,
        share: Some(bin.answers as f64 / most as f64),
    };
    let lines: Vec<Line> = set
        .reliability
        .iter()
        .map(|line| Line {
            name: line.method.clone(),
            place: place(set, &line.method),
            text: format!("{} answers", number::count(line.bins.iter().map(|bin| bin.answers).sum())),
            points: line.bins.iter().map(point).collect(),
        })
        .collect();
    let shown = set.reliability.iter().map(|line| {
        let bins =
            line.bins.iter().map(|b| format!("{} right at {}", number::score(b.right), number::score(b.confidence)));
        format!("{} {}", line.method, bins.collect::<Vec<_>>().join(", "))
    });
    let label = format!("Reliability diagram: {}.", shown.collect::<Vec<_>>().join("; "));
    let caption =
        "Share of right answers among answers of about the same confidence. On the dashed diagonal confidence can \
                   be taken at its word; below it, the method is too sure. A point’s area is its number of answers: small points are uncertain."
            .to_owned();
    let drawing = Drawing::Plane(Plane {
        x_title: "Mean confidence".to_owned(),
        y_title: "Share right".to_owned(),
        x: Spread::Shares,
        steps: Vec::new(),
        y: Spread::Shares,
        lines,
        diagonal: true,
    });
    Chart { caption, label, drawing }
}

fn listed(lines: &[Line]) -> String {
    lines.iter().map(|line| format!("{} {}", line.name, line.text)).collect::<Vec<_>>().join("; ")
}

/// A method's place in the set, so that it looks the same in all charts. Those that are only in charts come after the
/// rest.
fn place(set: &SetReport, method: &str) -> usize {
    let listed = set.methods.iter().map(|row| row.method.as_str());
    let curves = set.curves.iter().flat_map(|curve| &curve.lines).map(|line| line.method.as_str());
    let others = curves.chain(set.reliability.iter().map(|line| line.method.as_str()));
    let mut names: Vec<&str> = Vec::new();
    for name in listed.chain(others) {
        if name == method {
            break;
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::CurveLine;

    #[test]
    fn each_method_of_a_chart_has_a_place_of_its_own() {
        let line = |name: &str| CurveLine { method: name.into(), points: Vec::new() };
        let set = SetReport {
            methods: vec![MethodRow { method: "rpm".into(), ..MethodRow::default() }],
            curves: vec![Curve { lines: vec![line("k=1"), line("rpm"), line("k=2"), line("k=1")], ..Curve::default() }],
            ..SetReport::default()
        };
        assert_eq!(["rpm", "k=1", "k=2"].map(|name| place(&set, name)), [0, 1, 2]);
    }
}
