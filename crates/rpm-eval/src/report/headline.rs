//! The verdict of a whole report in one or two sentences, with what a reader must not miss.

use super::number;
use super::outcome::{Outcome, Subject};
use super::roles::Role;
use super::values::{Comparison, Report, SetReport};
use super::verdict::Verdict;

/// With fewer users than this, intervals are rough and only large differences can be told.
pub(super) const FEW_USERS: usize = 30;

/// The verdict.
pub(super) fn verdict(report: &Report) -> String {
    let outcomes: Vec<Outcome<'_>> = report.sets.iter().filter_map(Outcome::of).collect();
    match outcomes.as_slice() {
        [] => "Nothing was compared, so nothing can be said for or against a method.".to_owned(),
        [one] => of_one(one),
        all => of_several(all, report.sets.len()),
    }
}

fn of_one(outcome: &Outcome<'_>) -> String {
    let Some(main) = outcome.main() else {
        let who = if outcome.subject == Subject::Others { "comparisons with others" } else { "methods" };
        return format!("On {}, of {} {who}, {}.", outcome.set.name, outcome.compared.len(), in_counts(outcome));
    };
    let first = format!("On {}, {} is {}.", outcome.set.name, main.method, by_metric(outcome, main));
    if outcome.compared.len() < 2 {
        return first;
    }
    format!("{first} Of our {} methods, {}.", outcome.compared.len(), in_counts(outcome))
}

/// `better than majority in accuracy (.492 against .362, adjusted p < .001) and not told apart from it in MAE (…)`.
fn by_metric(outcome: &Outcome<'_>, main: &Comparison) -> String {
    let mut said: Vec<(Verdict, String)> = Vec::new();
    for place in outcome.set.deciding() {
        let Some(metric) = outcome.set.metrics.get(place) else { continue };
        let same = |c: &&Comparison| c.base == main.base && c.method == main.method && c.metric == metric.name;
        let Some(comparison) = outcome.set.comparisons.iter().find(same) else { continue };
        let value =
            |method: &str| outcome.set.value(method, place).map_or_else(|| number::NONE.to_owned(), number::score);
        let way = if metric.higher_is_better { "" } else { ", lower is better" };
        let figures = format!(
            "in {} ({} against {}{way}{})",
            metric.name,
            value(&main.method),
            value(&main.base),
            adjusted(comparison.adjusted_p),
        );
        let verdict = outcome.set.verdict(comparison);
        let before = match said.last() {
            None => format!("{} {} ", verdict.against(), outcome.base),
            Some((last, _)) if *last == verdict => String::new(),
            Some(_) => format!("{} it ", verdict.against()),
        };
        said.push((verdict, before + &figures));
    }
    let alike = said.iter().all(|(verdict, _)| *verdict == Verdict::Not);
    let all: Vec<String> = said.into_iter().map(|(_, text)| text).collect();
    all.join(if alike { " or " } else { " and " })
}

fn adjusted(p: Option<f64>) -> String {
    let text = number::probability(p);
    match p {
        None => ", too few users for a p".to_owned(),
        Some(_) if text.starts_with('<') => format!(", adjusted p {text}"),
        Some(_) => format!(", adjusted p = {text}"),
    }
}

/// `2 are better than majority in accuracy and 1 is not told apart from it`.
fn in_counts(outcome: &Outcome<'_>) -> String {
    let mut parts: Vec<String> = Vec::new();
    for verdict in [Verdict::Better, Verdict::Worse, Verdict::Not] {
        let n = outcome.count(verdict);
        let is = if n == 1 { "is" } else { "are" };
        match (n, parts.is_empty()) {
            (0, _) => {}
            (_, true) => parts.push(format!(
                "{} {is} {} {} in {}",
                number::count(n),
                verdict.against(),
                outcome.base,
                outcome.metric.name
            )),
            (_, false) => parts.push(format!("{} {is} {}", number::count(n), verdict.word())),
        }
    }
    parts.join(", ")
}

fn of_several(outcomes: &[Outcome<'_>], sets: usize) -> String {
    let all = |subject: Subject| outcomes.iter().all(|outcome| outcome.subject == subject);
    let who = if all(Subject::Ours) {
        "at least one of our methods"
    } else if all(Subject::Others) {
        "a method with others"
    } else {
        "at least one method"
    };
    let mut bases: Vec<&str> = outcomes.iter().map(|outcome| outcome.base).collect();
    bases.sort_unstable();
    bases.dedup();
    let named = |wanted: Option<Verdict>| {
        let sets: Vec<String> = outcomes.iter().filter(|it| it.whole() == wanted).map(with_though).collect();
        (sets.len(), if sets.is_empty() { String::new() } else { format!(" ({})", sets.join(", ")) })
    };
    let count = |n: usize| if n == 0 { "none".to_owned() } else { number::count(n) };
    let (better, worse, not, mixed) =
        (named(Some(Verdict::Better)), named(Some(Verdict::Worse)), named(Some(Verdict::Not)), named(None));
    let base = bases.join(" or ");
    let mut text = format!(
        "By each set’s first measure, {who} is better than {base} on {} of {} sets{}, and worse on {}{}.",
        count(better.0),
        number::count(sets),
        better.1,
        count(worse.0),
        worse.1
    );
    let mut rest = Vec::new();
    if not.0 > 0 {
        rest.push(format!("on {}{} nothing is told apart", count(not.0), not.1));
    }
    if mixed.0 > 0 {
        rest.push(format!("on {}{} some are better and some worse", count(mixed.0), mixed.1));
    }
    if outcomes.len() < sets {
        rest.push(format!("on {} nothing was compared", number::count(sets - outcomes.len())));
    }
    if let Some(first) = rest.first_mut() {
        *first = first.replacen("on", "On", 1);
        text = format!("{text} {}.", rest.join("; "));
    }
    text
}

/// A set's name, with the other measures that say more than the first one.
fn with_though(outcome: &Outcome<'_>) -> String {
    let mut parts = vec![outcome.set.name.clone()];
    for place in outcome.set.deciding().into_iter().skip(1) {
        let Some(metric) = outcome.set.metrics.get(place) else { continue };
        let whole = outcome.whole_by(metric);
        if let Some(verdict) = whole.filter(|it| *it != Verdict::Not && whole != outcome.whole()) {
            parts.push(format!("though {} in {}", verdict.word(), metric.name));
        }
    }
    parts.join(", ")
}

/// What limits the verdict.
pub(super) fn caveats(report: &Report) -> Vec<String> {
    let mut said: Vec<String> = report.sets.iter().filter_map(SetReport::unfinished_sentence).collect();
    said.extend(better_baselines(report));
    let outcomes: Vec<Outcome<'_>> = report.sets.iter().filter_map(Outcome::of).collect();
    if outcomes.iter().any(|outcome| outcome.count(Verdict::Not) > 0) {
        let doubtful = outcomes.iter().filter(|it| it.set.users < FEW_USERS && it.count(Verdict::Not) > 0);
        let few: Vec<&str> = doubtful.map(|it| it.set.name.as_str()).collect();
        let why = match few.as_slice() {
            [] => String::new(),
            names if names.len() == report.sets.len() => {
                ": with so few users only large differences can be told".to_owned()
            }
            names => format!(": with few users ({}) only large differences can be told", names.join(", ")),
        };
        said.push(format!("“Not told apart” is no finding of equality{why}."));
    }
    said
}

/// The sentence about simple baselines that score at least as high as our method and were not compared with it.
fn better_baselines(report: &Report) -> Option<String> {
    let found: Vec<(&SetReport, String)> =
        report.sets.iter().filter_map(|set| Some((set, better_baseline(set)?))).collect();
    match found.as_slice() {
        [] => None,
        [(_, what)] if report.sets.len() == 1 => Some(format!(
            "The best simple baseline, {what}, is no less good; the two were not compared in pairs: --base does that."
        )),
        all => {
            let each: Vec<String> = all.iter().map(|(set, what)| format!("{}: {what}", set.name)).collect();
            Some(format!(
                "The best simple baseline is no less good than ours, and was not compared with it in pairs, on {} \
                 ({}): --base does that.",
                if all.len() == 1 { "1 set".to_owned() } else { format!("{} sets", number::count(all.len())) },
                each.join("; ")
            ))
        }
    }
}

/// `knn with .500 in accuracy against .492 of rpm`.
fn better_baseline(set: &SetReport) -> Option<String> {
    let (lead, simple, metric) = (set.lead()?, set.best(Role::Simple, 0)?, set.metrics.first()?);
    let compared = |c: &Comparison| (c.base == simple && c.method == lead) || (c.base == lead && c.method == simple);
    let (ours, theirs) = (set.value(lead, 0)?, set.value(simple, 0)?);
    let behind = if metric.higher_is_better { theirs >= ours } else { theirs <= ours };
    let (ours, theirs) = (number::score(ours), number::score(theirs));
    let told = || format!("{simple} with {theirs} in {} against {ours} of {lead}", metric.name);
    (behind && !set.comparisons.iter().any(compared)).then(told)
}
