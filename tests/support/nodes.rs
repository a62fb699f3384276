//! Nodes that nobody simulates.

use serde_json::{Value, json};

use crate::{Api, Sandbox};

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
