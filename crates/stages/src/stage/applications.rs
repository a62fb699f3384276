//! Projects, Applications and ApplicationSets besides those of environments.

use manifests::argocd::project;
use manifests::{Object, applications};

use super::environments::{apply_project, require_kind};
use super::{Stage, no_checks, no_secrets};
use crate::inputs::Inputs;
use crate::observed::Observed;
use crate::plan::{Apply, Plan, PlanError};

pub(super) const STAGE: Stage = Stage {
    name: "applications",
    summary: "projects, Applications and ApplicationSets of your own",
    needs: &["install-argocd", "git-credentials"],
    reads: None,
    plan,
    objects,
    checks: no_checks,
    facts: &[],
    secrets: no_secrets,
};

fn objects(inputs: &Inputs) -> Vec<Object> {
    applications::objects(&inputs.config)
}

fn plan(inputs: &Inputs, observed: &Observed) -> Result<Plan, PlanError> {
    let objects = objects(inputs);
    if objects.is_empty() {
        return Ok(Plan::skipped("no `projects`, `applications` or `applicationSets` are configured"));
    }
    let mut plan = Plan::default();
    for object in objects {
        require_kind(&object, observed)?;
        let apply = match object.kind() {
            "AppProject" => {
                plan.notes.extend(allowed_besides(&object, observed));
                apply_project(object, observed)
            }
            _ => Apply::new(object),
        };
        plan.push_apply(apply, observed);
    }
    Ok(plan)
}

/// What somebody else allowed, or an earlier configuration, is not taken away; that it is there has to be known.
fn allowed_besides(desired: &Object, observed: &Observed) -> Option<String> {
    let reference = desired.reference();
    let kinds = project::kinds_besides(desired, observed.object(&reference)?);
    (!kinds.is_empty()).then(|| {
        format!(
            "{reference} also allows kinds that are not configured: {}; they stay until somebody takes them out",
            kinds.join(", ")
        )
    })
}
