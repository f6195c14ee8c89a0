//! How the figures were made and what they do not say.

use super::document::{Block, Fact, Section};
use super::values::Report;

/// The section at the end of a report.
pub(super) fn section(report: &Report) -> Section {
    let mut section = Section::new("doubt", "Method and doubt");
    let part = |id: &str, title: &str, inside: &str, texts: &[&str]| {
        let blocks = texts.iter().map(|text| Block::Text((*text).to_owned())).collect();
        Section::folded(id, title, inside, blocks)
    };
    section.parts = vec![
        part("doubt-intervals", "Intervals", "what “.460 [.412, .508]” and the marks behind scores say", &INTERVALS),
        part("doubt-p", "How p was made", "what decides that a method is better, worse or not told apart", &P),
        part(
            "doubt-not",
            "What was not measured",
            "items without an answer, and what the figures do not speak of",
            &NOT,
        ),
        Section::folded(
            "doubt-run",
            "This run",
            "model, seed, prompts, version, methods",
            vec![Block::Facts(run(report))],
        ),
    ];
    section
}

const INTERVALS: [&str; 3] = [
    "“.460 [.412, .508]” is a value over all items with its 95\u{a0}% interval. For the interval, users are drawn anew, each \
     with all of their items: items of one user resemble each other, so they count as less than as many strangers’.",
    "Whether two methods differ is decided by their paired difference on the same items, never by whether their \
     intervals overlap: what makes an item hard is hard for both, and the paired difference leaves it out. Intervals \
     that overlap may belong to methods that clearly differ.",
    "No value is in bold: the highest of several uncertain values is not thereby the best. Behind a score, ↑ says that \
     it is better than the base’s and ↓ that it is worse, each by the adjusted p; no mark says that it was not told \
     apart or not compared.",
];

const P: [&str; 2] = [
    "A method is called better or worse than the base only where the adjusted p of their paired difference is below \
     .05. “Not told apart” is no finding of equality.",
    "p is the probability of a paired difference as large as the one seen if there were none. Among many comparisons \
     some are small by chance; the adjusted p (Holm’s method) allows for all comparisons of the data set, and only it \
     decides. A difference with an adjusted p of .05 or more is called “not told apart”: with few users, only large \
     differences can be told.",
];

const NOT: [&str; 2] = [
    "An item without an answer stays in the count of items; the tables say how many there are, and why. Intervals speak \
     of users and items like these, answered by this model: not of other models, other data, or another wording of \
     the prompts.",
    "The best simple baseline and the best other method are the best by the very values that are shown, so they look a little \
     better than they are. A paired difference is there only to the methods named as bases.",
];

fn run(report: &Report) -> Vec<Fact> {
    let mut facts = vec![
        Fact::new("Model", report.model.as_deref().unwrap_or("none: only methods that ask no model")),
        Fact::new("Seed", report.seed.to_string()),
    ];
    if !report.prompts.is_empty() {
        facts.push(Fact::new("Prompts", &report.prompts));
    }
    facts.push(Fact::new("Library", format!("rpm-core {}", report.crate_version)));
    let methods = if report.methods.is_empty() { "none".to_owned() } else { report.methods.join(", ") };
    facts.push(Fact::new("Methods", methods));
    facts
}
