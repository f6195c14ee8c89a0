//! The report from its title to the data sets: the run, its outcome in short, and a guide to reading it.

use super::document::{Block, Document, Fact, Section};
use super::set::section;
use super::values::{Comparison, Report, SetReport};
use super::verdict::Verdict;
use super::{number, wording};

/// The whole report as a tree.
pub(super) fn document(report: &Report) -> Document {
    let mut facts = vec![
        Fact::new("Model", report.model.as_deref().unwrap_or("none: only methods that ask no model")),
        Fact::new("Seed", report.seed.to_string()),
    ];
    if !report.prompts.is_empty() {
        facts.push(Fact::new("Prompts", &report.prompts));
    }
    facts.push(Fact::new("Library", format!("rpm-core {}", report.crate_version)));
    facts.push(Fact::new("Methods", or_none(&report.methods)));
    let mut sections = vec![in_short(report), how_to_read()];
    sections.extend(report.sets.iter().enumerate().map(|(place, set)| section(report, set, place)));
    Document { title: "Evaluation report".to_owned(), facts, sections }
}

fn in_short(report: &Report) -> Section {
    let mut section = Section::new("in-short", "In short");
    section.blocks.push(Block::Text(
        "A method is called better or worse than the base only where the adjusted p of their paired difference is below \
         .05. “Not told apart” is no finding of equality."
            .to_owned(),
    ));
    section.parts = report.sets.iter().enumerate().map(|(place, set)| finding(set, place)).collect();
    section
}

/// The outcome for the first metric against the main base.
fn finding(set: &SetReport, place: usize) -> Section {
    let mut section = Section::new(format!("in-short-{}", place + 1), &set.name);
    if let Some(sentence) = set.unfinished_sentence() {
        section.blocks.push(Block::Text(sentence));
    }
    let Some(metric) = set.metrics.first().filter(|_| set.compared() > 0) else {
        section.blocks.push(Block::Text("Nothing was compared.".to_owned()));
        return section;
    };
    let mut facts = vec![Fact::new("Measure", metric.direction())];
    facts.extend(set.main_base().map(|base| against(set, base)).into_iter().flatten());
    facts.extend(with_others(set, &metric.name));
    section.blocks.push(Block::Facts(facts));
    section
}

/// What is better than the main base and what is worse.
fn against(set: &SetReport, base: &str) -> [Fact; 3] {
    let of = |wanted: Verdict| {
        let found = set.main_comparisons().filter(|comparison| set.verdict(comparison) == wanted);
        let found: Vec<String> = match wanted {
            Verdict::Not => {
                Vec::from_iter(found.map(|c| c.method.clone()).reduce(|all, next| format!("{all}; {next}")))
            }
            _ => found.map(told_apart).collect(),
        };
        if found.is_empty() { vec!["none".to_owned()] } else { found }
    };
    let outcome = |name: String, verdict: Verdict| Fact { name, texts: of(verdict) };
    [
        outcome(format!("Better than {base}"), Verdict::Better),
        outcome(format!("Worse than {base}"), Verdict::Worse),
        outcome("Not told apart".to_owned(), Verdict::Not),
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
        Fact { name: name.to_owned(), texts: if none { vec!["none".to_owned()] } else { texts } }
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

fn or_none(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn how_to_read() -> Section {
    let mut section = Section::new("how-to-read", "How to read the doubt");
    let paragraphs = [
        "“.460 [.412, .508]” is a value over all items with its 95\u{a0}% interval. For the interval, users are drawn anew, each \
         with all of their items: items of one user resemble each other, so they count as less than as many strangers’.",
        "Whether two methods differ is decided by their paired difference on the same items, never by whether their \
         intervals overlap: what makes an item hard is hard for both, and the paired difference leaves it out. Intervals \
         that overlap may belong to methods that clearly differ.",
        "p is the probability of a paired difference as large as the one seen if there were none. Among many comparisons \
         some are small by chance; the adjusted p (Holm’s method) allows for all comparisons of the data set, and only it \
         decides. A difference with an adjusted p of .05 or more is called “not told apart”: with few users, only large \
         differences can be told.",
        "No value is in bold: the highest of several uncertain values is not thereby the best. Behind a score, ↑ says that \
         it is better than the base’s and ↓ that it is worse, each by the adjusted p; no mark says that it was not told \
         apart or not compared.",
        "An item without an answer stays in the count of items; the tables say how many there are, and why. Intervals speak \
         of users and items like these, answered by this model: not of other models, other data, or another wording of \
         the prompts.",
    ];
    section.blocks.extend(paragraphs.map(|text| Block::Text(text.to_owned())));
    section
}
