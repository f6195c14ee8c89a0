//! One data set's part of the report: what it found, and all its figures folded below.

use super::charts::Chart;
use super::document::{Block, Fact, Section, Shape, Table};
use super::headline::FEW_USERS;
use super::panels::Panels;
use super::values::{Report, SetReport};
use super::{finding, forests, number, overview, planes, tables, user_page};

/// With fewer users than this there are no intervals of 95 %; see [`Replicates`](crate::compare::Replicates).
const LEAST_USERS: usize = 6;

/// The section of the set at this place.
pub(super) fn section(report: &Report, set: &SetReport, place: usize) -> Section {
    let id = format!("set-{}", place + 1);
    let mut section = Section::new(&id, &set.name);
    section.blocks.push(Block::Text(in_a_line(set)));
    section.blocks.extend(set.unfinished_sentence().map(Block::Text));
    if set.users < LEAST_USERS {
        let text =
            format!("With {} users there are no intervals: nothing can be told apart.", number::count(set.users));
        section.blocks.push(Block::Text(text));
    } else if set.users < FEW_USERS {
        section.blocks.push(Block::Text(format!(
            "With {} users the intervals are rough, and rather too narrow than too wide: take them as a hint.",
            number::count(set.users)
        )));
    }
    section.blocks.push(Block::Facts(finding::facts(set)));
    section.parts = parts(report, set, &id);
    section
}

fn parts(report: &Report, set: &SetReport, id: &str) -> Vec<Section> {
    let mut parts = Vec::new();
    let mut add = |name: &str, title: &str, inside: &str, blocks: Vec<Block>| {
        if !blocks.is_empty() {
            parts.push(Section::folded(format!("{id}-{name}"), title, inside, blocks));
        }
    };
    let methods = number::count(set.methods.len());
    let measures = format!("{methods} methods by {} measures, with intervals", number::count(set.metrics.len()));
    add("scores", "Scores", &measures, scores(report, set));
    if !set.comparisons.is_empty() {
        let base = set.main_base().unwrap_or(number::NONE);
        let inside = format!("charts and tables: each method less {base}, with intervals and p");
        add("differences", "Paired differences", &inside, differences(set));
    }
    let title = if set.with_others.is_empty() { "Own interactions" } else { "Own interactions and others" };
    add("own", title, "charts and tables: the measure by how many of the user’s own interactions are known", own(set));
    let titles: Vec<&str> = set.curves.iter().map(|curve| curve.title.as_str()).collect();
    add("curves", "Curves", &titles.join("; "), curves(set));
    let reliability = if set.reliability.is_empty() {
        Vec::new()
    } else {
        vec![Block::Charts(vec![planes::reliability(set)]), Block::Table(tables::reliability(set))]
    };
    add(
        "reliability",
        "Reliability",
        "chart and table: how often answers are right, by stated confidence",
        reliability,
    );
    let tiers = if set.tiers.is_empty() { Vec::new() } else { vec![Block::Table(tables::tiers(set))] };
    add("tiers", "How much of a user was used", "table: answers by how much of the user they rest on, and why", tiers);
    add("cost", "Cost", "chart and tables: requests, tokens and money, to learn a user and to answer", cost(set));
    let items = number::count(set.items);
    let inside = format!("table: what each method is, and how many of {items} items it answered");
    add("methods", "Methods", &inside, vec![Block::Table(tables::answered(set))]);
    let users = user_page::list(report, set).map(Block::Table).into_iter().collect();
    add("users", "Users", "table with links: a page for each user", users);
    let skipped = if set.skipped_total > 0 { vec![Block::Table(tables::skipped(set))] } else { Vec::new() };
    add("skipped", "Rows not used", "table: the first rows that could not be used, and why", skipped);
    add(
        "data",
        "Data and measures",
        "what was used, what each measure is, fingerprint of the data",
        vec![Block::Facts(facts(report, set))],
    );
    if report.sets.len() > 1 && !set.cases.is_empty() {
        let cards = set.cases.iter().enumerate();
        let cards = cards.map(|(at, case)| overview::card(report, set, case, &format!("{id}-case-{}", at + 1)));
        parts.insert(0, cases(id, cards.collect()));
    }
    parts
}

/// The set's own cases, where the report shows those of several sets first.
fn cases(id: &str, cards: Vec<Section>) -> Section {
    let inside = "items where our first method was right or wrong, chosen by the rule above";
    let mut inner = Section::new(format!("{id}-cards"), "");
    inner.shape = Shape::Cards;
    inner.parts = cards;
    Section { parts: vec![inner], ..Section::folded(format!("{id}-cases"), "Cases", inside, Vec::new()) }
}

/// The set's size and task.
fn in_a_line(set: &SetReport) -> String {
    let items = number::count(set.items);
    let people = if (1..set.users).contains(&set.people) {
        format!(" (of {} persons or groups)", number::count(set.people))
    } else {
        String::new()
    };
    format!("{} users{people}, {items} test items; a response is {}.", number::count(set.users), set.task)
}

fn facts(report: &Report, set: &SetReport) -> Vec<Fact> {
    let mut facts = vec![
        Fact::new("Interactions", number::count(set.interactions)),
        Fact::new("Used", set.limits.as_deref().unwrap_or("all of the data set")),
        Fact::new("Rows not used", number::count(set.skipped_total)),
    ];
    if !set.notes.is_empty() {
        facts.push(Fact::several("Notes", set.notes.clone()));
    }
    if let Some(teachers) = &set.teachers {
        let (users, left_out) = (number::count(teachers.users), number::count(teachers.left_out));
        let text = format!("{users} users of {}; {left_out} more are in both sets and do not teach", teachers.name);
        facts.push(Fact::several("Others", vec![text, format!("SHA-256 {}", teachers.sha256)]));
    }
    for metric in &set.metrics {
        let note = if metric.note.is_empty() { "" } else { ": " };
        let first = facts.iter().all(|fact| !fact.name.starts_with("Measure"));
        let name = if first { "Measure that decides" } else { "Measure" };
        let text = format!("{}{note}{}", metric.direction(), metric.note);
        facts.push(Fact::new(name, text));
    }
    let absent: Vec<&str> = report
        .methods
        .iter()
        .filter(|name| set.methods.iter().all(|row| row.method != **name))
        .filter(|name| set.unfinished.iter().all(|it| it.method != **name))
        .map(String::as_str)
        .collect();
    if !absent.is_empty() {
        facts.push(Fact::new("Not for this task", absent.join(", ")));
    }
    facts.push(Fact::new("SHA-256 of the data", &set.data_sha256));
    facts
}

fn scores(report: &Report, set: &SetReport) -> Vec<Block> {
    // Where the first chart has all methods there is no need to draw them again.
    let first = Panels::of(report);
    let places = set.deciding().into_iter().filter(|place| !first.show_all(set, *place));
    let mut blocks = charts(places.filter_map(|place| forests::scores(set, place)));
    blocks.push(Block::Table(tables::scores(set)));
    blocks
}

fn charts(all: impl Iterator<Item = Chart>) -> Vec<Block> {
    let all: Vec<Chart> = all.collect();
    if all.is_empty() { Vec::new() } else { vec![Block::Charts(all)] }
}

fn own(set: &SetReport) -> Vec<Block> {
    let learning = set.learning.iter().filter_map(|it| planes::learning(set, it));
    let mut blocks = charts(learning.chain(forests::with_others(set)));
    blocks.extend(set.learning.iter().map(|it| Block::Table(tables::learning(it))));
    blocks.extend(tables::with_others(set).into_iter().map(Block::Table));
    blocks
}

fn differences(set: &SetReport) -> Vec<Block> {
    let mut blocks = charts(set.deciding().into_iter().filter_map(|place| forests::differences(set, place)));
    blocks.extend(tables::comparisons(set).into_iter().map(Block::Table));
    push_rows(&mut blocks, tables::length_matched(set));
    blocks
}

/// Nothing where no model was asked.
fn cost(set: &SetReport) -> Vec<Block> {
    if set.methods.iter().all(|row| row.learning.requests + row.answering.requests <= 0.0) {
        return Vec::new();
    }
    let mut blocks = charts(planes::cost(set).into_iter());
    blocks.push(Block::Table(tables::cost(set)));
    push_rows(&mut blocks, tables::price_of_improvement(set));
    blocks
}

fn curves(set: &SetReport) -> Vec<Block> {
    let mut blocks = charts(set.curves.iter().map(|curve| planes::curve(set, curve)));
    blocks.extend(set.curves.iter().map(|curve| Block::Table(tables::curve(curve))));
    blocks
}

fn push_rows(blocks: &mut Vec<Block>, table: Table) {
    if !table.rows.is_empty() {
        blocks.push(Block::Table(table));
    }
}
