//! Health checks for kinds that Argo CD has none for.
//!
//! Nothing has to be restarted: the application controller watches `argocd-cm` and reads the customizations of
//! resources again (Argo CD's controller/cache/cache.go, `watchSettings`).

use manifests::argocd::names;
use manifests::health::{self, CUSTOMIZATIONS_KEY, HealthCheck, NotAMap};
use manifests::{Object, ObjectRef};

use super::{Stage, install_argocd::require, no_checks, no_secrets};
use crate::diff;
use crate::inputs::Inputs;
use crate::observed::Observed;
use crate::plan::{Action, Apply, Plan, PlanError, Unseen, stage_manager};

pub(super) const STAGE: Stage = Stage {
    name: "health-checks",
    summary: "health checks for ML kinds and Applications",
    needs: &["install-argocd"],
    reads: Some(|inputs| health::chosen(&inputs.config).map(|_| reference(inputs)).into_iter().collect()),
    plan,
    objects,
    checks: no_checks,
    facts: &[],
    secrets: no_secrets,
};

fn reference(inputs: &Inputs) -> ObjectRef {
    names::config(inputs.argocd_namespace())
}

/// Before 2.1 they are merged with what is in the cluster.
fn objects(inputs: &Inputs) -> Vec<Object> {
    let has_keys = inputs.config.argocd.version.has_health_check_keys();
    let checks = health::chosen(&inputs.config).filter(|_| has_keys);
    let object =
        |checks: Vec<HealthCheck>| Object::new(&reference(inputs)).with("data", health::keys(&checks));
    checks.map(object).into_iter().collect()
}

fn plan(inputs: &Inputs, observed: &Observed) -> Result<Plan, PlanError> {
    let Some(chosen) = health::chosen(&inputs.config) else {
        return Ok(Plan::skipped("no `healthChecks` is configured"));
    };
    let reference = reference(inputs);
    require(observed, &reference, inputs)?;
    let Some(live) = observed.object(&reference) else { return Ok(Plan::default()) };
    let (others, checks): (Vec<_>, Vec<_>) =
        chosen.into_iter().partition(|check| health::is_others(live, check));
    let mut plan = Plan::default();
    plan.notes.extend(others_note(&reference, &others));

    let has_keys = inputs.config.argocd.version.has_health_check_keys();
    let (in_keys, in_text) = if has_keys { (checks, Vec::new()) } else { (Vec::new(), checks) };
    let mut data = health::keys(&in_keys);
    let before = live.text(&format!("/data/{CUSTOMIZATIONS_KEY}"));
    let after = health::merged(before, &in_text).map_err(|error| unreadable(&reference, error))?;
    let goes = after.is_empty() && !before.is_empty();
    if goes {
        plan.actions.push(Action::RemoveField {
            object: reference.clone(),
            pointer: format!("/data/{CUSTOMIZATIONS_KEY}"),
            // What somebody adds meanwhile must not go with ours.
            expected: Some(Unseen(before.into())),
            why: "its health checks have keys of their own now".into(),
        });
    }
    // Once applied, the text would go, with all that others have in it, if it were left out.
    let owns_text = || {
        diff::owned_data(live, &stage_manager(STAGE.name)).iter().any(|(key, _)| *key == CUSTOMIZATIONS_KEY)
    };
    if !after.is_empty() && (after != before || !in_text.is_empty() || owns_text()) {
        data.insert(CUSTOMIZATIONS_KEY.into(), after.into());
    }
    // By the first line of a check it is known whose it is, so ours are taken back.
    let apply = Apply::new(Object::new(&reference).with("data", data)).by_stage(STAGE.name).forced();
    // Nobody's check that is put there meanwhile is overwritten. What is removed first makes it another version.
    plan.push_apply(if goes { apply } else { apply.if_unchanged(Some(live)) }, observed);
    Ok(plan)
}

fn others_note(reference: &ObjectRef, others: &[HealthCheck]) -> Option<String> {
    let names: Vec<String> = others.iter().map(HealthCheck::name).collect();
    (!names.is_empty()).then(|| {
        format!("{reference} has somebody else's health checks, which stay as they are: {}", names.join(", "))
    })
}

fn unreadable(reference: &ObjectRef, error: NotAMap) -> PlanError {
    let namespace = reference.namespace.as_deref().unwrap_or_default();
    PlanError::precondition(
        format!("`{CUSTOMIZATIONS_KEY}` in {reference} {error}: Argo CD can't read it either"),
        format!("mend it: kubectl edit configmap {} --namespace {namespace}", reference.name),
    )
}
