//! Who made an object, and who has put fields into it, out of `metadata.managedFields`.

use std::borrow::Cow;

use manifests::managed_fields::fields;
use manifests::{MANAGER, Object};
use serde_json::{Map, Value};

/// Label that every namespace gets when it is made; who asked for the namespace by a create or update owns it.
const NAMESPACE_NAME: &str = "f:kubernetes.io/metadata.name";

/// Our field managers that own something in the object, without those of its status.
pub(super) fn our_managers(live: &Object) -> Vec<&str> {
    let mut managers: Vec<&str> =
        entries(live).map(|(manager, _)| manager).filter(|manager| is_ours(manager)).collect();
    managers.dedup();
    managers
}

/// This tool has made the object: it applied the whole of it, and nobody else had set any of these fields before.
/// Who sets a field to what it is already becomes a co-owner, hence an object that was there shares some with us.
pub(super) fn is_made_by_us(live: &Object) -> bool {
    let ours: Vec<_> =
        entries(live).filter(|(manager, _)| *manager == MANAGER).map(|(_, fields)| fields).collect();
    let others = entries(live).filter(|(manager, _)| !is_ours(manager));
    !ours.is_empty()
        && others.into_iter().all(|(_, theirs)| {
            !ours.iter().any(|ours| overlap(ours, &theirs)) && !names_namespace(live, &theirs)
        })
}

fn is_ours(manager: &str) -> bool {
    manager.strip_prefix(MANAGER).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

fn entries(live: &Object) -> impl Iterator<Item = (&str, Cow<'_, Map<String, Value>>)> {
    let whole = live.list("/metadata/managedFields").iter().filter(|entry| entry["subresource"].is_null());
    whole.filter_map(|entry| Some((entry["manager"].as_str()?, fields(entry)?)))
}

/// Both own a same value.
fn overlap(ours: &Map<String, Value>, theirs: &Map<String, Value>) -> bool {
    ours.iter().any(|(key, inner)| match (inner.as_object(), theirs.get(key).and_then(Value::as_object)) {
        (Some(ours), Some(theirs)) if ours.is_empty() => theirs.is_empty() && key != ".",
        (Some(ours), Some(theirs)) => overlap(ours, theirs),
        _ => false,
    })
}

fn names_namespace(live: &Object, fields: &Map<String, Value>) -> bool {
    let labels = fields.get("f:metadata").and_then(|metadata| metadata.get("f:labels"));
    live.kind() == "Namespace" && labels.is_some_and(|labels| labels.get(NAMESPACE_NAME).is_some())
}

#[cfg(test)]
mod tests {
    use manifests::ObjectRef;
    use serde_json::json;

    use super::*;

    fn namespace(managed: Value) -> Object {
        let object = Object::new(&ObjectRef::cluster_scoped("v1", "Namespace", "models"));
        object.with("metadata", json!({ "name": "models", "managedFields": managed }))
    }

    fn entry(manager: &str, operation: &str, fields: Value) -> Value {
        json!({ "manager": manager, "operation": operation, "fieldsV1": fields })
    }

    fn labels(labels: Value) -> Value {
        json!({ "f:metadata": { "f:labels": labels } })
    }

    #[test]
    fn made_by_us_where_nobody_had_its_fields_before() {
        let ours = entry(MANAGER, "Apply", labels(json!({ "f:seldon.gitops": {} })));
        let made = |others: Vec<Value>| {
            let all: Vec<Value> = std::iter::once(ours.clone()).chain(others).collect();
            is_made_by_us(&namespace(json!(all)))
        };
        assert!(made(vec![]));
        let edited = entry("kubectl-edit", "Update", labels(json!({ ".": {}, "f:team": {} })));
        assert!(made(vec![edited]), "what somebody added later is theirs, not the object");
        let created = entry(
            "kubectl-create",
            "Update",
            labels(json!({ ".": {}, "f:kubernetes.io/metadata.name": {} })),
        );
        assert!(!made(vec![created]), "who asked for a namespace owns its name");
        let shared = entry("kubectl-client-side-apply", "Update", labels(json!({ "f:seldon.gitops": {} })));
        assert!(!made(vec![shared]), "a label that was there already");
        let mut status = entry("kube-controller-manager", "Update", labels(json!({ "f:seldon.gitops": {} })));
        status["subresource"] = json!("status");
        assert!(made(vec![status]), "a controller's status is no claim");
        assert!(!is_made_by_us(&namespace(json!([]))), "without a record nothing is ours");
    }

    #[test]
    fn managers_of_ours_are_told_from_others_with_a_like_name() {
        let all = ["gitops-setup", "gitops-setup-root-path", "gitops-setups", "argocd"]
            .map(|manager| entry(manager, "Apply", json!({})));
        assert_eq!(our_managers(&namespace(json!(all))), ["gitops-setup", "gitops-setup-root-path"]);
    }
}
