//! Points in a plane: curves, scores over cost, right answers over confidence.

use plotters::coord::ranged1d::ValueFormatter as _;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::Axis;
use super::canvas::{
    Area, DIAGONAL, DrawError, GRID, INK, QUIET, RULE, WIDTH, color, dashed, line, mark, px, shortened, size, stroke,
    svg, text,
};
use super::{Line, Plane, Point, Spread};

const TOP: f64 = 26.0;
const PLOT: f64 = 220.0;
const BOTTOM: f64 = 44.0;
const LEFT: f64 = 42.0;
const RIGHT: f64 = 14.0;
const LEGEND: f64 = 21.0;
/// The room right of the plot for names of lines at their ends, the least distance between these, and how much fits.
const NAMES: f64 = 112.0;
const BETWEEN: f64 = 15.0;
const DIRECT: usize = 4;
const LETTERS: usize = 14;
const TEXT: f64 = 12.2;
/// The radius of a point that stands for nearly nothing, and of one that stands for the most.
const LEAST: f64 = 2.4;
const MOST: f64 = 9.0;
/// The distance between lines of one place, so that their intervals can be seen; and at most all of them together.
const APART: f64 = 2.6;
const ALL_APART: f64 = 13.0;

pub(super) fn draw(plane: &Plane) -> Result<String, DrawError> {
    let direct = is_direct(plane);
    let legend = TOP + PLOT + BOTTOM + 6.0;
    let height = if direct { legend } else { legend + LEGEND * plane.lines.len() as f64 };
    let right = if direct { NAMES } else { RIGHT };
    svg(height, |area| {
        let points = || plane.lines.iter().flat_map(|line| line.points.iter().copied());
        let xs = || points().map(|point| point.x);
        let x = axis(plane.x, xs().collect(), plane.steps.len());
        // What was varied has few values; what was measured has as many as points.
        let measured = !matches!(plane.x, Spread::Shares | Spread::Steps);
        let x = if measured && varied(plane) { x.labeling(xs()) } else { x };
        let ends = points().flat_map(|p| [Some(p.y), p.interval.map(|i| i.0), p.interval.map(|i| i.1)]).flatten();
        let y = axis(plane.y, ends.collect(), 0);
        let mut chart = ChartBuilder::on(area)
            .margin_top(size(TOP))
            .margin_right(size(right))
            .margin_bottom(size(height - TOP - PLOT - BOTTOM))
            .set_label_area_size(LabelAreaPosition::Left, size(LEFT))
            .set_label_area_size(LabelAreaPosition::Bottom, size(BOTTOM))
            .build_cartesian_2d(x, y)?;
        chart
            .configure_mesh()
            .bold_line_style(stroke(GRID, 1.0))
            .axis_style(stroke(RULE, 1.0))
            .set_all_tick_mark_size(px(3.0))
            .x_label_formatter(&|x| named(&plane.steps, *x).unwrap_or_else(|| Axis::format(x)))
            .x_label_style(text(QUIET, TEXT, HPos::Center, VPos::Top))
            .y_label_style(text(QUIET, TEXT, HPos::Right, VPos::Center))
            .draw()?;
        let title = |horizontal, vertical| text(QUIET, TEXT, horizontal, vertical);
        area.draw_text(&shortened(&plane.y_title, 52), &title(HPos::Left, VPos::Center), (px(4.0), px(11.0)))?;
        let below = (px((LEFT + WIDTH - right) / 2.0), px(TOP + PLOT + BOTTOM - 4.0));
        area.draw_text(&shortened(&plane.x_title, 46), &title(HPos::Center, VPos::Bottom), below)?;
        if plane.diagonal {
            let ends = [(0.0, 0.0), (1.0, 1.0)].map(|at| chart.backend_coord(&at));
            dashed(area, ends.to_vec(), RULE, DIAGONAL)?;
        }
        let middle = (plane.lines.len() as f64 - 1.0) / 2.0;
        let apart = APART.min(ALL_APART / (2.0 * middle).max(1.0));
        for (index, line) in plane.lines.iter().enumerate() {
            let shift = if line.points.len() > 1 && !plane.diagonal { (index as f64 - middle) * apart } else { 0.0 };
            let at = |x: f64, y: f64| {
                let (left, top) = chart.backend_coord(&(x, y));
                (left + px(shift), top)
            };
            draw_line(area, line, at)?;
        }
        if direct {
            return draw_names(area, plane, |x, y| chart.backend_coord(&(x, y)).1);
        }
        for (index, line) in plane.lines.iter().enumerate() {
            draw_legend(area, line, legend + LEGEND * (index as f64 + 0.5))?;
        }
        Ok(())
    })
}

/// True where names stand at the lines' ends and no legend is needed: few lines with short names, over few labels.
fn is_direct(plane: &Plane) -> bool {
    let few =
        matches!(plane.x, Spread::Shares | Spread::Steps) && plane.lines.len() <= DIRECT && plane.steps.len() <= 5;
    few && plane.lines.iter().all(|line| line.points.len() > 1 && shortened(&line.name, LETTERS) == line.name)
}

/// Draws each line's mark and name as near to its end as the others allow.
fn draw_names(area: &Area<'_>, plane: &Plane, height: impl Fn(f64, f64) -> i32) -> Result<(), DrawError> {
    let end = |line: &Line| line.points.last().map_or(0, |point| height(point.x, point.y));
    let mut names: Vec<(i32, &Line)> = plane.lines.iter().map(|line| (end(line), line)).collect();
    names.sort_by_key(|(y, _)| *y);
    let (between, lowest) = (px(BETWEEN), px(TOP + PLOT - 6.0));
    let mut from = px(TOP + 6.0);
    for (place, (y, line)) in names.iter().enumerate() {
        // Those below need their room.
        let below = between * i32::try_from(names.len() - place - 1).unwrap_or(0);
        let y = (*y).max(from).min(lowest - below);
        from = y + between;
        let left = WIDTH - NAMES;
        mark(area, (px(left + 10.0), y), line.place, 3.6)?;
        area.draw_text(&line.name, &text(INK, TEXT, HPos::Left, VPos::Center), (px(left + 18.0), y))?;
    }
    Ok(())
}

fn varied(plane: &Plane) -> bool {
    plane.lines.iter().any(|line| line.points.len() > 1)
}

/// The name of a step.
fn named(steps: &[String], x: f64) -> Option<String> {
    steps.iter().zip(0_u32..).find(|(_, place)| (f64::from(*place) - x).abs() < 0.5).map(|(name, _)| name.clone())
}

fn axis(spread: Spread, values: Vec<f64>, steps: usize) -> Axis {
    match spread {
        Spread::Linear => Axis::linear(values.into_iter()),
        Spread::Ratios => Axis::ratios(values.into_iter()),
        Spread::Shares => Axis::shares(),
        Spread::Steps => Axis::steps(steps),
    }
}

fn draw_line(area: &Area<'_>, drawn: &Line, at: impl Fn(f64, f64) -> (i32, i32)) -> Result<(), DrawError> {
    let visible: Vec<&Point> = drawn.points.iter().filter(|p| p.x.is_finite() && p.y.is_finite()).collect();
    for point in &visible {
        if let Some((low, high)) = point.interval {
            let ends = vec![at(point.x, low), at(point.x, high)];
            area.draw(&PathElement::new(ends, stroke(color(drawn.place), 1.2)))?;
        }
    }
    if visible.len() > 1 {
        line(area, visible.iter().map(|point| at(point.x, point.y)).collect(), drawn.place)?;
    }
    for point in &visible {
        let radius = point.share.map_or(4.2, |share| LEAST + (MOST - LEAST) * share.clamp(0.0, 1.0).sqrt());
        mark(area, at(point.x, point.y), drawn.place, radius)?;
    }
    Ok(())
}

fn draw_legend(area: &Area<'_>, drawn: &Line, middle: f64) -> Result<(), DrawError> {
    let y = px(middle);
    if drawn.points.len() > 1 {
        line(area, vec![(px(6.0), y), (px(42.0), y)], drawn.place)?;
    }
    mark(area, (px(24.0), y), drawn.place, 4.2)?;
    let room = 37_usize.saturating_sub(drawn.text.chars().count());
    let name = shortened(&drawn.name, room);
    area.draw_text(&name, &text(INK, TEXT, HPos::Left, VPos::Center), (px(50.0), y))?;
    area.draw_text(&drawn.text, &text(QUIET, TEXT, HPos::Right, VPos::Center), (px(WIDTH - 6.0), y))
}
