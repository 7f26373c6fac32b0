//! LoRA (Hu et al., ICLR 2022): in a stage each chosen matrix may only move by `scale · B A` of rank `rank`; everything
//! else that earlier stages left is frozen, and the rows of the stage's new genes move freely. After the stage the update
//! is part of the matrix.
//!
//! `A` starts uniform within ± 1 / √columns and `B` at 0, so the stage starts from the old model. Both are trained by Adam
//! as everything else is, at the same rate.
//!
//! Cost: a copy of the old parameters, written back after every step, and small products. Stores nothing.

use super::settings::{base_or_later, positive};
use super::{Context, Method, Teacher, weights};
use crate::batch::{Example, StepCell};
use genil_base::{Error, Result};
use genil_engine::{Engine, Tensor, Tensors};
use serde::{Deserialize, Serialize};

/// Which matrices may move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Matrices {
    /// Those of attention (the paper's choice).
    Attention,
    /// Those of the encoder and both heads.
    #[default]
    All,
}

/// Settings of LoRA.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoraSettings {
    /// Rank of an update.
    pub rank: usize,
    /// Factor of an update (α / rank in the paper).
    pub scale: f64,
    /// The matrices that may move.
    pub matrices: Matrices,
    /// Whether stage 1 is treated so too.
    pub base: bool,
}

impl Default for LoraSettings {
    fn default() -> Self {
        Self { rank: 4, scale: 1.0, matrices: Matrices::All, base: false }
    }
}

impl LoraSettings {
    /// Checks the ranges.
    pub fn check(&self) -> Result<()> {
        positive("rank", self.rank as f64)?;
        positive("scale", self.scale)
    }

    /// Whether a parameter is a matrix that may move; gene rows are none.
    fn chooses(&self, it: &Tensor) -> bool {
        let matrix = it.shape.len() == 2 && it.shape.iter().all(|&n| n > self.rank);
        let here = self.matrices == Matrices::All || it.name.contains("self_attn");
        matrix && here && it.name != weights::GENE_ROWS
    }
}

/// Low-rank updates.
pub struct Lora {
    settings: LoraSettings,
    old: Tensors,
    /// `NAME.b`, rows × rank, and `NAME.a`, rank × columns, of every chosen matrix.
    factors: Tensors,
    /// Adam's moments of the factors.
    first: Tensors,
    second: Tensors,
    step: u64,
}

impl Lora {
    /// LoRA with these settings.
    pub fn new(settings: LoraSettings) -> Self {
        let none = Tensors::default;
        Self { settings, old: none(), factors: none(), first: none(), second: none(), step: 0 }
    }

    /// The matrix called `name` and its factors.
    fn update(&self, name: &str) -> Option<(&[f32], &[f32])> {
        let factor = |side: &str| self.factors.get(&format!("{name}.{side}")).map(|t| &t.data[..]);
        factor("b").zip(factor("a"))
    }

    /// Gradients of the factors from those of the matrices: `scale · G Aᵀ` and `scale · Bᵀ G`.
    fn gradients(&self, of: &Tensors) -> Tensors {
        let (rank, scale) = (self.settings.rank, self.settings.scale as f32);
        let mut gradients = Vec::new();
        for g in of.iter() {
            let Some((b, a)) = self.update(&g.name) else { continue };
            let columns = g.shape[1];
            let (mut of_b, mut of_a) = (vec![0.0; b.len()], vec![0.0; a.len()]);
            for (row, g) in g.data.chunks_exact(columns).enumerate() {
                for k in 0..rank {
                    let (a, of_a) = (&a[k * columns..][..columns], &mut of_a[k * columns..][..columns]);
                    of_b[row * rank + k] = scale * g.iter().zip(a).map(|(g, a)| g * a).sum::<f32>();
                    let b = scale * b[row * rank + k];
                    of_a.iter_mut().zip(g).for_each(|(of_a, g)| *of_a += b * g);
                }
            }
            gradients.push(tensor(format!("{}.b", g.name), [g.shape[0], rank], of_b));
            gradients.push(tensor(format!("{}.a", g.name), [rank, columns], of_a));
        }
        Tensors(gradients)
    }

    /// One step of Adam on the factors.
    fn adam(&mut self, gradients: &Tensors, learning_rate: f64) {
        const BETA: [f64; 2] = [0.9, 0.999];
        let steps = (self.step + 1).min(i32::MAX as u64) as i32;
        let [whole, whole2] = BETA.map(|beta| (1.0 - beta.powi(steps)) as f32);
        let [beta, beta2] = BETA.map(|beta| beta as f32);
        weights::change(&mut self.first, gradients, |m, g| *m += (1.0 - beta) * (g - *m));
        weights::change(&mut self.second, gradients, |v, g| *v += (1.0 - beta2) * (g * g - *v));
        let mut way = self.first.clone();
        weights::change(&mut way, &self.second, |m, v| *m = *m / whole / ((v / whole2).sqrt() + 1e-8));
        weights::change(&mut self.factors, &way, |it, way| *it -= learning_rate as f32 * way);
    }
}

fn tensor(name: String, shape: [usize; 2], data: Vec<f32>) -> Tensor {
    Tensor { name, shape: shape.into(), data }
}

impl Method for Lora {
    fn departs_at(&self, stage: usize) -> bool {
        base_or_later(self.settings.base, stage)
    }

    fn begin_stage(
        &mut self,
        context: Context<'_>,
        engine: &mut dyn Engine,
        _: &mut Vec<Example>,
    ) -> Result<()> {
        if !self.departs_at(context.stage) {
            return Ok(());
        }
        self.old = weights::of_earlier_stages(engine, context);
        let rank = self.settings.rank;
        let key = context.key().with(10);
        self.factors.0.clear();
        for (place, it) in (0u64..).zip(engine.parameters().iter()) {
            if self.settings.chooses(it) {
                let [rows, columns] = [it.shape[0], it.shape[1]];
                let bound = 1.0 / (columns as f64).sqrt();
                let first = |i: usize| ((2.0 * key.with(place).uniform(i as u64) - 1.0) * bound) as f32;
                let a = (0..rank * columns).map(first).collect();
                self.factors.0.push(tensor(format!("{}.b", it.name), [rows, rank], vec![0.0; rows * rank]));
                self.factors.0.push(tensor(format!("{}.a", it.name), [rank, columns], a));
            }
        }
        if self.factors.0.is_empty() {
            return Err(Error::new(format!("no matrix of this model has more than {rank} rows and columns"))
                .help("lower rank"));
        }
        self.first = self.factors.clone();
        self.first.iter_mut().for_each(|t| t.data.fill(0.0));
        self.second = self.first.clone();
        Ok(())
    }

    fn add_cells(&mut self, _: Context<'_>, step: u64, _: &mut Vec<StepCell>) -> Result<()> {
        self.step = step;
        Ok(())
    }

    fn change_gradients(&mut self, context: Context<'_>, engine: &mut dyn Engine, done: f64) -> Result<()> {
        if self.departs_at(context.stage) {
            let train = &context.settings.train;
            let gradients = self.gradients(engine.gradients());
            self.adam(&gradients, train.learning_rate * train.schedule.factor(done));
        }
        Ok(())
    }

    fn after_step(&mut self, _: Context<'_>, engine: &mut dyn Engine, _: Option<&mut Teacher>) -> Result<()> {
        let rank = self.settings.rank;
        let parameters = engine.parameters_mut();
        weights::change(parameters, &self.old, |now, old| *now = old);
        for it in parameters.iter_mut() {
            let Some((b, a)) = self.update(&it.name) else { continue };
            let columns = it.shape[1];
            for (row, b) in it.data.chunks_exact_mut(columns).zip(b.chunks_exact(rank)) {
                for (b, a) in b.iter().zip(a.chunks_exact(columns)) {
                    let b = self.settings.scale as f32 * b;
                    row.iter_mut().zip(a).for_each(|(now, a)| *now += b * a);
                }
            }
        }
        Ok(())
    }

    fn progress(&self) -> Tensors {
        let groups = [("factor", &self.factors), ("first", &self.first), ("second", &self.second)];
        let named = groups.into_iter().flat_map(|(group, tensors)| {
            tensors.iter().map(move |t| Tensor { name: format!("{group}.{}", t.name), ..t.clone() })
        });
        Tensors(named.collect())
    }

    fn resume(&mut self, progress: Tensors) -> Result<()> {
        let group = |name: &str| {
            let of = progress.iter().filter_map(|t| {
                let rest = t.name.strip_prefix(name)?.strip_prefix('.')?;
                Some(Tensor { name: rest.to_owned(), ..t.clone() })
            });
            Tensors(of.collect())
        };
        let [factors, first, second] = ["factor", "first", "second"].map(group);
        for (now, then) in
            [(&mut self.factors, &factors), (&mut self.first, &first), (&mut self.second, &second)]
        {
            weights::change(now, then, |now, then| *now = then);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::testing::train;

    #[test]
    fn a_chosen_matrix_moves_by_rank_one_and_nothing_else_but_new_rows_moves() {
        let run = train("it = { method = 'lora', rank = 1, matrices = 'attention' }");
        let (before, after) = (run.parameters("it", 1), run.parameters("it", 2));
        let settings = LoraSettings { rank: 1, matrices: Matrices::Attention, ..LoraSettings::default() };
        let mut chosen = 0;
        for (old, new) in before.iter().zip(after.iter()) {
            if !settings.chooses(old) {
                assert_eq!(new.data[..old.data.len()], old.data[..], "{}", old.name);
                continue;
            }
            chosen += 1;
            let moved: Vec<f64> = old.data.iter().zip(&new.data).map(|(a, b)| f64::from(b - a)).collect();
            let most = moved.iter().fold(0.0, |most, x| x.abs().max(most));
            assert!(most > 1e-4, "{} moved by {most}", old.name);
            // Of a matrix of rank one every minor of two rows and columns is zero.
            let at = |row: usize, column: usize| moved[row * old.shape[1] + column] / most;
            for i in 0..15 {
                let minor = at(i, i) * at(i + 1, i + 1) - at(i, i + 1) * at(i + 1, i);
                assert!(minor.abs() < 1e-2, "{} {minor}", old.name);
            }
        }
        assert_eq!(chosen, 2);
    }

    #[test]
    fn gradients_of_the_factors_are_those_of_the_product() {
        let mut lora = Lora::new(LoraSettings { rank: 1, scale: 2.0, ..LoraSettings::default() });
        lora.factors = Tensors(vec![
            tensor("w.b".into(), [2, 1], vec![3.0, -1.0]),
            tensor("w.a".into(), [1, 2], vec![0.5, 4.0]),
        ]);
        let g = Tensors(vec![tensor("w".into(), [2, 2], vec![1.0, 2.0, 3.0, 4.0])]);
        let of = lora.gradients(&g);
        assert_eq!(of.get("w.b").unwrap().data, [2.0 * 8.5, 2.0 * 17.5]);
        assert_eq!(of.get("w.a").unwrap().data, [2.0 * (3.0 - 3.0), 2.0 * (6.0 - 4.0)]);
    }
}
