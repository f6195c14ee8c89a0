//! The canvas of all charts: sizes, colors, marks, and an SVG that fits into a page.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Units of a drawing per pixel at its natural width: plotters rounds places to whole units.
pub(super) const UNIT: f64 = 10.0;
/// The natural width in pixels: that of a phone.
pub(super) const WIDTH: f64 = 340.0;

/// The reason a chart was not drawn.
pub(in crate::report) type DrawError = DrawingAreaErrorKind<std::io::Error>;
/// The surface a chart is drawn on.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

// Colors of the light theme. The style sheet looks for these very values and puts the theme's in their place.
pub(super) const INK: RGBColor = RGBColor(0x1B, 0x21, 0x27);
pub(super) const QUIET: RGBColor = RGBColor(0x56, 0x60, 0x6A);
pub(super) const RULE: RGBColor = RGBColor(0x6F, 0x79, 0x83);
pub(super) const GRID: RGBColor = RGBColor(0xE1, 0xE5, 0xE9);
pub(super) const PAPER: RGBColor = RGBColor(0xFD, 0xFD, 0xFC);
// These stay apart for readers with any one kind of cone missing, as do the dark theme's.
const SERIES: [RGBColor; 6] = [
    RGBColor(0x0E, 0x3D, 0x6C),
    RGBColor(0xB7, 0x77, 0x22),
    RGBColor(0x18, 0x8A, 0x73),
    RGBColor(0xA8, 0x6F, 0xB8),
    RGBColor(0x3D, 0x43, 0x02),
    RGBColor(0x5F, 0x19, 0x32),
];

/// The color of a method, by its place in the run.
pub(super) fn color(place: usize) -> RGBColor {
    SERIES.get(place % SERIES.len()).copied().unwrap_or(INK)
}

/// Pixels in units.
#[allow(clippy::cast_possible_truncation, reason = "charts are some thousand units wide")]
pub(super) fn px(pixels: f64) -> i32 {
    (pixels * UNIT).round() as i32
}

/// Pixels in units, for sizes.
pub(super) fn size(pixels: f64) -> u32 {
    px(pixels).unsigned_abs()
}

/// A line's style.
pub(super) fn stroke(color: RGBColor, pixels: f64) -> ShapeStyle {
    color.stroke_width(size(pixels))
}

/// A text's style, by its size in pixels.
pub(super) fn text(color: RGBColor, pixels: f64, horizontal: HPos, vertical: VPos) -> TextStyle<'static> {
    // The SVG backend divides sizes by this.
    ("sans-serif", pixels * UNIT * 1.24).into_font().color(&color).pos(Pos::new(horizontal, vertical))
}

/// The same in bold.
pub(super) fn bold(style: &TextStyle<'static>) -> TextStyle<'static> {
    TextStyle { font: style.font.style(FontStyle::Bold), ..style.clone() }
}

/// Draws onto a canvas of such a height in pixels; gives SVG to stand in a page.
pub(super) fn svg(height: f64, draw: impl FnOnce(&Area<'_>) -> Result<(), DrawError>) -> Result<String, DrawError> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (size(WIDTH), size(height))).into_drawing_area();
        draw(&area)?;
        area.present()?;
    }
    // The page sets the size, and needs no namespace; a heading of the page names it.
    let start =
        format!("<svg viewBox=\"0 0 {} {}\" aria-hidden=\"true\" focusable=\"false\">", size(WIDTH), size(height));
    Ok(text.split_once('>').map_or_else(String::new, |(_, rest)| format!("{start}{}", tidy(rest))))
}

/// Leaves out what a browser or the style sheet takes for granted, and says dashes in an attribute.
fn tidy(svg: &str) -> String {
    let plain = [" opacity=\"1\"", " font-family=\"sans-serif\"", " fill=\"none\""];
    let mut text = plain.iter().fold(svg.to_owned(), |text, known| text.replace(known, ""));
    // The text of a `<text>` element stands on a line of its own.
    text = text.replace(" \"/>", "\"/>").replace("\">\n", "\">").replace("\n</text>", "</text>");
    for (place, (width, dash, gap)) in DASHES.into_iter().enumerate() {
        let [width, dash, gap] = [width, dash, gap].map(px);
        let known = format!(" stroke-width=\"{}\"", CODE + size(place as f64));
        text = text.replace(&known, &format!(" stroke-width=\"{width}\" stroke-dasharray=\"{dash} {gap}\""));
    }
    text
}

/// The dashes there are: width of the line, length, gap. Plotters would draw each dash as an element of its own, so a dashed line is
/// drawn with a width that stands for its place here.
const DASHES: [(f64, f64, f64); 5] =
    [(1.8, 6.0, 3.0), (1.8, 2.0, 2.5), (1.8, 11.0, 3.0), (1.4, 4.0, 3.0), (1.2, 3.0, 3.0)];
const CODE: u32 = 100_000;
/// The places of dashes that are no method's.
pub(super) const REFERENCE: usize = 3;
pub(super) const DIAGONAL: usize = 4;

/// Draws a dashed line.
pub(super) fn dashed(area: &Area<'_>, points: Vec<(i32, i32)>, color: RGBColor, dash: usize) -> Result<(), DrawError> {
    area.draw(&PathElement::new(points, color.stroke_width(CODE + size(dash as f64))))
}

/// Draws a method's mark: five shapes, so that color is not needed to tell methods apart.
pub(super) fn mark(area: &Area<'_>, (x, y): (i32, i32), place: usize, radius: f64) -> Result<(), DrawError> {
    let r = px(radius);
    let fill = color(place).filled();
    let shape = |points: &[(i32, i32)]| points.iter().map(|(dx, dy)| (x + dx, y + dy)).collect::<Vec<_>>();
    // A rim of paper keeps marks apart where they overlap.
    area.draw(&Circle::new((x, y), r + px(1.4), PAPER.filled()))?;
    match place % 5 {
        0 => area.draw(&Circle::new((x, y), r, fill)),
        1 => area.draw(&Rectangle::new([(x - r * 9 / 10, y - r * 9 / 10), (x + r * 9 / 10, y + r * 9 / 10)], fill)),
        2 => area.draw(&TriangleMarker::new((x, y + r / 8), r * 5 / 4, fill)),
        3 => {
            let r = r * 5 / 4;
            area.draw(&Polygon::new(shape(&[(0, -r), (r, 0), (0, r), (-r, 0)]), fill))
        }
        _ => {
            let (r, t) = (r, r * 2 / 5);
            let plus = [
                (-t, -r),
                (t, -r),
                (t, -t),
                (r, -t),
                (r, t),
                (t, t),
                (t, r),
                (-t, r),
                (-t, t),
                (-r, t),
                (-r, -t),
                (-t, -t),
            ];
            area.draw(&Polygon::new(shape(&plus), fill))
        }
    }
}

/// Draws a method's line: four dashes.
pub(super) fn line(area: &Area<'_>, points: Vec<(i32, i32)>, place: usize) -> Result<(), DrawError> {
    match place % 4 {
        0 => area.draw(&PathElement::new(points, stroke(color(place), 1.8))),
        dash => dashed(area, points, color(place), dash - 1),
    }
}

/// A name that is wider than so many letters of middling width keeps its start and its end.
pub(super) fn shortened(name: &str, most: usize) -> String {
    let letters: Vec<char> = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let room = most as f64;
    if letters.iter().copied().map(width).sum::<f64>() <= room {
        return letters.into_iter().collect();
    }
    let fitting = |letters: &mut dyn Iterator<Item = char>| {
        let mut left = (room - 1.5) / 2.0;
        let mut kept = Vec::new();
        for letter in letters {
            left -= width(letter);
            if left < 0.0 {
                break;
            }
            kept.push(letter);
        }
        kept
    };
    let start: String = fitting(&mut letters.iter().copied()).into_iter().collect();
    let end: String = fitting(&mut letters.iter().rev().copied()).into_iter().rev().collect();
    format!("{start}…{end}")
}

/// About how wide a letter is, where one is middling: nothing here knows the reader's font.
fn width(letter: char) -> f64 {
    match letter {
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 1.55,
        'A'..='Z' => 1.2,
        '\u{1100}'.. => 1.8,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_keeps_its_start_and_its_end() {
        assert_eq!(shortened("rag-bm25-with-everything@16", 12), "rag-b…g@16");
        assert_eq!(shortened("short", 11), "short");
        assert!(shortened(&"W".repeat(40), 20).chars().count() < 14);
    }

    #[test]
    fn the_style_sheet_has_a_rule_for_each_color() {
        let style = include_str!("../style.css");
        let rule = |name: &str, color: RGBColor| format!("[{name}=\"#{:02X}{:02X}{:02X}\"]", color.0, color.1, color.2);
        for color in SERIES.into_iter().chain([QUIET]) {
            assert!(style.contains(&rule("fill", color)) && style.contains(&rule("stroke", color)), "{color:?}");
        }
        assert!(style.contains(&rule("fill", INK)) && style.contains(&rule("fill", PAPER)));
        assert!(style.contains(&rule("stroke", RULE)) && style.contains(&rule("stroke", GRID)));
    }

    #[test]
    fn text_in_a_drawing_is_escaped() {
        let drawn =
            svg(20.0, |area| area.draw_text("<b>&\"", &text(INK, 10.0, HPos::Left, VPos::Top), (0, 0))).unwrap();
        assert!(drawn.contains("&lt;b&gt;&amp;&quot;") && !drawn.contains("<b>"), "{drawn}");
    }
}
