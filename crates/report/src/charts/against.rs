//! How every method differs from fine-tuning, paired by seed.

use super::canvas::{Axis, Panel, draw};
use super::marks::{GREY, marks};
use super::pen::Way;
use super::{Figure, Topic};
use crate::metric::{self, PAIRED};
use crate::run::{Paired, Run};
use genil_base::Result;

/// One panel per measure: a row per method, the difference with its interval.
pub fn figures(run: &Run) -> Result<Vec<Figure>> {
    let Some(&against) = metric::baselines(run).first() else { return Ok(Vec::new()) };
    PAIRED.iter().filter_map(|&(key, title)| panel(run, against, key, title).transpose()).collect()
}

fn panel(run: &Run, against: usize, key: &str, measure: &str) -> Result<Option<Figure>> {
    let mut rows: Vec<&Paired> =
        run.paired.iter().filter(|p| p.against == against && p.metric == key).collect();
    if rows.is_empty() {
        return Ok(None);
    }
    // Axes count upwards: the lowest ends on top.
    rows.sort_by(|a, b| b.difference.value.total_cmp(&a.difference.value));
    let name = |m: usize| run.manifest.methods[m].name.clone();
    let better = if key.ends_with("accuracy") && key.starts_with("new") { "right" } else { "left" };
    let panel = Panel {
        size: (420, 84 + if rows.len() > 8 { 22 } else { 30 } * rows.len() as i32),
        x: Axis::of_intervals(
            &format!("difference from {} ({better} of 0 is better)", name(against)),
            rows.iter().map(|row| &row.difference),
            [0.0],
        ),
        y: Axis::named("", rows.iter().map(|row| name(row.method)).collect()),
        legend: Vec::new(),
        right: 0,
        bare: false,
    };
    let marks = marks(run);
    let title = format!("{measure}: paired differences from {}", name(against));
    let svg = draw(&panel, &title, |pen| {
        pen.line(&[(0.0, panel.y.range.start), (0.0, panel.y.range.end)], GREY, 1)?;
        for (place, row) in rows.iter().enumerate() {
            let at = (row.difference.value, place as f64);
            pen.interval(at, &row.difference, Way::Across, marks[row.method], 2)?;
            pen.marker(at, marks[row.method])?;
        }
        Ok(())
    })?;
    let caption = measure.to_owned();
    Ok(Some(Figure { name: format!("against-{key}"), caption, topic: Topic::Against, svg }))
}
