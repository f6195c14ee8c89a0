//! Every method less the methods it is compared with.

use std::collections::BTreeSet;

use crate::compare::{Priced, Resamples, Scored, cost_per_point, holm, length_matched, paired};
use crate::dataset::Dataset;
use crate::metric;
use crate::{Answered, Need};

use super::answers::{Answers, LEVEL, used};
use super::learning::{self, Pair};
use super::{Comparison, LengthMatched, ReportOptions, WithOthers};

/// Methods that others are compared with where none is named: those that know nothing of the query, or of the user.
const BASES: [&str; 3] = ["zero-shot", "majority", "first-sentence"];

/// The metrics that decide: the first one, and on a scale the mean error.
pub(super) fn deciding(metrics: &[metric::Metric]) -> Vec<metric::Metric> {
    let decides = |metric: &&metric::Metric| metrics.first() == Some(metric) || **metric == metric::Metric::Mae;
    metrics.iter().filter(decides).copied().collect()
}

/// Every method less each base by the metrics that decide, and every method with others less itself alone. Their p are adjusted
/// together.
pub(super) fn of(
    answers: &[Answers<'_>],
    set: &Dataset,
    metrics: &[metric::Metric],
    resamples: &Resamples,
    options: &ReportOptions,
) -> (Vec<Comparison>, Vec<WithOthers>) {
    let metrics = deciding(metrics);
    let mut compared = with_bases(answers, set, &metrics, resamples, options);
    let mut with_others = Vec::new();
    for metric in &metrics {
        for Pair { alone, with, own } in learning::pairs(answers) {
            let comparison = comparison(alone, with, *metric, set, resamples, options);
            let (taught, kept) = (learning::taught(with), learning::kept(with));
            with_others.extend(comparison.map(|comparison| WithOthers { own, comparison, taught, kept }));
        }
    }
    adjust(&mut compared, &mut with_others);
    (compared, with_others)
}

/// Adjusts all p together; what is compared in both lists counts once.
fn adjust(compared: &mut [Comparison], with_others: &mut [WithOthers]) {
    let same = |a: &Comparison, b: &Comparison| (&a.base, &a.method, &a.metric) == (&b.base, &b.method, &b.metric);
    let mut p: Vec<f64> = compared.iter().map(|it| it.p.unwrap_or(1.0)).collect();
    let mut places = Vec::new();
    for WithOthers { comparison, .. } in &*with_others {
        let known = compared.iter().position(|it| same(it, comparison));
        places.push(known.unwrap_or(p.len()));
        if known.is_none() {
            p.push(comparison.p.unwrap_or(1.0));
        }
    }
    let adjusted = holm(&p);
    let all = compared.iter_mut().zip(0..).chain(with_others.iter_mut().map(|it| &mut it.comparison).zip(places));
    for (comparison, place) in all {
        comparison.adjusted_p = comparison.p.and(adjusted.get(place).copied());
    }
}

fn with_bases(
    answers: &[Answers<'_>],
    set: &Dataset,
    metrics: &[metric::Metric],
    resamples: &Resamples,
    options: &ReportOptions,
) -> Vec<Comparison> {
    let named = |name: &&str| answers.iter().find(|it| it.method == *name);
    // Where methods are compared with themselves alone, none but those is taken for a base by itself.
    let first = || answers.first().filter(|_| learning::pairs(answers).is_empty());
    let bases: Vec<&Answers<'_>> = if options.bases.is_empty() {
        BASES.iter().find_map(named).or_else(first).into_iter().collect()
    } else {
        options.bases.iter().filter_map(|name| named(&name.as_str())).collect()
    };
    let mut found = Vec::new();
    let mut done: BTreeSet<(&str, &str)> = BTreeSet::new();
    for base in bases {
        for other in answers.iter().filter(|it| it.method != base.method) {
            // The opposite comparison would add nothing.
            if done.contains(&(other.method, base.method)) || !done.insert((base.method, other.method)) {
                continue;
            }
            for metric in metrics {
                found.extend(comparison(base, other, *metric, set, resamples, options));
            }
        }
    }
    found
}

/// One method less one base by one metric; `None` where no pair of answers can be compared.
fn comparison(
    base: &Answers<'_>,
    other: &Answers<'_>,
    metric: metric::Metric,
    set: &Dataset,
    resamples: &Resamples,
    options: &ReportOptions,
) -> Option<Comparison> {
    let (ours, theirs) = (other.values(metric, &set.task), base.values(metric, &set.task));
    let found = paired(resamples, &ours, &theirs, LEVEL)?;
    let (mut won, mut lost) = (found.users.won, found.users.lost);
    let better = if metric.higher_is_better() { 1.0 } else { -1.0 };
    if better < 0.0 {
        std::mem::swap(&mut won, &mut lost);
    }
    let per_point = |cost: &dyn Fn(&Need) -> f64| {
        let value = |value: f64| better * value;
        let (a, b) = (priced(other, &ours, value, cost), priced(base, &theirs, value, cost));
        cost_per_point(resamples, &a, &b, LEVEL)?.price.map(|price| price / 100.0)
    };
    let asks = |answers: &Answers<'_>| answers.all().any(|item| item.need.requests > 0);
    let counted = |answers: &Answers<'_>| answers.all().all(|item| item.need.uncounted == 0);
    let cost_is_known = (asks(base) || asks(other)) && counted(base) && counted(other);
    let tokens = |need: &Need| need.input_tokens as f64 + need.output_tokens as f64;
    let alike = set
        .task
        .space()
        .is_open_ended()
        .then(|| length_matched(resamples, &lengths(other, &ours), &lengths(base, &theirs), LEVEL));
    let alike = alike.flatten().and_then(|it| Some((it.kept, it.matched?)));
    Some(Comparison {
        base: base.method.to_owned(),
        method: other.method.to_owned(),
        metric: metric.name().to_owned(),
        items: found.items.won + found.items.tied + found.items.lost,
        users: found.users.won + found.users.tied + found.users.lost,
        difference: found.difference,
        // The bootstrap's p is somewhat too small with few users, and no smaller than its draws allow, which an
        // adjustment for many comparisons would take for doubt.
        p: found.difference.interval.map(|_| found.sign_flip_p),
        adjusted_p: None,
        users_won: won,
        users_tied: found.users.tied,
        users_lost: lost,
        length_matched: alike.map(|(items, difference)| LengthMatched { items, difference }),
        tokens_per_point: if cost_is_known { per_point(&tokens) } else { None },
        dollars_per_point: options
            .prices
            .filter(|_| cost_is_known)
            .and_then(|prices| per_point(&|need| prices.of(&used(need)) * 1_000.0)),
    })
}

/// The items by user, each with its value (larger is better) and its cost.
fn priced(
    answers: &Answers<'_>,
    values: &[Vec<f64>],
    value: impl Fn(f64) -> f64,
    cost: &dyn Fn(&Need) -> f64,
) -> Vec<Vec<Priced>> {
    let user = |(items, values): (&Vec<&Answered>, &Vec<f64>)| {
        let item = |(item, number): (&&Answered, &f64)| Priced { value: value(*number), cost: cost(&item.need) };
        items.iter().zip(values).map(item).collect()
    };
    answers.by_user.iter().zip(values).map(user).collect()
}

/// The items by user, each with its value and the length of its response.
fn lengths(answers: &Answers<'_>, values: &[Vec<f64>]) -> Vec<Vec<Scored>> {
    let length = |item: &Answered| item.response.as_ref().map_or(f64::NAN, |text| text.chars().count() as f64);
    let user = |(items, values): (&Vec<&Answered>, &Vec<f64>)| {
        items.iter().zip(values).map(|(item, value)| Scored { value: *value, length: length(item) }).collect()
    };
    answers.by_user.iter().zip(values).map(user).collect()
}
