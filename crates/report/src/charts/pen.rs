//! Draws in the coordinates of a panel.

use super::canvas::{FONT, Painted, SCALE, Sheet, short, text, width};
use super::labels::{self, Area};
use super::marks::{GREY, INK, Mark, Shape};
use genil_score::Interval;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::cell::RefCell;
use std::fmt::Write;

/// Names in figures are cut here.
pub const LONGEST: i32 = 20;

/// Which way a bar runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Across,
    Upright,
}

/// Draws in the coordinates of a panel.
pub struct Pen<'a, 'svg> {
    pub(super) area: &'a Sheet<'svg>,
    pub(super) at: &'a dyn Fn(f64, f64) -> (i32, i32),
    /// The plotting area, in pixels of the drawing.
    pub(super) inside: Area,
    /// The whole drawing.
    pub(super) whole: Area,
    /// Markup that plotters has no element for; it goes on top.
    pub(super) extra: &'a RefCell<String>,
}

impl Pen<'_, '_> {
    /// A line through `points`.
    pub fn line(&self, points: &[(f64, f64)], colour: RGBColor, width: u32) -> Painted {
        let points: Vec<(i32, i32)> = points.iter().map(|&(x, y)| (self.at)(x, y)).collect();
        self.area.draw(&PathElement::new(points, colour.stroke_width(width * SCALE as u32)))?;
        Ok(())
    }

    /// A line that stays in the background.
    pub fn faint(&self, points: &[(f64, f64)], colour: RGBColor) -> Painted {
        let points: Vec<(i32, i32)> = points.iter().map(|&(x, y)| (self.at)(x, y)).collect();
        self.area.draw(&PathElement::new(points, colour.mix(0.45).stroke_width(SCALE as u32)))?;
        Ok(())
    }

    /// An interval as a bar through `at`; where it leaves the panel, it ends in an arrow.
    pub fn interval(&self, at: (f64, f64), it: &Interval, way: Way, mark: Mark, width: u32) -> Painted {
        let Some(bar) = self.bar(at, it, way) else { return Ok(()) };
        let colour = if mark.quiet { mark.colour.mix(0.35) } else { mark.colour.mix(0.6) };
        let (from, to) = ((bar.x, bar.y), (bar.x + bar.width, bar.y + bar.height));
        self.area.draw(&PathElement::new(vec![from, to], colour.stroke_width(width * SCALE as u32)))?;
        let half = 3 * SCALE;
        for (value, end, sign) in [(it.low, 0, 1), (it.high, 1, -1)] {
            let (x, y) = match way {
                Way::Across => ((self.at)(value, at.1).0, bar.y),
                Way::Upright => (bar.x, (self.at)(at.0, value).1),
            };
            let tip = match way {
                Way::Across if x < self.inside.x || x > self.inside.x + self.inside.width => {
                    let x = if end == 0 { bar.x } else { bar.x + bar.width };
                    vec![(x, y), (x + 2 * sign * half, y - half), (x + 2 * sign * half, y + half)]
                }
                Way::Upright if y < self.inside.y || y > self.inside.y + self.inside.height => {
                    // Pixels count downwards: the low end is at the bottom.
                    let y = if end == 0 { bar.y + bar.height } else { bar.y };
                    vec![(x, y), (x - half, y - 2 * sign * half), (x + half, y - 2 * sign * half)]
                }
                _ => continue,
            };
            self.area.draw(&Polygon::new(tip, colour.filled()))?;
        }
        Ok(())
    }

    /// The part of an interval that the panel shows, in pixels.
    pub fn bar(&self, (x, y): (f64, f64), it: &Interval, way: Way) -> Option<Area> {
        if !it.has_bounds() {
            return None;
        }
        let (a, b) = match way {
            Way::Across => ((self.at)(it.low, y), (self.at)(it.high, y)),
            Way::Upright => ((self.at)(x, it.high), (self.at)(x, it.low)),
        };
        let (left, top) = (self.inside.x, self.inside.y);
        let (right, bottom) = (left + self.inside.width, top + self.inside.height);
        let (x, y) = (a.0.clamp(left, right), a.1.clamp(top, bottom));
        Some(Area { x, y, width: b.0.clamp(left, right) - x, height: b.1.clamp(top, bottom) - y })
    }

    /// A mark at a point.
    pub fn marker(&self, (x, y): (f64, f64), mark: Mark) -> Painted {
        self.shape((self.at)(x, y), mark, if mark.quiet { 3 } else { 5 } * SCALE, true)
    }

    /// A smaller mark at a point.
    pub fn small(&self, (x, y): (f64, f64), mark: Mark) -> Painted {
        self.shape((self.at)(x, y), mark, 3 * SCALE + 1, true)
    }

    /// A smaller hollow mark at a point.
    pub fn hollow(&self, (x, y): (f64, f64), mark: Mark) -> Painted {
        self.shape((self.at)(x, y), mark, if mark.quiet { 3 } else { 4 } * SCALE, false)
    }

    /// Many dots of one colour that let others shine through; `r` in tenths of a pixel.
    pub fn dots(&self, points: impl Iterator<Item = (f64, f64)>, colour: RGBColor, r: i32) {
        let mut out = self.extra.borrow_mut();
        let RGBColor(red, green, blue) = colour;
        // Writing to a String cannot fail.
        let _ = write!(out, "<g fill=\"#{red:02X}{green:02X}{blue:02X}\" fill-opacity=\"0.65\">");
        for (x, y) in points {
            let (x, y) = (self.at)(x, y);
            let _ = write!(out, "<circle cx=\"{x}\" cy=\"{y}\" r=\"{}\"/>", f64::from(r * SCALE) / 10.0);
        }
        out.push_str("</g>\n");
    }

    /// Names beside points, off each other, off all points and, where that costs little, off `bars`; one that stands
    /// away from its point is tied to it by a thin line.
    pub fn labels(&self, names: &[((f64, f64), String)], bars: &[Area]) -> Painted {
        let points: Vec<(i32, i32)> = names.iter().map(|((x, y), _)| (self.at)(*x, *y)).collect();
        let words: Vec<String> = names.iter().map(|(_, name)| short(name, LONGEST)).collect();
        let sizes: Vec<(i32, i32)> =
            words.iter().map(|word| (width(word) * SCALE, (FONT + 1) * SCALE)).collect();
        // A bar has no width; a label should keep a pixel or two off it.
        let bars: Vec<Area> = bars
            .iter()
            .map(|b| Area { x: b.x - 2, y: b.y - 2, width: b.width + 4, height: b.height + 4 })
            .collect();
        let room = Area { width: self.whole.width - self.inside.x, x: self.inside.x, ..self.inside };
        let placed = labels::beside(&points, &sizes, 6 * SCALE, room, &bars);
        for ((&(x, y), word), area) in points.iter().zip(&words).zip(&placed) {
            let middle = area.y + area.height / 2;
            let (near, anchor) = match () {
                () if area.x >= x => ((area.x, middle), HPos::Left),
                () if area.x + area.width <= x => ((area.x + area.width, middle), HPos::Right),
                () => ((area.x + area.width / 2, middle), HPos::Center),
            };
            let far = f64::from(near.0 - x).hypot(f64::from(near.1 - y));
            if far > f64::from(22 * SCALE) {
                let end = if matches!(anchor, HPos::Center) {
                    (near.0, if middle < y { area.y + area.height } else { area.y })
                } else {
                    near
                };
                self.area.draw(&PathElement::new(vec![(x, y), end], GREY.mix(0.7).stroke_width(1)))?;
            }
            self.text_px(near, word, anchor, VPos::Center, INK)?;
        }
        Ok(())
    }

    /// Names at the right end of lines, with their marks, as near to the ends' heights as they fit.
    pub fn end_labels(&self, ends: &[(f64, String, Mark)]) -> Painted {
        let x = self.inside.x + self.inside.width;
        let heights: Vec<i32> = ends.iter().map(|(y, ..)| (self.at)(0.0, *y).1).collect();
        let step = (FONT - 1) * SCALE;
        let rows = labels::apart(&heights, step, (self.inside.y, self.inside.y + self.inside.height));
        let most = (self.whole.width - x) / SCALE / super::canvas::LETTER - 3;
        for (((_, name, mark), &from), &row) in ends.iter().zip(&heights).zip(&rows) {
            let from = from.clamp(self.inside.y, self.inside.y + self.inside.height);
            let tie = vec![(x, from), (x + 10 * SCALE, row)];
            self.area.draw(&PathElement::new(tie, mark.colour.mix(0.5).stroke_width(1)))?;
            self.shape((x + 14 * SCALE, row), *mark, if mark.quiet { 2 } else { 4 } * SCALE, true)?;
            let colour = if mark.quiet { GREY } else { INK };
            self.text_px((x + 21 * SCALE, row), &short(name, most), HPos::Left, VPos::Center, colour)?;
        }
        Ok(())
    }

    /// A mark of radius `r` at a pixel.
    pub(super) fn shape(&self, (x, y): (i32, i32), mark: Mark, r: i32, filled: bool) -> Painted {
        let style = if filled { mark.colour.filled() } else { mark.colour.stroke_width(SCALE as u32) };
        let corners = match mark.shape {
            Shape::Square => vec![(-r, -r), (r, -r), (r, r), (-r, r)],
            Shape::Triangle => vec![(0, -r - SCALE), (r + SCALE, r), (-r - SCALE, r)],
            Shape::Diamond => vec![(0, -r - SCALE), (r + SCALE, 0), (0, r + SCALE), (-r - SCALE, 0)],
            Shape::Gradient => vec![(0, r + SCALE), (r + SCALE, -r), (-r - SCALE, -r)],
            Shape::Circle => {
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

    pub(super) fn text_px(&self, at: (i32, i32), words: &str, h: HPos, v: VPos, colour: RGBColor) -> Painted {
        let style = text(&colour).pos(Pos::new(h, v));
        self.area.draw(&Text::new(words.to_owned(), at, style))?;
        Ok(())
    }
}
