//! Where a step's time goes.

use std::time::Instant;

/// The parts of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Pack,
    Embed,
    Project,
    Attention,
    Rest,
    Heads,
    AttentionBackward,
    RestBackward,
    WeightGradients,
    Adam,
}

/// Names of the parts, in the order of [`Part`].
const NAMES: [&str; 10] = [
    "pack weights",
    "embed, both ways",
    "q, k, v",
    "attention",
    "after attention",
    "heads, both ways",
    "attention backward",
    "after attention backward",
    "weights, and q, k, v backward",
    "Adam",
];

/// Seconds in each part since the last [`Clock::take`].
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    seconds: [f64; NAMES.len()],
    last: Instant,
}

impl Clock {
    pub fn new() -> Self {
        Self { seconds: [0.0; NAMES.len()], last: Instant::now() }
    }

    /// What comes next is measured from here.
    pub fn start(&mut self) {
        self.last = Instant::now();
    }

    /// The time since the last call belongs to `part`.
    pub fn lap(&mut self, part: Part) {
        let now = Instant::now();
        self.seconds[part as usize] += (now - self.last).as_secs_f64();
        self.last = now;
    }

    /// Name and seconds of each part; all are zero again.
    pub fn take(&mut self) -> Vec<(&'static str, f64)> {
        let seconds = std::mem::replace(&mut self.seconds, [0.0; NAMES.len()]);
        NAMES.into_iter().zip(seconds).collect()
    }
}
