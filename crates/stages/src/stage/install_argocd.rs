//! Argo CD's own objects.

use manifests::argocd::{advisories, names};
use manifests::config::{ManifestSource, Variant};
use manifests::{Object, ObjectRef, trust};
use serde_json::Value;

use super::{Check, Fact, Stage, no_secrets};
use crate::diff::{self, Change};
use crate::inputs::Inputs;
use crate::observed::{KubernetesVersion, Observed};
use crate::plan::{Action, Apply, Plan, PlanError, Unseen};

pub(super) const STAGE: Stage = Stage {
    name: "install-argocd",
    summary: "Argo CD's own objects, of the release and variant configured",
    needs: &["cluster"],
    reads: Some(reads),
    plan,
    objects,
    checks: |inputs| vec![Check::RolledOut(workloads(inputs))],
    facts: &[Fact::Manifest],
    secrets: no_secrets,
};

/// The first minor version of Kubernetes without `apiextensions.k8s.io/v1beta1`, and the first whose
/// server-side apply is stable.
const KUBERNETES_1_22: KubernetesVersion = KubernetesVersion { major: 1, minor: 22 };
/// Server-side apply is on by default and complete enough since its second beta.
const KUBERNETES_1_18: KubernetesVersion = KubernetesVersion { major: 1, minor: 18 };

fn objects(inputs: &Inputs) -> Vec<Object> {
    inputs.install.as_ref().map_or(Vec::new(), |install| install.objects.clone())
}

fn reads(inputs: &Inputs) -> Vec<ObjectRef> {
    match &inputs.install {
        Some(install) => install.objects.iter().map(Object::reference).collect(),
        None => workloads(inputs),
    }
}

/// Deployments and StatefulSets that have to be rolled out.
pub(super) fn workloads(inputs: &Inputs) -> Vec<ObjectRef> {
    match &inputs.install {
        Some(install) => install
            .objects
            .iter()
            .filter(|object| matches!(object.kind(), "Deployment" | "StatefulSet"))
            .map(Object::reference)
            .collect(),
        None if inputs.config.argocd.variant == Variant::Core => Vec::new(),
        None => vec![names::server_deployment(inputs.argocd_namespace())],
    }
}

fn plan(inputs: &Inputs, observed: &Observed) -> Result<Plan, PlanError> {
    check_pair(inputs, observed.kubernetes)?;
    let Some(install) = &inputs.install else { return existing(inputs, observed) };
    refuse_terminating(inputs.argocd_namespace(), observed)?;
    refuse_helm(inputs, observed)?;
    let mut plan = Plan { notes: install.notes.clone(), ..Plan::default() };
    plan.notes.extend(known_vulnerable(inputs));
    plan.notes.extend(upgrade_note(inputs, observed));
    plan.notes.extend(few_nodes_note(inputs, observed));
    for object in &install.objects {
        refuse_unserved(object, observed)?;
        if let Some(action) = leftover_command(object, observed) {
            plan.actions.push(action);
        }
        // Argo CD's own instructions say to force: fields of its manifest are this stage's by design.
        let apply = match object.reference() == names::known_hosts(inputs.argocd_namespace()) {
            true => apply_known_hosts(object, observed, &mut plan.notes),
            false => Apply::new(object.clone()),
        };
        plan.push_apply(apply.forced(), observed);
    }
    Ok(plan)
}

/// Users and the stage git-credentials add host keys to those of the manifest: what is there goes along, and only if
/// nobody changes it meanwhile.
fn apply_known_hosts(manifest: &Object, observed: &Observed, notes: &mut Vec<String>) -> Apply {
    let live = observed.object(&manifest.reference());
    let before = live.map_or("", trust::known_hosts_in);
    if trust::has_retired_key(before) {
        notes.push(trust::retired_note(&manifest.reference().to_string()));
    }
    let merged = trust::merge_known_hosts(before, trust::known_hosts_in(manifest));
    let mut desired = manifest.clone();
    if let Some(data) = desired.get_mut("/data") {
        data[names::KNOWN_HOSTS_KEY] = merged.into();
    }
    Apply::new(desired).if_unchanged(live)
}

fn existing(inputs: &Inputs, observed: &Observed) -> Result<Plan, PlanError> {
    for workload in workloads(inputs) {
        require(observed, &workload, inputs)?;
    }
    let mut plan =
        Plan::skipped("`argocd.manifest: existing`: the Argo CD that is there is configured, not installed");
    plan.notes.extend(known_vulnerable(inputs));
    Ok(plan)
}

/// Refuses a release of Argo CD and a version of Kubernetes that can't go together.
pub(super) fn check_pair(inputs: &Inputs, kubernetes: Option<KubernetesVersion>) -> Result<(), PlanError> {
    let (Some(kubernetes), version) = (kubernetes, &inputs.config.argocd.version) else { return Ok(()) };
    if inputs.config.argocd.manifest == ManifestSource::Existing {
        return Ok(());
    }
    if !version.has_v1_crds() && kubernetes >= KUBERNETES_1_22 {
        return Err(PlanError::precondition(
            format!(
                "Argo CD {version} cannot be installed on Kubernetes {kubernetes}: its CustomResourceDefinitions are \
                 apiextensions.k8s.io/v1beta1, which Kubernetes 1.22 removed"
            ),
            "set `argocd.version` to v2.0.0 or later, or use Kubernetes 1.18 to 1.21",
        ));
    }
    let oldest = if version.has_v1_crds() { KUBERNETES_1_22 } else { KUBERNETES_1_18 };
    if kubernetes < oldest {
        return Err(PlanError::precondition(
            format!(
                "Kubernetes {kubernetes} is too old: Argo CD {version} and server-side apply need {oldest} or later"
            ),
            "upgrade the cluster, or set `cluster.context` to another one",
        ));
    }
    Ok(())
}

/// Refuses to write into a namespace that is being deleted: server-side apply would seem to succeed.
pub(super) fn refuse_terminating(namespace: &str, observed: &Observed) -> Result<(), PlanError> {
    let reference = ObjectRef::cluster_scoped("v1", "Namespace", namespace);
    let live = observed.object(&reference);
    let Some(live) = live.filter(|live| live.get("/metadata/deletionTimestamp").is_some()) else {
        return Ok(());
    };
    let conditions = live.list("/status/conditions").iter().filter(|condition| condition["status"] == "True");
    let mut held: Vec<String> =
        conditions.filter_map(|condition| condition["message"].as_str().map(str::to_owned)).collect();
    let finalizers = live.list("/metadata/finalizers").iter().filter_map(Value::as_str);
    held.extend(finalizers.map(|name| format!("whoever has the finalizer {name} has not taken it off")));
    let held = if held.is_empty() { String::new() } else { format!(": {}", held.join("; ")) };
    Err(PlanError::precondition(
        format!("{reference} is being deleted{held}"),
        format!("wait until it is gone; what holds it up: kubectl get namespace {namespace} -o yaml"),
    ))
}

/// Refuses a definition that is there and that Kubernetes does not serve, because another one has its names: objects of
/// its kind would have nowhere to go.
fn refuse_unserved(definition: &Object, observed: &Observed) -> Result<(), PlanError> {
    let reference = definition.reference();
    if reference.kind != "CustomResourceDefinition" {
        return Ok(());
    }
    let accepted = observed.object(&reference).and_then(|live| live.condition("NamesAccepted"));
    let Some(refused) = accepted.filter(|accepted| accepted["status"] == "False") else { return Ok(()) };
    let group = definition.text("/spec/group");
    Err(PlanError::precondition(
        format!(
            "{reference} is there and is not served: {}",
            refused["message"].as_str().unwrap_or("its names are not accepted")
        ),
        format!(
            "another definition of the group has that name, such as that of a fork: remove it, with everything of its \
             kind, and run the same command again: kubectl get crd | grep {group}"
        ),
    ))
}

fn refuse_helm(inputs: &Inputs, observed: &Observed) -> Result<(), PlanError> {
    for workload in workloads(inputs) {
        let Some(live) = observed.object(&workload) else { continue };
        if live.label("app.kubernetes.io/managed-by") == Some("Helm") {
            let release = live.annotation("meta.helm.sh/release-name").unwrap_or("unknown");
            return Err(PlanError::precondition(
                format!(
                    "{workload} belongs to Helm release {release}: Helm and this tool would undo each other"
                ),
                "keep Helm's Argo CD and configure it: set `argocd.manifest: existing`",
            ));
        }
    }
    Ok(())
}

/// The guide patches the server's `command`; since 2.7 the container has `args`, and a leftover command makes it
/// crash when it is upgraded (argo-cd issue 13430).
fn leftover_command(desired: &Object, observed: &Observed) -> Option<Action> {
    if desired.name() != names::SERVER || desired.kind() != "Deployment" {
        return None;
    }
    let command = |object: &Object| {
        let pointer = format!("{}/command", server_container(object)?);
        object.get(&pointer).is_some().then_some(pointer)
    };
    if command(desired).is_some() {
        return None;
    }
    let live = observed.object(&desired.reference())?;
    let pointer = command(live)?;
    // One that this stage applied itself, and nobody changed, goes with the apply.
    let path = format!("containers[{}].command", names::SERVER);
    let goes =
        |change: &Change| change.path.ends_with(&path) && change.to.is_none() && change.owners.is_empty();
    if diff::changes(desired, live, manifests::MANAGER).iter().any(goes) {
        return None;
    }
    Some(Action::RemoveField {
        object: desired.reference(),
        // By now another container may stand there.
        expected: live.get(&pointer).cloned().map(Unseen),
        pointer,
        why: "a command patched in by hand would start the server with flags it no longer has".into(),
    })
}

/// JSON pointer to the server's own container in its Deployment: a sidecar may come before it.
fn server_container(deployment: &Object) -> Option<String> {
    const CONTAINERS: &str = "/spec/template/spec/containers";
    let index =
        deployment.list(CONTAINERS).iter().position(|container| container["name"] == names::SERVER)?;
    Some(format!("{CONTAINERS}/{index}"))
}

fn known_vulnerable(inputs: &Inputs) -> Option<String> {
    let argocd = &inputs.config.argocd;
    advisories::of(argocd).note(&argocd.version)
}

fn upgrade_note(inputs: &Inputs, observed: &Observed) -> Option<String> {
    let live = observed.object(&names::server_deployment(inputs.argocd_namespace()))?;
    let image = live.text(&format!("{}/image", server_container(live)?));
    let (_, tag) = image.split('@').next()?.rsplit('/').next()?.split_once(':')?;
    let version = &inputs.config.argocd.version;
    (tag != version.to_string()).then(|| format!("replaces Argo CD {tag} by {version}"))
}

fn few_nodes_note(inputs: &Inputs, observed: &Observed) -> Option<String> {
    let nodes = observed.nodes.real;
    (inputs.config.argocd.variant == Variant::Ha && (1..3).contains(&nodes)).then(|| {
        format!("the ha variant wants three nodes and there are {nodes}: pods of Redis will stay pending")
    })
}

/// The object must be there, because Argo CD's install makes it.
pub(super) fn require(observed: &Observed, object: &ObjectRef, inputs: &Inputs) -> Result<(), PlanError> {
    if observed.object(object).is_some() {
        return Ok(());
    }
    let next = match inputs.config.argocd.manifest {
        ManifestSource::Existing => {
            "`argocd.manifest: existing` needs an Argo CD in `argocd.namespace`; choose `official` to install one"
        }
        _ => "install Argo CD first: cargo xtask setup --from install-argocd",
    };
    Err(PlanError::precondition(format!("{object} is not there"), next))
}
