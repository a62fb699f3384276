//! Argo CD v3.5.1 in its standard variant, built in for machines that cannot download the published manifest.
//!
//! Every object but the custom resource definitions says what the published one says, down to the order of
//! environment variables, so that moving between the two restarts nothing. Two things are spelled out that
//! the published manifest leaves to defaults: the protocol of every Service port, which the server-side
//! apply of older servers insists on, and the namespace of every binding's subject.
//!
//! The custom resource definitions are minimal: names, versions, columns and subresources are the published
//! ones, but the API server accepts any `spec`, `status` and `operation`. A misspelt or missing field is
//! therefore not refused when it is applied; Argo CD reports it later, as a condition of the resource, or
//! ignores it. Server-side apply replaces lists inside these fields as a whole, as it does with the published
//! definitions, which declare none to be merged by key; only label selectors, whole there, are merged here.

mod config;
mod crds;
mod env;
pub(crate) mod known_hosts;
mod network;
mod pod;
mod rbac;
mod workloads;

use crate::object::{Object, ObjectRef};

/// Value of the label `app.kubernetes.io/part-of` of every object.
const PART_OF: &str = "argocd";
const NAME_LABEL: &str = "app.kubernetes.io/name";
const PART_OF_LABEL: &str = "app.kubernetes.io/part-of";

/// All objects of Argo CD for a namespace, which is itself not among them. What others refer to comes first:
/// definitions, service accounts, roles and bindings, config maps, secrets, services, workloads and network
/// policies.
pub fn objects(namespace: &str) -> Vec<Object> {
    [
        crds::definitions(),
        rbac::service_accounts(namespace),
        rbac::roles_and_bindings(namespace),
        config::config_maps(namespace),
        config::secrets(namespace),
        network::services(namespace),
        workloads::workloads(namespace),
        network::policies(namespace),
    ]
    .concat()
}

/// The name of a component's service account, roles, workload and pods.
fn full_name(component: &str) -> String {
    format!("argocd-{component}")
}

/// An object with the labels `name` and `part-of`.
fn labelled(reference: &ObjectRef, name_label: &str) -> Object {
    Object::new(reference).with_label(NAME_LABEL, name_label).with_label(PART_OF_LABEL, PART_OF)
}

/// An object with the labels `name`, `part-of` and `component`.
fn labelled_part(reference: &ObjectRef, name_label: &str, component: &str) -> Object {
    labelled(reference, name_label).with_label("app.kubernetes.io/component", component)
}
