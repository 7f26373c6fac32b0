//! What every other crate of genil stands on.
//!
//! * [`Error`]: what was wrong, where, and what to do about it.
//! * [`files`]: outputs written beside and renamed when whole; SHA-256.
//! * [`FolderInTheMaking`]: the same for a whole folder.
//! * [`random`]: every random choice as a pure function of its key.

mod error;
pub mod files;
mod making;
pub mod random;

pub use error::{Error, Result};
pub use making::FolderInTheMaking;
