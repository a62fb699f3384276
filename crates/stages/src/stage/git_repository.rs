//! The GitOps repository: a folder for every environment.

use super::{Fact, Stage, no_checks, no_objects, no_secrets, nothing_read};
use crate::inputs::Inputs;
use crate::observed::Observed;
use crate::plan::{Action, Plan, PlanError};

pub(super) const STAGE: Stage = Stage {
    name: "git-repository",
    summary: "a repository with a folder for every environment",
    needs: &[],
    reads: nothing_read,
    plan,
    objects: no_objects,
    checks: no_checks,
    facts: &[Fact::Repository],
    secrets: no_secrets,
};

fn plan(inputs: &Inputs, observed: &Observed) -> Result<Plan, PlanError> {
    let url = inputs.config.git.repo_url();
    let folders = folders(inputs);
    if folders.is_empty() {
        return Ok(Plan::skipped("no environment is configured"));
    }
    let Some(repository) = &observed.repository else {
        let gap = format!("{url} (only local repositories, file://…, are looked into)");
        return Ok(Plan { not_verified: vec![gap], ..Plan::default() });
    };
    let missing: Vec<String> =
        folders.into_iter().filter(|folder| !repository.folders.contains(folder)).collect();
    if repository.exists && missing.is_empty() {
        return Ok(Plan { unchanged: 1, ..Plan::default() });
    }
    Ok(Plan { actions: vec![Action::InitRepository { url, folders: missing }], ..Plan::default() })
}

/// Folders that the environments need, one each, named like their namespaces.
fn folders(inputs: &Inputs) -> Vec<String> {
    let config = &inputs.config;
    let logging = config.logging.iter().map(|logging| logging.namespace.clone());
    config.environments.iter().map(|environment| environment.namespace.clone()).chain(logging).collect()
}
