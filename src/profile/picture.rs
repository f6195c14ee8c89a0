//! The picture of a profile: effects with their intervals.

use std::fmt::Write as _;

use crate::markup::Escaped;

use super::text::one_line;
use super::wording::{Wording, wording};
use super::{Profile, Sureness, Sway, SwayEffect};

/// In units of the picture: its width, the height of a row, where the axis begins and how long it is.
const WIDTH: f64 = 440.0;
const ROW: f64 = 30.0;
const AXIS: f64 = 172.0;
const LONG: f64 = 205.0;
/// Above the rows, and below.
const HEAD: f64 = 26.0;
const FOOT: f64 = 8.0;
/// The most signs of a label.
const LABEL: usize = 20;

/// From which change to which the axis goes.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    /// An axis that holds all intervals: with nothing in the middle, or of free text from never to always.
    fn of(sways: &[Sway]) -> Self {
        if is_taken_up(sways) {
            return Self { low: 0.0, high: 1.0 };
        }
        let most = sways.iter().flat_map(|sway| sway.effect.change()).map(f64::abs).filter(|it| it.is_finite());
        let most = most.fold(0.0, f64::max).max(0.01);
        Self { low: -most, high: most }
    }

    fn x(&self, change: f64) -> f64 {
        let place = (change - self.low) / (self.high - self.low);
        AXIS + LONG * if place.is_finite() { place.clamp(0.0, 1.0) } else { 0.5 }
    }
}

fn is_taken_up(sways: &[Sway]) -> bool {
    sways.iter().all(|sway| matches!(sway.effect, SwayEffect::TakenUp { .. }))
}

impl Profile {
    /// The picture of what sways the user, as an SVG of its own or to be put into a page: of each factor the effect and its
    /// interval. Empty where nothing does. It takes the colour of its text from where it stands.
    pub fn picture(&self) -> String {
        if self.sways.is_empty() {
            return String::new();
        }
        let words = wording(self.language);
        let axis = Axis::of(&self.sways);
        // From what raises most to what lowers most.
        let mut rows: Vec<&Sway> = self.sways.iter().collect();
        rows.sort_by(|a, b| {
            let [a, b] = [a, b].map(|sway| sway.effect.change().first().copied().unwrap_or_default());
            b.total_cmp(&a)
        });
        let height = HEAD + ROW * rows.len() as f64 + FOOT;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"100%\" \
             style=\"max-width:560px\" role=\"img\" lang=\"{}\" font-family=\"system-ui,sans-serif\" font-size=\"16\" \
             fill=\"currentColor\"><title>{}</title><desc>{}</desc>\n",
            words.tag(),
            words.picture_title(),
            Escaped(&described(&rows, words)),
        );
        let Some(first) = rows.first() else { return String::new() };
        let [less, more] = words.ends(&first.effect);
        let _ = writeln!(svg, "<text x=\"{AXIS}\" y=\"16\" font-size=\"15.5\">\u{2190} {less}</text>");
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"16\" font-size=\"15.5\" text-anchor=\"end\">{more} \u{2192}</text>",
            AXIS + LONG
        );
        let (middle, bottom) = (axis.x(0.0), height - FOOT);
        let _ = writeln!(
            svg,
            "<path d=\"M{middle:.1} {HEAD}V{bottom}\" stroke=\"currentColor\" stroke-opacity=\".6\" stroke-dasharray=\"3 3\"/>"
        );
        for (number, sway) in rows.iter().enumerate() {
            row(&mut svg, sway, &axis, HEAD + ROW * (number as f64 + 0.5), words);
        }
        svg.push_str("</svg>\n");
        svg
    }
}

fn row(svg: &mut String, sway: &Sway, axis: &Axis, y: f64, words: &dyn Wording) {
    let [change, low, high] = sway.effect.change();
    let (at, from, to) = (axis.x(change), axis.x(low), axis.x(high));
    let colour = if change < 0.0 { "#d2622f" } else { "#1f8fb3" };
    let dot = |radius: f64, paint: &str| format!("<circle cx=\"{at:.1}\" cy=\"{y:.0}\" r=\"{radius}\" {paint}/>");
    let (full, ring) = (format!("fill=\"{colour}\""), format!("fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\""));
    let dot = match sway.sureness {
        Sureness::Sure => dot(6.0, &full),
        Sureness::Likely => dot(6.5, &ring) + &dot(3.0, &full),
        Sureness::Guess => dot(5.5, &ring),
    };
    let label: String = one_line(&words.row(sway));
    let label = match label.char_indices().nth(LABEL) {
        Some((end, _)) => format!("{}\u{2026}", label.get(..end).unwrap_or_default().trim_end()),
        None => label,
    };
    let _ = writeln!(
        svg,
        "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>\
         <path d=\"M{from:.1} {y:.0}H{to:.1}\" stroke=\"{colour}\" stroke-width=\"2\" stroke-linecap=\"round\"/>\
         {dot}\
         <text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>",
        AXIS - 12.0,
        y + 5.0,
        Escaped(&label),
        WIDTH - 4.0,
        y + 5.0,
        Escaped(&words.change(sway)),
    );
}

/// The picture in words, for who does not see it.
fn described(rows: &[&Sway], words: &dyn Wording) -> String {
    let row = |sway: &&Sway| {
        format!("{}: {}. {}", one_line(&words.row(sway)), words.change(sway), words.sureness(sway.sureness))
    };
    rows.iter().map(row).collect::<Vec<_>>().join(" ")
}
