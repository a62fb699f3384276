//! What other projects bring into a cluster: nodes that nobody simulates, kinds, and what controllers write.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{Api, Sandbox, poll};

/// A node that nobody simulates, and no node that takes pods: the test itself says what became of a pod.
pub fn with_a_real_node(sandbox: &Sandbox) {
    let api = sandbox.api();
    for node in api.list("/api/v1/nodes") {
        let name = node["metadata"]["name"].as_str().expect("a name");
        let cordon = json!([{ "op": "add", "path": "/spec/unschedulable", "value": true }]);
        api.patch("test", &format!("/api/v1/nodes/{name}"), &cordon);
    }
    let node = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": { "name": "real" },
        "spec": { "taints": [{ "key": "test", "value": "no-pods", "effect": "NoSchedule" }] },
    });
    api.create("/api/v1/nodes", &node);
}

/// Sets the status of an object, as a controller does.
pub fn set_status(api: &Api, path: &str, status: &Value) {
    let operations = json!([{ "op": "add", "path": "/status", "value": status }]);
    api.patch("controller", &format!("{path}/status"), &operations);
}

/// A kind of another project that takes everything.
pub fn define_kind(api: &Api, group: &str, version: &str, kind: &str) {
    let plural = format!("{}s", kind.to_lowercase());
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": format!("{plural}.{group}"),
            "annotations": { "api-approved.kubernetes.io": "unapproved, a test" },
        },
        "spec": {
            "group": group,
            "names": { "kind": kind, "plural": plural, "singular": kind.to_lowercase() },
            "scope": "Namespaced",
            "versions": [{
                "name": version, "served": true, "storage": true, "subresources": { "status": {} },
                "schema": { "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } },
            }],
        },
    });
    api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition);
    let collection = format!("/apis/{group}/{version}/{plural}");
    poll("the kind is served", Duration::from_secs(30), || api.find(&collection));
}
