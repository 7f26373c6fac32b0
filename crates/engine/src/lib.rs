//! The model: tokens in, predictions out; gradients of the predictions in, gradients of the
//! parameters out; Adam. Knows no stage and no method.
//!
//! The flow of one step, in order:
//! * [`config`]: the size of the model.
//! * [`tensors`]: parameters and gradients as named flat arrays.
//! * [`batch`]: cells laid end to end, without padding, and the positions asked for.
//! * [`outputs`]: what the model says there, and the gradients of a loss in it.
//! * [`Engine`]: the trait that every method against forgetting is written on.
//! * [`CpuEngine`]: the trait on processors.
//! * [`mod@bench`]: how fast a step is on this machine.
//! * [`mod@reference`]: the same model, plain and in f64, as the oracle of the tests.
//!
//! Axis letters, here and everywhere: `B` cells of a batch, `R` tokens of a batch (all cells end
//! to end), `T` tokens of one cell, `P` positions asked for, `d` width, `V` vocabulary.

#[cfg(test)]
extern crate self as genil_engine; // For what unit tests share with tests/.

mod adam;
pub mod batch;
pub mod bench;
pub mod config;
mod cpu;
mod dropout;
mod layout;
pub mod outputs;
pub mod reference;
mod rows;
pub mod tensors;

pub use batch::Batch;
pub use config::{ModelConfig, Precision};
pub use cpu::{CpuEngine, Instructions};
pub use outputs::{OutputGradients, Outputs};
pub use tensors::{Tensor, Tensors};

use genil_base::Result;
use genil_base::random::Key;

/// Puts a model's parameters into the engine's order.
///
/// # Errors
/// When one is missing, unknown or of another shape than a model of this size and vocabulary has.
pub fn arrange(config: &ModelConfig, vocabulary: usize, parameters: Tensors) -> Result<Tensors> {
    layout::Layout::arrange(config, vocabulary, parameters)
}

/// A model that can be asked and trained.
///
/// One training step is `forward`, a loss on its [`Outputs`], `backward` with the loss's
/// gradients, `step`. Several `forward`–`backward` pairs before one `step` add their gradients.
pub trait Engine: Send {
    /// The size of the model.
    fn config(&self) -> &ModelConfig;

    /// `V`: rows of the gene embedding, the special tokens included.
    fn vocabulary(&self) -> usize;

    /// Predictions without dropout; nothing is kept for a backward pass.
    fn predict(&mut self, batch: &Batch) -> Result<&Outputs>;

    /// Predictions with dropout drawn from `dropout`; keeps what `backward` needs.
    fn forward(&mut self, batch: &Batch, dropout: Key) -> Result<&Outputs>;

    /// Adds the gradients of the last `forward`'s loss to [`Engine::gradients`].
    fn backward(&mut self, gradients: &OutputGradients) -> Result<()>;

    /// One step of Adam (β₁ 0.9, β₂ 0.999, ε 1e-8, no decay) at this learning rate, then the
    /// gradients are zero again.
    fn step(&mut self, learning_rate: f32);

    /// The parameters, by PyTorch's names and shapes.
    fn parameters(&self) -> &Tensors;

    /// The parameters, to be changed in place (weight averaging, pulls to old values).
    fn parameters_mut(&mut self) -> &mut Tensors;

    /// The gradients added up since the last `step`, in the order of [`Engine::parameters`].
    fn gradients(&self) -> &Tensors;

    /// The gradients, to be changed in place before `step` (projections, frozen parts). Rows of
    /// the gene embedding that no `backward` has met since [`Engine::restart_optimizer`] must stay zero.
    fn gradients_mut(&mut self) -> &mut Tensors;

    /// Adds gene rows up to `vocabulary`; a row's first values depend on `seed` and its number alone.
    fn grow(&mut self, vocabulary: usize, seed: u64);

    /// Forgets Adam's moments and counts its steps from 0, as at the start of a stage.
    fn restart_optimizer(&mut self);

    /// Adam's moments and step count, to resume from.
    fn optimizer(&self) -> OptimizerState;

    /// Takes up parameters and, if given, Adam's state. The vocabulary becomes that of `parameters`.
    ///
    /// # Errors
    /// When a tensor is missing, unknown or of another shape.
    fn restore(&mut self, parameters: Tensors, optimizer: Option<OptimizerState>) -> Result<()>;

    /// A second engine of the same kind with the same parameters and no optimizer: a teacher.
    fn duplicate(&self) -> Box<dyn Engine>;
}

/// Adam's state.
#[derive(Debug, Clone, PartialEq)]
pub struct OptimizerState {
    /// Steps taken.
    pub steps: u64,
    /// First moments, in the order of the parameters.
    pub first: Tensors,
    /// Second moments, in the order of the parameters.
    pub second: Tensors,
}
