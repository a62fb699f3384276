//! Waiting until every node is ready: kind itself waits for the control plane at most.

use std::time::Duration;

use manifests::{Object, ObjectRef};

use crate::client::Client;
use crate::error::ClusterError;
use crate::tools::{Event, Progress as Told};
use crate::wait::{Objects, Progress};

/// Waits until `count` nodes are ready.
pub(super) async fn ready(
    client: &Client,
    count: usize,
    within: Duration,
    progress: &Told,
) -> Result<(), ClusterError> {
    let told = |lines: &[String]| progress.tell(Event::State { lines: lines.to_vec() });
    let like = ObjectRef::cluster_scoped("v1", "Node", "");
    let what = format!("{count} {} to be ready", if count == 1 { "node" } else { "nodes" });
    client.wait_until(&like, &what, within, &told, |nodes| judged(nodes, count)).await
}

/// Whether all are ready, and of those that are not, why.
fn judged(nodes: &Objects, count: usize) -> Progress<()> {
    let unready = nodes.iter().filter(|(_, node)| !node.has_condition("Ready", "True"));
    let mut lines: Vec<String> = unready.map(|(name, node)| format!("node {name} {}", why(node))).collect();
    if nodes.len() < count {
        lines.push(format!("{} of {count} nodes have joined", nodes.len()));
    }
    if lines.is_empty() { Progress::Done(()) } else { Progress::Waiting(lines) }
}

fn why(node: &Object) -> String {
    let ready = node.condition("Ready");
    let word = |field: &str| ready.and_then(|ready| ready[field].as_str()).unwrap_or_default();
    match (word("reason"), word("message")) {
        ("", "") => "has not said how it is".into(),
        (reason, "") => format!("is not ready ({reason})"),
        (reason, message) => format!("is not ready ({reason}): {message}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn nodes(conditions: &[(&str, Value)]) -> Objects {
        let node = |name: &str, condition: &Value| {
            let object = Object::new(&ObjectRef::cluster_scoped("v1", "Node", name));
            (name.to_owned(), object.with("status", json!({ "conditions": [condition] })))
        };
        conditions.iter().map(|(name, condition)| node(name, condition)).collect()
    }

    #[test]
    fn every_node_has_to_be_there_and_ready() {
        let ready = json!({"type": "Ready", "status": "True", "reason": "KubeletReady"});
        let both = [("a", ready.clone()), ("b", ready.clone())];
        assert_eq!(judged(&nodes(&both), 2), Progress::Done(()));
        let waits = judged(&nodes(&both[..1]), 2);
        assert_eq!(waits, Progress::Waiting(vec!["1 of 2 nodes have joined".into()]));
    }

    #[test]
    fn why_a_node_is_not_ready_is_told() {
        let message = "container runtime network not ready: cni plugin not initialized";
        let network =
            json!({"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": message});
        let waits =
            judged(&nodes(&[("a", network), ("b", json!({"type": "DiskPressure", "status": "False"}))]), 2);
        let expected = [
            format!("node a is not ready (KubeletNotReady): {message}"),
            "node b has not said how it is".into(),
        ];
        assert_eq!(waits, Progress::Waiting(expected.into()));
    }
}
