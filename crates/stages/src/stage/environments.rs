//! GitOps environments: a namespace, a project and an Application each.

use manifests::argocd::names::ARGOPROJ;
use manifests::argocd::project;
use manifests::config::Environment;
use manifests::{Object, ObjectRef, environment};

use super::{Stage, install_argocd::refuse_terminating, no_checks, no_secrets};
use crate::inputs::Inputs;
use crate::observed::Observed;
use crate::plan::{Apply, Plan, PlanError};

pub(super) const STAGE: Stage = Stage {
    name: "environments",
    summary: "a namespace, a project and an Application for each environment",
    needs: &["install-argocd", "git-repository", "git-credentials"],
    reads: None,
    plan: |inputs, observed| match inputs.config.environments.as_slice() {
        [] => Ok(Plan::skipped("no environment is configured")),
        environments => environment_plan(inputs, observed, environments),
    },
    objects: |inputs| environment_objects(inputs, &inputs.config.environments),
    checks: no_checks,
    facts: &[],
    secrets: no_secrets,
};

/// Namespaces, then projects, then Applications.
pub(super) fn environment_objects(inputs: &Inputs, environments: &[Environment]) -> Vec<Object> {
    let config = &inputs.config;
    let namespaces = environments.iter().map(|e| environment::namespace(e, &config.git));
    let projects = environment::projects(environments, config);
    let applications =
        environments.iter().map(|e| environment::application(e, &config.git, &config.argocd.namespace));
    namespaces.chain(projects).chain(applications).collect()
}

/// Plans some environments.
pub(super) fn environment_plan(
    inputs: &Inputs,
    observed: &Observed,
    environments: &[Environment],
) -> Result<Plan, PlanError> {
    let mut plan = Plan::default();
    for environment in environments {
        refuse_terminating(&environment.namespace, observed)?;
        plan.notes.extend(istio_note(environment, observed));
    }
    for object in environment_objects(inputs, environments) {
        require_kind(&object, observed)?;
        let apply = match object.kind() {
            "AppProject" => apply_project(object, observed),
            _ => Apply::new(object),
        };
        plan.push_apply(apply, observed);
    }
    Ok(plan)
}

/// Refuses an object of Argo CD's where the cluster doesn't know its kind.
pub(super) fn require_kind(object: &Object, observed: &Observed) -> Result<(), PlanError> {
    let reference = object.reference();
    if reference.api_version == ARGOPROJ && observed.kind_unknown(&reference) {
        return Err(PlanError::precondition(
            format!("the cluster doesn't know the kind {} ({ARGOPROJ})", reference.kind),
            "install Argo CD first: cargo xtask setup --from install-argocd",
        ));
    }
    Ok(())
}

/// A project's lists are atomic, so what others put there goes along, and only if nobody changes it meanwhile.
pub(super) fn apply_project(desired: Object, observed: &Observed) -> Apply {
    match observed.object(&desired.reference()) {
        None => Apply::new(desired).if_unchanged(None),
        // Forced because the lists are taken over whole, with everything that others had in them.
        Some(live) => Apply::new(project::merge(desired, live)).forced().if_unchanged(Some(live)),
    }
}

fn istio_note(environment: &Environment, observed: &Observed) -> Option<String> {
    let reference = ObjectRef::cluster_scoped("v1", "Namespace", &environment.namespace);
    observed.object(&reference)?.label("istio-injection")?;
    Some(format!(
        "{reference} has the label istio-injection, which Seldon Enterprise Platform asks not to set"
    ))
}
