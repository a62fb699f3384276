//! Configuration to Kubernetes objects and file contents.
//!
//! Everything here is pure: no clock, no network, no files, no environment. This is the only crate that
//! reads or writes YAML text.

pub mod applications;
pub mod argocd;
pub mod clone_check;
pub mod clusters;
pub mod config;
pub mod environment;
pub mod expose;
pub mod files;
pub mod fill;
pub mod hardening;
pub mod health;
pub mod images;
pub mod kind;
pub mod kinds;
pub mod known_hosts;
pub mod managed_fields;
pub mod models;
pub mod notifications;
pub mod object;
pub mod repository;
pub mod seldon;
pub mod source;
pub mod trust;
pub mod waves;
pub mod webhooks;
pub mod yaml;

pub use object::{Object, ObjectRef};

/// Value of the label `app.kubernetes.io/managed-by` and prefix of every field manager of this tool.
pub const MANAGER: &str = "gitops-setup";
