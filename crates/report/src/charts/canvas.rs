//! One panel with axes and a legend, and a pen that draws in its coordinates. All of plotters is in here.

use genil_base::{Error, Result};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::ops::Range;

/// Everything is drawn so many times larger than it is shown: plotters knows whole pixels only.
const SCALE: i32 = 2;
/// As plotters counts, about a quarter more than what browsers call pixels.
const FONT: i32 = 14;
/// Roughly how wide a letter is, for the legend's line breaks.
const LETTER: i32 = 7;
/// Names in figures are cut here.
const LONGEST: i32 = 20;

/// Text and axes. The page exchanges this and the other colours in dark mode, so they are fixed words of a
/// contract with `style.css`.
pub const INK: RGBColor = RGBColor(0x24, 0x29, 0x2f);
/// Axis descriptions, references and joint training.
pub const GREY: RGBColor = RGBColor(0x6e, 0x77, 0x81);
const GRID: RGBColor = RGBColor(0xd8, 0xde, 0xe4);
/// Okabe and Ito's colours, without the yellow that white paper swallows.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x56, 0xb4, 0xe9),
];

/// A colour with a shape, so that nothing is said by colour alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mark {
    pub colour: RGBColor,
    shape: usize,
}

impl Mark {
    /// The `i`-th mark.
    pub fn nth(i: usize) -> Self {
        Self { colour: COLOURS[i % COLOURS.len()], shape: i % 4 }
    }

    /// A round mark of a colour.
    pub fn round(colour: RGBColor) -> Self {
        Self { colour, shape: 0 }
    }

    /// The mark of a reference.
    pub fn reference() -> Self {
        Self { colour: GREY, shape: 4 }
    }
}

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
}

type Painted = std::result::Result<(), Box<dyn std::error::Error>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws a panel as an SVG of its own; `title` is what a screen reader says.
///
/// # Errors
/// If plotters fails, which it does for no finite range.
pub fn draw(panel: &Panel, title: &str, paint: impl FnOnce(&Pen) -> Painted) -> Result<String> {
    let mut svg = String::new();
    paint_all(&mut svg, panel, paint)
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
    Ok(head + body)
}

/// What a file of its own needs and a page does not.
pub const XMLNS: &str = "xmlns=\"http://www.w3.org/2000/svg\"";

fn paint_all(svg: &mut String, panel: &Panel, paint: impl FnOnce(&Pen) -> Painted) -> Painted {
    let size = ((panel.size.0 * SCALE) as u32, (panel.size.1 * SCALE) as u32);
    let area = SVGBackend::with_string(svg, size).into_drawing_area();
    let legend = legend(&area, panel)?;
    let left = panel.y.names.iter().map(|name| width(&short(name, LONGEST)) + 6).max().unwrap_or(46);
    let mut chart = ChartBuilder::on(&area)
        .margin_top((legend + 8) * SCALE)
        .margin_right(14 * SCALE)
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
    let pen = Pen { area: &area, at: &at };
    let bottom = panel.y.range.start;
    let room = (panel.size.0 - left - 30) / (panel.x.names.len().max(1) as i32 * LETTER);
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
fn legend(area: &Area, panel: &Panel) -> std::result::Result<i32, Box<dyn std::error::Error>> {
    let pen = Pen { area, at: &|_, _| (0, 0) };
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
fn short(name: &str, most: i32) -> String {
    let most = most.max(2) as usize;
    if name.chars().count() <= most {
        return name.to_owned();
    }
    name.chars().take(most - 1).chain(['…']).collect()
}

/// Roughly how wide a name is, in shown pixels.
fn width(name: &str) -> i32 {
    name.chars().count() as i32 * LETTER
}

fn text(colour: &RGBColor) -> TextStyle<'_> {
    TextStyle::from(("sans-serif", FONT * SCALE).into_font()).color(colour)
}

/// Draws in the coordinates of a panel.
pub struct Pen<'a, 'svg> {
    area: &'a Area<'svg>,
    at: &'a dyn Fn(f64, f64) -> (i32, i32),
}

impl Pen<'_, '_> {
    /// A line through `points`.
    pub fn line(&self, points: &[(f64, f64)], colour: RGBColor, width: u32) -> Painted {
        let points: Vec<(i32, i32)> = points.iter().map(|&(x, y)| (self.at)(x, y)).collect();
        self.area.draw(&PathElement::new(points, colour.stroke_width(width * SCALE as u32)))?;
        Ok(())
    }

    /// A mark at a point.
    pub fn marker(&self, (x, y): (f64, f64), mark: Mark) -> Painted {
        self.shape((self.at)(x, y), mark, 5 * SCALE, true)
    }

    /// A smaller mark at a point.
    pub fn small(&self, (x, y): (f64, f64), mark: Mark) -> Painted {
        self.shape((self.at)(x, y), mark, 3 * SCALE + 1, true)
    }

    /// A smaller hollow mark at a point.
    pub fn hollow(&self, (x, y): (f64, f64), mark: Mark) -> Painted {
        self.shape((self.at)(x, y), mark, 4 * SCALE, false)
    }

    /// A dot that lets others shine through.
    pub fn dot(&self, (x, y): (f64, f64), colour: RGBColor) -> Painted {
        self.area.draw(&Circle::new((self.at)(x, y), 3 * SCALE, colour.mix(0.6).filled()))?;
        Ok(())
    }

    /// Names beside points, moved apart where they would cover each other.
    pub fn labels(&self, labels: &[((f64, f64), String)], panel_width: i32) -> Painted {
        let mut placed: Vec<((i32, i32), String)> =
            labels.iter().map(|((x, y), name)| ((self.at)(*x, *y), short(name, LONGEST))).collect();
        placed.sort_by_key(|((x, y), _)| (*y, *x));
        let mut taken: Vec<(i32, i32, i32)> = Vec::new();
        for ((x, y), name) in placed {
            let width = width(&name) * SCALE;
            let gap = 9 * SCALE;
            let to_left = x + gap + width > panel_width * SCALE;
            let from = if to_left { x - gap - width } else { x + gap };
            let mut line = y - 9 * SCALE;
            let height = (FONT + 3) * SCALE;
            while taken.iter().any(|&(a, b, t)| from < b && a < from + width && (line - t).abs() < height) {
                line += SCALE;
            }
            taken.push((from, from + width, line));
            self.text_px((from, line), &name, HPos::Left, VPos::Center, INK)?;
        }
        Ok(())
    }

    /// A mark of radius `r` at a pixel.
    fn shape(&self, (x, y): (i32, i32), mark: Mark, r: i32, filled: bool) -> Painted {
        let style = if filled { mark.colour.filled() } else { mark.colour.stroke_width(SCALE as u32) };
        let corners = match mark.shape {
            1 => vec![(-r, -r), (r, -r), (r, r), (-r, r)],
            2 => vec![(0, -r - SCALE), (r + SCALE, r), (-r - SCALE, r)],
            3 => vec![(0, -r - SCALE), (r + SCALE, 0), (0, r + SCALE), (-r - SCALE, 0)],
            4 => vec![(0, r + SCALE), (r + SCALE, -r), (-r - SCALE, -r)],
            _ => {
                self.area.draw(&Circle::new((x, y), r, style))?;
                return Ok(());
            }
        };
        let mut corners: Vec<(i32, i32)> = corners.into_iter().map(|(a, b)| (x + a, y + b)).collect();
        if filled {
            self.area.draw(&Polygon::new(corners, style))?;
        } else {
            corners.extend(corners.first().copied());
            self.area.draw(&PathElement::new(corners, style))?;
        }
        Ok(())
    }

    fn text_px(&self, at: (i32, i32), words: &str, h: HPos, v: VPos, colour: RGBColor) -> Painted {
        let style = text(&colour).pos(Pos::new(h, v));
        self.area.draw(&Text::new(words.to_owned(), at, style))?;
        Ok(())
    }
}
