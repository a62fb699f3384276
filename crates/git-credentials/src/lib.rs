//! Secrets by reference, and the Git repository that they open.
//!
//! Knows nothing of clusters and stages.

pub mod repository;
pub mod secret;

pub use secret::{SecretError, resolve};
