//! Charts as SVG: drawn once, colored by the page's style sheet.

mod axis;
mod canvas;
mod forest;
mod plane;

use super::roles::Role;
use super::verdict::Verdict;

pub(super) use canvas::DrawError;

/// A chart with its caption and label.
pub(super) struct Chart {
    /// The caption, a guide to reading it.
    pub(super) caption: String,
    /// A description for those who cannot see it.
    pub(super) label: String,
    pub(super) drawing: Drawing,
}

/// The kinds of charts.
pub(super) enum Drawing {
    Forest(Forest),
    Plane(Plane),
}

/// Values with their intervals, one below the other.
pub(super) struct Forest {
    pub(super) rows: Vec<ForestRow>,
    /// The axis' title.
    pub(super) title: String,
    /// True when a line marks zero.
    pub(super) zero: bool,
    /// A value that a dashed line marks.
    pub(super) reference: Option<f64>,
}

/// A value with its interval.
pub(super) struct ForestRow {
    pub(super) name: String,
    /// Printed at the right.
    pub(super) text: String,
    pub(super) value: f64,
    /// The ends of its interval; `None` when there are too few users for one.
    pub(super) interval: Option<(f64, f64)>,
    pub(super) sign: Sign,
}

/// What a row's mark says, by shape and by color.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// The part its method plays.
    Role(Role),
    /// The verdict on a difference.
    Verdict(Verdict),
}

/// Points in a plane, with a legend below.
pub(super) struct Plane {
    pub(super) x_title: String,
    pub(super) y_title: String,
    pub(super) x: Spread,
    /// The names of [`Spread::Steps`] along `x`, in order.
    pub(super) steps: Vec<String>,
    pub(super) y: Spread,
    pub(super) lines: Vec<Line>,
    /// True when a line marks where both are equal.
    pub(super) diagonal: bool,
}

/// The spread of values along an axis.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Spread {
    Linear,
    Ratios,
    /// From 0 to 1, whatever the values.
    Shares,
    /// Places 0, 1, 2, …, equally far apart, each with a name.
    Steps,
}

/// One method's points, joined where there are several.
pub(super) struct Line {
    pub(super) name: String,
    /// The method's place in the run, which decides its color, mark and dash.
    pub(super) place: usize,
    /// Printed at the right of the legend; may be empty.
    pub(super) text: String,
    pub(super) points: Vec<Point>,
}

/// A point, with the interval of its `y`.
#[derive(Clone, Copy)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) interval: Option<(f64, f64)>,
    /// How much of all it stands for, 0 to 1: its area follows. `None` where all points stand for as much.
    pub(super) share: Option<f64>,
}

impl Chart {
    /// Draws it as an `<svg>` element.
    pub(super) fn draw(&self) -> Result<String, DrawError> {
        match &self.drawing {
            Drawing::Forest(forest) => forest::draw(forest),
            Drawing::Plane(plane) => plane::draw(plane),
        }
    }
}
