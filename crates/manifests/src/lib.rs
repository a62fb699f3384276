//! Configuration to Kubernetes objects and file contents.
//!
//! Everything here is pure: no clock, no network, no files, no environment. This is the only crate that
//! reads or writes YAML text.

pub mod argocd;
pub mod clone_check;
pub mod config;
pub mod environment;
pub mod expose;
pub mod files;
pub mod fill;
pub mod kind;
pub mod known_hosts;
pub mod object;
pub mod repository;
pub mod seldon;
pub mod trust;
pub mod webhooks;
pub mod yaml;

pub use object::{Object, ObjectRef};

/// Value of the label `app.kubernetes.io/managed-by` and prefix of every field manager of this tool.
pub const MANAGER: &str = "gitops-setup";
