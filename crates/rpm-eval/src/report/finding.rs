//! What a set found: what is better than the base, worse, or not told apart; and what others add.

use super::document::Fact;
use super::values::{Comparison, SetReport};
use super::verdict::Verdict;
use super::{number, wording};

/// The outcome against the main base by each metric that decides, and with others against the same alone by the first.
pub(super) fn facts(set: &SetReport) -> Vec<Fact> {
    let Some(first) = set.metrics.first().filter(|_| set.compared() > 0) else {
        return vec![Fact::new("Compared", "nothing")];
    };
    let mut facts = Vec::new();
    if let Some(base) = set.main_base() {
        let deciding = set.deciding();
        for metric in deciding.iter().filter_map(|place| set.metrics.get(*place)) {
            let by = if deciding.len() > 1 { format!(" by {}", metric.name) } else { String::new() };
            facts.extend(against(set, base, &metric.name, &by));
        }
    }
    facts.extend(with_others(set, &first.name));
    facts
}

/// What is better than the base by a metric, what is worse, and what is not told apart.
fn against(set: &SetReport, base: &str, metric: &str, by: &str) -> [Fact; 3] {
    let of = |wanted: Verdict| {
        let compared = set.comparisons.iter().filter(|c| c.base == base && c.metric == metric);
        let found = compared.filter(|comparison| set.verdict(comparison) == wanted);
        let found: Vec<String> = match wanted {
            Verdict::Not => {
                Vec::from_iter(found.map(|c| c.method.clone()).reduce(|all, next| format!("{all}; {next}")))
            }
            _ => found.map(told_apart).collect(),
        };
        if found.is_empty() { vec!["none".to_owned()] } else { found }
    };
    [
        Fact::several(format!("Better than {base}{by}"), of(Verdict::Better)),
        Fact::several(format!("Worse than {base}{by}"), of(Verdict::Worse)),
        Fact::several(format!("Not told apart{by}"), of(Verdict::Not)),
    ]
}

/// Where others help, where they do harm and where neither can be told; nothing where nobody learns from others.
fn with_others(set: &SetReport, metric: &str) -> Vec<Fact> {
    let all: Vec<_> = set.with_others.iter().filter(|it| it.comparison.metric == metric).collect();
    let outcome = |name: &str, wanted: Verdict| {
        let found = all.iter().filter(|it| set.verdict(&it.comparison) == wanted);
        let texts: Vec<String> = found
            .map(|it| {
                let named = Comparison {
                    method: format!("{} at {} own", it.method(), wording::own(it.own)),
                    ..it.comparison.clone()
                };
                if wanted == Verdict::Not { named.method } else { told_apart(&named) }
            })
            .collect();
        let texts = if wanted == Verdict::Not { vec![texts.join("; ")] } else { texts };
        let none = texts.iter().all(String::is_empty);
        Fact::several(name, if none { vec!["none".to_owned()] } else { texts })
    };
    if all.is_empty() {
        return Vec::new();
    }
    vec![
        outcome("With others better than alone", Verdict::Better),
        outcome("With others worse than alone", Verdict::Worse),
        outcome("With others not told apart from alone", Verdict::Not),
    ]
}

/// A method with its difference, which stays on one line.
fn told_apart(comparison: &Comparison) -> String {
    let interval = number::difference(comparison.difference);
    let p = number::probability(comparison.adjusted_p);
    let equals = if p.starts_with('<') { "" } else { "= " };
    let [interval, p] = [interval, format!("adjusted p {equals}{p}")].map(|text| text.replace(' ', "\u{a0}"));
    format!("{} {interval}, {p}", comparison.method)
}
