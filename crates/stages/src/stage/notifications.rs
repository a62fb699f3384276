//! Notifications: who is told what about Applications. Subscriptions to a single one are annotations on it.

use manifests::ObjectRef;
use manifests::argocd::names;
use manifests::notifications::{config_map, secret};

use super::git_credentials::remove_copy;
use super::{Fact, Stage, install_argocd::require, no_checks};
use crate::inputs::Inputs;
use crate::observed::Observed;
use crate::plan::{Apply, Plan, PlanError};

pub(super) const STAGE: Stage = Stage {
    name: "notifications",
    summary: "what is told about Applications, and the tokens for that",
    needs: &["install-argocd"],
    reads: Some(reads),
    plan,
    // The Secret is worth nothing without its values.
    objects: |inputs| config_map(&inputs.config).into_iter().collect(),
    checks: no_checks,
    facts: &[Fact::Tokens],
    secrets: |inputs, _| secret(&inputs.config).into_iter().collect(),
};

fn reads(inputs: &Inputs) -> Vec<ObjectRef> {
    if inputs.config.notifications.is_none() {
        return Vec::new();
    }
    let namespace = inputs.argocd_namespace();
    vec![
        names::notifications_controller(namespace),
        names::notifications(namespace),
        names::notifications_secret(namespace),
    ]
}

fn plan(inputs: &Inputs, observed: &Observed) -> Result<Plan, PlanError> {
    let (Some(map), Some(secret)) = (config_map(&inputs.config), secret(&inputs.config)) else {
        return Ok(Plan::skipped("no `notifications` is configured"));
    };
    require(observed, &names::notifications_controller(inputs.argocd_namespace()), inputs)?;
    let mut plan = Plan::default();
    if inputs.config.notifications_url().is_none() {
        plan.notes.push(
            "messages have no links to Argo CD: its address is told by `notifications.argocdUrl`".into(),
        );
    }
    let keys: Vec<String> = secret.fill.iter().map(|(key, _)| format!("\"{key}\"")).collect();
    let holds = |copy: &str| keys.iter().any(|key| copy.contains(key));
    remove_copy(&secret.object.reference(), observed, &mut plan, holds);
    // Others may keep services, templates and tokens of their own beside ours.
    plan.push_apply(Apply::filled(secret).by_stage(STAGE.name), observed);
    plan.push_apply(Apply::new(map).by_stage(STAGE.name), observed);
    Ok(plan)
}
