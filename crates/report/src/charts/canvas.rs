//! One panel with axes and a legend. All of plotters is in here, in `pen` and in `marks`.

use super::labels::Area;
use super::marks::{GREY, INK, Mark};
use super::pen::{LONGEST, Pen};
use genil_base::{Error, Result};
use genil_score::Interval;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};
use std::cell::RefCell;
use std::ops::Range;

/// Everything is drawn so many times larger than it is shown: plotters knows whole pixels only.
pub const SCALE: i32 = 2;
/// As plotters counts, about a quarter more than what browsers call pixels.
pub const FONT: i32 = 14;
/// Roughly how wide a letter is.
pub const LETTER: i32 = 7;

const GRID: RGBColor = RGBColor(0xd8, 0xde, 0xe4);

/// Larger numbers are no measurement, and no axis can hold them.
const MOST: f64 = 1e30;

/// One axis: its range, its title, and names instead of numbers at 0, 1, 2 ….
pub struct Axis {
    pub range: Range<f64>,
    pub title: String,
    pub names: Vec<String>,
}

impl Axis {
    /// A numeric axis around all `values`, with some air; NaN is passed over.
    pub fn around(title: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for v in values.into_iter().filter(|v| v.abs() < MOST) {
            (low, high) = (low.min(v), high.max(v));
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        let size = low.abs().max(high.abs());
        // Enough for the axis to have numbers that differ.
        let least = if high > low { size * 1e-6 } else { size * 0.5 };
        let air = (0.1 * (high - low)).max(least).max(1e-9);
        Self { range: low - air..high + air, title: title.to_owned(), names: Vec::new() }
    }

    /// A numeric axis around values with their intervals. Bounds far beyond all values are left out: they would
    /// squeeze everything else, and a bar that leaves the panel ends in an arrow.
    pub fn of_intervals<'a>(
        title: &str,
        all: impl IntoIterator<Item = &'a Interval>,
        others: impl IntoIterator<Item = f64>,
    ) -> Self {
        let all: Vec<&Interval> = all.into_iter().filter(|it| it.value.abs() < MOST).collect();
        let mut ends: Vec<f64> = all.iter().map(|it| it.value).chain(others).collect();
        let (low, high) =
            ends.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
        let mut widths: Vec<f64> = all
            .iter()
            .filter(|it| it.has_bounds())
            .map(|it| it.high - it.low)
            .filter(|w| *w < MOST)
            .collect();
        widths.sort_by(f64::total_cmp);
        let usual = widths.get(widths.len() / 2).copied().unwrap_or(0.0);
        let beyond = (0.5 * (high - low)).max(0.6 * usual);
        let bounds = all.iter().filter(|it| it.has_bounds()).flat_map(|it| [it.low, it.high]);
        ends.extend(bounds.map(|bound| bound.clamp(low - beyond, high + beyond)));
        Self::around(title, ends)
    }

    /// An axis of names at 0, 1, 2 ….
    pub fn named(title: &str, names: Vec<String>) -> Self {
        Self { range: -0.5..names.len().max(1) as f64 - 0.5, title: title.to_owned(), names }
    }

    fn number(&self, value: f64) -> String {
        let decimals = (1.5 - (self.range.end - self.range.start).log10()).clamp(0.0, 6.0) as usize;
        let text = format!("{value:.decimals$}");
        if text.trim_start_matches(['-', '0', '.']).is_empty() {
            "0".into()
        } else {
            text.replace('-', "−")
        }
    }
}

/// A panel without its data.
pub struct Panel {
    /// As shown, in pixels.
    pub size: (i32, i32),
    pub x: Axis,
    pub y: Axis,
    pub legend: Vec<(String, Mark)>,
    /// Room for names at the ends of lines, in pixels as shown.
    pub right: i32,
    /// Without axes and grid: where numbers mean nothing.
    pub bare: bool,
}

/// What drawing comes to.
pub type Painted = std::result::Result<(), Box<dyn std::error::Error>>;
/// What plotters draws on.
pub type Sheet<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws a panel as an SVG of its own; `title` is what a screen reader says.
///
/// # Errors
/// If plotters fails, which it does for no finite range.
pub fn draw(panel: &Panel, title: &str, paint: impl FnOnce(&Pen) -> Painted) -> Result<String> {
    let mut svg = String::new();
    let extra = RefCell::new(String::new());
    paint_all(&mut svg, panel, &extra, paint)
        .map_err(|e| Error::new(format!("cannot draw '{title}': {e}")).help("please report this"))?;
    let (width, height) = panel.size;
    let head = format!(
        "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {} {}\" role=\"img\" {XMLNS}>\n{}",
        width * SCALE,
        height * SCALE,
        maud::html! { title { (title) } }.into_string()
    );
    // plotters' own opening tag ends at the first '>'.
    let body = svg.split_once('>').map_or("", |(_, body)| body);
    let body = body.trim_end().strip_suffix("</svg>").unwrap_or_default();
    Ok(head + body + &extra.into_inner() + "</svg>\n")
}

/// What a file of its own needs and a page does not.
pub const XMLNS: &str = "xmlns=\"http://www.w3.org/2000/svg\"";

fn paint_all(
    svg: &mut String,
    panel: &Panel,
    extra: &RefCell<String>,
    paint: impl FnOnce(&Pen) -> Painted,
) -> Painted {
    let size = ((panel.size.0 * SCALE) as u32, (panel.size.1 * SCALE) as u32);
    let whole = Area { x: 0, y: 0, width: size.0 as i32, height: size.1 as i32 };
    let area = SVGBackend::with_string(svg, size).into_drawing_area();
    if panel.bare {
        let air = 4 * SCALE;
        let chart = ChartBuilder::on(&area)
            .margin(air)
            .build_cartesian_2d(panel.x.range.clone(), panel.y.range.clone())?;
        let frame = Rectangle::new([(1, 1), (whole.width - 1, whole.height - 1)], GRID.stroke_width(1));
        area.draw(&frame)?;
        let at = |x, y| chart.backend_coord(&(x, y));
        paint(&Pen { area: &area, at: &at, inside: whole, whole, extra })?;
        area.present()?;
        return Ok(());
    }
    let legend = legend(&area, panel, whole)?;
    let left = panel.y.names.iter().map(|name| width(&short(name, LONGEST)) + 6).max().unwrap_or(46);
    let mut chart = ChartBuilder::on(&area)
        .margin_top((legend + 8) * SCALE)
        .margin_right((14 + panel.right) * SCALE)
        .margin_left(4 * SCALE)
        .x_label_area_size(42 * SCALE)
        .y_label_area_size((left + if panel.y.title.is_empty() { 0 } else { 16 }) * SCALE)
        .build_cartesian_2d(panel.x.range.clone(), panel.y.range.clone())?;
    chart
        .configure_mesh()
        .x_labels(if panel.x.names.is_empty() { 6 } else { 0 })
        .y_labels(if panel.y.names.is_empty() { 6 } else { 0 })
        .max_light_lines(0)
        .bold_line_style(GRID.stroke_width(1))
        .axis_style(GREY.stroke_width(1))
        .set_all_tick_mark_size(4 * SCALE)
        .label_style(text(&INK))
        .axis_desc_style(text(&GREY))
        .x_desc(panel.x.title.as_str())
        .y_desc(panel.y.title.as_str())
        .x_label_formatter(&|v| panel.x.number(*v))
        .y_label_formatter(&|v| panel.y.number(*v))
        .draw()?;
    let at = |x, y| chart.backend_coord(&(x, y));
    let (across, down) = chart.plotting_area().get_pixel_range();
    let inside = Area {
        x: across.start,
        y: down.start,
        width: across.end - across.start,
        height: down.end - down.start,
    };
    let pen = Pen { area: &area, at: &at, inside, whole, extra };
    let bottom = panel.y.range.start;
    let room = (panel.size.0 - left - 30 - panel.right) / (panel.x.names.len().max(1) as i32 * LETTER);
    for (i, name) in panel.x.names.iter().enumerate() {
        let (x, y) = (pen.at)(i as f64, bottom);
        pen.text_px((x, y + 8 * SCALE), &short(name, room), HPos::Center, VPos::Top, INK)?;
    }
    for (i, name) in panel.y.names.iter().enumerate() {
        let (x, y) = (pen.at)(panel.x.range.start, i as f64);
        pen.text_px((x - 8 * SCALE, y), &short(name, LONGEST), HPos::Right, VPos::Center, INK)?;
    }
    paint(&pen)?;
    area.present()?;
    Ok(())
}

/// Draws the legend over the panel and returns its height.
fn legend(area: &Sheet, panel: &Panel, whole: Area) -> std::result::Result<i32, Box<dyn std::error::Error>> {
    let pen = Pen { area, at: &|_, _| (0, 0), inside: whole, whole, extra: &RefCell::new(String::new()) };
    let (mut x, mut y) = (14, if panel.legend.is_empty() { 0 } else { 12 });
    for (name, mark) in &panel.legend {
        let name = short(name, LONGEST);
        let room = 16 + width(&name) + 10;
        if x > 14 && x + room > panel.size.0 {
            (x, y) = (14, y + 20);
        }
        pen.shape((x * SCALE, y * SCALE), *mark, 5 * SCALE, true)?;
        pen.text_px(((x + 10) * SCALE, y * SCALE), &name, HPos::Left, VPos::Center, INK)?;
        x += room;
    }
    Ok(if panel.legend.is_empty() { 0 } else { y + 8 })
}

/// A name that fits: its first `most` letters.
pub fn short(name: &str, most: i32) -> String {
    let most = most.max(2) as usize;
    if name.chars().count() <= most {
        return name.to_owned();
    }
    name.chars().take(most - 1).chain(['…']).collect()
}

/// Roughly how wide a name is, in shown pixels.
pub fn width(name: &str) -> i32 {
    name.chars().count() as i32 * LETTER
}

/// The style of all words.
pub fn text(colour: &RGBColor) -> TextStyle<'_> {
    TextStyle::from(("sans-serif", FONT * SCALE).into_font()).color(colour)
}
