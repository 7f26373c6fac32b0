//! Several ingredients as one method: each does its part, in order.

use super::{Context, Memory, Method, Step, Teacher};
use crate::batch::{Example, Origin, Part, StepCell};
use genil_base::{Error, Result};
use genil_data::CellRef;
use genil_engine::{Engine, OutputGradients, Outputs, Tensors};
use serde_json::Value;

/// The ingredients.
pub struct Composed(Vec<Box<dyn Method>>);

impl Composed {
    /// Ingredients in the order in which they meet a step.
    pub fn new(parts: Vec<Box<dyn Method>>) -> Self {
        Self(parts)
    }

    /// The arrays of each ingredient behind its place, `0.`, `1.` …
    fn gather(&self, of: impl Fn(&dyn Method) -> Tensors) -> Tensors {
        let named = self.0.iter().enumerate().flat_map(|(place, part)| {
            of(&**part).0.into_iter().map(move |mut tensor| {
                tensor.name.insert_str(0, &format!("{place}."));
                tensor
            })
        });
        Tensors(named.collect())
    }

    /// The other way round.
    fn divide(&self, tensors: Tensors) -> Result<Vec<Tensors>> {
        let mut parts = vec![Tensors::default(); self.0.len()];
        for mut tensor in tensors.0 {
            let place = tensor.name.split_once('.').and_then(|(place, name)| {
                let place: usize = place.parse().ok().filter(|&place| place < parts.len())?;
                Some((place, name.to_owned()))
            });
            let Some((place, name)) = place else {
                return Err(Error::new(format!("the array '{}' belongs to no ingredient", tensor.name)));
            };
            tensor.name = name;
            parts[place].0.push(tensor);
        }
        Ok(parts)
    }
}

impl Method for Composed {
    fn departs_at(&self, stage: usize) -> bool {
        self.0.iter().any(|part| part.departs_at(stage))
    }

    fn asks_teacher(&self, of: Origin) -> bool {
        self.0.iter().any(|part| part.asks_teacher(of))
    }

    fn begin_stage(
        &mut self,
        context: Context<'_>,
        engine: &mut dyn Engine,
        examples: &mut Vec<Example>,
    ) -> Result<()> {
        self.0.iter_mut().try_for_each(|part| part.begin_stage(context, engine, examples))
    }

    fn add_cells(&mut self, context: Context<'_>, step: u64, cells: &mut Vec<StepCell>) -> Result<()> {
        self.0.iter_mut().try_for_each(|part| part.add_cells(context, step, cells))
    }

    fn set_targets(&mut self, context: Context<'_>, part: &mut Part) -> Result<()> {
        self.0.iter_mut().try_for_each(|it| it.set_targets(context, part))
    }

    fn add_loss(
        &mut self,
        step: &Step<'_>,
        outputs: &Outputs,
        gradients: &mut OutputGradients,
    ) -> Result<f64> {
        self.0.iter_mut().map(|part| part.add_loss(step, outputs, gradients)).sum()
    }

    fn change_gradients(&mut self, context: Context<'_>, engine: &mut dyn Engine, done: f64) -> Result<()> {
        self.0.iter_mut().try_for_each(|part| part.change_gradients(context, engine, done))
    }

    fn after_step(
        &mut self,
        context: Context<'_>,
        engine: &mut dyn Engine,
        mut teacher: Option<&mut Teacher>,
    ) -> Result<()> {
        self.0.iter_mut().try_for_each(|part| part.after_step(context, engine, teacher.as_deref_mut()))
    }

    fn end_stage(&mut self, context: Context<'_>, engine: &mut dyn Engine) -> Result<()> {
        self.0.iter_mut().try_for_each(|part| part.end_stage(context, engine))
    }

    fn moves_teacher(&self) -> bool {
        self.0.iter().any(|part| part.moves_teacher())
    }

    fn progress(&self) -> Tensors {
        self.gather(|part| part.progress())
    }

    fn resume(&mut self, progress: Tensors) -> Result<()> {
        let parts = self.divide(progress)?;
        self.0.iter_mut().zip(parts).try_for_each(|(part, progress)| part.resume(progress))
    }

    fn memory(&self) -> Memory {
        let notes: Vec<Value> = self.0.iter().map(|part| part.memory().notes).collect();
        let notes = if notes.iter().all(Value::is_null) { Value::Null } else { Value::Array(notes) };
        Memory { notes, tensors: self.gather(|part| part.memory().tensors) }
    }

    fn stored_cells(&self) -> Vec<CellRef> {
        self.0.iter().flat_map(|part| part.stored_cells()).collect()
    }

    fn restore(&mut self, context: Context<'_>, memory: Memory) -> Result<()> {
        let notes = match memory.notes {
            Value::Array(notes) if notes.len() == self.0.len() => notes,
            Value::Null => vec![Value::Null; self.0.len()],
            _ => return Err(Error::new("the method's memory has other ingredients")),
        };
        let tensors = self.divide(memory.tensors)?;
        let memories = notes.into_iter().zip(tensors).map(|(notes, tensors)| Memory { notes, tensors });
        self.0.iter_mut().zip(memories).try_for_each(|(part, memory)| part.restore(context, memory))
    }
}
