//! How many cells a second become tokens on one thread: stage mask, weighted sampling, masking, straight from
//! the memory-mapped stores of a plan.
//!
//! `cargo run --release -p genil-data --example bench_tokens -- plan.toml [PASSES [FILE]]`
//!
//! FILE receives the last pass's cells for `loss_by_precision` of the engine: for each cell the number of its genes,
//! their tokens and their values, 4 bytes each, little-endian.

use genil_base::random::{Key, Purpose};
use genil_base::{Error, Result};
use genil_data::sample::{Masking, Sampling, Shown, draw};
use genil_data::split::stage_cells;
use genil_data::{GenePartition, Plan};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let plan = arguments.next().ok_or_else(|| Error::new("which plan?").help("bench_tokens plan.toml"))?;
    let passes = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(5);
    let file = arguments.next().map(PathBuf::from);
    let plan = Plan::read(Path::new(&plan))?;
    let stores = plan.open_stores()?;
    let cells = stage_cells(&plan, &stores)?;
    let partition = GenePartition::new(&plan, &stores, &cells)?;
    let mut order = cells[0].train.clone();
    let sampling = Sampling::default();
    let (mut rates, mut lengths, mut expressed) = (Vec::new(), Vec::new(), 0);
    for pass in 0..=passes {
        let key = Key::new(pass, Purpose::Sample);
        key.shuffle(&mut order);
        lengths.clear();
        let start = Instant::now();
        for &cell in &order {
            let drawn = draw(&stores, &partition, &sampling, cell, (Shown::Stage(0), Masking::Random), key);
            lengths.push(drawn.tokens.len());
        }
        // The first pass reads the files.
        if pass > 0 {
            rates.push(order.len() as f64 / start.elapsed().as_secs_f64());
        }
    }
    if let Some(path) = &file {
        let key = Key::new(passes, Purpose::Sample);
        let mut bytes = Vec::new();
        for &cell in &order {
            let drawn = draw(&stores, &partition, &sampling, cell, (Shown::Stage(0), Masking::Nothing), key);
            bytes.extend((drawn.tokens.len() as u32).to_le_bytes());
            bytes.extend(drawn.tokens.iter().flat_map(|token| token.to_le_bytes()));
            bytes.extend(drawn.values.iter().flat_map(|value| value.to_le_bytes()));
        }
        let written = std::fs::File::create(path).and_then(|mut file| file.write_all(&bytes));
        written.map_err(|e| Error::io("write", path, &e))?;
    }
    for cell in &order {
        expressed += stores[usize::from(cell.store)].cell(cell.row as usize).genes.len();
    }
    lengths.sort_unstable();
    // Sixteen cells that stand for all: the middles of sixteen equal parts.
    let typical: Vec<usize> = (0..16).map(|i| lengths[(2 * i + 1) * lengths.len() / 32]).collect();
    println!(
        "{{\"cells_per_second\": {rates:?}, \"cells\": {}, \"genes_a_cell\": {}, \"lengths\": {typical:?}}}",
        order.len(),
        expressed / order.len()
    );
    Ok(())
}
