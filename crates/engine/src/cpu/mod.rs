//! The engine on processors: the flow of a step, and what carries it.
//!
//! * [`flow`]: one pass up and one pass down, in order.
//! * [`embed`]: tokens and values → the first layer's input.
//! * [`layer`] and [`attention`]: the encoder; the last layer only at the rows outputs are read from.
//! * [`heads`]: predictions at the positions asked for.
//! * [`linear`], [`rowwise`], [`softmax`], [`exp`], [`product`], [`half`]: the kernels beneath.
//! * [`vector`]: the choice of instructions; [`windows`]: matrices lent out by columns.
//! * [`pool`]: tasks and the threads that take them; [`arena`]: the memory.
//!
//! Work is cut by the data (blocks of rows, cells, heads), never by the number of threads, and
//! every sum has one order: the same bits come out for any number of threads.

mod arena;
mod attention;
#[cfg(test)]
mod blocks;
mod clock;
mod embed;
mod exp;
mod flow;
mod half;
mod heads;
mod layer;
mod linear;
mod peak;
mod pool;
mod product;
mod rowwise;
mod softmax;
mod vector;
mod windows;

use crate::adam::Adam;
use crate::dropout::Dropout;
use crate::layout::{GENES, Layout, first_values, gene_rows, zeros};
use crate::rows::Rows;
use crate::{Batch, Engine, ModelConfig, OptimizerState, OutputGradients, Outputs, Tensors};
use arena::{Arena, Pools};
use clock::{Clock, Part};
use genil_base::random::Key;
use genil_base::{Error, Result};
use linear::{Direction, Weights};
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
    pools: Pools,
    outputs: Outputs,
    clock: Clock,
    vector: Vector,
    weights: Weights,
    /// What `weights` are packed for, if they are those of `parameters`.
    packed: Option<Direction>,
    /// Whether there are gradients that no step has used.
    pending: bool,
    /// Dropout of the forward pass that a backward pass may follow.
    kept: Option<Dropout>,
}

impl CpuEngine {
    /// A model of this size with first values drawn from `seed`.
    ///
    /// # Errors
    /// When the sizes do not fit together, need more memory than there is, or the processor lacks the precision's instructions.
    pub fn new(config: ModelConfig, vocabulary: usize, seed: u64) -> Result<Self> {
        config.check()?;
        Layout::check_memory(&config, vocabulary)?;
        let vector = Vector::new(Instructions::Best, config.precision)?;
        let parameters = first_values(&config, vocabulary, seed);
        Ok(Self::with(config, parameters, vector))
    }

    /// The same model on other vector instructions.
    ///
    /// # Errors
    /// When the processor lacks them.
    pub fn with_instructions(mut self, instructions: Instructions) -> Result<Self> {
        self.vector = Vector::new(instructions, self.config.precision)?;
        self.weights = Weights::new(self.vector, &self.layout, self.config.width, self.config.ffn);
        (self.packed, self.kept) = (None, None);
        Ok(self)
    }

    fn with(config: ModelConfig, parameters: Tensors, vector: Vector) -> Self {
        let layout = Layout::new(&config);
        Self {
            weights: Weights::new(vector, &layout, config.width, config.ffn),
            vector,
            packed: None,
            pending: false,
            layout,
            gradients: zeros(&parameters),
            config,
            parameters,
            adam: None,
            rows: Rows::default(),
            arena: Arena::default(),
            pools: Pools::default(),
            clock: Clock::new(),
            outputs: Outputs::default(),
            kept: None,
        }
    }

    /// Name and seconds of each part of the steps since the last call.
    pub(crate) fn take_parts(&mut self) -> Vec<(&'static str, f64)> {
        self.clock.take()
    }

    /// FLOP a second that the current pool's threads reach at most.
    pub(crate) fn peak(&self, seconds: f64) -> f64 {
        peak::peak(self.vector, seconds)
    }

    /// Bytes of all buffers beyond parameters, gradients and moments.
    pub(crate) fn buffer_bytes(&mut self) -> usize {
        self.arena.bytes() + self.weights.bytes()
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
        of("layers", given.layers.len(), self.outputs.layers.len())?;
        Ok(dropout)
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
        self.clock.start();
        let adam = self.adam.get_or_insert_with(|| Adam::new(&self.parameters));
        adam.step(&mut self.parameters, &mut self.gradients, learning_rate);
        self.clock.lap(Part::Adam);
        (self.kept, self.packed, self.pending) = (None, None, false);
    }

    fn parameters(&self) -> &Tensors {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut Tensors {
        (self.kept, self.packed) = (None, None);
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
        (self.kept, self.packed, self.pending) = (None, None, false);
        Ok(())
    }

    fn duplicate(&self) -> Box<dyn Engine> {
        Box::new(Self::with(self.config.clone(), self.parameters.clone(), self.vector))
    }
}
