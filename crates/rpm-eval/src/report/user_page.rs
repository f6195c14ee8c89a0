//! The page of one user: every test item with what was responded and what methods answered.

use super::document::ColumnKind::{Long, Number, Short, Text};
use super::document::{Block, Cell, Column, Document, Fact, Link, Section, Table};
use super::items::{ItemRow, UserPage};
use super::number;
use super::overview::{answered, quoted};
use super::roles::Role;
use super::values::{Report, SetReport};

/// The folder of the pages, beside the report.
pub(super) const FOLDER: &str = "users";

/// The name of a page's file: its number, so that no user's name is in it.
pub(super) fn file(place: usize) -> String {
    format!("{}.html", place + 1)
}

/// Where a user's page is, as seen from the report.
pub(super) fn href(report: &Report, set: &str, user: &str) -> Option<String> {
    let place = report.users.iter().position(|page| page.set == set && page.user == user)?;
    Some(format!("{FOLDER}/{}", file(place)))
}

/// The page as a tree.
pub(super) fn document(report: &Report, page: &UserPage) -> Document {
    let set = report.sets.iter().find(|set| set.name == page.set);
    let metric = set.and_then(|set| set.metrics.first());
    let mut summary = Section::new("user", "In short");
    summary.blocks.push(Block::Facts(vec![
        Fact::new("Data set", &page.set),
        Fact::new("Past interactions", number::count(page.history)),
        Fact::new("Test items", number::count(page.items.len())),
    ]));
    let name = metric.map_or_else(|| "Score".to_owned(), super::Metric::direction);
    let caption = "The methods on this user’s items. One user’s values are no finding: no interval is given.";
    let mut scores = Table::new(caption, &[("Method", Text), (&name, Number)]);
    let score = |value: Option<f64>| value.map_or_else(|| number::NONE.to_owned(), number::score);
    scores.rows = page.scores.iter().map(|(method, value)| vec![Cell::from(method), score(*value).into()]).collect();
    summary.blocks.push(Block::Table(scores));
    let mut items = Section::new("items", "Items");
    items.blocks.push(Block::Text(format!(
        "Each test item of this user, with every method’s answer.{}",
        quoted(page.items.iter())
    )));
    items.blocks.push(Block::Table(answers(page)));
    Document {
        title: format!("{}: {}", page.set, page.user),
        back: Some(Link { text: "The whole report".to_owned(), href: "../report.html".to_owned() }),
        first: vec![summary, items],
        sections: Vec::new(),
    }
}

fn answers(page: &UserPage) -> Table {
    let texts = page.items.iter().any(|item| item.asked.is_some());
    let mut table = Table::new("What the person responded, and what each method answered.", &[("Item", Short)]);
    if texts {
        table.columns.push(Column { name: "Asked".to_owned(), kind: Long });
    }
    let mut column = |name: &str| table.columns.push(Column { name: name.to_owned(), kind: Text });
    column("The person");
    // Ours stand beside the person.
    let mut methods: Vec<&str> = page.scores.iter().map(|(method, _)| method.as_str()).collect();
    methods.sort_by_key(|method| Role::of(method) != Role::Ours);
    for method in &methods {
        column(method);
    }
    let has_reasons = |method: &&str| {
        page.items.iter().flat_map(|item| &item.answers).any(|answer| answer.method == **method && answer.why.is_some())
    };
    let reasoned: Vec<&str> = methods.iter().copied().filter(has_reasons).collect();
    for method in &reasoned {
        table.columns.push(Column { name: format!("Why, {method}"), kind: Long });
    }
    let row = |item: &ItemRow| {
        let mut cells = vec![Cell::from(&item.item)];
        cells.extend(texts.then(|| Cell::from(item.asked.clone().unwrap_or_default())));
        cells.push(Cell::from(&item.gold));
        let of = |method: &str| item.answers.iter().find(|answer| answer.method == method);
        let none = || number::NONE.to_owned();
        cells.extend(methods.iter().map(|method| of(method).map_or_else(none, answered).into()));
        cells
            .extend(reasoned.iter().map(|method| of(method).and_then(|it| it.why.clone()).unwrap_or_else(none).into()));
        cells
    };
    table.rows = page.items.iter().map(row).collect();
    table
}

/// The users of a set, with links to their pages. `None` where there are none.
pub(super) fn list(report: &Report, set: &SetReport) -> Option<Table> {
    let metric = set.metrics.first()?;
    let shown = [set.lead(), set.best(Role::Simple, 0)];
    let shown: Vec<&str> = shown.into_iter().flatten().collect();
    let caption = format!("The users of {}, a page each, with {} of two methods.", set.name, metric.direction());
    let mut table = Table::new(caption, &[("User", Text), ("Test items", Number)]);
    table.columns.extend(shown.iter().map(|name| Column { name: (*name).to_owned(), kind: Number }));
    let pages = report.users.iter().enumerate().filter(|(_, page)| page.set == set.name);
    let row = |(place, page): (usize, &UserPage)| {
        let user = Cell { href: Some(format!("{FOLDER}/{}", file(place))), ..Cell::from(&page.user) };
        let mut cells = vec![user, number::count(page.items.len()).into()];
        for method in &shown {
            let value = page.scores.iter().find(|(name, _)| name == method).and_then(|(_, value)| *value);
            cells.push(value.map_or_else(|| number::NONE.to_owned(), number::score).into());
        }
        cells
    };
    table.rows = pages.map(row).collect();
    (!table.rows.is_empty()).then_some(table)
}
