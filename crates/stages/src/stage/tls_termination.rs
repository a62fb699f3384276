//! Who ends TLS. Also what both settings of Argo CD's server share.

use manifests::argocd::settings::{self, Setting};
use manifests::config::Variant;
use manifests::{Object, ObjectRef};

use super::{Stage, install_argocd::require, no_checks, no_secrets, references};
use crate::inputs::Inputs;
use crate::observed::Observed;
use crate::plan::{Apply, Plan, PlanError};

pub(super) const STAGE: Stage = Stage {
    name: "tls-termination",
    summary: "TLS ended by the ingress layer, or by Argo CD",
    needs: &["install-argocd"],
    reads: Some(|inputs| setting_reads(inputs, &setting(inputs))),
    plan: |inputs, observed| setting_plan(inputs, observed, &setting(inputs), "tls-termination"),
    objects: |inputs| setting_objects(inputs, &setting(inputs)),
    checks: no_checks,
    facts: &[],
    secrets: no_secrets,
};

fn setting(inputs: &Inputs) -> Setting {
    settings::tls_termination(&inputs.config.argocd)
}

/// Objects of a setting; none where the release or the variant has no such objects.
pub(super) fn setting_objects(inputs: &Inputs, setting: &Setting) -> Vec<Object> {
    match unavailable(inputs) {
        Some(_) => Vec::new(),
        None => setting.objects(inputs.argocd_namespace()).into(),
    }
}

/// What a setting's plan looks at.
pub(super) fn setting_reads(inputs: &Inputs, setting: &Setting) -> Vec<ObjectRef> {
    references(&setting_objects(inputs, setting))
}

/// Plans one setting of the server as the manager of one stage.
pub(super) fn setting_plan(
    inputs: &Inputs,
    observed: &Observed,
    setting: &Setting,
    stage: &str,
) -> Result<Plan, PlanError> {
    if let Some(why) = unavailable(inputs) {
        return Ok(Plan::skipped(why));
    }
    let mut plan = Plan::default();
    for object in setting_objects(inputs, setting) {
        if object.kind() == "Deployment" {
            require(observed, &object.reference(), inputs)?;
        }
        plan.push_apply(Apply::new(object).by_stage(stage).forced(), observed);
    }
    Ok(plan)
}

fn unavailable(inputs: &Inputs) -> Option<String> {
    let argocd = &inputs.config.argocd;
    if argocd.variant == Variant::Core {
        return Some("the core variant has no API server".into());
    }
    if !argocd.version.has_cmd_params() {
        return Some(format!("Argo CD {} takes it as a flag, which install-argocd sets", argocd.version));
    }
    None
}
