//! Tests against real servers, one file a subject.

mod access;
mod argocd;
mod clone_job;
mod credentials;
mod docs;
mod errors;
mod git_matrix;
mod git_server;
mod git_setup;
mod helm;
mod killed;
mod kind;
mod manifests;
mod port_forward;
mod projects;
mod provider;
mod quickstart;
mod refusals;
mod secrets;
mod teardown;
mod tidy;
mod webhooks;

/// The command line under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_gitops-setup-under-test");
