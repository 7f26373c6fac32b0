//! The engine on processors: the flow of a step, and what carries it.
//!
//! * [`embed`]: tokens and values → the first layer's input.
//! * [`layer`] and [`attention`]: the encoder; the last layer only at the rows outputs are read from.
//! * [`heads`]: predictions at the positions asked for.
//! * [`linear`], [`rowwise`], [`softmax`], [`exp`], [`product`]: the kernels beneath.
//! * [`vector`]: the choice of instructions; [`windows`]: matrices lent out by columns.
//! * [`arena`]: the memory.
//!
//! Work is cut by the data (blocks of rows, cells, heads), never by the number of threads, and
//! every sum has one order: the same bits come out for any number of threads.

mod arena;
mod attention;
mod embed;
mod exp;
mod heads;
mod layer;
mod linear;
mod product;
mod rowwise;
mod softmax;
mod vector;
mod windows;

use crate::adam::Adam;
use crate::dropout::{Dropout, Site};
use crate::layout::{GENES, Layout, first_values, gene_rows, zeros};
use crate::rows::Rows;
use crate::{Batch, Engine, ModelConfig, OptimizerState, OutputGradients, Outputs, Tensors};
use arena::{Arena, size};
use attention::Attention;
use embed::Embed;
use genil_base::random::Key;
use genil_base::{Error, Result};
use heads::Heads;
use layer::Layer;
use linear::{BLOCK, Weights};
use rayon::prelude::*;
pub use vector::Instructions;
use vector::Vector;

/// The engine on processors, on the threads of rayon's current pool.
pub struct CpuEngine {
    config: ModelConfig,
    layout: Layout,
    parameters: Tensors,
    gradients: Tensors,
    /// `None` for a teacher until its first step.
    adam: Option<Adam>,
    rows: Rows,
    arena: Arena,
    outputs: Outputs,
    vector: Vector,
    weights: Weights,
    /// Whether `weights` are those of `parameters`.
    packed: bool,
    /// Whether there are gradients that no step has used.
    pending: bool,
    /// Dropout of the forward pass that a backward pass may follow.
    kept: Option<Dropout>,
}

impl CpuEngine {
    /// A model of this size with first values drawn from `seed`.
    ///
    /// # Errors
    /// When the sizes do not fit together.
    pub fn new(config: ModelConfig, vocabulary: usize, seed: u64) -> Result<Self> {
        config.check()?;
        let parameters = first_values(&config, vocabulary, seed);
        Ok(Self::with(config, parameters, Vector::new(Instructions::Best)?))
    }

    /// The same model on other vector instructions.
    ///
    /// # Errors
    /// When the processor lacks them.
    pub fn with_instructions(mut self, instructions: Instructions) -> Result<Self> {
        self.vector = Vector::new(instructions)?;
        self.weights = Weights::new(self.vector, &self.layout, self.config.width, self.config.ffn);
        (self.packed, self.kept) = (false, None);
        Ok(self)
    }

    fn with(config: ModelConfig, parameters: Tensors, vector: Vector) -> Self {
        let layout = Layout::new(&config);
        Self {
            weights: Weights::new(vector, &layout, config.width, config.ffn),
            vector,
            packed: false,
            pending: false,
            layout,
            gradients: zeros(&parameters),
            config,
            parameters,
            adam: None,
            rows: Rows::default(),
            arena: Arena::default(),
            outputs: Outputs::default(),
            kept: None,
        }
    }

    fn heads(&self) -> Heads<'_> {
        let Self { layout, weights, parameters, rows, .. } = self;
        Heads { layout, weights, parameters, rows }
    }

    fn embed(&self) -> Embed<'_> {
        let Self { layout, parameters, rows, .. } = self;
        Embed { layout, linear: &self.weights.value_encoder, parameters, rows }
    }

    fn layer<'a>(&'a self, index: usize, dropout: Dropout) -> Layer<'a> {
        Layer {
            index,
            width: self.config.width,
            ffn: self.config.ffn,
            places: self.layout.layers[index],
            weights: &self.weights.layers[index],
            parameters: &self.parameters,
            vector: self.vector,
            dropout,
            positions: self.is_last(index).then_some(&self.rows.selected),
        }
    }

    fn is_last(&self, index: usize) -> bool {
        index + 1 == self.config.layers
    }

    fn attention<'a>(&'a self, index: usize, dropout: Dropout) -> Attention<'a> {
        let last = self.is_last(index);
        Attention {
            width: self.config.width,
            heads: self.config.heads,
            queries: if last { &self.rows.selected_of_cell } else { &self.rows.all },
            keys: &self.rows.all,
            positions: last.then_some(&self.rows.selected),
            dropout: dropout.site(index, Site::Attention),
            vector: self.vector,
        }
    }

    fn run(&mut self, batch: &Batch, dropout: Dropout, keep: bool) -> Result<()> {
        self.kept = None;
        self.rows.set(batch, self.vocabulary())?;
        if !self.packed {
            self.weights.pack(&self.parameters);
            self.packed = true;
        }
        let mut arena = std::mem::take(&mut self.arena);
        arena.size_forward(&self.config, &self.rows, keep);
        let d = self.config.width;
        self.embed().forward(&mut arena.stream);
        arena.input.copy_from_slice(&arena.stream);
        for l in 0..self.config.layers {
            let layer = self.layer(l, dropout);
            let kept = &mut arena.layers[if keep { l } else { 0 }];
            if self.is_last(l) {
                for (to, &row) in arena.selected.chunks_exact_mut(d).zip(&self.rows.selected) {
                    to.copy_from_slice(&arena.stream[row as usize * d..][..d]);
                }
            }
            let queries = if self.is_last(l) { &arena.selected } else { &arena.stream };
            kept.size(&self.config, queries.len() / d, self.rows.count());
            layer.project(&layer.weights.query, queries, &mut kept.q);
            layer.project(&layer.weights.key_value, &arena.stream, &mut kept.kv);
            self.attention(l, dropout).forward(&kept.q, &kept.kv, &mut kept.context, &mut kept.lse);
            layer.rest(kept, if self.is_last(l) { &mut arena.selected } else { &mut arena.stream });
        }
        let mut outputs = std::mem::take(&mut self.outputs);
        self.heads().forward(&arena.selected, &mut arena.heads, &mut outputs);
        self.outputs = outputs;
        self.arena = arena;
        self.kept = keep.then_some(dropout);
        Ok(())
    }

    fn check(&self, given: &OutputGradients) -> Result<Dropout> {
        let Some(dropout) = self.kept else {
            return Err(Error::new("backward needs a forward before it, and only one backward can follow"));
        };
        let of = |name: &str, given: usize, expected: usize| {
            let fits = given == 0 || given == expected;
            let wrong = || Error::new(format!("{given} gradients of {name} but {expected} outputs"));
            if fits { Ok(()) } else { Err(wrong()) }
        };
        of("values", given.value.len(), self.outputs.value.len())?;
        of("cell values", given.cell_value.len(), self.outputs.cell_value.len())?;
        of("embeddings", given.embedding.len(), self.outputs.embedding.len())?;
        Ok(dropout)
    }

    fn run_back(&mut self, given: &OutputGradients, dropout: Dropout) {
        let mut arena = std::mem::take(&mut self.arena);
        let mut gradients = std::mem::take(&mut self.gradients);
        arena.size_backward(&self.config, &self.rows);
        let (d, rows) = (self.config.width, &self.rows);
        let Arena { stream: x, selected: x_selected, input, layers, heads, down, partial } = &mut arena;
        let mut dx = std::mem::take(&mut down.stream);
        let mut dy = std::mem::take(&mut down.selected);
        self.heads().backward(&mut gradients, heads, &self.outputs, given, &mut dy);
        for l in (0..self.config.layers).rev() {
            let (layer, last) = (self.layer(l, dropout), self.is_last(l));
            let (below, above) = layers.split_at_mut(l);
            let kept = &mut above[0];
            let stream = if last { &mut dy } else { &mut dx };
            let t = stream.len() / d;
            down.size_layer(&self.config, t);
            size(partial, t.div_ceil(BLOCK) * layer.sums());
            layer.rest_backward(kept, stream, down, partial);
            layer.add_sums(partial, &mut gradients);
            self.attention(l, dropout).backward(
                &mut kept.q,
                &mut kept.kv,
                &kept.context,
                &kept.lse,
                &down.context,
            );

            let weights = &self.weights.layers[l];
            let norm1 = layer.norm1();
            let x1 = if last { &mut *x_selected } else { &mut *x };
            x1.par_chunks_mut(d).zip(kept.normal1.par_chunks(d)).for_each(|(y, x)| norm1.apply(x, y));
            weights.linear2.weight_gradient(&mut gradients, &down.linear2, &kept.hidden);
            weights.linear1.weight_gradient(&mut gradients, &down.hidden, x1);
            weights.out_proj.weight_gradient(&mut gradients, &down.out_proj, &kept.context);
            match below.last() {
                Some(previous) => {
                    let norm = self.layer(l - 1, dropout).norm2();
                    x.par_chunks_mut(d)
                        .zip(previous.normal2.par_chunks(d))
                        .for_each(|(y, x)| norm.apply(x, y));
                }
                None => x.copy_from_slice(input),
            }
            if last {
                for (to, &row) in x_selected.chunks_exact_mut(d).zip(&rows.selected) {
                    to.copy_from_slice(&x[row as usize * d..][..d]);
                }
            }
            weights.query.weight_gradient(&mut gradients, &kept.q, if last { x_selected } else { x });
            weights.key_value.weight_gradient(&mut gradients, &kept.kv, x);

            size(partial, t.div_ceil(BLOCK) * d);
            layer.project_backward(&weights.query, stream, &kept.q, true, partial);
            weights.query.bias_gradient(&mut gradients, partial);
            size(partial, rows.count().div_ceil(BLOCK) * 2 * d);
            layer.project_backward(&weights.key_value, &mut dx, &kept.kv, !last, partial);
            weights.key_value.bias_gradient(&mut gradients, partial);
            if last {
                for (dy, &row) in dy.chunks_exact(d).zip(&rows.selected) {
                    rowwise::add(&mut dx[row as usize * d..][..d], dy);
                }
            }
        }
        self.embed().backward(&mut gradients, &dx, x, partial);
        (down.stream, down.selected) = (dx, dy);
        self.adam.get_or_insert_with(|| Adam::new(&self.parameters)).touch(&rows.tokens);
        self.arena = arena;
        self.gradients = gradients;
    }
}

impl Engine for CpuEngine {
    fn config(&self) -> &ModelConfig {
        &self.config
    }

    fn vocabulary(&self) -> usize {
        self.parameters.0[GENES].shape[0]
    }

    fn predict(&mut self, batch: &Batch) -> Result<&Outputs> {
        self.run(batch, Dropout::none(), false)?;
        Ok(&self.outputs)
    }

    fn forward(&mut self, batch: &Batch, dropout: Key) -> Result<&Outputs> {
        self.run(batch, Dropout::new(self.config.dropout, dropout), true)?;
        Ok(&self.outputs)
    }

    fn backward(&mut self, gradients: &OutputGradients) -> Result<()> {
        let dropout = self.check(gradients)?;
        self.kept = None;
        self.pending = true;
        self.run_back(gradients, dropout);
        Ok(())
    }

    fn step(&mut self, learning_rate: f32) {
        let adam = self.adam.get_or_insert_with(|| Adam::new(&self.parameters));
        adam.step(&mut self.parameters, &mut self.gradients, learning_rate);
        (self.kept, self.packed, self.pending) = (None, false, false);
    }

    fn parameters(&self) -> &Tensors {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut Tensors {
        (self.kept, self.packed) = (None, false);
        &mut self.parameters
    }

    fn gradients(&self) -> &Tensors {
        &self.gradients
    }

    fn gradients_mut(&mut self) -> &mut Tensors {
        &mut self.gradients
    }

    fn grow(&mut self, vocabulary: usize, seed: u64) {
        let (old, d) = (self.vocabulary(), self.config.width);
        if vocabulary <= old {
            return;
        }
        self.kept = None;
        self.parameters.0[GENES].data.extend(gene_rows(old..vocabulary, d, seed));
        self.parameters.0[GENES].shape[0] = vocabulary;
        self.gradients.0[GENES].data.resize(vocabulary * d, 0.0);
        self.gradients.0[GENES].shape[0] = vocabulary;
        if let Some(adam) = &mut self.adam {
            adam.grow(vocabulary, d);
        }
    }

    fn restart_optimizer(&mut self) {
        self.adam = None;
        if self.pending {
            let mut adam = Adam::new(&self.parameters);
            adam.touch_where(&self.gradients);
            self.adam = Some(adam);
        }
    }

    fn optimizer(&self) -> OptimizerState {
        match &self.adam {
            Some(adam) => adam.state(),
            None => Adam::new(&self.parameters).state(),
        }
    }

    fn restore(&mut self, parameters: Tensors, optimizer: Option<OptimizerState>) -> Result<()> {
        let vocabulary = parameters.get("gene_embedding.weight").and_then(|t| t.shape.first().copied());
        let Some(vocabulary) = vocabulary else {
            return Err(Error::new("the tensor 'gene_embedding.weight' is missing"));
        };
        let parameters = Layout::arrange(&self.config, vocabulary, parameters)?;
        let adam = match optimizer {
            None => None,
            Some(state) => Some(Adam::resume(OptimizerState {
                steps: state.steps,
                first: Layout::arrange(&self.config, vocabulary, state.first)?,
                second: Layout::arrange(&self.config, vocabulary, state.second)?,
            })),
        };
        self.gradients = zeros(&parameters);
        self.parameters = parameters;
        self.adam = adam;
        (self.kept, self.packed, self.pending) = (None, false, false);
        Ok(())
    }

    fn duplicate(&self) -> Box<dyn Engine> {
        Box::new(Self::with(self.config.clone(), self.parameters.clone(), self.vector))
    }
}
