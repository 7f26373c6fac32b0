//! Fine-tuning: the stage's cells with base genes and `G_k`, nothing against forgetting. The baseline of
//! Qi et al. (AAAI 2026, arXiv 2511.13762) and the lower bound.

use super::Method;

/// The baseline.
pub struct FineTune;

impl Method for FineTune {
    fn departs_at(&self, _: usize) -> bool {
        false
    }
}
