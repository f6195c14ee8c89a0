//! Curves over an option that was varied: the methods of a run that differ in one option with a number.

use std::collections::BTreeMap;

use crate::compare::Resamples;
use crate::method::Spec;
use crate::metric::Metric;
use rpm_core::data::Task;

use super::answers::{Answers, LEVEL};
use super::{Curve, CurveLine, CurvePoint};

/// The options that may be varied: the option, the curve's title, the name of `x`, and true if its steps are ratios.
const VARIED: [(&str, &str, &str, bool); 3] = [
    ("k", "How many past interactions to show", "past interactions shown", true),
    ("n", "How many samples to take", "samples", true),
    ("noise", "What wrong features do", "share of features that are wrong", false),
];

/// The curves of a set: one for each option that some method has with two values or more.
pub(super) fn of(answers: &[Answers<'_>], metric: Metric, task: &Task, resamples: &Resamples) -> Vec<Curve> {
    let curve = |&(option, title, x_label, log_x): &(&str, &str, &str, bool)| {
        let mut lines: BTreeMap<(usize, String), Vec<(f64, &Answers<'_>)>> = BTreeMap::new();
        let mut order: Vec<String> = Vec::new();
        for method in answers {
            let Some((rest, x)) = without(method.method, option) else { continue };
            if !order.contains(&rest) {
                order.push(rest.clone());
            }
            let place = order.iter().position(|name| *name == rest).unwrap_or_default();
            lines.entry((place, rest)).or_default().push((x, method));
        }
        let lines: Vec<CurveLine> = lines
            .into_iter()
            .map(|((_, method), mut points)| {
                points.sort_by(|a, b| a.0.total_cmp(&b.0));
                let point = |(x, answers): (f64, &Answers<'_>)| {
                    let measured = answers.replicates(metric, task, resamples)?.measured(LEVEL);
                    Some(CurvePoint { x, measured })
                };
                CurveLine { method, points: points.into_iter().filter_map(point).collect() }
            })
            .filter(|line| line.points.first().zip(line.points.last()).is_some_and(|(a, b)| a.x < b.x))
            .collect();
        (!lines.is_empty()).then(|| Curve {
            title: title.to_owned(),
            x_label: x_label.to_owned(),
            metric: metric.name().to_owned(),
            log_x,
            lines,
        })
    };
    VARIED.iter().filter_map(curve).collect()
}

/// The method without this option, and the option's number.
fn without(method: &str, option: &str) -> Option<(String, f64)> {
    let mut spec: Spec = method.parse().ok()?;
    let x = spec.options.remove(option)?.parse().ok().filter(|x: &f64| x.is_finite())?;
    Some((spec.to_string(), x))
}
