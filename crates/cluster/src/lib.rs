//! I/O with clusters: providers that make them, the tools they need, and the API server.
//!
//! Knows objects and nothing of stages.

pub mod apply;
pub mod argocd;
mod body;
pub mod client;
pub mod connect;
mod definitions;
pub mod dirs;
pub mod error;
pub mod gone;
pub mod lock;
pub mod observe;
pub mod port_forward;
pub mod probe;
pub mod provider;
pub mod refusal;
pub mod rollout;
pub mod tools;
pub mod wait;

pub use client::Client;
pub use error::ClusterError;
pub use lock::Lock;
