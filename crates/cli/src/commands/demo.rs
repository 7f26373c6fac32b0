//! `genil demo`: the whole way on a synthetic data set with a known answer.

use crate::args::DemoArgs;
use crate::commands::plan::write_plan;
use crate::output::Output;
use genil_base::{Error, Result};
use genil_data::planner::build;
use genil_data::synthetic::{SyntheticConfig, TRUTH};
use genil_learn::evaluate::evaluate;
use genil_learn::{Run, RunSettings};
use std::path::Path;
use std::time::Duration;

/// The settings of the demo: small enough for a laptop, long enough that fine-tuning forgets.
const SETTINGS: &str = include_str!("demo.toml");

/// Makes the data and the plan, trains, evaluates and reports.
pub fn run(args: &DemoArgs, output: &Output) -> Result<()> {
    let folder = &args.out;
    let data = folder.join("data");
    let plan = data.join("plan.toml");
    if !plan.is_file() {
        output.progress().say("making a synthetic data set: cells.store, probe-1.store, probe-2.store");
        make_plan(&data, &plan)?;
    }
    if args.data_only {
        output.print(&format!("the data set and its plan are in {}", data.display()));
        return Ok(());
    }
    let run = Run::begin(folder, settings(&plan, args.seeds)?)?;
    run.train(Duration::from_secs(30), output.progress())?;
    evaluate(&run, output.progress())?;
    drop(run);
    let written = genil_report::write(folder)?;
    if args.json {
        return output.json(&written);
    }
    output.print_summary(&genil_report::text_summary(folder)?);
    output.print(&format!("\nopen {}", folder.join("report.html").display()));
    Ok(())
}

/// The demo's settings with its own plan and seeds.
fn settings(plan: &Path, seeds: u64) -> Result<RunSettings> {
    let mut settings = RunSettings::parse(SETTINGS)?;
    settings.plan = plan.to_owned();
    settings.seeds = (0..seeds).collect();
    Ok(settings)
}

/// Makes the stores, if they are not there, and their plan.
fn make_plan(data: &Path, plan: &Path) -> Result<()> {
    let config = SyntheticConfig::default();
    if !data.join(TRUTH).is_file() {
        if data.exists() {
            return Err(Error::new("a folder is there that is not the demo's data")
                .at_path(data)
                .help("choose another folder with --out, or move that one away"));
        }
        // Made beside and renamed: a demo that is stopped here starts anew.
        let beside = data.with_file_name(".data-partial");
        if beside.exists() {
            std::fs::remove_dir_all(&beside).map_err(|e| Error::io("remove", &beside, &e))?;
        }
        std::fs::create_dir_all(&beside).map_err(|e| Error::io("create the folder", &beside, &e))?;
        config.write(&beside)?;
        std::fs::rename(&beside, data).map_err(|e| Error::io("rename", &beside, &e))?;
    }
    let (made, _) = build(&config.request(data, true))?;
    write_plan(made, plan)
}
