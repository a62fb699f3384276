//! What is made stricter than Argo CD does by itself.

use manifests::argocd::names;
use manifests::config::{ManifestSource, Variant};
use manifests::fill::FilledSecret;
use manifests::hardening::{PAYLOAD_KEY, payload_limit, webhook_secrets};
use manifests::{Object, ObjectRef};

use super::{Stage, install_argocd::require, no_checks};
use crate::diff;
use crate::inputs::Inputs;
use crate::observed::Observed;
use crate::plan::{Apply, Plan, PlanError, stage_manager};

pub(super) const STAGE: Stage = Stage {
    name: "hardening",
    summary: "webhooks that nobody uses closed, and requests limited",
    needs: &["install-argocd"],
    reads: Some(|inputs| match has_server(inputs) {
        true => [names::secret, names::config].map(|name| name(inputs.argocd_namespace())).into(),
        false => Vec::new(),
    }),
    plan,
    objects: |inputs| payload_limit(&inputs.config).filter(|_| has_server(inputs)).into_iter().collect(),
    checks: no_checks,
    facts: &[],
    secrets: |inputs, observed| secret(inputs, observed).into_iter().collect(),
};

fn has_server(inputs: &Inputs) -> bool {
    inputs.config.argocd.variant != Variant::Core
}

/// The keys that are ours, or nobody's so far.
fn secret(inputs: &Inputs, observed: &Observed) -> Option<FilledSecret> {
    let reference = names::secret(inputs.argocd_namespace());
    let mut fill = webhook_secrets(&inputs.config);
    fill.retain(|(key, _)| is_free(observed, &reference, key));
    has_server(inputs).then(|| FilledSecret { object: Object::new(&reference), fill })
}

/// Nobody else has set the key: what users have chosen stays.
fn is_free(observed: &Observed, reference: &ObjectRef, key: &str) -> bool {
    let Some(live) = observed.object(reference) else { return true };
    let is_there = live.get("/data").and_then(|data| data.get(key)).is_some();
    !is_there || diff::owned_data(live, &stage_manager(STAGE.name)).iter().any(|(owned, _)| *owned == key)
}

fn plan(inputs: &Inputs, observed: &Observed) -> Result<Plan, PlanError> {
    let Some(secret) = secret(inputs, observed) else {
        return Ok(Plan::skipped("the core variant has no API server"));
    };
    let mut plan = Plan::default();
    let reference = secret.object.reference();
    match observed.object(&reference) {
        // Argo CD's server makes it when it first starts.
        None if inputs.config.argocd.manifest == ManifestSource::Existing => {
            plan.not_verified.push(format!("{reference} is not there: webhooks that nobody uses stay open"));
        }
        live => {
            require(observed, &reference, inputs)?;
            plan.notes.extend(closing_note(live, &secret));
            plan.push_apply(Apply::filled(secret).by_stage(STAGE.name), observed);
        }
    }
    let map = names::config(inputs.argocd_namespace());
    let limit = payload_limit(&inputs.config).filter(|_| is_free(observed, &map, PAYLOAD_KEY));
    // With nothing in it, an apply takes back what was set before.
    let limit = limit.or_else(|| observed.object(&map).map(|_| Object::new(&map)));
    if let Some(limit) = limit {
        plan.push_apply(Apply::new(limit).by_stage(STAGE.name), observed);
    }
    Ok(plan)
}

/// Who has webhooks without a secret has to know.
fn closing_note(live: Option<&Object>, secret: &FilledSecret) -> Option<String> {
    let data = live.and_then(|live| live.get("/data"));
    let is_new = |key: &str| data.is_none_or(|data| data.get(key).is_none());
    secret.fill.iter().any(|(key, _)| is_new(key)).then(|| {
        "webhooks without a secret are refused from now on; `argocd.hardening.webhookSecrets: false` leaves them open"
            .into()
    })
}
