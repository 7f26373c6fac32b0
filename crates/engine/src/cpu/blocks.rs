//! Every block's numbers and their gradients against PyTorch's, in what a step keeps and leaves behind.

#![allow(clippy::unwrap_used)] // A test stops at what it cannot read.

use super::rowwise::LEAK;
use super::{CpuEngine, Instructions};
use crate::Engine;
use crate::dropout::Dropout;
use genil_base::random::{Key, Purpose};
use golden::{Golden, TOLERANCE, distance};

#[path = "../../tests/common/golden.rs"]
mod golden;

/// One of the file's matrices with a row a token.
struct Theirs<'a> {
    golden: &'a Golden,
    /// `block` or `block_gradient`.
    kind: &'a str,
    rows: usize,
}

impl Theirs<'_> {
    fn all(&self, name: &str) -> Vec<f32> {
        self.golden.floats(&format!("{}/{name}", self.kind))
    }

    /// The rows in `which` of some columns.
    fn at(&self, name: &str, which: &[usize], columns: std::ops::Range<usize>) -> Vec<f32> {
        let all = self.all(name);
        let width = all.len() / self.rows;
        which.iter().flat_map(|r| all[r * width..][..width][columns.clone()].to_vec()).collect()
    }

    /// The sums of rows over groups of items, of which each is a row.
    fn sums(&self, name: &str, d: usize, groups: &[Vec<usize>]) -> Vec<f32> {
        let all = self.all(name);
        let sum = |rows: &Vec<usize>, i: usize| rows.iter().map(|r| all[r * d + i]).sum();
        groups.iter().flat_map(|rows| (0..d).map(move |i| (rows, i))).map(|(rows, i)| sum(rows, i)).collect()
    }
}

fn check(name: &str, instructions: Instructions) {
    let golden = Golden::read(name);
    let engine = CpuEngine::new(golden.config.clone(), 3, 0).unwrap();
    let Ok(mut engine) = engine.with_instructions(instructions) else { return };
    engine.restore(golden.parameters(), None).unwrap();
    let outputs = engine.forward(&golden.batch(), Key::new(0, Purpose::Dropout)).unwrap().clone();

    let close = |what: &str, ours: &[f32], theirs: &[f32]| {
        if theirs.iter().all(|&x| x == 0.0) {
            // Nothing to be relative to: one token alone has no gradient of its score.
            assert!(ours.iter().all(|x| x.abs() < 1e-6), "{name}, {what}: {ours:?}");
        } else {
            let far = distance(ours, theirs);
            assert!(far <= TOLERANCE, "{name}, {what}: {far:e}");
        }
    };
    let (d, ffn, layers) = (golden.config.width, golden.config.ffn, golden.config.layers);
    let rows: Vec<usize> = (0..engine.rows.count()).collect();
    let selected: Vec<usize> = engine.rows.selected.iter().map(|&row| row as usize).collect();
    let asked: Vec<usize> = engine.rows.asked.iter().map(|&s| selected[s as usize]).collect();
    let of_group = |groups: &crate::rows::Groups, item: &dyn Fn(u32) -> usize| -> Vec<Vec<usize>> {
        (0..groups.count()).map(|g| groups.of_group(g).iter().map(|&i| item(i)).collect()).collect()
    };
    let of_value = of_group(&engine.rows.values, &|row| row as usize);
    let of_gene = of_group(&engine.rows.genes, &|item| asked[item as usize]);
    let firsts = |groups: &[Vec<usize>]| groups.iter().map(|rows| rows[0]).collect::<Vec<_>>();

    let theirs = Theirs { golden: &golden, kind: "block", rows: rows.len() };
    close("encoded", &engine.arena.embed.encoded, &theirs.at("encoded", &firsts(&of_value), 0..d));
    for l in 0..layers {
        let queries = if l + 1 == layers { &selected } else { &rows };
        let kept = &engine.arena.layers[l];
        close("queries", &kept.q, &theirs.at(&format!("{l}/qkv"), queries, 0..d));
        close("keys and values", &kept.kv, &theirs.at(&format!("{l}/qkv"), &rows, d..3 * d));
        close("context", &kept.context, &theirs.at(&format!("{l}/context"), queries, 0..d));
        let mut x1 = vec![0.0; kept.normal1.len()];
        engine.layer(l, Dropout::none()).after_attention(kept, &mut x1);
        close("after attention", &x1, &theirs.at(&format!("{l}/x1"), queries, 0..d));
        close("hidden", &kept.hidden, &theirs.at(&format!("{l}/hidden"), queries, 0..ffn));
    }
    let [_, a1, a2] = &engine.arena.heads.value;
    let a2 = a2.clone();
    close("value head, first layer", a1, &theirs.at("a1", &asked, 0..d));
    close("value head, second layer", &a2, &theirs.at("a2", &asked, 0..d));
    close("cell head", &engine.arena.heads.cell[3], &theirs.at("query", &firsts(&of_gene), 0..d));

    engine.backward(&golden.loss_gradients(&outputs)).unwrap();
    let theirs = Theirs { kind: "block_gradient", ..theirs };
    for l in 0..layers {
        let queries = if l + 1 == layers { &selected } else { &rows };
        let kept = &engine.arena.layers[l];
        close("d queries", &kept.q, &theirs.at(&format!("{l}/qkv"), queries, 0..d));
        // The last layer's have made room for a lower layer's numbers.
        if l + 1 < layers || layers == 1 {
            close("d keys and values", &kept.kv, &theirs.at(&format!("{l}/qkv"), &rows, d..3 * d));
        }
        close("d attention's branch", &kept.normal1, &theirs.at(&format!("{l}/attended"), queries, 0..d));
        close("d feed-forward branch", &kept.normal2, &theirs.at(&format!("{l}/branch"), queries, 0..d));
    }
    close("d encoded", &engine.arena.embed.encoded, &theirs.sums("encoded", d, &of_value));
    let mut d_a2 = theirs.at("a2", &asked, 0..d);
    d_a2.iter_mut().zip(&a2).for_each(|(g, a)| *g *= if *a > 0.0 { 1.0 } else { LEAK });
    close("d value head", &engine.arena.heads.value[2], &d_a2);
    close("d cell head", &engine.arena.heads.cell[3], &theirs.sums("query", d, &of_gene));
}

#[test]
fn every_block_is_as_pytorch_computes_it() {
    for name in ["paper", "wide", "single"] {
        for instructions in [Instructions::Avx512, Instructions::Avx2, Instructions::Scalar] {
            check(name, instructions);
        }
    }
}
