//! A token with which Seldon Enterprise Platform talks to Argo CD, of a role of one project.
//!
//! Nothing in it is left to chance or to this machine's clock, so that running again makes the same token. One that
//! was revoked is not made again.

use manifests::argocd::names::{self, ARGOPROJ};
use manifests::argocd::project;
use manifests::config::Variant;
use manifests::environment::{self, PROJECT_ROLE};
use manifests::fill::{FilledSecret, ProjectToken};
use manifests::{MANAGER, Object, ObjectRef, seldon};

use super::git_credentials::{new_namespace, place};
use super::{Stage, install_argocd::require, no_checks};
use crate::inputs::Inputs;
use crate::observed::Observed;
use crate::plan::{Action, Apply, Plan, PlanError};

/// Where Argo CD's signing key is. Its server makes one when it starts for the first time.
fn signing_key() -> String {
    format!("/data/{}", names::SIGNING_KEY)
}

pub(super) const STAGE: Stage = Stage {
    name: "project-token",
    summary: "a token for Seldon to talk to Argo CD with",
    needs: &["install-argocd", "environments"],
    reads: Some(reads),
    plan,
    objects: |inputs| new_namespace(inputs).filter(|_| configured(inputs).is_some()).into_iter().collect(),
    checks: no_checks,
    facts: &[],
    secrets: |inputs, observed| secret(inputs, observed).into_iter().collect(),
};

/// What is configured: the namespace of the Secret, and the project.
fn configured(inputs: &Inputs) -> Option<(&str, &str)> {
    let seldon = inputs.config.seldon.as_ref()?;
    Some((&seldon.namespace, seldon.project_token.as_deref()?))
}

fn project_reference(inputs: &Inputs, project: &str) -> ObjectRef {
    ObjectRef::namespaced(ARGOPROJ, "AppProject", inputs.argocd_namespace(), project)
}

fn reads(inputs: &Inputs) -> Vec<ObjectRef> {
    let Some((namespace, project)) = configured(inputs) else { return Vec::new() };
    vec![
        seldon::namespace(namespace).reference(),
        project_reference(inputs, project),
        names::secret(inputs.argocd_namespace()),
        token_reference(namespace),
    ]
}

/// When the token was issued: that is all that tells it from another one.
fn issued_at(inputs: &Inputs, observed: &Observed) -> Option<i64> {
    let (namespace, project) = configured(inputs)?;
    let project = observed.object(&project_reference(inputs, project))?;
    let created = environment::created_at(project)?;
    let known = environment::issued_at(project, PROJECT_ROLE, MANAGER);
    known.or_else(|| match observed.object(&token_reference(namespace)) {
        None => Some(created),
        // Somebody took it out of the project: whoever has the old one must not be let in again. Taking it out is
        // what changed the project last.
        Some(_) => Some(environment::changed_at(project).unwrap_or_default().max(created + 1)),
    })
}

fn token_reference(namespace: &str) -> ObjectRef {
    ObjectRef::namespaced("v1", "Secret", namespace, seldon::TOKEN_SECRET)
}

/// The token; `None` as long as something is missing that it is made from.
fn token(inputs: &Inputs, observed: &Observed) -> Option<ProjectToken> {
    let (_, project) = configured(inputs)?;
    let signed_by = names::secret(inputs.argocd_namespace());
    observed.object(&signed_by)?.get(&signing_key())?;
    Some(ProjectToken {
        project: project.to_owned(),
        role: PROJECT_ROLE.to_owned(),
        id: MANAGER.to_owned(),
        issued_at: issued_at(inputs, observed)?,
        signed_by,
    })
}

fn secret(inputs: &Inputs, observed: &Observed) -> Option<FilledSecret> {
    let (namespace, _) = configured(inputs)?;
    Some(seldon::token_secret(namespace, token(inputs, observed)?))
}

fn plan(inputs: &Inputs, observed: &Observed) -> Result<Plan, PlanError> {
    let Some((namespace, project)) = configured(inputs) else {
        return Ok(Plan::skipped("no `seldon.projectToken` is configured"));
    };
    if inputs.config.argocd.variant == Variant::Core {
        return Ok(Plan::skipped("the core variant has no API that a token is for"));
    }
    let signing = names::secret(inputs.argocd_namespace());
    require(observed, &signing, inputs)?;
    let reference = project_reference(inputs, project);
    let Some(live) = observed.object(&reference) else {
        return Err(PlanError::precondition(
            format!("{reference} is not there"),
            "make it first: cargo xtask setup --from environments",
        ));
    };
    let mut plan = Plan::default();
    if let Some(seldon) = &inputs.config.seldon {
        place(seldon, observed, &mut plan)?;
    }
    if environment::created_at(live).is_none() {
        return Ok(plan.with_note(format!("known after environments: when {reference} was made")));
    }
    let Some(token) = token(inputs, observed) else {
        let why = "Argo CD's server makes the key to sign with when it first starts".to_owned();
        match observed.nodes.real {
            0 => {
                plan.not_verified.push(format!("no token: {signing} has no `{}`; {why}", names::SIGNING_KEY))
            }
            _ => plan.actions.push(Action::WaitFor { object: signing, pointer: signing_key(), why }),
        }
        return Ok(plan);
    };
    plan.push_apply(apply_project(inputs, live, &token), observed);
    plan.push_apply(Apply::filled(seldon::token_secret(namespace, token)), observed);
    Ok(plan)
}

/// The project as the stages before apply it, with the token in it.
fn apply_project(inputs: &Inputs, live: &Object, token: &ProjectToken) -> Apply {
    let config = &inputs.config;
    let desired = environment::projects(&config.every_environment(), config)
        .into_iter()
        .find(|project| project.name() == token.project);
    // A configuration that names no such project is refused.
    let desired =
        desired.unwrap_or_else(|| Object::new(&live.reference()).with("spec", serde_json::json!({})));
    let merged = environment::with_token(project::merge(desired, live), token);
    Apply::new(merged).forced().if_unchanged(Some(live))
}
