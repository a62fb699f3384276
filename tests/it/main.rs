//! Tests against real servers, one file a subject.

mod access;
mod applications;
mod argocd;
mod bad_states;
mod canaries;
mod checkout;
mod clone_job;
mod clusters;
mod crashes;
mod credentials;
mod docs;
mod errors;
mod faults;
mod git_matrix;
mod git_server;
mod git_setup;
mod gitea;
mod health_checks;
mod helm;
mod installed;
mod killed;
mod kind;
mod lint;
mod lock;
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
mod test_cluster;
mod tidy;
mod trust;
mod webhooks;
mod workflows;

/// The command line under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_gitops-setup-under-test");
