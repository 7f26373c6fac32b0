//! Measures training steps: settings as JSON in, report as JSON out.
//!
//! `cargo run --release -p genil-engine --example bench_step -- '{"cells": 16, "threads": 2}'`

use genil_base::{Error, Result};
use genil_engine::bench::{BenchSettings, bench_step};

fn main() -> Result<()> {
    let given = std::env::args().nth(1).unwrap_or_else(|| "{}".into());
    let settings: BenchSettings =
        serde_json::from_str(&given).map_err(|e| Error::new(format!("settings: {e}")))?;
    let report = bench_step(&settings)?;
    let text = serde_json::to_string(&report).map_err(|e| Error::new(e.to_string()))?;
    println!("{text}");
    Ok(())
}
