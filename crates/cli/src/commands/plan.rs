//! `genil plan`

use crate::args::PlanArgs;
use crate::output::Output;
use genil_base::{Error, Result, files};
use genil_data::planner::build;
use genil_data::{CellFilter, Grouping, Plan, PlanRequest, StageRequest};
use std::path::{Path, PathBuf};

/// Decides which genes and cells belong to which stage.
pub fn run(args: &PlanArgs, output: &Output) -> Result<()> {
    let request = request(args)?;
    let (plan, summary) = build(&request)?;
    if let Some(out) = args.out.as_deref().filter(|_| !args.dry_run) {
        if out.exists() && !args.replace {
            return Err(Error::new("a plan is there already")
                .at_path(out)
                .help("choose another name with --out, or say --replace"));
        }
        write_plan(plan, out)?;
    }
    if args.json {
        return output.json(&summary);
    }
    output.print(&summary.to_string());
    match args.out.as_deref().filter(|_| !args.dry_run) {
        Some(out) => output.print(&format!("written to {}", out.display())),
        None => output.print("a dry run: nothing was written"),
    }
    Ok(())
}

/// Writes a plan with its stores' paths relative to its own folder where they lie below it.
pub fn write_plan(mut plan: Plan, out: &Path) -> Result<()> {
    for store in &mut plan.stores {
        store.path = files::relative_to(&store.path, files::parent(out));
    }
    files::write_bytes(out, plan.to_text()?.as_bytes())
}

fn request(args: &PlanArgs) -> Result<PlanRequest> {
    let mut stages = args.stages.iter().map(|text| stage(text, args)).collect::<Result<Vec<_>>>()?;
    distinct_names(&mut stages);
    for text in &args.genes {
        let bad = || {
            Error::new(format!("--genes {text} is not STAGE=FILE")).help("as in --genes pbmc3k=markers.txt")
        };
        let (name, file) = text.split_once('=').ok_or_else(bad)?;
        let names: Vec<String> = stages.iter().map(|s| s.name.clone()).collect();
        let stage = stages.iter_mut().find(|s| s.name == name).ok_or_else(|| {
            Error::new(format!("--genes names the stage '{name}', which is not there"))
                .help(format!("the stages are: {}", names.join(", ")))
        })?;
        stage.genes = Some(PathBuf::from(file));
    }
    if !(args.base_share > 0.0 && args.base_share < 1.0) {
        return Err(Error::new(format!("--base-share {} must lie between 0 and 1", args.base_share))
            .help("as in --base-share 0.5: half of the cells"));
    }
    let each = (1.0 - args.base_share) / stages.len() as f64;
    let shares = std::iter::once(args.base_share).chain(stages.iter().map(|_| each)).collect();
    Ok(PlanRequest {
        base: args.base.as_deref().map(filter).transpose()?,
        top: args.top,
        by: args.by,
        shares: Some(shares),
        seed: args.seed,
        held_out: args.held_out,
        probe_test: args.probe_test,
        min_cells: args.min_cells,
        ..PlanRequest::new(&args.cells, stages)
    })
}

/// `STORE:LABEL[@CELLS]`, or `NAME@CELLS` without a labelled data set.
fn stage(text: &str, args: &PlanArgs) -> Result<StageRequest> {
    let (probe, cells) = text.split_once('@').map_or((text, None), |(probe, cells)| (probe, Some(cells)));
    let labelled = probe.rsplit_once(':').filter(|(store, label)| !store.is_empty() && !label.is_empty());
    let Some((store, label)) = labelled else {
        let Some(cells) = cells.filter(|cells| *cells != "self" && !probe.is_empty() && !probe.contains(':'))
        else {
            return Err(Error::new(format!("--stage {text} is not STORE:LABEL")).help(
                "name the store and its label column: --stage pbmc3k.store:cell_type; or, without labels, a name \
                 and which cells: --stage lung@tissue=lung",
            ));
        };
        return Ok(StageRequest { cells: Some(filter(cells)?), ..StageRequest::unlabelled(probe) });
    };
    let store = PathBuf::from(store);
    let name = store.file_stem().map_or_else(|| probe.to_owned(), |stem| stem.to_string_lossy().into_owned());
    let mut stage = StageRequest::new(name, &store, label);
    if let Some(probe) = &mut stage.probe {
        probe.leave_out.clone_from(&args.leave_out);
        probe.group = match args.group.as_deref() {
            None => Grouping::Find,
            Some("none") => Grouping::Never,
            Some(column) => Grouping::Column(column.to_owned()),
        };
    }
    match cells {
        Some("self") => stage.own_cells = Some(store),
        Some(cells) => stage.cells = Some(filter(cells)?),
        None => {}
    }
    Ok(stage)
}

/// `COLUMN=VALUE|VALUE…`
fn filter(text: &str) -> Result<CellFilter> {
    let (column, values) = text.split_once('=').ok_or_else(|| {
        Error::new(format!("'{text}' is not COLUMN=VALUE|VALUE…")).help("as in 'tissue=blood|bone marrow'")
    })?;
    Ok(CellFilter { column: column.to_owned(), values: values.split('|').map(str::to_owned).collect() })
}

/// Two stages of one store are told apart by their label columns.
fn distinct_names(stages: &mut [StageRequest]) {
    let names: Vec<String> = stages.iter().map(|s| s.name.clone()).collect();
    for stage in stages {
        if names.iter().filter(|name| **name == stage.name).count() > 1 {
            let label = stage.probe.as_ref().map_or("unlabelled", |probe| &probe.label);
            stage.name = format!("{}-{label}", stage.name);
        }
    }
}
