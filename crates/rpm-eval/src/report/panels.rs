//! The first chart: each set's methods that most depends on, a panel for each metric that decides, and the same as a table.

use super::document::ColumnKind::{Number, Text};
use super::document::{Block, Cell, Panel, Section, Table};
use super::outcome::Outcome;
use super::roles::Role;
use super::values::{Report, SetReport};
use super::{forests, number};

/// With more panels than this only each set's first metric is shown.
const MANY: usize = 6;

/// One chart of all sets, a panel for each metric that decides.
pub(super) fn section(report: &Report) -> Section {
    let mut section = Section::new("chart", "How well each method answers");
    let Panels { wanted, most } = Panels::of(report);
    let panel = |(set, place): &(&SetReport, usize)| {
        let metric = set.metrics.get(*place)?;
        let found = Outcome::of(set).map_or_else(|| "nothing compared".to_owned(), |outcome| outcome.words(metric));
        let title = format!("{}, {}", set.name, metric.name);
        Some(Panel { title, found, chart: forests::panel(set, *place, most)? })
    };
    let panels: Vec<Panel> = wanted.iter().filter_map(panel).collect();
    if panels.is_empty() {
        section.blocks.push(Block::Text("No method has a score.".to_owned()));
        return section;
    }
    let caption = format!(
        "{} Whiskers are 95\u{a0}% intervals. A panel has at most {most} methods, best first: ours, the best simple baseline, the \
         base, the best other, and what then fits; all methods and measures are below, with each set.",
        forests::MARKS
    );
    section.blocks.push(Block::Panels(panels, caption));
    section.blocks.push(Block::Table(numbers(&wanted)));
    section
}

/// The panels of the first chart.
pub(super) struct Panels<'a> {
    /// Each set with a metric that decides, by its place.
    pub(super) wanted: Vec<(&'a SetReport, usize)>,
    /// The most methods of a panel.
    pub(super) most: usize,
}

impl<'a> Panels<'a> {
    /// As much as can be seen at once: of many sets the first metric alone, and fewer methods.
    pub(super) fn of(report: &'a Report) -> Self {
        let all = report.sets.iter().flat_map(|set| set.deciding().into_iter().map(move |place| (set, place)));
        let mut wanted: Vec<(&SetReport, usize)> = all.collect();
        if wanted.len() > MANY {
            wanted.retain(|(_, place)| *place == 0);
        }
        let most = match wanted.len() {
            0..=3 => 8,
            4..=MANY => 5,
            _ => 3,
        };
        Self { wanted, most }
    }

    /// True where a set's methods are all shown by the metric at this place.
    pub(super) fn show_all(&self, set: &SetReport, place: usize) -> bool {
        let there = self.wanted.iter().any(|(other, at)| other.name == set.name && *at == place);
        there && set.methods.len() <= self.most
    }
}

/// The chart in short, as a table.
fn numbers(wanted: &[(&SetReport, usize)]) -> Table {
    let columns = [
        ("Set", Text),
        ("Measure", Text),
        ("Our first method", Text),
        ("Its value", Number),
        ("Best simple baseline", Text),
        ("Its value", Number),
        ("Outcome", Text),
    ];
    let mut table = Table::new("The chart in numbers, with 95\u{a0}% intervals.", &columns).folded();
    let none = || number::NONE.to_owned();
    let score = |set: &SetReport, method: Option<&str>, place: usize| {
        let row = set.methods.iter().find(|row| Some(row.method.as_str()) == method);
        number::measured(row.and_then(|row| row.scores.get(place).copied().flatten()))
    };
    let row = |(set, place): &(&SetReport, usize)| {
        let metric = set.metrics.get(*place)?;
        let (lead, simple) = (set.lead(), set.best(Role::Simple, *place));
        let outcome = Outcome::of(set).map_or_else(|| "nothing compared".to_owned(), |it| it.words(metric));
        Some(vec![
            Cell::from(&set.name),
            metric.direction().into(),
            lead.map_or_else(none, str::to_owned).into(),
            score(set, lead, *place).into(),
            simple.map_or_else(none, str::to_owned).into(),
            score(set, simple, *place).into(),
            outcome.into(),
        ])
    };
    table.rows = wanted.iter().filter_map(row).collect();
    table
}
