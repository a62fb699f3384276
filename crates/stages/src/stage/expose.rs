//! The object that lets the ingress layer reach Argo CD.

use manifests::argocd::names;
use manifests::config::Via;
use manifests::{ObjectRef, expose};

use super::{Stage, install_argocd::require, no_checks, no_secrets};
use crate::inputs::Inputs;
use crate::observed::Observed;
use crate::plan::{Apply, Plan, PlanError};

pub(super) const STAGE: Stage = Stage {
    name: "expose",
    summary: "a route from the ingress layer to Argo CD",
    needs: &["install-argocd"],
    reads: Some(|inputs| {
        let service = names::server_service(inputs.argocd_namespace());
        expose::reference(&inputs.config).into_iter().chain(gateway(inputs)).chain([service]).collect()
    }),
    plan,
    objects: |inputs| expose::object(&inputs.config).into_iter().collect(),
    checks: no_checks,
    facts: &[],
    secrets: no_secrets,
};

fn plan(inputs: &Inputs, observed: &Observed) -> Result<Plan, PlanError> {
    let Some(object) = expose::object(&inputs.config) else {
        return Ok(Plan::skipped("`expose.via: none`: a port-forward reaches Argo CD"));
    };
    let reference = object.reference();
    if observed.kind_unknown(&reference) {
        return Err(PlanError::precondition(
            format!("the cluster doesn't know the kind {} ({})", reference.kind, reference.api_version),
            match inputs.config.expose.via {
                Via::Istio => "install Istio first, or choose another `expose.via`",
                _ => "install the Gateway API and a controller for it first, or choose another `expose.via`",
            },
        ));
    }
    require(observed, &names::server_service(inputs.argocd_namespace()), inputs)?;
    let mut plan = Plan::default();
    let apply = Apply::new(object);
    let apply = if inputs.config.expose.via == Via::Service { apply.by_stage(STAGE.name) } else { apply };
    plan.push_apply(apply, observed);
    match gateway(inputs).filter(|gateway| observed.object(gateway).is_none()) {
        Some(gateway) => Ok(plan.with_note(format!("{gateway} is not there: nothing is routed until it is"))),
        None => Ok(plan),
    }
}

/// The gateway that the route hangs on, for ways of exposing that have one.
fn gateway(inputs: &Inputs) -> Option<ObjectRef> {
    let expose = &inputs.config.expose;
    let (api_version, gateway) = match expose.via {
        Via::Istio => ("networking.istio.io/v1alpha3", expose.istio.clone().unwrap_or_default().gateway),
        Via::GatewayApi => ("gateway.networking.k8s.io/v1", expose.gateway_api.as_ref()?.gateway.clone()),
        Via::None | Via::Ingress | Via::Service => return None,
    };
    let (namespace, name) = expose::namespaced_name(&gateway);
    Some(ObjectRef::namespaced(api_version, "Gateway", namespace, name))
}
