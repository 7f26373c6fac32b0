//! `genil report`

use crate::args::ReportArgs;
use crate::output::Output;
use genil_base::{Error, Result};
use std::path::Path;

/// Writes tables, figures and the page of a run, or one page of several.
pub fn run(args: &ReportArgs, output: &Output) -> Result<()> {
    match (args.runs.as_slice(), args.out.as_deref()) {
        ([run], None) => one(run, args.json, output),
        ([_], Some(_)) => Err(Error::new("--out is for a page of several runs")
            .help("the page of one run is written into its folder: leave --out away")),
        (_, None) => {
            Err(Error::new("several runs need a page of their own").help("name it: --out comparison.html"))
        }
        (runs, Some(out)) => {
            genil_report::write_many(runs, out)?;
            if args.json {
                return output.json(&serde_json::json!({"page": out}));
            }
            output.print(&format!("open {}", out.display()));
            Ok(())
        }
    }
}

fn one(run: &Path, json: bool, output: &Output) -> Result<()> {
    let written = genil_report::write(run)?;
    if json {
        return output.json(&written);
    }
    output.print_summary(&genil_report::text_summary(run)?);
    output.print(&format!("\nopen {}", written.page.display()));
    Ok(())
}
