//! A teacher that follows: after every step the frozen previous model moves towards the model that is trained,
//! `teacher ← decay · teacher + (1 − decay) · model` (Tarvainen and Valpola, "Mean teachers", NeurIPS 2017). What it is
//! asked is up to the other ingredients: `[{ method = "distill", lambda = 1.0 }, { method = "ema-teacher" }]`.
//!
//! Cost: a pass over the parameters a step. Stores nothing.

use super::settings::{base_or_later, decay};
use super::{Context, Method, Teacher, weights};
use genil_base::Result;
use genil_engine::Engine;
use serde::{Deserialize, Serialize};

/// Settings of a teacher that follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EmaTeacherSettings {
    /// What the teacher keeps of itself at a step, in 0..1.
    pub decay: f64,
    /// Whether it moves in stage 1 too.
    pub base: bool,
}

impl Default for EmaTeacherSettings {
    fn default() -> Self {
        Self { decay: 0.999, base: false }
    }
}

impl EmaTeacherSettings {
    /// Checks the ranges.
    pub fn check(&self) -> Result<()> {
        decay(self.decay)
    }
}

/// The teacher is a moving average of the model.
pub struct EmaTeacher {
    settings: EmaTeacherSettings,
}

impl EmaTeacher {
    /// A teacher that follows with these settings.
    pub fn new(settings: EmaTeacherSettings) -> Self {
        Self { settings }
    }
}

impl Method for EmaTeacher {
    fn departs_at(&self, stage: usize) -> bool {
        base_or_later(self.settings.base, stage)
    }

    fn after_step(
        &mut self,
        context: Context<'_>,
        engine: &mut dyn Engine,
        teacher: Option<&mut Teacher>,
    ) -> Result<()> {
        if let Some(teacher) = teacher.filter(|_| self.departs_at(context.stage)) {
            let away = (1.0 - self.settings.decay) as f32;
            weights::change(teacher.engine.parameters_mut(), engine.parameters(), |teacher, now| {
                *teacher += away * (now - *teacher)
            });
        }
        Ok(())
    }

    fn moves_teacher(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::testing::train;

    #[test]
    fn the_teacher_moves_towards_the_model_by_the_share_that_it_gives_up() {
        let run = train("no = { method = 'finetune' }");
        let mut engine = run.engine_before("no", 2);
        let mut teacher = Teacher::new(&*engine, 0..0);
        let bias = |engine: &dyn Engine| engine.parameters().get("value_head.0.bias").unwrap().data[0];
        let before = bias(&*engine);
        engine.parameters_mut().get_mut("value_head.0.bias").unwrap().data[0] = before + 1.0;
        let mut follow = EmaTeacher::new(EmaTeacherSettings { decay: 0.75, base: false });
        follow.after_step(run.context(2), &mut *engine, Some(&mut teacher)).unwrap();
        assert!((bias(&*teacher.engine) - before - 0.25).abs() < 1e-6);
        follow.after_step(run.context(1), &mut *engine, Some(&mut teacher)).unwrap();
        assert!((bias(&*teacher.engine) - before - 0.25).abs() < 1e-6);
    }
}
