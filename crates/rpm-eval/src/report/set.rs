//! One data set's part of the report.

use super::document::{Block, Fact, Section, Table};
use super::number;
use super::values::{Report, SetReport};
use super::{pictures, tables};

/// With fewer users than this, a set warns that its intervals are rough.
const FEW_USERS: usize = 30;

/// With fewer users than this there are no intervals of 95 %; see [`Replicates`](crate::compare::Replicates).
const LEAST_USERS: usize = 6;

/// The section of the set at this place.
pub(super) fn section(report: &Report, set: &SetReport, place: usize) -> Section {
    let id = format!("set-{}", place + 1);
    let mut section = Section::new(&id, &set.name);
    if let Some(sentence) = set.unfinished_sentence() {
        section.blocks.push(Block::Text(sentence));
    }
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
    section.blocks.push(Block::Facts(facts(report, set)));

    let part =
        |name: &str, title: &str, blocks: Vec<Block>| Section { blocks, ..Section::new(format!("{id}-{name}"), title) };
    let mut parts = vec![part("scores", "Scores", scores(set))];
    if !set.with_others.is_empty() || !set.learning.is_empty() {
        let title = if set.with_others.is_empty() { "Own interactions" } else { "Own interactions and others" };
        parts.push(part("own", title, own(set)));
    }
    if !set.comparisons.is_empty() {
        parts.push(part("differences", "Paired differences", differences(set)));
    }
    if set.methods.iter().any(|row| row.learning.requests + row.answering.requests > 0.0) {
        parts.push(part("cost", "Cost", cost(set)));
    }
    if !set.curves.is_empty() {
        parts.push(part("curves", "Curves", curves(set)));
    }
    if !set.tiers.is_empty() {
        parts.push(part("tiers", "How much of a user was used", vec![Block::Table(tables::tiers(set))]));
    }
    if !set.reliability.is_empty() {
        let chart = Block::Charts(vec![pictures::reliability(set)]);
        parts.push(part("reliability", "Reliability", vec![chart, Block::Table(tables::reliability(set))]));
    }
    if set.skipped_total > 0 {
        parts.push(part("skipped", "Rows not used", vec![Block::Table(tables::skipped(set))]));
    }
    section.parts = parts;
    section
}

fn facts(report: &Report, set: &SetReport) -> Vec<Fact> {
    let mut facts = vec![
        Fact::new("Task", &set.task),
        Fact::new("Users", users(set)),
        Fact::new("Test items", number::count(set.items)),
        Fact::new("Interactions", number::count(set.interactions)),
        Fact::new("Used", set.limits.as_deref().unwrap_or("all of the data set")),
        Fact::new("Rows not used", number::count(set.skipped_total)),
    ];
    if let Some(teachers) = &set.teachers {
        let (users, left_out) = (number::count(teachers.users), number::count(teachers.left_out));
        let text = format!("{users} users of {}; {left_out} more are in both sets and do not teach", teachers.name);
        facts.push(Fact { name: "Others".to_owned(), texts: vec![text, format!("SHA-256 {}", teachers.sha256)] });
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

/// The number of users and, where some are one person or belong together, of how many people they are.
fn users(set: &SetReport) -> String {
    let users = number::count(set.users);
    if (1..set.users).contains(&set.people) {
        return format!("{users}, of {} persons or groups", number::count(set.people));
    }
    users
}

fn scores(set: &SetReport) -> Vec<Block> {
    // Side by side where there is room: what each scores, and what decides between them.
    let charts: Vec<_> = pictures::scores(set).into_iter().chain(pictures::differences(set)).collect();
    let mut blocks = if charts.is_empty() { Vec::new() } else { vec![Block::Charts(charts)] };
    blocks.push(Block::Table(tables::scores(set)));
    blocks.push(Block::Table(tables::answered(set)));
    blocks
}

fn own(set: &SetReport) -> Vec<Block> {
    let charts: Vec<_> = set.learning.iter().filter_map(|it| pictures::learning(set, it)).collect();
    let charts: Vec<_> = charts.into_iter().chain(pictures::with_others(set)).collect();
    let mut blocks = if charts.is_empty() { Vec::new() } else { vec![Block::Charts(charts)] };
    blocks.extend(set.learning.iter().map(|it| Block::Table(tables::learning(it))));
    blocks.extend(tables::with_others(set).into_iter().map(Block::Table));
    blocks
}

fn differences(set: &SetReport) -> Vec<Block> {
    let mut blocks: Vec<Block> = tables::comparisons(set).into_iter().map(Block::Table).collect();
    push_rows(&mut blocks, tables::length_matched(set));
    blocks
}

fn cost(set: &SetReport) -> Vec<Block> {
    let mut blocks = Vec::new();
    blocks.extend(pictures::cost(set).map(|chart| Block::Charts(vec![chart])));
    blocks.push(Block::Table(tables::cost(set)));
    push_rows(&mut blocks, tables::price_of_improvement(set));
    blocks
}

fn curves(set: &SetReport) -> Vec<Block> {
    let charts = set.curves.iter().map(|curve| pictures::curve(set, curve)).collect();
    let mut blocks = vec![Block::Charts(charts)];
    blocks.extend(set.curves.iter().map(|curve| Block::Table(tables::curve(curve))));
    blocks
}

fn push_rows(blocks: &mut Vec<Block>, table: Table) {
    if !table.rows.is_empty() {
        blocks.push(Block::Table(table));
    }
}
