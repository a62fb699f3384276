//! What opens the Git repository, and whom to trust there: Argo CD's side and Seldon Enterprise Platform's.

mod entries;
mod seldon;

pub(super) use seldon::{new_namespace, place};

use manifests::argocd::names;
use manifests::config::Transport;
use manifests::fill::FilledSecret;
use manifests::object::LAST_APPLIED;
use manifests::{Object, ObjectRef, repository, trust};
use serde_json::Value;

use super::{Check, Fact, Stage, install_argocd::require};
use crate::diff;
use crate::inputs::Inputs;
use crate::observed::Observed;
use crate::plan::{Action, Apply, Plan, PlanError, stage_manager};

pub(super) const STAGE: Stage = Stage {
    name: "git-credentials",
    summary: "credentials and host keys of the repository, on both sides",
    needs: &["install-argocd", "git-repository"],
    reads: Some(reads),
    plan,
    // Secrets are worth nothing without their values, and the ConfigMaps are merged with what is in the cluster.
    objects: |inputs| new_namespace(inputs).filter(|_| unneeded(inputs).is_none()).into_iter().collect(),
    checks: |inputs| if unneeded(inputs).is_none() { vec![Check::Cloned] } else { Vec::new() },
    facts: &[Fact::Credentials],
    secrets: |inputs, _| secrets(inputs),
};

fn reads(inputs: &Inputs) -> Vec<ObjectRef> {
    if unneeded(inputs).is_some() {
        return Vec::new();
    }
    let namespace = inputs.argocd_namespace();
    let maps = [names::config(namespace), names::known_hosts(namespace), names::tls_certificates(namespace)];
    let secrets = secrets(inputs).into_iter().map(|secret| secret.object.reference());
    maps.into_iter().chain(secrets).chain(seldon::namespace(inputs)).collect()
}

fn secrets(inputs: &Inputs) -> Vec<FilledSecret> {
    if unneeded(inputs).is_some() {
        return Vec::new();
    }
    let mut secrets = repository::secrets(&inputs.config);
    secrets.extend(seldon::git_secret(inputs));
    secrets
}

fn unneeded(inputs: &Inputs) -> Option<&'static str> {
    let git = &inputs.config.git;
    match git.transport() {
        _ if git.is_remote() => None,
        Ok(Transport::File) => Some("a local repository needs no credentials"),
        _ => Some("no `git.url` is configured"),
    }
}

fn plan(inputs: &Inputs, observed: &Observed) -> Result<Plan, PlanError> {
    if let Some(why) = unneeded(inputs) {
        return Ok(Plan::skipped(why));
    }
    require(observed, &names::config(inputs.argocd_namespace()), inputs)?;
    let mut plan = Plan::default();
    if inputs.config.git.insecure {
        plan.notes.push(
            "`git.insecure`: whoever is on the way can pass for the Git host, and gets the credentials"
                .into(),
        );
    }
    known_hosts(inputs, observed, &mut plan);
    certificates(inputs, observed, &mut plan);
    for secret in repository::secrets(&inputs.config) {
        push_secret(secret, observed, &mut plan);
    }
    entries::plan(inputs, observed, &mut plan)?;
    seldon::plan(inputs, observed, &mut plan)?;
    Ok(plan)
}

/// A Secret, without the copy of its values that the guide's `kubectl apply` left: it would outlive them.
fn push_secret(secret: FilledSecret, observed: &Observed, plan: &mut Plan) {
    remove_copy(&secret.object.reference(), observed, plan, |_| true);
    plan.push_apply(Apply::filled(secret), observed);
}

/// Removes the copy of a Secret that `kubectl apply` left, if it is one that `holds` our values.
pub(super) fn remove_copy(
    secret: &ObjectRef,
    observed: &Observed,
    plan: &mut Plan,
    holds: impl Fn(&str) -> bool,
) {
    if observed.object(secret).and_then(|live| live.annotation(LAST_APPLIED)).is_some_and(holds) {
        plan.actions.push(Action::RemoveField {
            object: secret.clone(),
            pointer: format!("/metadata/annotations/{}", LAST_APPLIED.replace('/', "~1")),
            expected: None,
            why: "it holds a copy of the credentials that outlives them".into(),
        });
    }
}

fn known_hosts(inputs: &Inputs, observed: &Observed, plan: &mut Plan) {
    if inputs.known_hosts.is_empty() {
        return;
    }
    let reference = names::known_hosts(inputs.argocd_namespace());
    let live = observed.object(&reference);
    let before = live.map_or("", trust::known_hosts_in);
    if trust::has_retired_key(before) {
        plan.notes.push(trust::retired_note(&reference.to_string()));
    }
    let merged = trust::merge_known_hosts(before, &inputs.known_hosts);
    plan.push_apply(shared(trust::known_hosts_object(inputs.argocd_namespace(), &merged), live), observed);
}

fn certificates(inputs: &Inputs, observed: &Observed, plan: &mut Plan) {
    let (Some(ours), Some((host, _))) = (&inputs.ca_certificate, inputs.config.git.host()) else { return };
    let live = observed.object(&names::tls_certificates(inputs.argocd_namespace()));
    let before = live.map_or("", |live| live.text(&format!("/data/{host}")));
    let merged = trust::merge_certificates(before, ours);
    let mut desired = trust::certificates_object(inputs.argocd_namespace(), &host, &merged);
    // Those of a host that the repository was on before: others may be there still.
    carry_along(&mut desired, live);
    plan.push_apply(shared(desired, live), observed);
}

/// Applies a ConfigMap that others write to as well: their content goes along, and only if they don't change it
/// meanwhile.
fn shared(desired: Object, live: Option<&Object>) -> Apply {
    Apply::new(desired).by_stage(STAGE.name).forced().if_unchanged(live)
}

/// Adds what this stage has put under `data` before and has no opinion of now: left out, it would go, with all that
/// others have added to it.
fn carry_along(desired: &mut Object, live: Option<&Object>) {
    let (Some(live), Some(Value::Object(data))) = (live, desired.get_mut("/data")) else { return };
    for (key, value) in diff::owned_data(live, &stage_manager(STAGE.name)) {
        data.entry(key).or_insert_with(|| value.clone());
    }
}
