//! `genil evaluate`

use crate::args::EvaluateArgs;
use crate::output::Output;
use genil_base::Result;
use genil_learn::Run;
use genil_learn::evaluate::evaluate;

/// Measures every model of a run.
pub fn run(args: &EvaluateArgs, output: &Output) -> Result<()> {
    let run = Run::open(&args.run)?;
    evaluate(&run, output.progress())?;
    if args.json {
        return output.json(&serde_json::json!({"scores": args.run.join("scores.csv")}));
    }
    output.print_summary(&genil_report::text_summary(&args.run)?);
    output.print(&format!("\nnext: genil report {}", args.run.display()));
    Ok(())
}
