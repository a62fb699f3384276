//! The password of the user `admin`.

use manifests::Object;
use manifests::argocd::names;
use manifests::config::Variant;

use super::{Fact, Stage, install_argocd::require, no_checks, no_objects};
use crate::inputs::Inputs;
use crate::observed::{Observed, PasswordState};
use crate::plan::{Action, Apply, Fill, Plan, PlanError};

pub(super) const STAGE: Stage = Stage {
    name: "admin-password",
    summary: "the password of the user admin",
    needs: &["install-argocd"],
    reads: |inputs| vec![names::secret(inputs.argocd_namespace())],
    plan,
    objects: no_objects,
    checks: no_checks,
    facts: &[Fact::Password],
};

fn plan(inputs: &Inputs, observed: &Observed) -> Result<Plan, PlanError> {
    if inputs.config.argocd.variant == Variant::Core {
        return Ok(Plan::skipped("the core variant has no login"));
    }
    let Some(password) = &inputs.admin_password else {
        return Ok(Plan::skipped(format!(
            "no `argocd.adminPassword`: Argo CD makes one and keeps it in Secret/argocd-initial-admin-secret in {}",
            inputs.argocd_namespace()
        )));
    };
    let secret = names::secret(inputs.argocd_namespace());
    require(observed, &secret, inputs)?;
    if observed.password == PasswordState::Matches {
        return Ok(Plan { unchanged: 1, ..Plan::default() });
    }
    // Argo CD's server writes a first password of its own, so the field is often its; it is meant to be ours.
    let mut apply = Apply::new(Object::new(&secret)).by_stage(STAGE.name).forced();
    apply.fill = vec![
        ("admin.password".into(), Fill::BcryptOf(password.clone())),
        ("admin.passwordMtime".into(), Fill::Now),
    ];
    let replaces = observed.password == PasswordState::Differs;
    let note = if replaces { "the stored password is another one" } else { "no password is stored yet" };
    Ok(Plan { actions: vec![Action::Apply(Box::new(apply))], ..Plan::default() }.with_note(note))
}
