//! What a method looks like in every figure.

use crate::measures;
use crate::metric;
use crate::run::Run;
use plotters::style::RGBColor;

/// Text, axes and joint training. The page exchanges this and the other colours in dark mode, so they are fixed words of a
/// contract with `style.css`.
pub const INK: RGBColor = RGBColor(0x24, 0x29, 0x2f);
/// Axis descriptions, references and methods in the background.
pub const GREY: RGBColor = RGBColor(0x6e, 0x77, 0x81);
/// Okabe and Ito's colours, without the yellow that white paper swallows.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x56, 0xb4, 0xe9),
];

/// The outline of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Circle,
    Square,
    Triangle,
    Diamond,
    /// A triangle on its head.
    Gradient,
}

/// A colour with a shape, so that nothing is said by colour alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mark {
    pub colour: RGBColor,
    pub shape: Shape,
    /// Drawn small and first, so that the others stand out.
    pub quiet: bool,
}

impl Mark {
    /// The `i`-th mark: after six colours they come again in other shapes.
    pub fn nth(i: usize) -> Self {
        let shapes = [Shape::Circle, Shape::Square, Shape::Triangle, Shape::Diamond];
        let shape = shapes[(i + i / COLOURS.len()) % shapes.len()];
        Self { colour: COLOURS[i % COLOURS.len()], shape, quiet: false }
    }

    /// A round mark of a colour.
    pub fn round(colour: RGBColor) -> Self {
        Self { colour, shape: Shape::Circle, quiet: false }
    }

    const REFERENCE: Self = Self { colour: INK, shape: Shape::Gradient, quiet: false };
    const QUIET: Self = Self { colour: GREY, shape: Shape::Circle, quiet: true };
}

/// The mark of every method, the same in all figures.
///
/// There are no more than six colours that everyone can tell apart. In a run with more methods they go to
/// [`foremost`]; the others stay in the background.
pub fn marks(run: &Run) -> Vec<Mark> {
    let methods = &run.manifest.methods;
    let foremost = foremost(run);
    let mark = |m: usize| match foremost.iter().position(|&f| f == m) {
        _ if methods[m].is_joint() => Mark::REFERENCE,
        Some(place) => Mark::nth(place),
        None => Mark::QUIET,
    };
    (0..methods.len()).map(mark).collect()
}

/// The methods that figures show in colour, in the order of the run: all of them if there are few; else
/// fine-tuning, those that no other beats in both forgetting and new-gene loss, and the next in forgetting.
pub fn foremost(run: &Run) -> Vec<usize> {
    let methods = &run.manifest.methods;
    let mut all: Vec<usize> = (0..methods.len()).filter(|&m| !methods[m].is_joint()).collect();
    if all.len() <= COLOURS.len() {
        return all;
    }
    let metric = metric::regression(run);
    let value = |it: Option<genil_score::Interval>| it.map_or(f64::INFINITY, |it| it.value);
    let at: Vec<(f64, f64)> = (0..methods.len())
        .map(|m| (value(measures::forgetting(run, m, metric)), value(measures::newest(run, m, metric))))
        .collect();
    let beaten = |m: usize| all.iter().any(|&o| at[o].0 < at[m].0 && at[o].1 < at[m].1);
    let rank: Vec<(bool, bool)> =
        (0..methods.len()).map(|m| (!methods[m].is_finetune(), beaten(m))).collect();
    all.sort_by(|&a, &b| rank[a].cmp(&rank[b]).then(at[a].0.total_cmp(&at[b].0)));
    all.truncate(COLOURS.len());
    all.sort_unstable();
    all
}
