//! The report as one HTML file: no script, nothing to load.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::charts::Chart;
use super::document::{Block, Cell, Column, ColumnKind, Document, Fact, Panel, Section, Shape, Table};
use crate::EvalError;

const STYLE: &str = include_str!("style.css");
/// Nothing is loaded or run, whatever a name in the report may hold.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

pub(super) fn render(document: &Document) -> Result<String, EvalError> {
    let mut tables = 0;
    let mut all =
        |list: &[Section]| list.iter().map(|part| section(part, 2, &mut tables)).collect::<Result<Vec<_>, EvalError>>();
    let (first, rest) = (all(&document.first)?, all(&document.sections)?);
    let panels = document.first.iter().flat_map(|part| &part.blocks).map(|block| match block {
        Block::Panels(panels, _) => panels.len(),
        _ => 0,
    });
    // Beside one panel there is room for cases.
    let narrow = panels.sum::<usize>() == 1;
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
                header {
                    h1 { (document.title) }
                    @if let Some(back) = &document.back { p { a href=(back.href) { (back.text) } } }
                }
                main #report {
                    div.first.beside[narrow] { @for part in &first { (part) } }
                    (contents(document))
                    @for part in &rest { (part) }
                }
            }
        }
    };
    Ok(page.into_string() + "\n")
}

fn contents(document: &Document) -> Markup {
    html! {
        @if !document.sections.is_empty() {
            nav aria-label="Contents" {
                span { "All figures:" }
                ul { @for part in &document.sections { li { a href={ "#" (part.id) } { (part.title) } } } }
            }
        }
    }
}

fn section(of: &Section, level: u8, tables: &mut usize) -> Result<Markup, EvalError> {
    let blocks = of.blocks.iter().map(|inner| block(inner, tables)).collect::<Result<Vec<_>, _>>()?;
    let parts = of.parts.iter().map(|part| section(part, level + 1, tables)).collect::<Result<Vec<_>, _>>()?;
    let cards = matches!(of.shape, Shape::Cards);
    let content = html! {
        @for inner in &blocks { "\n" (inner) }
        @if cards { div.cards { @for part in &parts { "\n" (part) } } }
        @else { @for part in &parts { "\n" (part) } }
    };
    Ok(match &of.shape {
        Shape::Folded(inside) => html! {
            details.part id=(of.id) { summary { strong { (of.title) } " " span { (inside) } } (content) }
        },
        _ if of.title.is_empty() => content,
        _ => html! {
            section id=(of.id) {
                @if level == 2 { h2 { (of.title) } } @else { h3 { (of.title) } }
                (content)
            }
        },
    })
}

fn block(block: &Block, tables: &mut usize) -> Result<Markup, EvalError> {
    Ok(match block {
        Block::Lead(text) => html! { p.lead { (text) } },
        Block::Text(text) => html! { p { (with_options(text)) } },
        Block::Facts(list) => facts(list),
        Block::Charts(list) => {
            let drawn = list.iter().map(figure).collect::<Result<Vec<_>, _>>()?;
            html! { div.charts { @for chart in &drawn { (chart) } } }
        }
        Block::Panels(panels, caption) => {
            let drawn = panels.iter().map(panel).collect::<Result<Vec<_>, _>>()?;
            html! { figure.all { div.panels { @for panel in &drawn { (panel) } } figcaption { (caption) } } }
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

/// A text whose options of the command line stay on one line.
fn with_options(text: &str) -> Markup {
    html! {
        @for word in text.split_inclusive(' ') {
            @if word.contains("--") { span.i { (word) } } @else { (word) }
        }
    }
}

fn panel(panel: &Panel) -> Result<Markup, EvalError> {
    let svg = drawn(&panel.chart, &panel.title)?;
    Ok(html! {
        div.panel {
            h3 { (panel.title) }
            p { (panel.found) }
            div.chart role="img" aria-label=(panel.chart.label) { (PreEscaped(svg)) }
        }
        "\n"
    })
}

fn drawn(chart: &Chart, title: &str) -> Result<String, EvalError> {
    chart.draw().map_err(|error| EvalError::Chart { title: title.to_owned(), source: Box::new(error) })
}

fn figure(chart: &Chart) -> Result<Markup, EvalError> {
    let svg = drawn(chart, &chart.caption)?;
    Ok(html! {
        figure {
            div.chart role="img" aria-label=(chart.label) { (PreEscaped(svg)) }
            figcaption { (chart.caption) }
        }
    })
}

fn facts(facts: &[Fact]) -> Markup {
    html! {
        dl {
            @for fact in facts {
                div { dt { (fact.name) } @for text in &fact.texts { dd { (linked(text, fact.href.as_deref())) } } }
            }
        }
    }
}

fn linked(text: &str, href: Option<&str>) -> Markup {
    html! { @if let Some(href) = href { a href=(href) { (text) } } @else { (text) } }
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
                                @if place == 0 { th scope="row" class=[class(column)] { (linked(&cell.text, cell.href.as_deref())) } }
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
    match column.kind {
        ColumnKind::Text => None,
        ColumnKind::Long => Some("l"),
        ColumnKind::Short => Some("s"),
        ColumnKind::Number | ColumnKind::Marked => Some("n"),
    }
}

fn printed(cell: &Cell, column: &Column) -> Markup {
    // The interval is set more quietly than the value it belongs to.
    let (value, interval) = match cell.text.split_once(" [") {
        Some((value, interval)) if !column.kind.is_text() => (value, Some(interval)),
        _ => (cell.text.as_str(), None),
    };
    html! {
        (value)
        @if let Some(interval) = interval { " " span.i { "[" (interval) } }
        @if column.kind == ColumnKind::Marked { span.m { (cell.mark.unwrap_or_default()) } }
    }
}
