//! `genil report`

use crate::args::ReportArgs;
use crate::output::Output;
use genil_base::Result;

/// Writes tables, figures and the page.
pub fn run(args: &ReportArgs, output: &Output) -> Result<()> {
    let written = genil_report::write(&args.run)?;
    if args.json {
        return output.json(&written);
    }
    output.print(&genil_report::text_summary(&args.run)?);
    output.print(&format!("\nopen {}", args.run.join("report.html").display()));
    Ok(())
}
