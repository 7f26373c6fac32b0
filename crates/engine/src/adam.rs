//! Adam (Kingma and Ba 2015), as PyTorch computes it.
//!
//! m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g²,
//! p ← p − lr / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε), then g ← 0.
//!
//! Rows of the gene embedding that have had no gradient since the last restart have zero moments
//! and would not move: they are skipped, and the result is exactly dense Adam's.
//! Moved per number: four reads and four writes of 4 bytes.

use crate::layout::{GENES, zeros};
use crate::{OptimizerState, Tensor, Tensors};
use rayon::prelude::*;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f32 = 1e-8;
const CHUNK: usize = 1 << 14;

/// Moments, step count and the embedding rows that move.
#[derive(Debug, Clone)]
pub(crate) struct Adam {
    steps: u64,
    first: Tensors,
    second: Tensors,
    /// Whether a row of the gene embedding has had a gradient.
    touched: Vec<bool>,
}

/// What every number of one step shares.
#[derive(Clone, Copy)]
struct Factors {
    rate: f32,
    root: f32,
}

impl Adam {
    /// Zero moments for these parameters.
    pub fn new(parameters: &Tensors) -> Self {
        let rows = parameters.0[GENES].shape[0];
        Self { steps: 0, first: zeros(parameters), second: zeros(parameters), touched: vec![false; rows] }
    }

    /// Takes up a state of the same shapes.
    pub fn resume(state: OptimizerState) -> Self {
        let rows = state.first.0[GENES].shape[0];
        let width = state.first.0[GENES].shape[1];
        let moved =
            |t: &Tensors, row: usize| t.0[GENES].data[row * width..][..width].iter().any(|&x| x != 0.0);
        let touched = (0..rows).map(|row| moved(&state.first, row) || moved(&state.second, row)).collect();
        Self { steps: state.steps, first: state.first, second: state.second, touched }
    }

    pub fn state(&self) -> OptimizerState {
        OptimizerState { steps: self.steps, first: self.first.clone(), second: self.second.clone() }
    }

    /// Notes that these rows of the gene embedding have a gradient.
    pub fn touch(&mut self, tokens: &[u32]) {
        for &token in tokens {
            self.touched[token as usize] = true;
        }
    }

    /// Notes the rows of the gene embedding that have a gradient already.
    pub fn touch_where(&mut self, gradients: &Tensors) {
        let genes = &gradients.0[GENES];
        let rows = genes.data.chunks_exact(genes.shape[1]);
        for (touched, row) in self.touched.iter_mut().zip(rows) {
            *touched |= row.iter().any(|&g| g != 0.0);
        }
    }

    /// Adds embedding rows that have never moved.
    pub fn grow(&mut self, rows: usize, width: usize) {
        self.touched.resize(rows, false);
        for moments in [&mut self.first, &mut self.second] {
            moments.0[GENES].data.resize(rows * width, 0.0);
            moments.0[GENES].shape[0] = rows;
        }
    }

    /// One step; the gradients are zero afterwards.
    pub fn step(&mut self, parameters: &mut Tensors, gradients: &mut Tensors, learning_rate: f32) {
        self.steps += 1;
        let t = self.steps.min(i32::MAX as u64) as i32;
        let rate = (f64::from(learning_rate) / (1.0 - BETA1.powi(t))) as f32;
        let root = (1.0 / (1.0 - BETA2.powi(t)).sqrt()) as f32;
        let factors = Factors { rate, root };
        let moments = self.first.iter_mut().zip(self.second.iter_mut());
        for (place, ((p, g), (m, v))) in
            parameters.iter_mut().zip(gradients.iter_mut()).zip(moments).enumerate()
        {
            if place == GENES {
                let width = p.shape[1].max(1);
                let touched = &self.touched;
                chunks(width, p, g, m, v).zip(touched.par_iter()).with_min_len(64).for_each(
                    |((((p, g), m), v), &touched)| {
                        if touched {
                            update(factors, p, g, m, v);
                        }
                    },
                );
            } else {
                chunks(CHUNK, p, g, m, v).for_each(|(((p, g), m), v)| update(factors, p, g, m, v));
            }
        }
    }
}

type Four<'a> = (((&'a mut [f32], &'a mut [f32]), &'a mut [f32]), &'a mut [f32]);

fn chunks<'a>(
    size: usize,
    p: &'a mut Tensor,
    g: &'a mut Tensor,
    m: &'a mut Tensor,
    v: &'a mut Tensor,
) -> impl IndexedParallelIterator<Item = Four<'a>> {
    p.data
        .par_chunks_mut(size)
        .zip(g.data.par_chunks_mut(size))
        .zip(m.data.par_chunks_mut(size))
        .zip(v.data.par_chunks_mut(size))
}

fn update(factors: Factors, p: &mut [f32], g: &mut [f32], m: &mut [f32], v: &mut [f32]) {
    let (beta1, beta2) = (BETA1 as f32, BETA2 as f32);
    let (rest1, rest2) = ((1.0 - BETA1) as f32, (1.0 - BETA2) as f32);
    for (((p, g), m), v) in p.iter_mut().zip(g).zip(m).zip(v) {
        *m = beta1 * *m + rest1 * *g;
        *v = beta2 * *v + rest2 * *g * *g;
        *p -= factors.rate * (*m / (v.sqrt() * factors.root + EPSILON));
        *g = 0.0;
    }
}
