//! Everything in a cluster that a set-up leaves behind, in a form in which two clusters can be compared.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::Api;

/// Made by controllers out of what is compared, under names and with content of their own.
const DERIVED: [&str; 10] = [
    "ControllerRevision",
    "Endpoints",
    "EndpointSlice",
    "Event",
    "FlowSchema",
    "IPAddress",
    "Lease",
    "Pod",
    "PriorityLevelConfiguration",
    "ReplicaSet",
];
/// Metadata that no two clusters share.
const OWN: [&str; 4] = ["uid", "resourceVersion", "creationTimestamp", "generation"];

impl Api {
    /// All objects by `kind/namespace/name`, without what differs between any two clusters. In texts, each of
    /// `replace` stands for its second part.
    pub fn snapshot(&self, replace: &[(&str, &str)]) -> BTreeMap<String, Value> {
        let mut objects = BTreeMap::new();
        for version in self.group_versions() {
            let base = if version == "v1" { "/api/v1".into() } else { format!("/apis/{version}") };
            let resources = self.get(&base)["resources"].take();
            for resource in resources.as_array().into_iter().flatten() {
                let (name, kind) = (text(&resource["name"]), text(&resource["kind"]));
                let listable = resource["verbs"].as_array().is_some_and(|v| v.contains(&json!("list")));
                if listable && !name.contains('/') && !DERIVED.contains(&kind) {
                    for object in self.list(&format!("{base}/{name}")) {
                        let metadata = &object["metadata"];
                        let key =
                            format!("{kind}/{}/{}", text(&metadata["namespace"]), text(&metadata["name"]));
                        objects.insert(key, plain(object, replace));
                    }
                }
            }
        }
        // They belong to the cluster, and controllers still write to them when it is young.
        objects.retain(|key, _| !key.starts_with("Node/") && !key.starts_with("ServiceCIDR/"));
        // A controller makes them in every namespace, some time after it was made.
        objects.retain(|key, _| !key.starts_with("ConfigMap/") || !key.ends_with("/kube-root-ca.crt"));
        objects.retain(|key, _| !key.starts_with("ServiceAccount/") || !key.ends_with("/default"));
        objects.retain(|key, _| !key.starts_with("ConfigMap/kube-system/"));
        // Its port is the API server's own.
        objects.remove("Service/default/kubernetes");
        objects
    }

    fn group_versions(&self) -> Vec<String> {
        let groups = self.get("/apis");
        let preferred = |group: &Value| text(&group["preferredVersion"]["groupVersion"]).to_owned();
        let named = groups["groups"].as_array().into_iter().flatten().map(preferred);
        std::iter::once("v1".to_owned()).chain(named).collect()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn plain(mut object: Value, replace: &[(&str, &str)]) -> Value {
    let has_password = object["data"].get("admin.password").is_some();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if object.get("aggregationRule").is_some_and(Value::is_object) {
        // A controller fills them in a moment after the cluster is made.
        object["rules"] = Value::Null;
    }
    if has_password {
        object["data"]["admin.password"] = json!("(hash)");
        object["data"]["admin.passwordMtime"] = json!("(time)");
    }
    if let ("Opaque", Some(data)) =
        (text(&object["type"]).to_owned().as_str(), object["data"].as_object_mut())
    {
        let secrets = data.iter_mut().filter(|(key, _)| key.starts_with("webhook."));
        secrets.for_each(|(_, value)| *value = json!("(random)"));
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        OWN.iter().for_each(|field| drop(metadata.remove(*field)));
        let managers = metadata.remove("managedFields").map(managers).unwrap_or_default();
        metadata.insert("managers".into(), json!(managers));
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            // How often a Deployment was changed depends on the way, not on the end.
            annotations.remove("deployment.kubernetes.io/revision");
        }
    }
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        ["clusterIP", "clusterIPs"].iter().for_each(|field| drop(spec.remove(*field)));
    }
    let written = replace.iter().fold(object.to_string(), |text, (from, to)| text.replace(from, to));
    serde_json::from_str(&written).expect("texts were replaced by texts")
}

/// Who of ours owns what: manager and operation to fields.
fn managers(entries: Value) -> BTreeMap<String, Value> {
    let entries = entries.as_array().cloned().unwrap_or_default();
    let ours = entries.into_iter().filter(|entry| text(&entry["manager"]).starts_with("gitops-setup"));
    let key = |entry: &Value| format!("{} {}", text(&entry["manager"]), text(&entry["operation"]));
    ours.map(|mut entry| (key(&entry), entry["fieldsV1"].take())).collect()
}
