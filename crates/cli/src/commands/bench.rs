//! `genil bench`: a benchmark of methods, or of the engine.

use crate::args::{BenchArgs, BenchStepArgs, BenchWhat};
use crate::commands::bench_methods;
use crate::output::Output;
use genil_base::{Error, Result};
use genil_engine::ModelConfig;
use genil_engine::bench::{BenchSettings, bench_step};

/// Runs one or the other.
pub fn run(args: &BenchArgs, output: &Output) -> Result<()> {
    match (&args.what, &args.settings) {
        (Some(BenchWhat::Step(step)), _) => run_step(step, output),
        (None, Some(settings)) => bench_methods::run(settings, args, output),
        (None, None) => {
            Err(Error::new("no benchmark is named").help("genil bench bench.toml, or genil bench step"))
        }
    }
}

fn run_step(args: &BenchStepArgs, output: &Output) -> Result<()> {
    let model = ModelConfig {
        width: args.width,
        layers: args.layers,
        heads: args.heads,
        ffn: args.ffn,
        dropout: args.dropout,
        precision: args.precision.into(),
    };
    model.check()?;
    let settings = BenchSettings {
        cells: args.cells,
        genes: args.genes,
        masked: args.masked,
        vocabulary: args.vocabulary,
        steps: args.steps,
        threads: rayon::current_num_threads(),
        forward_only: args.forward_only,
        model,
        ..BenchSettings::default()
    };
    let report = bench_step(&settings)?;
    if args.json {
        return output.json(&report);
    }
    let mut text = format!(
        "{:.1} cells/s on {} threads: {:.0} GFLOP/s, {:.0} % of the {:.0} GFLOP/s that fused multiply-adds reach\n",
        report.cells_per_second,
        report.threads,
        report.gflops,
        100.0 * report.share_of_peak,
        report.peak_gflops
    );
    for (part, ms) in &report.parts_ms {
        text += &format!("  {part:<12} {ms:8.1} ms a step\n");
    }
    text += &format!(
        "  buffers beyond parameters, gradients and moments: {:.0} MB",
        report.buffer_bytes as f64 / 1e6
    );
    output.print(&text);
    Ok(())
}
