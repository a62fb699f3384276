//! Tests against real servers, one file a subject.

mod access;
mod applications;
mod argocd;
mod canaries;
mod checkout;
mod clone_job;
mod clusters;
mod credentials;
mod docs;
mod errors;
mod git_matrix;
mod git_server;
mod git_setup;
mod gitea;
mod health_checks;
mod helm;
mod killed;
mod kind;
mod lint;
mod manifests;
mod ml_platform;
mod models;
mod notifications;
mod port_forward;
mod projects;
mod provider;
mod quickstart;
mod refusals;
mod secrets;
mod teardown;
mod tidy;
mod trust;
mod webhooks;

/// The command line under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_gitops-setup-under-test");
