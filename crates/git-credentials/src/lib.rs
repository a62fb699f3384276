//! Secrets by reference, and the Git repository that they open.
//!
//! Knows nothing of clusters and stages.

mod agent;
mod bounded;
pub mod checkout;
pub mod credentials;
mod git;
pub mod github_app;
pub mod host_keys;
pub mod hosts;
pub mod http;
pub mod key;
pub mod known_hosts;
mod prompt;
pub mod remote;
pub mod repository;
pub mod secret;
pub mod signature;

pub use credentials::{CredentialError, Credentials};
pub use github_app::GithubApp;
pub use hosts::{Host, HostError};
pub use key::{KeyError, SshKey};
pub use remote::{Category, Remote, RemoteError, RemoteState, Trust, look};
pub use secret::{SecretError, resolve};
