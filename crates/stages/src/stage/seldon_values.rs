//! Helm values by which Seldon Enterprise Platform finds its Git credentials and uses Argo CD.

use super::{Fact, Stage, no_checks, no_objects, no_secrets};
use crate::inputs::Inputs;
use crate::observed::Observed;
use crate::plan::{Action, Plan, PlanError};

pub(super) const STAGE: Stage = Stage {
    name: "seldon-values",
    summary: "the section gitops in the Helm values of Seldon",
    needs: &["git-credentials"],
    reads: None,
    plan,
    objects: no_objects,
    checks: no_checks,
    facts: &[Fact::Values],
    secrets: no_secrets,
};

fn plan(inputs: &Inputs, observed: &Observed) -> Result<Plan, PlanError> {
    let Some(seldon) = &inputs.config.seldon else {
        return Ok(Plan::skipped("`seldon` is not configured"));
    };
    if seldon.values_file.is_none() && seldon.helm.is_none() {
        return Ok(Plan::skipped(
            "neither `seldon.valuesFile` nor `seldon.helm`; what to set: cargo xtask seldon values",
        ));
    }
    let mut plan = Plan::default();
    if let Some(path) = &seldon.values_file {
        let action = Action::MergeValues { path: path.clone(), secret: seldon.git_secret.clone() };
        plan.push(action, observed.values.file == Some(true));
    }
    if let Some(helm) = &seldon.helm {
        let action = Action::UpgradeRelease {
            release: helm.release.clone(),
            namespace: seldon.namespace.clone(),
            secret: seldon.git_secret.clone(),
        };
        plan.push(action, observed.values.release == Some(true));
    }
    Ok(plan)
}
