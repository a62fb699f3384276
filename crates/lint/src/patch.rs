//! Patches of Kustomize, as far as files without Kustomize need them.

use serde_json::Value;

use crate::item::{Item, text};

/// Lays a strategic merge patch over a value: maps are merged, lists whose items have names are merged by these,
/// other lists are replaced, `null` takes away.
pub(crate) fn merge(into: &mut Value, patch: &Value) {
    match (into, patch) {
        (Value::Object(into), Value::Object(patch)) => {
            for (key, value) in patch {
                match value {
                    Value::Null => drop(into.remove(key)),
                    value => merge(into.entry(key).or_insert(Value::Null), value),
                }
            }
        }
        (Value::Array(into), Value::Array(patch)) if patch.iter().all(|item| named(item).is_some()) => {
            for item in patch {
                match into.iter_mut().find(|other| named(other) == named(item)) {
                    Some(other) => merge(other, item),
                    None => into.push(item.clone()),
                }
            }
        }
        (into, patch) => into.clone_from(patch),
    }
}

fn named(item: &Value) -> Option<&str> {
    item.get("name")?.as_str()
}

/// Does the operations of a JSON patch (RFC 6902) that add, replace and remove. What does not fit is passed over: it
/// is for Kustomize to complain about.
pub(crate) fn operate(value: &mut Value, operations: &[Value]) {
    for operation in operations {
        let path = text(operation, "/path");
        let Some((parent, key)) = path.rsplit_once('/') else { continue };
        let key = key.replace("~1", "/").replace("~0", "~");
        let removes = text(operation, "/op") == "remove";
        if !removes && !["add", "replace"].contains(&text(operation, "/op")) {
            continue;
        }
        let new = operation.get("value").cloned().unwrap_or_default();
        match value.pointer_mut(parent) {
            Some(Value::Object(map)) if removes => drop(map.remove(&key)),
            Some(Value::Object(map)) => drop(map.insert(key, new)),
            Some(Value::Array(items)) => {
                let index = key.parse().unwrap_or(items.len());
                match text(operation, "/op") {
                    "remove" if index < items.len() => drop(items.remove(index)),
                    "add" if index <= items.len() => items.insert(index, new),
                    "replace" if index < items.len() => items[index] = new,
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

/// Whether a patch's target is this object; what a target does not name may be anything. Names are patterns there.
pub(crate) fn targets(target: &Value, item: &Item<'_>) -> bool {
    let fits = |pointer: &str, actual: &str| match text(target, pointer) {
        "" => true,
        pattern => {
            regex_lite::Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|regex| regex.is_match(actual))
        }
    };
    fits("/kind", item.kind()) && fits("/name", item.name()) && fits("/group", item.group())
}

/// Lays one document of a patch over what it fits. With a target, the names in the patch itself don't count.
pub(crate) fn apply(items: &mut Vec<Item<'_>>, patch: &Value, target: Option<&Value>) {
    let meant = |item: &Item<'_>| match target {
        Some(target) => targets(target, item),
        None => text(patch, "/kind") == item.kind() && text(patch, "/metadata/name") == item.name(),
    };
    if text(patch, "/$patch") == "delete" {
        items.retain(|item| !meant(item));
        return;
    }
    for item in items.iter_mut().filter(|item| meant(item)) {
        match patch {
            Value::Array(operations) => operate(&mut item.value, operations),
            patch => {
                let metadata = item.value["metadata"].clone();
                merge(&mut item.value, patch);
                // A patch with a target may carry a name that means nothing.
                for key in ["name", "namespace"] {
                    if let Some(kept) = metadata.get(key) {
                        item.value["metadata"][key] = kept.clone();
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn containers_are_merged_by_name() {
        let mut value =
            json!({"spec": {"containers": [{"name": "a", "image": "a"}, {"name": "b"}], "x": 1, "l": [1]}});
        merge(
            &mut value,
            &json!({"spec": {"containers": [{"name": "a", "image": "a:1"}], "x": null, "l": [2]}}),
        );
        assert_eq!(
            value,
            json!({"spec": {"containers": [{"name": "a", "image": "a:1"}, {"name": "b"}], "l": [2]}})
        );
    }

    #[test]
    fn operations_that_do_not_fit_are_passed_over() {
        let mut value = json!({"a": [1, 2], "b": {"c/d": 1}});
        let operations = json!([
            {"op": "replace", "path": "/b/c~1d", "value": 2}, {"op": "remove", "path": "/a/0"},
            {"op": "add", "path": "/a/-", "value": 3}, {"op": "remove", "path": "/a/9"},
            {"op": "add", "path": "/x/y", "value": 3}, {"op": "add"}, {},
        ]);
        operate(&mut value, operations.as_array().map_or(&[], Vec::as_slice));
        assert_eq!(value, json!({"a": [2, 3], "b": {"c/d": 2}}));
    }
}
