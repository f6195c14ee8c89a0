//! The report as Markdown with GitHub's tables.

use std::fmt::Write;

use super::document::{Block, Cell, Column, Document, Fact, Section, Table};

pub(super) fn render(document: &Document) -> String {
    let mut text = format!("# {}\n", escaped(&document.title));
    for part in document.first.iter().chain(&document.sections) {
        section(&mut text, part, "##");
    }
    text
}

fn section(text: &mut String, section_of: &Section, level: &str) {
    // A group of cards needs no heading.
    let level = if section_of.title.is_empty() { level.strip_suffix('#').unwrap_or(level) } else { level };
    if !section_of.title.is_empty() {
        put(text, format_args!("\n{level} {}\n", escaped(&section_of.title)));
    }
    for block in &section_of.blocks {
        match block {
            Block::Lead(paragraph) => put(text, format_args!("\n**{}**\n", escaped(paragraph))),
            Block::Text(paragraph) => put(text, format_args!("\n{}\n", escaped(paragraph))),
            Block::Facts(list) => facts(text, list),
            Block::Table(of) => table(text, of),
            Block::Charts(_) | Block::Panels(..) => {}
        }
    }
    for part in &section_of.parts {
        section(text, part, &format!("{level}#"));
    }
}

fn facts(text: &mut String, facts: &[Fact]) {
    if !facts.is_empty() {
        text.push('\n');
    }
    for fact in facts {
        put(text, format_args!("- **{}:** {}\n", escaped(&fact.name), escaped(&fact.texts.join("; "))));
    }
}

fn table(text: &mut String, table: &Table) {
    put(text, format_args!("\n*{}*\n\n", escaped(&table.caption)));
    line(text, table.columns.iter().map(|column| escaped(&column.name)));
    let rule = |column: &Column| if column.kind.is_text() { ":--" } else { "--:" }.to_owned();
    line(text, table.columns.iter().map(rule));
    for row in &table.rows {
        line(text, row.iter().zip(&table.columns).map(|(cell, column)| printed(cell, column)));
    }
}

fn line(text: &mut String, cells: impl Iterator<Item = String>) {
    put(text, format_args!("| {} |\n", cells.collect::<Vec<_>>().join(" | ")));
}

fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    // A string takes all that is written to it.
    let _ = text.write_fmt(what);
}

fn printed(cell: &Cell, column: &Column) -> String {
    // Numbers are our own, and their brackets no links.
    let text = if column.kind.is_text() { escaped(&cell.text) } else { cell.text.clone() };
    cell.mark.map_or_else(|| text.clone(), |mark| format!("{text} {mark}"))
}

/// Text that is to be read as it stands: nothing in it is markup, and it is one line.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            safe.push(' ');
            continue;
        }
        if matches!(c, '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '&' | '$') {
            safe.push('\\');
        }
        safe.push(c);
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_is_markup() {
        assert_eq!(escaped("<b>&\"|*_`\n[x](y)"), "\\<b\\>\\&\"\\|\\*\\_\\` \\[x\\](y)");
        assert_eq!(escaped("rag-bm25@4"), "rag-bm25@4");
    }
}
