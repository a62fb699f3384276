//! What would go along: contents of namespaces, and objects of Argo CD's kinds.

use std::collections::{BTreeMap, BTreeSet};

use manifests::argocd::names::{self, ARGOPROJ};
use manifests::{Object, ObjectRef};
use serde_json::Value;

use super::{Way, few};
use crate::inputs::Inputs;

/// What Kubernetes, Istio and OpenShift put into every namespace.
const FURNITURE: [(&str, &[&str]); 3] = [
    (
        "ConfigMap",
        &[
            "kube-root-ca.crt",
            "istio-ca-root-cert",
            "openshift-service-ca.crt",
            "config-service-cabundle",
            "config-trusted-cabundle",
        ],
    ),
    ("ServiceAccount", &SERVICE_ACCOUNTS),
    (
        "RoleBinding",
        &[
            "system:image-pullers",
            "system:image-builders",
            "system:deployers",
            "openshift-pipelines-edit",
            "pipelines-scc-rolebinding",
        ],
    ),
];
const SERVICE_ACCOUNTS: [&str; 4] = ["default", "builder", "deployer", "pipeline"];
/// Annotations of generated Secrets that name their ServiceAccount.
const GENERATED_FOR: [&str; 3] = [
    "kubernetes.io/service-account.name",
    "openshift.io/internal-registry-auth-token.service-account",
    "openshift.io/created-by-service-account",
];

/// What is left in a namespace where these objects are deleted: neither one of them, nor put into every namespace,
/// nor owned by what is looked at anyway.
pub fn left_in(inputs: &Inputs, doomed: &BTreeSet<ObjectRef>, contents: &[Object]) -> Vec<String> {
    let left = contents.iter().filter(|object| {
        let reference = object.reference();
        !is_in(doomed, &reference)
            && !is_argocds_own(&reference, inputs)
            && !is_furniture(object)
            && !is_owned(object, doomed, contents)
    });
    left.map(|object| format!("{}/{}", object.kind(), object.name())).collect()
}

/// Objects of Argo CD's kinds that would go with the definitions and are none of those that are deleted anyway.
pub fn foreign(inputs: &Inputs, doomed: &BTreeSet<ObjectRef>, argocd: &[Object]) -> Vec<String> {
    let all = argocd.iter().map(Object::reference);
    all.filter(|object| !doomed.contains(object) && !is_argocds_own(object, inputs))
        .map(|object| object.to_string())
        .collect()
}

/// A list may name another version of the same object.
fn is_in(doomed: &BTreeSet<ObjectRef>, object: &ObjectRef) -> bool {
    doomed.iter().any(|other| {
        other.group() == object.group()
            && (&other.kind, &other.namespace, &other.name) == (&object.kind, &object.namespace, &object.name)
    })
}

fn is_furniture(object: &Object) -> bool {
    let named =
        FURNITURE.iter().any(|(kind, names)| *kind == object.kind() && names.contains(&object.name()));
    let accounts = || GENERATED_FOR.iter().filter_map(|name| object.annotation(name));
    named || object.kind() == "Secret" && accounts().any(|account| SERVICE_ACCOUNTS.contains(&account))
}

/// The owner goes, or counts itself.
fn is_owned(object: &Object, doomed: &BTreeSet<ObjectRef>, contents: &[Object]) -> bool {
    object.list("/metadata/ownerReferences").iter().any(|owner| {
        let text = |field: &str| owner[field].as_str().unwrap_or_default();
        let namespaced = ObjectRef::namespaced(
            text("apiVersion"),
            text("kind"),
            object.namespace().unwrap_or_default(),
            text("name"),
        );
        let cluster_scoped = ObjectRef { namespace: None, ..namespaced.clone() };
        let beside = |other: &Object| {
            other.text("/metadata/uid") == text("uid")
                && (other.kind(), other.name()) == (text("kind"), text("name"))
        };
        is_in(doomed, &namespaced) || is_in(doomed, &cluster_scoped) || contents.iter().any(beside)
    })
}

/// What Argo CD makes for itself in its namespace, and what goes with it.
fn is_argocds_own(object: &ObjectRef, inputs: &Inputs) -> bool {
    let namespace = inputs.argocd_namespace();
    object.namespace.as_deref() == Some(namespace)
        && (*object == ObjectRef::namespaced(ARGOPROJ, "AppProject", namespace, "default")
            || *object == names::initial_admin_secret(namespace)
            || *object == ObjectRef::namespaced("v1", "Secret", namespace, "argocd-redis"))
}

impl Way<'_> {
    /// A namespace goes only with nothing left in it. Gives the notes of those that stay.
    pub(super) fn spare_namespaces(&mut self) -> BTreeMap<ObjectRef, String> {
        let mut notes = BTreeMap::new();
        let going = self.going();
        let namespaces: Vec<ObjectRef> =
            self.doomed.iter().filter(|object| object.kind == "Namespace").cloned().collect();
        for namespace in namespaces {
            let contents = self.around.contents.get(&namespace.name).map_or(&[][..], Vec::as_slice);
            let left = left_in(self.inputs, &going, contents);
            if !left.is_empty() {
                self.doomed.remove(&namespace);
                let note = stays_note(&namespace, &left);
                notes.insert(namespace, note);
            }
        }
        notes
    }

    /// What goes: what is deleted, and with workloads what Argo CD notes to have deployed for Applications among it.
    pub(super) fn going(&self) -> BTreeSet<ObjectRef> {
        let mut going = self.doomed.clone();
        if self.wishes.with_workloads {
            let applications =
                self.around.argocd.iter().filter(|object| self.doomed.contains(&object.reference()));
            let resources = applications.flat_map(|application| application.list("/status/resources"));
            going.extend(resources.map(resource));
        }
        going
    }
}

fn resource(entry: &Value) -> ObjectRef {
    let text = |field: &str| entry[field].as_str().unwrap_or_default();
    let api_version = match text("group") {
        "" => text("version").to_owned(),
        group => format!("{group}/{}", text("version")),
    };
    let namespace = Some(text("namespace").to_owned()).filter(|namespace| !namespace.is_empty());
    ObjectRef { api_version, kind: text("kind").into(), namespace, name: text("name").into() }
}

/// Why a namespace stays.
pub fn stays_note(namespace: &ObjectRef, left: &[String]) -> String {
    format!(
        "{namespace} stays, with what others put there: {}; take it away with all of it: kubectl delete namespace {}",
        few(left),
        namespace.name
    )
}
