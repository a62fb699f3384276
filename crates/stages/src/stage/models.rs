//! Models: a project for all of them, and an ApplicationSet that makes an Application of each overlay.

use manifests::{Object, models};

use super::environments::{apply_project, require_kind};
use super::{Stage, no_checks, no_secrets};
use crate::inputs::Inputs;
use crate::observed::Observed;
use crate::plan::{Apply, Plan, PlanError};

pub(super) const STAGE: Stage = Stage {
    name: "models",
    summary: "an Application for each model in each environment",
    needs: &["install-argocd", "git-repository", "git-credentials", "environments"],
    reads: None,
    plan,
    objects,
    checks: no_checks,
    facts: &[],
    secrets: no_secrets,
};

fn objects(inputs: &Inputs) -> Vec<Object> {
    let config = &inputs.config;
    let made = config.models.iter();
    made.flat_map(|it| [models::project(it, config), models::application_set(it, config)]).collect()
}

fn plan(inputs: &Inputs, observed: &Observed) -> Result<Plan, PlanError> {
    if inputs.config.models.is_none() {
        return Ok(Plan::skipped("no `models` is configured"));
    }
    let mut plan = Plan::default();
    for object in objects(inputs) {
        require_kind(&object, observed)?;
        let apply = match object.kind() {
            "AppProject" => apply_project(object, observed),
            _ => Apply::new(object),
        };
        plan.push_apply(apply, observed);
    }
    Ok(plan)
}
