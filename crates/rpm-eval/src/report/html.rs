//! The report as one HTML file: no script, nothing to load.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::charts::Chart;
use super::document::{Block, Cell, Column, ColumnKind, Document, Fact, Section, Table};
use crate::EvalError;

const STYLE: &str = include_str!("style.css");
/// Nothing is loaded or run, whatever a name in the report may hold.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

pub(super) fn render(document: &Document) -> Result<String, EvalError> {
    let mut tables = 0;
    let sections = document.sections.iter().map(|part| section(part, 2, &mut tables)).collect::<Result<Vec<_>, _>>()?;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="color-scheme" content="light dark";
                title { (document.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#report" { "Skip to the report" }
                header { h1 { (document.title) } (facts(&document.facts)) }
                (contents(document))
                main #report { @for part in &sections { (part) } }
            }
        }
    };
    Ok(page.into_string() + "\n")
}

fn contents(document: &Document) -> Markup {
    html! {
        nav aria-label="Contents" {
            ul {
                @for part in &document.sections {
                    li {
                        a href={ "#" (part.id) } { (part.title) }
                        @if !part.parts.is_empty() {
                            ul { @for inner in &part.parts { li { a href={ "#" (inner.id) } { (inner.title) } } } }
                        }
                    }
                }
            }
        }
    }
}

fn section(of: &Section, level: u8, tables: &mut usize) -> Result<Markup, EvalError> {
    let blocks = of.blocks.iter().map(|inner| block(inner, tables)).collect::<Result<Vec<_>, _>>()?;
    let parts = of.parts.iter().map(|part| section(part, level + 1, tables)).collect::<Result<Vec<_>, _>>()?;
    Ok(html! {
        section id=(of.id) {
            @if level == 2 { h2 { (of.title) } }
            @else { h3 { (of.title) } }
            @for inner in &blocks { "\n" (inner) }
            @for part in &parts { "\n" (part) }
        }
    })
}

fn block(block: &Block, tables: &mut usize) -> Result<Markup, EvalError> {
    Ok(match block {
        Block::Text(text) => html! { p { (text) } },
        Block::Facts(list) => facts(list),
        Block::Charts(list) => {
            let drawn = list.iter().map(figure).collect::<Result<Vec<_>, _>>()?;
            html! { div.charts { @for chart in &drawn { (chart) } } }
        }
        Block::Table(of) => {
            *tables += 1;
            let id = format!("table-{tables}");
            if of.folded {
                html! { details { summary { (of.caption) } (table(of, &id)) } }
            } else {
                table(of, &id)
            }
        }
    })
}

fn figure(chart: &Chart) -> Result<Markup, EvalError> {
    let svg =
        chart.draw().map_err(|error| EvalError::Chart { title: chart.caption.clone(), source: Box::new(error) })?;
    Ok(html! {
        figure {
            div.chart role="img" aria-label=(chart.label) { (PreEscaped(svg)) }
            figcaption { (chart.caption) }
        }
    })
}

fn facts(facts: &[Fact]) -> Markup {
    html! { dl { @for fact in facts { div { dt { (fact.name) } @for text in &fact.texts { dd { (text) } } } } } }
}

fn table(table: &Table, id: &str) -> Markup {
    html! {
        div.scroll role="group" tabindex="0" aria-labelledby=(id) {
            table {
                caption id=(id) .seen[!table.folded] .unseen[table.folded] { span { (table.caption) } }
                thead { tr { @for column in &table.columns { th scope="col" class=[class(column)] { (column.name) } } } }
                tbody {
                    @for row in &table.rows {
                        tr {
                            @for (place, (cell, column)) in row.iter().zip(&table.columns).enumerate() {
                                @if place == 0 { th scope="row" { (cell.text) } }
                                @else { td class=[class(column)] { (printed(cell, column)) } }
                            }
                        }
                        "\n"
                    }
                }
            }
        }
    }
}

fn class(column: &Column) -> Option<&'static str> {
    (column.kind != ColumnKind::Text).then_some("n")
}

fn printed(cell: &Cell, column: &Column) -> Markup {
    // The interval is set more quietly than the value it belongs to.
    let (value, interval) = match cell.text.split_once(" [") {
        Some((value, interval)) if column.kind != ColumnKind::Text => (value, Some(interval)),
        _ => (cell.text.as_str(), None),
    };
    html! {
        (value)
        @if let Some(interval) = interval { " " span.i { "[" (interval) } }
        @if column.kind == ColumnKind::Marked { span.m { (cell.mark.unwrap_or_default()) } }
    }
}
