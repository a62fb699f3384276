//! The environment of the request logger.

use super::environments::{environment_objects, environment_plan};
use super::{Stage, no_checks, no_secrets};
use crate::inputs::Inputs;
use crate::plan::Plan;
use manifests::config::Environment;

pub(super) const STAGE: Stage = Stage {
    name: "logging",
    summary: "the environment of the request logger",
    needs: &["install-argocd", "git-repository", "git-credentials"],
    reads: None,
    plan: |inputs, observed| match environments(inputs).as_slice() {
        [] => Ok(Plan::skipped("no `logging` is configured")),
        environments => environment_plan(inputs, observed, environments),
    },
    objects: |inputs| environment_objects(inputs, &environments(inputs)),
    checks: no_checks,
    facts: &[],
    secrets: no_secrets,
};

fn environments(inputs: &Inputs) -> Vec<Environment> {
    inputs.config.logging.iter().map(|logging| logging.environment()).collect()
}
