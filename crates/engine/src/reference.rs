//! The model once more, plain and in f64: the oracle of the tests.
//!
//! One cell after the other, every row of every layer, nothing skipped and nothing fused; the
//! same dropout masks as the engine's. Slow on purpose: read it to know what the engine computes.

use crate::dropout::{Dropout, Site};
use crate::layout::{GENES, LayerPlaces, Layout, Pair};
use crate::{Batch, ModelConfig, Tensors};
use genil_base::random::Key;
use std::cell::Cell;

const LEAK: f64 = 0.01;
const EPSILON: f64 = 1e-5;

/// Outputs, or gradients of a loss in them, as in [`crate::Outputs`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outputs {
    /// `P`.
    pub value: Vec<f64>,
    /// `P`.
    pub cell_value: Vec<f64>,
    /// `B × d`.
    pub embedding: Vec<f64>,
    /// `layers × B × d`.
    pub layers: Vec<f64>,
    /// How near to zero the input of a ReLU or LeakyReLU came: there the gradient jumps.
    pub nearest_kink: f64,
}

/// The model in f64.
#[derive(Debug, Clone)]
pub struct Reference {
    config: ModelConfig,
    layout: Layout,
    /// Parameters, in the order of [`crate::Engine::parameters`].
    pub parameters: Vec<Vec<f64>>,
    nearest_kink: Cell<f64>,
}

/// What a layer keeps: all T×d unless said otherwise.
struct LayerTape {
    x: Vec<f64>,
    q: Vec<f64>,
    k: Vec<f64>,
    v: Vec<f64>,
    /// heads×T×T.
    probabilities: Vec<f64>,
    context: Vec<f64>,
    norm1: NormTape,
    x1: Vec<f64>,
    /// T×ffn.
    hidden: Vec<f64>,
    norm2: NormTape,
}

struct NormTape {
    normal: Vec<f64>,
    inverse: Vec<f64>,
}

/// What a chain of linear layers with an activation between them keeps: each layer's input.
type MlpTape = Vec<Vec<f64>>;

/// A cell on its way up.
struct CellTape {
    value_encoder: MlpTape,
    layers: Vec<LayerTape>,
    y: Vec<f64>,
}

impl CellTape {
    /// T×d: the residual stream after layer `l`.
    fn after(&self, l: usize) -> &[f64] {
        self.layers.get(l + 1).map_or(&self.y, |next| &next.x)
    }
}

impl Reference {
    /// The model with these parameters.
    pub fn new(config: &ModelConfig, parameters: &Tensors) -> Self {
        let parameters = parameters.iter().map(|t| t.data.iter().map(|&x| f64::from(x)).collect()).collect();
        Self { config: config.clone(), layout: Layout::new(config), parameters, nearest_kink: Cell::new(0.0) }
    }

    /// Outputs, with dropout if there is a key.
    pub fn forward(&self, batch: &Batch, key: Option<Key>) -> Outputs {
        self.run(batch, key, None).0
    }

    /// Gradients of all parameters, given those of the outputs.
    pub fn backward(&self, batch: &Batch, key: Option<Key>, gradients: &Outputs) -> Vec<Vec<f64>> {
        self.run(batch, key, Some(gradients)).1
    }

    fn run(&self, batch: &Batch, key: Option<Key>, given: Option<&Outputs>) -> (Outputs, Vec<Vec<f64>>) {
        let dropout = key.map_or(Dropout::none(), |key| Dropout::new(self.config.dropout, key));
        let d = self.config.width;
        let mut outputs = Outputs::default();
        self.nearest_kink.set(f64::INFINITY);
        let mut gradients: Vec<Vec<f64>> = self.parameters.iter().map(|p| vec![0.0; p.len()]).collect();
        let of_layer = batch.cells() * d;
        outputs.layers.resize(self.config.layers * of_layer, 0.0);
        let mut asked_before = 0;
        for (cell, span) in batch.offsets.windows(2).enumerate() {
            let (first, end) = (span[0] as usize, span[1] as usize);
            let tokens = &batch.tokens[first..end];
            let tape = self.up(tokens, &batch.values[first..end], first, &dropout);
            outputs.embedding.extend_from_slice(&tape.y[..d]);
            for (l, of_layer) in outputs.layers.chunks_exact_mut(of_layer).enumerate() {
                of_layer[cell * d..][..d].copy_from_slice(&tape.after(l)[..d]);
            }
            let mut dy = vec![0.0; tape.y.len()];
            if let Some(g) = given.filter(|g| !g.embedding.is_empty()) {
                dy[..d].copy_from_slice(&g.embedding[cell * d..][..d]);
            }
            let here = batch.asked.iter().filter(|&&p| span[0] <= p && p < span[1]);
            for (i, &position) in here.enumerate() {
                let t = position as usize - first;
                let y = &tape.y[t * d..][..d];
                let (value, value_tape) = self.mlp(y, &self.layout.value_head, LEAK);
                let gene = &self.parameters[GENES][tokens[t] as usize * d..][..d];
                let (query, cell_tape) = self.mlp(gene, &self.layout.cell_head, LEAK);
                outputs.value.push(value[0]);
                outputs.cell_value.push(dot(&query, &tape.y[..d]));
                let given =
                    |of: fn(&Outputs) -> &Vec<f64>| given.and_then(|g| of(g).get(asked_before + i).copied());
                if let Some(g) = given(|g| &g.value) {
                    let back =
                        self.mlp_back(&[g], &self.layout.value_head, LEAK, &value_tape, &mut gradients);
                    add(&mut dy[t * d..][..d], &back);
                }
                if let Some(g) = given(|g| &g.cell_value) {
                    let d_query: Vec<f64> = tape.y[..d].iter().map(|y| g * y).collect();
                    // The gradient ends here: the gene's embedding is detached.
                    self.mlp_back(&d_query, &self.layout.cell_head, LEAK, &cell_tape, &mut gradients);
                    let d_cls: Vec<f64> = query.iter().map(|q| g * q).collect();
                    add(&mut dy[..d], &d_cls);
                }
            }
            asked_before = outputs.value.len();
            if given.is_some() {
                let given = given.map_or(&[][..], |g| &g.layers);
                let of_cell: Vec<&[f64]> =
                    given.chunks_exact(of_layer).map(|of_layer| &of_layer[cell * d..][..d]).collect();
                self.down(tokens, first, &dropout, &tape, (dy, &of_cell), &mut gradients);
            }
        }
        outputs.nearest_kink = self.nearest_kink.get();
        (outputs, gradients)
    }

    fn up(&self, tokens: &[u32], values: &[f32], first: usize, dropout: &Dropout) -> CellTape {
        let d = self.config.width;
        let values: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
        let (mut x, value_encoder) = self.mlp(&values, &self.layout.value_encoder, 0.0);
        for (x, &token) in x.chunks_exact_mut(d).zip(tokens) {
            add(x, &self.parameters[GENES][token as usize * d..][..d]);
        }
        let mut layers = Vec::new();
        for (l, places) in self.layout.layers.iter().enumerate() {
            let (tape, y) = self.layer(l, places, x, first, dropout);
            layers.push(tape);
            x = y;
        }
        CellTape { value_encoder, layers, y: x }
    }

    fn layer(
        &self,
        l: usize,
        places: &LayerPlaces,
        x: Vec<f64>,
        first: usize,
        dropout: &Dropout,
    ) -> (LayerTape, Vec<f64>) {
        let (d, heads) = (self.config.width, self.config.heads);
        let (w, t) = (d / heads, x.len() / d);
        let qkv = self.linear(&x, places.in_proj);
        let part = |i: usize| -> Vec<f64> {
            qkv.chunks_exact(3 * d).flat_map(|row| row[i * d..][..d].to_vec()).collect()
        };
        let (q, k, v) = (part(0), part(1), part(2));
        let mut probabilities = vec![0.0; heads * t * t];
        let mut context = vec![0.0; t * d];
        for (h, i) in (0..heads).flat_map(|h| (0..t).map(move |i| (h, i))) {
            let scale = 1.0 / (w as f64).sqrt();
            let row = &mut probabilities[(h * t + i) * t..][..t];
            for (j, p) in row.iter_mut().enumerate() {
                *p = scale * dot(&q[i * d + h * w..][..w], &k[j * d + h * w..][..w]);
            }
            let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            row.iter_mut().for_each(|p| *p = (*p - most).exp());
            let total: f64 = row.iter().sum();
            row.iter_mut().for_each(|p| *p /= total);
            for (j, p) in row.iter().enumerate() {
                let p = p * self.factor(dropout, l, Site::Attention, (first + i) * heads + h, j);
                for c in h * w..(h + 1) * w {
                    context[i * d + c] += p * v[j * d + c];
                }
            }
        }
        let branch = self.drop(dropout, l, Site::OutProj, first, self.linear(&context, places.out_proj));
        let (norm1, x1) = self.norm(sum(&x, &branch), places.norm1);
        let relu = self.leaky(&self.linear(&x1, places.linear1), 0.0);
        let hidden = self.drop(dropout, l, Site::Hidden, first, relu);
        let branch = self.drop(dropout, l, Site::Linear2, first, self.linear(&hidden, places.linear2));
        let (norm2, y) = self.norm(sum(&x1, &branch), places.norm2);
        (LayerTape { x, q, k, v, probabilities, context, norm1, x1, hidden, norm2 }, y)
    }

    fn down(
        &self,
        tokens: &[u32],
        first: usize,
        dropout: &Dropout,
        tape: &CellTape,
        (mut dx, d_layers): (Vec<f64>, &[&[f64]]),
        gradients: &mut [Vec<f64>],
    ) {
        let d = self.config.width;
        for (l, (places, tape)) in self.layout.layers.iter().zip(&tape.layers).enumerate().rev() {
            if let Some(d_layer) = d_layers.get(l) {
                add(&mut dx[..d], d_layer);
            }
            dx = self.layer_back(l, places, tape, first, dropout, dx, gradients);
        }
        for (dx, &token) in dx.chunks_exact(d).zip(tokens) {
            add(&mut gradients[GENES][token as usize * d..][..d], dx);
        }
        self.mlp_back(&dx, &self.layout.value_encoder, 0.0, &tape.value_encoder, gradients);
    }

    #[allow(clippy::too_many_arguments)]
    fn layer_back(
        &self,
        l: usize,
        places: &LayerPlaces,
        tape: &LayerTape,
        first: usize,
        dropout: &Dropout,
        dy: Vec<f64>,
        gradients: &mut [Vec<f64>],
    ) -> Vec<f64> {
        let (d, heads) = (self.config.width, self.config.heads);
        let (w, t) = (d / heads, tape.x.len() / d);
        let ds2 = self.norm_back(&dy, places.norm2, &tape.norm2, gradients);
        let branch = self.drop(dropout, l, Site::Linear2, first, ds2.clone());
        let d_hidden = self.linear_back(&branch, places.linear2, &tape.hidden, gradients);
        let mut d_hidden = self.drop(dropout, l, Site::Hidden, first, d_hidden);
        d_hidden.iter_mut().zip(&tape.hidden).for_each(|(g, h)| *g *= f64::from(u8::from(*h > 0.0)));
        let dx1 = sum(&ds2, &self.linear_back(&d_hidden, places.linear1, &tape.x1, gradients));
        let ds1 = self.norm_back(&dx1, places.norm1, &tape.norm1, gradients);
        let branch = self.drop(dropout, l, Site::OutProj, first, ds1.clone());
        let d_context = self.linear_back(&branch, places.out_proj, &tape.context, gradients);
        let mut d_qkv = vec![0.0; t * 3 * d];
        for (h, i) in (0..heads).flat_map(|h| (0..t).map(move |i| (h, i))) {
            let scale = 1.0 / (w as f64).sqrt();
            let row = &tape.probabilities[(h * t + i) * t..][..t];
            let g = &d_context[i * d + h * w..][..w];
            let factor = |j| self.factor(dropout, l, Site::Attention, (first + i) * heads + h, j);
            let dp: Vec<f64> = (0..t).map(|j| factor(j) * dot(g, &tape.v[j * d + h * w..][..w])).collect();
            let inner = dot(row, &dp);
            for j in 0..t {
                let ds = row[j] * (dp[j] - inner) * scale;
                for c in h * w..(h + 1) * w {
                    d_qkv[i * 3 * d + c] += ds * tape.k[j * d + c];
                    d_qkv[j * 3 * d + d + c] += ds * tape.q[i * d + c];
                    d_qkv[j * 3 * d + 2 * d + c] += row[j] * factor(j) * g[c - h * w];
                }
            }
        }
        sum(&ds1, &self.linear_back(&d_qkv, places.in_proj, &tape.x, gradients))
    }

    fn factor(&self, dropout: &Dropout, l: usize, site: Site, row: usize, column: usize) -> f64 {
        dropout.site(l, site).row(row).map_or(1.0, |row| f64::from(row.factor(column)))
    }

    fn drop(&self, dropout: &Dropout, l: usize, site: Site, first: usize, mut x: Vec<f64>) -> Vec<f64> {
        let width = if site == Site::Hidden { self.config.ffn } else { self.config.width };
        for (i, x) in x.iter_mut().enumerate() {
            *x *= self.factor(dropout, l, site, first + i / width, i % width);
        }
        x
    }

    fn linear(&self, x: &[f64], at: Pair) -> Vec<f64> {
        let (w, b) = (&self.parameters[at.weight], &self.parameters[at.bias]);
        let inputs = w.len() / b.len();
        let row =
            |x: &[f64]| -> Vec<f64> { w.chunks_exact(inputs).zip(b).map(|(w, b)| dot(w, x) + b).collect() };
        x.chunks_exact(inputs).flat_map(row).collect()
    }

    fn linear_back(&self, dy: &[f64], at: Pair, x: &[f64], gradients: &mut [Vec<f64>]) -> Vec<f64> {
        let w = &self.parameters[at.weight];
        let outputs = self.parameters[at.bias].len();
        let inputs = w.len() / outputs;
        let mut dx = vec![0.0; x.len()];
        for ((dy, x), dx) in
            dy.chunks_exact(outputs).zip(x.chunks_exact(inputs)).zip(dx.chunks_exact_mut(inputs))
        {
            add(&mut gradients[at.bias], dy);
            for (o, g) in dy.iter().enumerate() {
                for i in 0..inputs {
                    dx[i] += g * w[o * inputs + i];
                    gradients[at.weight][o * inputs + i] += g * x[i];
                }
            }
        }
        dx
    }

    /// Linear layers with LeakyReLU of this slope between them (0: ReLU).
    fn mlp(&self, x: &[f64], layers: &[Pair], slope: f64) -> (Vec<f64>, MlpTape) {
        let mut tape = vec![x.to_vec()];
        let mut y = self.linear(x, layers[0]);
        for &layer in &layers[1..] {
            let active = self.leaky(&y, slope);
            y = self.linear(&active, layer);
            tape.push(active);
        }
        (y, tape)
    }

    fn leaky(&self, x: &[f64], slope: f64) -> Vec<f64> {
        let nearest = x.iter().fold(self.nearest_kink.get(), |m, x| m.min(x.abs()));
        self.nearest_kink.set(nearest);
        x.iter().map(|&x| if x > 0.0 { x } else { slope * x }).collect()
    }

    fn mlp_back(
        &self,
        dy: &[f64],
        layers: &[Pair],
        slope: f64,
        tape: &MlpTape,
        gradients: &mut [Vec<f64>],
    ) -> Vec<f64> {
        let mut dy = dy.to_vec();
        for (i, (&layer, x)) in layers.iter().zip(tape).enumerate().rev() {
            dy = self.linear_back(&dy, layer, x, gradients);
            if i > 0 {
                dy.iter_mut().zip(x).for_each(|(g, x)| *g *= if *x > 0.0 { 1.0 } else { slope });
            }
        }
        dy
    }

    fn norm(&self, s: Vec<f64>, at: Pair) -> (NormTape, Vec<f64>) {
        let (gain, shift) = (&self.parameters[at.weight], &self.parameters[at.bias]);
        let d = gain.len();
        let (mut normal, mut inverse, mut y) = (Vec::new(), Vec::new(), Vec::new());
        for row in s.chunks_exact(d) {
            let mean = row.iter().sum::<f64>() / d as f64;
            let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / d as f64;
            inverse.push(1.0 / (variance + EPSILON).sqrt());
            for (i, x) in row.iter().enumerate() {
                let x = (x - mean) / (variance + EPSILON).sqrt();
                normal.push(x);
                y.push(gain[i] * x + shift[i]);
            }
        }
        (NormTape { normal, inverse }, y)
    }

    fn norm_back(&self, dy: &[f64], at: Pair, tape: &NormTape, gradients: &mut [Vec<f64>]) -> Vec<f64> {
        let gain = &self.parameters[at.weight];
        let d = gain.len();
        let mut ds = Vec::new();
        for ((dy, x), inverse) in dy.chunks_exact(d).zip(tape.normal.chunks_exact(d)).zip(&tape.inverse) {
            let g: Vec<f64> = dy.iter().zip(gain).map(|(dy, gain)| dy * gain).collect();
            let (mean, slope) = (g.iter().sum::<f64>() / d as f64, dot(&g, x) / d as f64);
            for i in 0..d {
                gradients[at.weight][i] += dy[i] * x[i];
                gradients[at.bias][i] += dy[i];
                ds.push((g[i] - mean - x[i] * slope) * inverse);
            }
        }
        ds
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(to: &mut [f64], from: &[f64]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
}

fn sum(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}
