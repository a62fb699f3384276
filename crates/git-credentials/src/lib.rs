//! Secrets by reference, and the Git repository that they open.
//!
//! Knows nothing of clusters and stages.

pub mod credentials;
pub mod github_app;
pub mod key;
mod prompt;
pub mod repository;
pub mod secret;

pub use credentials::{CredentialError, Credentials};
pub use github_app::GithubApp;
pub use key::{KeyError, SshKey};
pub use secret::{SecretError, resolve};
