//! How fast a training step is on this machine.
//!
//! One step is tokens in → loss → gradients → updated parameters, on synthetic cells. The peak is
//! measured around the steps, so that what else the machine does counts against both.

use crate::cpu::CpuEngine;
use crate::{Batch, Engine, ModelConfig, OutputGradients, Outputs};
use genil_base::random::{Key, Purpose};
use genil_base::{Error, Result};
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// What to measure; the defaults are the paper's model on 16 cells of 512 genes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BenchSettings {
    /// Cells of a batch.
    pub cells: usize,
    /// Genes of a cell, without the token in front.
    pub genes: usize,
    /// Genes of each cell where they differ; overrides `cells` and `genes`.
    pub lengths: Vec<usize>,
    /// Rows of the gene embedding.
    pub vocabulary: usize,
    /// Share of genes asked for.
    pub masked: f64,
    /// Steps measured, after one that warms up.
    pub steps: usize,
    /// Threads; 0 for all.
    pub threads: usize,
    /// Only predictions, as when cells are embedded.
    pub forward_only: bool,
    /// The size of the model.
    pub model: ModelConfig,
}

impl Default for BenchSettings {
    fn default() -> Self {
        let model = ModelConfig::default();
        Self {
            cells: 16,
            genes: 512,
            lengths: Vec::new(),
            vocabulary: 60_697,
            masked: 0.4,
            steps: 5,
            threads: 0,
            forward_only: false,
            model,
        }
    }
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BenchReport {
    /// Cells of a batch over the median step.
    pub cells_per_second: f64,
    /// Seconds of each step.
    pub step_seconds: Vec<f64>,
    /// Milliseconds of a step by part, means.
    pub parts_ms: Vec<(String, f64)>,
    /// Floating-point operations of a step that are done: multiply–adds of all products, as two.
    pub flop: f64,
    /// 10⁹ of them a second, in the median step.
    pub gflops: f64,
    /// 10⁹ operations a second of fused multiply–adds in registers, on the same threads.
    pub peak_gflops: f64,
    /// `gflops` over `peak_gflops`.
    pub share_of_peak: f64,
    /// Bytes of buffers beyond parameters, gradients and Adam's moments.
    pub buffer_bytes: usize,
    /// Bytes of the parameters; Adam's moments take twice as many, where genes have been met.
    pub parameter_bytes: usize,
    /// Largest resident size of the process so far in bytes, where the system says (Linux).
    pub peak_resident_bytes: Option<u64>,
    /// Threads used.
    pub threads: usize,
    /// The loss after the last step: a check that something was learned.
    pub loss: f32,
}

/// Measures steps with these settings.
///
/// # Errors
/// When the sizes do not fit, need more memory than there is, or the threads cannot be started.
pub fn bench_step(settings: &BenchSettings) -> Result<BenchReport> {
    check(settings)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(settings.threads).build();
    let pool = pool.map_err(|e| Error::new(format!("cannot start {} threads: {e}", settings.threads)))?;
    pool.install(|| measure(settings))
}

/// Refuses what no step can be made of.
fn check(settings: &BenchSettings) -> Result<()> {
    const MOST_TOKENS: usize = 1 << 26;
    let bad = |what: String| Err(Error::new(what).help("as in --cells 16 --genes 512 --vocabulary 60697"));
    if settings.cells == 0 || settings.vocabulary < 3 {
        return bad(
            "there must be at least 1 of cells, and a vocabulary of 3: two special tokens and a gene".into(),
        );
    }
    let (cells, genes) = (settings.cells, settings.genes);
    if cells.checked_mul(genes.saturating_add(1)).is_none_or(|tokens| tokens > MOST_TOKENS) {
        return bad(format!("{cells} cells of {genes} genes are more than {MOST_TOKENS} tokens"));
    }
    Ok(())
}

fn measure(settings: &BenchSettings) -> Result<BenchReport> {
    let mut engine = CpuEngine::new(settings.model.clone(), settings.vocabulary, 1)?;
    let batch = synthetic(settings);
    let mut loss = step(&mut engine, &batch, settings.forward_only, 0)?;
    engine.take_parts();
    let mut peak = engine.peak(0.1);
    let mut seconds = Vec::new();
    for i in 0..settings.steps.max(1) {
        let start = Instant::now();
        loss = step(&mut engine, &batch, settings.forward_only, i as u64 + 1)?;
        seconds.push(start.elapsed().as_secs_f64());
        peak = peak.max(engine.peak(0.02));
    }
    let count = seconds.len() as f64;
    let mut sorted = seconds.clone();
    sorted.sort_by(f64::total_cmp);
    let median = (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0;
    let flop = flop(settings, &batch);
    Ok(BenchReport {
        cells_per_second: batch.cells() as f64 / median,
        step_seconds: seconds,
        parts_ms: engine.take_parts().into_iter().map(|(n, s)| (n.into(), s / count * 1e3)).collect(),
        flop,
        gflops: flop / median / 1e9,
        peak_gflops: peak / 1e9,
        share_of_peak: flop / median / peak,
        buffer_bytes: engine.buffer_bytes(),
        parameter_bytes: 4 * engine.parameters().count(),
        peak_resident_bytes: peak_resident(),
        threads: rayon::current_num_threads(),
        loss,
    })
}

/// One step; the loss is both heads' mean squared error against ln 3.
fn step(engine: &mut CpuEngine, batch: &Batch, forward_only: bool, i: u64) -> Result<f32> {
    let target = 3f32.ln();
    let error = |x: &[f32]| x.iter().map(|x| (x - target).powi(2)).sum::<f32>() / x.len().max(1) as f32;
    let loss = |outputs: &Outputs| error(&outputs.value) + error(&outputs.cell_value);
    if forward_only {
        return Ok(loss(engine.predict(batch)?));
    }
    let outputs = engine.forward(batch, Key::new(i, Purpose::Dropout))?;
    let gradient = |x: &[f32]| x.iter().map(|y| 2.0 * (y - target) / x.len() as f32).collect();
    let loss = loss(outputs);
    let gradients = OutputGradients {
        value: gradient(&outputs.value),
        cell_value: gradient(&outputs.cell_value),
        ..OutputGradients::default()
    };
    engine.backward(&gradients)?;
    engine.step(5e-4);
    Ok(loss)
}

/// Cells of distinct genes with ln(1 + count) as values, masked at random.
fn synthetic(settings: &BenchSettings) -> Batch {
    let key = Key::new(1, Purpose::Synthetic);
    let mut lengths = settings.lengths.clone();
    if lengths.is_empty() {
        lengths = vec![settings.genes; settings.cells];
    }
    let genes = settings.vocabulary.saturating_sub(2).max(1);
    let mut batch = Batch::new();
    for (b, &length) in lengths.iter().enumerate() {
        let mut draw = key.with(b as u64).stream();
        let (mut tokens, mut values, mut asked) = (vec![1], vec![0.0], Vec::new());
        let first = draw.below(genes);
        for t in 1..=length {
            // A stride that shares no factor with most counts: distinct genes all over the table.
            tokens.push(2 + ((first + t * 7919) % genes) as u32);
            let masked = draw.uniform() < settings.masked;
            let count = (1.0 / (draw.uniform() + 0.02)) as u32;
            values.push(if masked { -1.0 } else { (1.0 + count as f32).ln() });
            if masked {
                asked.push(t as u32);
            }
        }
        batch.push(&tokens, &values, &asked);
    }
    batch
}

/// Multiply–adds of a step's products, times two: what is done, with the last layer's rows that
/// nothing reads left out and what distinct values and genes share counted once; the backward pass does twice the forward's in linear layers and 2.5
/// times in attention.
fn flop(settings: &BenchSettings, batch: &Batch) -> f64 {
    let (d, ffn) = (settings.model.width as f64, settings.model.ffn as f64);
    let (mut linear, mut attention) = (0.0, 0.0);
    for span in batch.offsets.windows(2) {
        let t = f64::from(span[1] - span[0]);
        let asked = batch.asked.iter().filter(|&&p| p > span[0] && p < span[1]).count() as f64;
        for layer in 0..settings.model.layers {
            let queries = if layer + 1 == settings.model.layers { asked + 1.0 } else { t };
            linear += 2.0 * d * (2.0 * d * t + (2.0 * d + 2.0 * ffn) * queries);
            attention += 4.0 * d * t * queries;
        }
        linear += 4.0 * d * d * asked;
    }
    let distinct = |keys: &mut Vec<u32>| {
        keys.sort_unstable();
        keys.dedup();
        keys.len() as f64
    };
    let values = distinct(&mut batch.values.iter().map(|v| v.to_bits()).collect());
    let genes = distinct(&mut batch.asked.iter().map(|&p| batch.tokens[p as usize]).collect());
    linear += 2.0 * d * d * (values + 3.0 * genes);
    if settings.forward_only { linear + attention } else { 3.0 * linear + 3.5 * attention }
}

/// `VmHWM` of this process.
fn peak_resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_bench_reports_what_it_measured() {
        let model =
            ModelConfig { width: 32, layers: 2, heads: 2, ffn: 32, dropout: 0.1, ..ModelConfig::default() };
        let settings = BenchSettings {
            cells: 3,
            genes: 20,
            vocabulary: 100,
            steps: 2,
            threads: 2,
            model,
            ..Default::default()
        };
        let report = bench_step(&settings).unwrap();
        assert_eq!((report.step_seconds.len(), report.threads), (2, 2));
        assert!(report.loss.is_finite() && report.cells_per_second > 0.0 && report.buffer_bytes > 0);
        // On a busy machine the peak, measured at another moment, may be below what a step reached.
        assert!(report.share_of_peak > 0.0 && report.share_of_peak.is_finite(), "{report:?}");
        let forward = bench_step(&BenchSettings { forward_only: true, ..settings }).unwrap();
        assert!(forward.flop < report.flop / 2.9);
    }
}
