//! Values with their intervals, a row each: the name above its interval, so that a phone has room for both.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::Axis;
use super::canvas::{
    Area, DrawError, GRID, INK, PAPER, QUIET, REFERENCE, RULE, WIDTH, bold, color, dashed, px, shortened, size, stroke,
    svg, text,
};
use super::{Forest, ForestRow, Sign};
use crate::report::roles::Role;
use crate::report::verdict::Verdict;

const ROW: f64 = 33.0;
const NAME: f64 = 9.0;
const MARK: f64 = 23.0;
const TOP: f64 = 2.0;
const BOTTOM: f64 = 42.0;
const SIDE: f64 = 8.0;
const TEXT: f64 = 12.2;

pub(super) fn draw(forest: &Forest) -> Result<String, DrawError> {
    let height = TOP + BOTTOM + ROW * forest.rows.len() as f64;
    svg(height, |area| {
        let ends =
            forest.rows.iter().flat_map(|row| [Some(row.value), row.interval.map(|i| i.0), row.interval.map(|i| i.1)]);
        let ends = ends.flatten();
        let axis = Axis::linear(ends.chain(forest.zero.then_some(0.0)).chain(forest.reference));
        let rows = TOP + ROW * forest.rows.len() as f64;
        let mut chart = ChartBuilder::on(area)
            .margin_left(size(SIDE))
            .margin_right(size(SIDE))
            .set_label_area_size(LabelAreaPosition::Bottom, size(BOTTOM))
            .build_cartesian_2d(axis, rows..0.0)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .y_labels(0)
            .bold_line_style(stroke(GRID, 1.0))
            .axis_style(stroke(RULE, 1.0))
            .set_all_tick_mark_size(px(3.0))
            .x_label_style(text(QUIET, TEXT, HPos::Center, VPos::Top))
            .draw()?;
        let title = text(QUIET, TEXT, HPos::Center, VPos::Bottom);
        area.draw_text(&shortened(&forest.title, 52), &title, (px(WIDTH / 2.0), px(height - 4.0)))?;
        if forest.zero {
            let zero = [(0.0, 0.0), (0.0, rows)].map(|at| chart.backend_coord(&at));
            area.draw(&PathElement::new(zero, stroke(RULE, 1.6)))?;
        }
        if let Some(value) = forest.reference {
            let ends = [(value, 0.0), (value, rows)].map(|at| chart.backend_coord(&at));
            dashed(area, ends.to_vec(), color(1), REFERENCE)?;
        }
        for (place, row) in forest.rows.iter().enumerate() {
            let top = TOP + ROW * place as f64;
            let at = |value: f64| chart.backend_coord(&(value, top + MARK));
            draw_row(area, row, top, at(row.value), row.interval.map(|(low, high)| [at(low), at(high)]))?;
        }
        Ok(())
    })
}

fn draw_row(
    area: &Area<'_>,
    row: &ForestRow,
    top: f64,
    value: (i32, i32),
    interval: Option<[(i32, i32); 2]>,
) -> Result<(), DrawError> {
    let room = 42_usize.saturating_sub(row.text.chars().count());
    let ours = row.sign == Sign::Role(Role::Ours);
    let style = text(INK, TEXT, HPos::Left, VPos::Center);
    // Bold letters are wider.
    let name = shortened(&row.name, if ours { room * 9 / 10 } else { room });
    area.draw_text(&name, &if ours { bold(&style) } else { style }, (px(SIDE), px(top + NAME)))?;
    area.draw_text(&row.text, &text(QUIET, TEXT, HPos::Right, VPos::Center), (px(WIDTH - SIDE), px(top + NAME)))?;
    let hue = match row.sign {
        Sign::Role(Role::Ours) | Sign::Verdict(Verdict::Better) => color(0),
        Sign::Role(Role::Simple) | Sign::Verdict(Verdict::Worse) => color(1),
        Sign::Role(Role::Other) | Sign::Verdict(Verdict::Not) => QUIET,
    };
    if let Some(ends) = interval {
        area.draw(&PathElement::new(ends, stroke(hue, 2.0)))?;
    }
    for (x, y) in interval.into_iter().flatten() {
        area.draw(&PathElement::new(vec![(x, y - px(3.5)), (x, y + px(3.5))], stroke(hue, 1.4)))?;
    }
    let (x, y) = value;
    match row.sign {
        // Hollow: no claim is made.
        Sign::Role(Role::Other) | Sign::Verdict(Verdict::Not) => {
            area.draw(&Circle::new(value, size(4.6), hue.filled()))?;
            area.draw(&Circle::new(value, size(3.0), PAPER.filled()))
        }
        Sign::Role(Role::Ours) => {
            let r = px(6.2);
            area.draw(&Polygon::new(vec![(x, y - r), (x + r, y), (x, y + r), (x - r, y)], hue.filled()))
        }
        Sign::Role(Role::Simple) | Sign::Verdict(_) => {
            let r = px(4.4);
            area.draw(&Rectangle::new([(x - r, y - r), (x + r, y + r)], hue.filled()))
        }
    }
}
