//! The cluster itself.

use manifests::config::{Config, Provider, Variant};
use manifests::{MANAGER, Object, ObjectRef};
use serde_json::json;

use super::{Fact, Stage, install_argocd, no_checks, no_secrets};
use crate::inputs::Inputs;
use crate::observed::{ClusterState, Observed};
use crate::plan::{Action, Apply, Plan, PlanError};

pub(super) const STAGE: Stage = Stage {
    name: "cluster",
    summary: "a Kubernetes cluster that answers",
    needs: &[],
    reads: None,
    plan,
    objects: nodes,
    checks: no_checks,
    facts: &[Fact::Images],
    secrets: no_secrets,
};

fn plan(inputs: &Inputs, observed: &Observed) -> Result<Plan, PlanError> {
    let config = &inputs.config;
    // Before anything is made: a pair that can't work is refused while nothing has been touched.
    install_argocd::check_pair(inputs, observed.kubernetes.or(inputs.expected_kubernetes))?;
    let mut plan = Plan::default();
    if observed.cluster != ClusterState::Running {
        plan.actions.push(Action::CreateCluster { what: what(config, observed.cluster)? });
    }
    if observed.cluster == ClusterState::Running && !observed.images_to_load.is_empty() {
        let images = observed.images_to_load.join(", ");
        let what = format!("load into kind cluster {}: {images}", config.cluster.name);
        plan.actions.push(Action::CreateCluster { what });
    }
    for node in nodes(inputs) {
        plan.push_apply(Apply::new(node), observed);
    }
    Ok(plan)
}

fn what(config: &Config, state: ClusterState) -> Result<String, PlanError> {
    let name = &config.cluster.name;
    Ok(match (config.cluster.provider, state) {
        (Provider::Context, _) => {
            return Err(PlanError::precondition(
                format!(
                    "the cluster of context {} does not answer",
                    config.cluster.context.as_deref().unwrap_or("?")
                ),
                "check that it runs: kubectl --context <context> get nodes",
            ));
        }
        (Provider::Kwok, ClusterState::Stopped) => format!("start kwok cluster {name}"),
        (Provider::Kwok, _) => format!("create kwok cluster {name}"),
        (Provider::Kind, ClusterState::Stopped) => format!("start kind cluster {name}"),
        (Provider::Kind, _) => format!("create kind cluster {name}"),
    })
}

/// Simulated nodes of a kwok cluster, large enough for anything.
fn nodes(inputs: &Inputs) -> Vec<Object> {
    let cluster = &inputs.config.cluster;
    if cluster.provider != Provider::Kwok {
        return Vec::new();
    }
    // Redis of the ha variant wants three different nodes.
    let least = if inputs.config.argocd.variant == Variant::Ha { 3 } else { 1 };
    (0..cluster.nodes.max(least)).map(|index| node(&format!("simulated-{index}"))).collect()
}

fn node(name: &str) -> Object {
    Object::new(&ObjectRef::cluster_scoped("v1", "Node", name))
        .with_label("app.kubernetes.io/managed-by", MANAGER)
        .with_label("kubernetes.io/hostname", name)
        // Argo CD's pods choose nodes by it.
        .with_label("kubernetes.io/os", "linux")
        .with_label("type", "kwok")
        // By this annotation the kwok controller knows its nodes, and we know them as simulated.
        .with_annotation("kwok.x-k8s.io/node", "fake")
        .with("spec", json!({}))
}
