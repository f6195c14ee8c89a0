//! The report's tree: the verdict, one chart and three cases first; then the sets, and last how the figures were made.

use super::document::{Block, Document, Fact, Section, Shape};
use super::items::{Case, CaseKind, ItemAnswer, ItemRow};
use super::roles::Role;
use super::values::{Report, SetReport};
use super::{doubt, headline, number, panels, set, user_page};

/// The whole report as a tree.
pub(super) fn document(report: &Report) -> Document {
    let mut sections: Vec<Section> =
        report.sets.iter().enumerate().map(|(place, set)| set::section(report, set, place)).collect();
    sections.push(doubt::section(report));
    Document {
        title: "Evaluation report".to_owned(),
        back: None,
        first: vec![verdict(report), panels::section(report), cases(report)],
        sections,
    }
}

fn verdict(report: &Report) -> Section {
    let mut section = Section::new("verdict", "Verdict");
    let own = headline::verdict(report);
    match report.opening.split_first() {
        None => section.blocks.push(Block::Lead(own)),
        Some((first, others)) => {
            section.blocks.push(Block::Lead(first.clone()));
            section.blocks.extend(others.iter().cloned().map(Block::Text));
            let names = report.names.iter().map(|(name, words)| Fact::new(name, words));
            section.blocks.push(Block::Facts(names.collect()));
            section.blocks.push(Block::Text(format!(
                "Beside all the comparisons of this report, for which p is adjusted: {own}"
            )));
        }
    }
    section.blocks.extend(headline::caveats(report).into_iter().map(Block::Text));
    section
}

/// Three cases of the report: with several sets one of each in turn, as far as they have the kind.
fn cases(report: &Report) -> Section {
    let mut section = Section::new("cases", "Three cases");
    section.shape = Shape::Cards;
    let kinds = [CaseKind::Gained, CaseKind::Typical, CaseKind::Lost];
    let count = report.sets.len();
    let chosen = kinds.into_iter().enumerate().filter_map(|(turn, kind)| {
        let sets = report.sets.iter().cycle().skip(turn).take(count);
        sets.flat_map(|set| set.cases.iter().map(move |case| (set, case))).find(|(_, case)| case.kind == kind)
    });
    let chosen: Vec<(&SetReport, &Case)> = chosen.collect();
    section.parts = chosen
        .iter()
        .enumerate()
        .map(|(at, (set, case))| card(report, set, case, &format!("case-{}", at + 1)))
        .collect();
    let text = if chosen.is_empty() {
        "None is shown: cases set a method of ours beside a simple baseline, and no items that both answered are there."
            .to_owned()
    } else {
        format!("{}{}", RULE, quoted(chosen.iter().map(|(_, case)| &case.item)))
    };
    section.blocks.push(Block::Text(text));
    section
}

const RULE: &str = "Chosen by rule, not by hand: of all items of a kind that our first method and the best simple baseline \
                    answered, the one in the middle, by how far the two differ and then in the data’s order.";

/// Why no text is shown, where none is.
pub(super) fn quoted<'a>(mut items: impl Iterator<Item = &'a ItemRow>) -> &'static str {
    if items.any(|item| item.asked.is_none()) {
        " Users’ texts are not quoted, so that the report can be passed on; --show-texts quotes them."
    } else {
        ""
    }
}

/// A case as a card.
pub(super) fn card(report: &Report, set: &SetReport, case: &Case, id: &str) -> Section {
    let texts = set.metrics.first().is_none_or(|metric| metric.name != "accuracy");
    let title = match case.kind {
        CaseKind::Gained if texts => "Ours was nearer",
        CaseKind::Gained => "Ours was right, the baseline wrong",
        CaseKind::Typical if texts => "A middling answer of ours",
        CaseKind::Typical => "Both were right",
        CaseKind::Lost if texts => "Ours was farther off",
        CaseKind::Lost => "Ours was wrong",
    };
    let item = &case.item;
    let mut whose = Fact::new("Item", format!("{}, {}, {}", set.name, item.user, item.item));
    whose.href = user_page::href(report, &set.name, &item.user);
    let mut facts = vec![whose];
    facts.extend(item.asked.iter().map(|asked| Fact::new("Asked", asked)));
    facts.push(Fact::new("The person", &item.gold));
    let lead = set.lead();
    let answer = |answer: &ItemAnswer| {
        let ours = Role::of(&answer.method) == Role::Ours;
        let name = if ours { format!("{} (ours)", answer.method) } else { answer.method.clone() };
        let mut texts = vec![answered(answer)];
        // Reasons are of the method that the case is about.
        texts.extend(answer.why.clone().filter(|_| Some(answer.method.as_str()) == lead || answer.response.is_none()));
        Fact::several(name, texts)
    };
    facts.extend(item.answers.iter().map(answer));
    Section { blocks: vec![Block::Facts(facts)], ..Section::new(id, title) }
}

/// A method's answer with how good it was.
pub(super) fn answered(answer: &ItemAnswer) -> String {
    let Some(response) = &answer.response else { return "no answer".to_owned() };
    let good = match (answer.right, answer.score) {
        (Some(true), _) => " – right".to_owned(),
        (Some(false), _) => " – wrong".to_owned(),
        (None, Some(score)) => format!(" – score {}", number::score(score)),
        (None, None) => String::new(),
    };
    let sure = answer.confidence.map(|it| format!(", {} sure", number::percent(it))).unwrap_or_default();
    format!("{response}{good}{sure}")
}
