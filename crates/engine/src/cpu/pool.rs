//! Tasks shared out among the threads, and scratch memory that outlives the tasks that use it.

use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};

/// Runs tasks on all threads, each of which takes the next one as soon as it is free: with the largest first,
/// all finish together.
pub(crate) fn share<T: Send>(tasks: impl Iterator<Item = T> + Send, work: impl Fn(T) + Sync + Send) {
    tasks.par_bridge().for_each(work);
}

/// One piece of work, of those of several kinds that run together.
pub(crate) type Task<'a> = Box<dyn FnOnce() + Send + 'a>;

/// Runs tasks of several kinds, as [`share`] does.
pub(crate) fn run(tasks: Vec<Task<'_>>) {
    share(tasks.into_iter(), |task| task());
}

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
