//! The password of the user `admin`.

use manifests::Object;
use manifests::argocd::names;
use manifests::config::Variant;
use manifests::fill::{Fill, FilledSecret};

use super::{Fact, Stage, install_argocd::require, no_checks, no_objects};
use crate::inputs::Inputs;
use crate::observed::Observed;
use crate::plan::{Apply, Plan, PlanError};

/// Key of the hash in the Secret.
const PASSWORD: &str = "admin.password";

pub(super) const STAGE: Stage = Stage {
    name: "admin-password",
    summary: "the password of the user admin",
    needs: &["install-argocd"],
    reads: Some(|inputs| vec![names::secret(inputs.argocd_namespace())]),
    plan,
    objects: no_objects,
    checks: no_checks,
    facts: &[Fact::Password],
    secrets: |inputs, _| secret(inputs).into_iter().collect(),
};

/// The Secret with the hash and the time of the change.
fn secret(inputs: &Inputs) -> Option<FilledSecret> {
    let password = inputs.admin_password.clone()?;
    if inputs.config.argocd.variant == Variant::Core {
        return None;
    }
    let fill = vec![(PASSWORD.into(), Fill::BcryptOf(password)), ("admin.passwordMtime".into(), Fill::Now)];
    Some(FilledSecret { object: Object::new(&names::secret(inputs.argocd_namespace())), fill })
}

fn plan(inputs: &Inputs, observed: &Observed) -> Result<Plan, PlanError> {
    if inputs.config.argocd.variant == Variant::Core {
        return Ok(Plan::skipped("the core variant has no login"));
    }
    let Some(secret) = secret(inputs) else {
        return Ok(Plan::skipped(format!(
            "no `argocd.adminPassword`: Argo CD makes one and keeps it in Secret/argocd-initial-admin-secret in {}",
            inputs.argocd_namespace()
        )));
    };
    let reference = secret.object.reference();
    require(observed, &reference, inputs)?;
    let has_one =
        observed.object(&reference).is_some_and(|live| live.get(&format!("/data/{PASSWORD}")).is_some());
    let mut plan = Plan::default();
    // Argo CD's server writes a first password of its own, so the field is often its; it is meant to be ours.
    plan.push_apply(Apply::filled(secret).by_stage(STAGE.name).forced(), observed);
    Ok(match (plan.actions.is_empty(), has_one) {
        (true, _) => plan,
        (false, true) => plan.with_note("another password was stored before"),
        (false, false) => plan.with_note("no password was stored before"),
    })
}
