//! A panic in a library as an error: the Parquet reader trusts what a file says of itself in several places.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// Whether a panic of this thread is about to be caught here.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// What `work` gives, or `None` where it panics; nothing is printed then. What it was changing must not be used after that.
pub fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !CAUGHT.get() {
                before(info);
            }
        }));
    });
    CAUGHT.set(true);
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    CAUGHT.set(false);
    done.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_nothing_and_anything_else_is_itself() {
        assert_eq!(caught(|| 7), Some(7));
        assert_eq!(caught(|| Vec::<i32>::new()[1]), None);
        assert_eq!(caught(|| 8), Some(8));
    }
}
