//! Scratch memory that outlives the tasks that use it.

use std::sync::{Mutex, PoisonError};

/// As many pieces of scratch as tasks have run at the same time.
#[derive(Debug)]
pub(crate) struct Pool<T>(Mutex<Vec<T>>);

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<T: Default> Pool<T> {
    /// Runs `work` with a piece that no other task has.
    pub fn lend<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        // A task that panicked left the list itself whole.
        let free = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut piece = free().pop().unwrap_or_default();
        let result = work(&mut piece);
        free().push(piece);
        result
    }
}
