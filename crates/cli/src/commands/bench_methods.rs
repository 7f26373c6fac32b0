//! `genil bench BENCH.TOML`: methods × seeds × settings, trained, evaluated and reported in one go.

use crate::args::BenchArgs;
use crate::commands::train::{save_every, settings_folder};
use crate::output::Output;
use genil_base::{Error, Result};
use genil_learn::bench::forecast::{Left, forecast};
use genil_learn::bench::table::Found;
use genil_learn::evaluate::evaluate;
use genil_learn::{Bench, Run};
use genil_score::{Cell, Table};
use std::path::{Path, PathBuf};

/// Does what is left of a benchmark and writes its tables and its page.
pub fn run(settings: &Path, args: &BenchArgs, output: &Output) -> Result<()> {
    let bench = Bench::read(settings)?;
    let folder = args.out.clone().unwrap_or_else(|| settings_folder(settings));
    let save_every = save_every(args.save_every)?;
    let plan = plan(&bench, &folder)?;
    if args.dry_run {
        if args.json {
            return output.json(&plan);
        }
        output.print(&in_words(&plan));
        return Ok(());
    }
    output.progress().say(&in_words(&plan));

    let mut found = Found::new();
    let mut done: Vec<PathBuf> = Vec::new();
    for (name, settings) in &bench.runs {
        let in_setting = |e: Error| e.at(format!("[settings.{name}]"));
        let run = Run::begin(&folder.join(name), settings.clone()).map_err(in_setting)?;
        run.train(save_every, output.progress()).map_err(in_setting)?;
        evaluate(&run, output.progress()).map_err(in_setting)?;
        genil_report::write(&run.folder)?;
        found.add(name, &run)?;
        found.write(&folder)?;
        done.push(run.folder.clone());
    }
    let page = match done.as_slice() {
        [only] => only.join("report.html"),
        several => {
            let page = folder.join("bench.html");
            genil_report::write_many(several, &page)?;
            page
        }
    };
    if args.json {
        let table = folder.join("bench.csv");
        return output.json(&serde_json::json!({"runs": done, "table": table, "page": page}));
    }
    output.print(&found.methods.to_text());
    output.print(&format!("\nwritten to {}\nopen {}", folder.join("bench.md").display(), page.display()));
    Ok(())
}

/// What is left of a run.
#[derive(serde::Serialize)]
struct RunPlan {
    setting: String,
    cells: Vec<usize>,
    parts: Vec<Left>,
    seconds: f64,
}

fn plan(bench: &Bench, folder: &Path) -> Result<Vec<RunPlan>> {
    let of = |(name, settings): (&String, &genil_learn::RunSettings)| {
        let run = Run::look_at(&folder.join(name), settings.clone());
        let run = run.map_err(|e| e.at(format!("[settings.{name}]")))?;
        let parts = forecast(&run)?;
        let cells = run.stages.cells.iter().map(|stage| stage.train.len()).collect();
        let seconds = parts.iter().map(Left::total).sum();
        Ok(RunPlan { setting: name.clone(), cells, parts, seconds })
    };
    bench.runs.iter().map(of).collect()
}

/// The plan as a table, and the time of all.
fn in_words(plan: &[RunPlan]) -> String {
    let mut table =
        Table::new(&["setting", "stage", "trained as", "cells", "models", "left", "each", "together"]);
    for run in plan {
        for part in run.parts.iter().filter(|part| part.left > 0) {
            let (stage, chain) = match (part.stage, part.chain.as_deref()) {
                (Some(stage), Some(chain)) => (Cell::Count(stage), chain),
                _ => ("all".into(), "(evaluation)"),
            };
            table.rows.push(vec![
                run.setting.as_str().into(),
                stage,
                chain.into(),
                part.stage.map_or(Cell::Missing, |stage| Cell::Count(run.cells[stage])),
                Cell::Count(part.models),
                Cell::Count(part.left),
                time(part.seconds).as_str().into(),
                time(part.total()).as_str().into(),
            ]);
        }
    }
    let all = time(plan.iter().map(|run| run.seconds).sum());
    if table.rows.is_empty() {
        return "everything is trained and measured".to_owned();
    }
    format!("{}\nabout {all} on this machine, if it does nothing else", table.to_text())
}

/// `48 s`, `12 min`, `3 h 05 min`.
fn time(seconds: f64) -> String {
    match seconds {
        s if s < 99.5 => format!("{s:.0} s"),
        s if s < 99.5 * 60.0 => format!("{:.0} min", s / 60.0),
        s => {
            let minutes = (s / 60.0).round() as u64;
            format!("{} h {:02} min", minutes / 60, minutes % 60)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::time;

    #[test]
    fn times_are_as_people_say_them() {
        assert_eq!([4.2, 99.0, 720.0, 11_100.0].map(time), ["4 s", "99 s", "12 min", "3 h 05 min"]);
    }
}
