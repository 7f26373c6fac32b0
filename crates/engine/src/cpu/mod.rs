//! The engine on processors: the flow of a step, and what carries it.
//!
//! * [`embed`]: tokens and values → the first layer's input.
//! * [`layer`] and [`attention`]: the encoder; the last layer only at the rows outputs are read from.
//! * [`heads`]: predictions at the positions asked for.
//! * [`rowwise`], [`exp`], [`product`], [`windows`]: the kernels beneath.
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
mod product;
mod rowwise;
mod windows;

use crate::adam::Adam;
use crate::dropout::{Dropout, Site};
use crate::layout::{GENES, Layout, first_values, gene_rows, zeros};
use crate::rows::Rows;
use crate::{Batch, Engine, ModelConfig, OptimizerState, OutputGradients, Outputs, Tensors};
use arena::{Arena, size};
use attention::Attention;
use genil_base::random::Key;
use genil_base::{Error, Result};
use heads::Heads;
use layer::{Layer, Part};
use product::{BLOCK, linear_weight_gradient};
use rayon::prelude::*;

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
        Ok(Self::with(config, parameters))
    }

    fn with(config: ModelConfig, parameters: Tensors) -> Self {
        Self {
            layout: Layout::new(&config),
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
        Heads { layout: &self.layout, parameters: &self.parameters, rows: &self.rows }
    }

    fn layer<'a>(&'a self, index: usize, dropout: Dropout) -> Layer<'a> {
        Layer {
            index,
            width: self.config.width,
            ffn: self.config.ffn,
            places: self.layout.layers[index],
            parameters: &self.parameters,
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
        }
    }

    fn run(&mut self, batch: &Batch, dropout: Dropout, keep: bool) -> Result<()> {
        self.kept = None;
        self.rows.set(batch, self.vocabulary())?;
        let mut arena = std::mem::take(&mut self.arena);
        arena.size_forward(&self.config, &self.rows, keep);
        let d = self.config.width;
        embed::forward(&self.layout, &self.parameters, &self.rows, &mut arena.stream);
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
            layer.project(queries, &mut kept.q, Part::Query);
            layer.project(&arena.stream, &mut kept.kv, Part::KeyValue);
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
        let (d, ffn, rows) = (self.config.width, self.config.ffn, &self.rows);
        let Arena { stream: x, selected: x_selected, input, layers, heads, down, partial } = &mut arena;
        let mut dx = std::mem::take(&mut down.stream);
        let mut dy = std::mem::take(&mut down.selected);
        self.heads().backward(&mut gradients, heads, &self.outputs, given, &mut dy);
        for l in (0..self.config.layers).rev() {
            let (layer, places, last) = (self.layer(l, dropout), self.layout.layers[l], self.is_last(l));
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

            let norm1 = layer.norm1();
            let x1 = if last { &mut *x_selected } else { &mut *x };
            x1.par_chunks_mut(d).zip(kept.normal1.par_chunks(d)).for_each(|(y, x)| norm1.apply(x, y));
            linear_weight_gradient(
                &mut gradients.0[places.linear2.weight].data,
                &down.linear2,
                d,
                &kept.hidden,
                ffn,
            );
            linear_weight_gradient(&mut gradients.0[places.linear1.weight].data, &down.hidden, ffn, x1, d);
            linear_weight_gradient(
                &mut gradients.0[places.out_proj.weight].data,
                &down.out_proj,
                d,
                &kept.context,
                d,
            );
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
            let (d_query, d_key_value) = gradients.0[places.in_proj.weight].data.split_at_mut(d * d);
            linear_weight_gradient(d_query, &kept.q, d, if last { x_selected } else { x }, d);
            linear_weight_gradient(d_key_value, &kept.kv, 2 * d, x, d);

            let (bias_q, bias_kv) = gradients.0[places.in_proj.bias].data.split_at_mut(d);
            size(partial, t.div_ceil(BLOCK) * d);
            layer.project_backward(stream, &kept.q, Part::Query, true, partial);
            partial.chunks_exact(d).for_each(|sums| rowwise::add(bias_q, sums));
            size(partial, rows.count().div_ceil(BLOCK) * 2 * d);
            layer.project_backward(&mut dx, &kept.kv, Part::KeyValue, !last, partial);
            partial.chunks_exact(2 * d).for_each(|sums| rowwise::add(bias_kv, sums));
            if last {
                for (dy, &row) in dy.chunks_exact(d).zip(&rows.selected) {
                    rowwise::add(&mut dx[row as usize * d..][..d], dy);
                }
            }
        }
        embed::backward(&self.layout, &self.parameters, &mut gradients, rows, &dx, x, partial);
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
        self.run_back(gradients, dropout);
        Ok(())
    }

    fn step(&mut self, learning_rate: f32) {
        let adam = self.adam.get_or_insert_with(|| Adam::new(&self.parameters));
        adam.step(&mut self.parameters, &mut self.gradients, learning_rate);
        self.kept = None;
    }

    fn parameters(&self) -> &Tensors {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut Tensors {
        self.kept = None;
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
        self.kept = None;
        Ok(())
    }

    fn duplicate(&self) -> Box<dyn Engine> {
        Box::new(Self::with(self.config.clone(), self.parameters.clone()))
    }
}
