//! What a long task tells while it works; how that is shown is for the caller.

/// Receives the progress of a long task.
pub trait Progress: Sync {
    /// A part of `total` units begins: `seed 0 · replay · stage 2`, counted in `unit`.
    fn begin(&self, what: &str, unit: &str, total: u64);
    /// So many units are done since the last call, with a short note (`loss 0.41`).
    fn advance(&self, units: u64, note: &str);
    /// The part ended.
    fn end(&self);
    /// A line worth keeping on the screen.
    fn say(&self, line: &str);
}

/// Shows nothing.
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: &str, _: u64) {}
    fn advance(&self, _: u64, _: &str) {}
    fn end(&self) {}
    fn say(&self, _: &str) {}
}
