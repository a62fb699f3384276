//! The configuration of the trial on one machine.

use std::path::Path;

use super::types::{Config, Environment, Expose, Git, HealthChecks, Ingress, Models, SecretRef, Via};

/// A configuration that needs nothing but this machine: a `kwok` cluster, two environments for models, and a
/// repository by its `file://` address.
pub fn quickstart(repository_url: &str, admin_password_file: &Path) -> Config {
    let mut config = Config {
        expose: Expose {
            via: Via::Ingress,
            ingress: Some(Ingress { class_name: Some("nginx".into()), ..Ingress::default() }),
            ..Expose::default()
        },
        git: Git { url: repository_url.into(), ..Git::default() },
        environments: ["seldon-dev", "seldon-prod"].map(Environment::new).into(),
        models: Some(Models::default()),
        health_checks: Some(HealthChecks::default()),
        ..Config::default()
    };
    config.argocd.admin_password = Some(SecretRef::File(admin_password_file.into()));
    config
}
