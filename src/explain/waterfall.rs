//! An answer as a sum: from what is usual, by what each source added, to what is expected.

use std::fmt::{self, Write as _};

use serde::Serialize;

use crate::data::visible::line;
use crate::markup::Escaped;
use crate::stats::{Estimate, Source};

use super::{Contribution, Reasons};

/// An answer as a sum, from [`Reasons::waterfall`]: the user's usual, what each source added or took away, and what is expected of
/// the query. `start` and all `added` sum to `end`, to within rounding.
///
/// As text by [`Display`](fmt::Display), as a picture by [`svg`](Self::svg), as data by serde. It names factors, which may be the
/// user's own words; `Debug` does not.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Waterfall {
    /// The task's word for a response.
    pub response_name: String,
    /// The response.
    pub response: String,
    /// The unit of all figures.
    pub unit: WaterfallUnit,
    /// What is usual: the mean of the user's base rates, or the base rate of the response; of a user who has said nothing yet,
    /// beside a population, most people's.
    pub start: f64,
    /// What moved it, the strongest first; what is too little to be seen, or beyond the most steps, is together in the last.
    pub steps: Vec<WaterfallStep>,
    /// What is expected: the expected value, or the probability of the response.
    pub end: f64,
    /// The ends of the axis: those of the scale, or 0 and 1.
    pub axis: [f64; 2],
    /// Whose the start is: "usually", or "most people".
    pub usual: &'static str,
}

/// The unit of a [`Waterfall`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WaterfallUnit {
    /// Points of the scale.
    Points,
    /// Probability of the response, from 0 to 1.
    Probability,
}

/// One step of a [`Waterfall`].
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WaterfallStep {
    /// The source; `None` for several together.
    pub source: Option<Source>,
    /// The label of the factor, or what else the source is called.
    pub name: String,
    /// What it added; below 0 for what it took away.
    pub added: f64,
}

/// The most steps with names.
const MOST_STEPS: usize = 7;
/// The least that is a step of its own: points, or tenfold the probability. Less would show as 0.
const LEAST: f64 = 0.05;
const REST: &str = "all else";

impl Reasons {
    /// The answer as a sum. `None` for free text, which has no estimate.
    pub fn waterfall(&self) -> Option<Waterfall> {
        let estimate = self.estimate.as_ref()?;
        let value = |part: &Contribution| part.points;
        if let (Some(start), Some(end)) = (estimate.usual(), estimate.expected()) {
            let points = |of: &str| of.parse::<f64>().ok();
            let all = estimate.responses().iter().filter_map(|weighted| points(&weighted.response));
            let ends = all.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], it| [low.min(it), high.max(it)]);
            return Some(self.sum(WaterfallUnit::Points, [start, end], ends, value));
        }
        let base =
            |estimate: &Estimate| estimate.responses().iter().find(|it| it.response == self.response).map(|it| it.base);
        let ends = [base(estimate)?, estimate.probability(&self.response)];
        Some(self.sum(WaterfallUnit::Probability, ends, [0.0, 1.0], |part| Some(part.added)))
    }

    fn sum(
        &self,
        unit: WaterfallUnit,
        [start, end]: [f64; 2],
        axis: [f64; 2],
        value: impl Fn(&Contribution) -> Option<f64>,
    ) -> Waterfall {
        let least = match unit {
            WaterfallUnit::Points => LEAST,
            WaterfallUnit::Probability => LEAST / 10.0,
        };
        let mut moved: Vec<(&Contribution, f64)> =
            self.contributions.iter().filter_map(|part| Some((part, value(part)?))).collect();
        moved.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        let seen = moved.iter().take(MOST_STEPS).take_while(|(_, added)| added.abs() >= least).count();
        let (named, rest) = moved.split_at(seen);
        let step = |(part, added): &(&Contribution, f64)| WaterfallStep {
            source: Some(part.source.clone()),
            name: part.name.clone(),
            added: *added,
        };
        let mut steps: Vec<WaterfallStep> = named.iter().map(step).collect();
        match rest {
            [] => {}
            [one] => steps.push(step(one)),
            several => {
                let added = several.iter().map(|(_, added)| added).sum();
                steps.push(WaterfallStep { source: None, name: REST.to_owned(), added });
            }
        }
        Waterfall {
            response_name: self.response_name.clone(),
            response: self.response.clone(),
            unit,
            start,
            steps,
            end,
            axis,
            usual: self.usual(),
        }
    }
}

/// Of the picture: its width, where the axis begins and how long it is, the height of a row and of a bar, and what is above the rows.
const WIDTH: f64 = 440.0;
const LEFT: f64 = 166.0;
const LONG: f64 = 206.0;
const ROW: f64 = 28.0;
const BAR: f64 = 16.0;
const HEAD: f64 = 24.0;
/// The most signs of a name in it.
const SHOWN: usize = 20;

/// A row of the picture: words, figure, and from where to where its bar goes on the axis, from 0 to 1.
struct Row<'a> {
    name: &'a str,
    figure: String,
    from: f64,
    to: f64,
    is_total: bool,
}

impl Waterfall {
    /// A figure as it is shown: points to one place, probabilities in percent.
    pub(super) fn figure(&self, value: f64, signed: bool) -> String {
        // Not "-0.0".
        let shown = |places: f64, value: f64| (value * places).round() / places + 0.0;
        match (self.unit, signed) {
            (WaterfallUnit::Points, true) => format!("{:+.1}", shown(10.0, value)),
            (WaterfallUnit::Points, false) => format!("{:.1}", shown(10.0, value)),
            (WaterfallUnit::Probability, true) => format!("{:+.0}%", shown(1.0, 100.0 * value)),
            (WaterfallUnit::Probability, false) => format!("{:.0}%", shown(1.0, 100.0 * value)),
        }
    }

    fn place(&self, value: f64) -> f64 {
        let [low, high] = self.axis;
        let place = (value - low) / (high - low).max(f64::MIN_POSITIVE);
        if place.is_finite() { place.clamp(0.0, 1.0) } else { 0.0 }
    }

    fn rows(&self) -> Vec<Row<'_>> {
        let total = |name, value| Row {
            name,
            figure: self.figure(value, false),
            from: 0.0,
            to: self.place(value),
            is_total: true,
        };
        let mut rows = vec![total(self.usual, self.start)];
        let mut at = self.start;
        for step in &self.steps {
            let next = at + step.added;
            let figure = self.figure(step.added, true);
            // What rounds to nothing is in the sum, and no row.
            if figure != self.figure(0.0, true) {
                rows.push(Row {
                    name: &step.name,
                    figure,
                    from: self.place(at),
                    to: self.place(next),
                    is_total: false,
                });
            }
            at = next;
        }
        rows.push(total("expected", self.end));
        rows
    }

    /// The sum as a picture, an SVG to be put into a page as it is. It has a title and a description for those who do not see it, and
    /// takes the colour of its text from where it stands, so that it is read on light and on dark. What raises points to the right,
    /// what lowers to the left.
    pub fn svg(&self) -> String {
        self.drawn("fill=\"currentColor\"", "")
    }

    /// The same as a file of its own, on a light ground.
    pub fn svg_file(&self) -> String {
        let ground = "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n";
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}",
            self.drawn("fill=\"#1b2430\" color=\"#1b2430\"", ground)
        )
    }

    fn drawn(&self, ink: &str, ground: &str) -> String {
        let rows = self.rows();
        let height = HEAD + ROW * rows.len() as f64 + 8.0;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"100%\" style=\"max-width:560px\" \
             role=\"img\" lang=\"en\" font-family=\"system-ui,sans-serif\" font-size=\"16\" {ink}><title>{}</title><desc>{}</desc>\n{ground}",
            Escaped(&format!("What makes the {} {}", self.response_name, self.response)),
            Escaped(&self.told()),
        );
        for end in self.axis {
            let x = LEFT + LONG * self.place(end);
            let _ = writeln!(
                svg,
                "<path d=\"M{x} {HEAD}V{height}\" stroke=\"currentColor\" stroke-opacity=\".35\"/>\
                 <text x=\"{x}\" y=\"17\" font-size=\"15\" text-anchor=\"middle\">{}</text>",
                self.figure(end, false).trim_end_matches(".0"),
            );
        }
        for (number, row) in rows.iter().enumerate() {
            row.draw(&mut svg, HEAD + ROW * (number as f64 + 0.5));
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// The sum in sentences.
    fn told(&self) -> String {
        let mut told = format!("{}: {}. ", self.usual, self.figure(self.start, false));
        for step in &self.steps {
            let does = if step.added < 0.0 { "lowers" } else { "raises" };
            let _ = write!(told, "{} {does} it by {}. ", step.name, self.figure(step.added.abs(), false));
        }
        line(&format!("{told}Expected: {}.", self.figure(self.end, false)))
    }
}

impl Row<'_> {
    /// Draws the row around this height: a bar, which points to where it goes.
    fn draw(&self, svg: &mut String, middle: f64) {
        let [from, to] = [self.from, self.to].map(|place| LEFT + LONG * place);
        // What is too small to be seen is shown as a point.
        let to = if (to - from).abs() < 3.0 { from + if to < from { -3.0 } else { 3.0 } } else { to };
        let (top, bottom) = (middle - BAR / 2.0, middle + BAR / 2.0);
        let (weight, colour, tip) = match (self.is_total, to < from) {
            (true, _) => (" font-weight=\"600\"", "#7a8699", 0.0),
            (false, true) => ("", "#d2622f", (from - to).min(6.0)),
            (false, false) => ("", "#1f8fb3", -(to - from).min(6.0)),
        };
        let neck = to + tip;
        let _ = writeln!(
            svg,
            "<g{weight}><text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>\
             <path d=\"M{from:.1} {top:.1}L{neck:.1} {top:.1}L{to:.1} {middle:.1}L{neck:.1} {bottom:.1}L{from:.1} {bottom:.1}Z\" fill=\"{colour}\"/>\
             <text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{}</text></g>",
            LEFT - 10.0,
            middle + 5.5,
            Escaped(&cut(self.name, SHOWN)),
            WIDTH - 4.0,
            middle + 5.5,
            Escaped(&self.figure.replace('-', "\u{2212}")),
        );
    }
}

/// The columns of a bar, and the most of a name.
const COLUMNS: f64 = 32.0;
const NAME: usize = 28;

impl fmt::Display for Waterfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.rows();
        let names: Vec<String> = rows.iter().map(|row| cut(row.name, NAME)).collect();
        let widest = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
        for (row, name) in rows.iter().zip(&names) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 32")]
            let column = |place: f64| (place * COLUMNS).round() as usize;
            let (from, to) = (column(row.from.min(row.to)), column(row.from.max(row.to)));
            let sign = match row.is_total {
                true => "\u{2588}",
                false if row.to < row.from => "-",
                false => "+",
            };
            let bar = sign.repeat(to.saturating_sub(from));
            let line = format!("  {name:<widest$}  {:>6}  {}{bar}", row.figure, " ".repeat(from));
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A name on one line, of at most so many signs.
pub(super) fn cut(name: &str, most: usize) -> String {
    let line = line(name);
    if line.chars().count() <= most {
        return line;
    }
    let kept: String = line.chars().take(most.saturating_sub(1)).collect();
    format!("{}\u{2026}", kept.trim_end())
}

impl fmt::Debug for Waterfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Waterfall");
        shown.field("unit", &self.unit).field("start", &self.start).field("steps", &self.steps);
        shown.field("end", &self.end).finish_non_exhaustive()
    }
}

impl fmt::Debug for WaterfallStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaterfallStep")
            .field("source", &self.source)
            .field("added", &self.added)
            .finish_non_exhaustive()
    }
}
