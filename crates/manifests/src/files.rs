//! Objects as files: one each, with names that stay the same from run to run.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::object::{Object, ObjectRef};
use crate::yaml;

/// The first line of every file: what begins otherwise is not ours to overwrite or to delete.
pub const HEADER: &str = "# Rendered by gitops-setup.";

/// File names, relative to the output folder, and their contents. What several stages say of one object is put
/// together into one file, in the folder of the first of them. Secrets come without their data.
pub fn files(stages: Vec<(&str, Vec<Object>)>) -> BTreeMap<String, String> {
    let mut merged: BTreeMap<ObjectRef, (&str, Value)> = BTreeMap::new();
    for (stage, objects) in stages {
        for object in objects {
            let entry = merged.entry(object.reference()).or_insert((stage, Value::Null));
            merge(&mut entry.1, without_secrets(&object).into());
        }
    }
    let mut files = BTreeMap::new();
    for (reference, (stage, value)) in merged {
        let namespace = reference.namespace.as_deref();
        let group = format!("{}-{}", namespace.unwrap_or("cluster"), reference.group());
        let plainer = [None, namespace].map(|infix| file_name(stage, &reference, infix));
        let numbered = (1..).map(|number| file_name(stage, &reference, Some(&format!("{group}-{number}"))));
        let mut names =
            plainer.into_iter().chain([file_name(stage, &reference, Some(&group))]).chain(numbered);
        let name = names.find(|name| !files.contains_key(name)).expect("numbers don't run out");
        files.insert(name, format!("{HEADER}\n{}", yaml::to_string(&value)));
    }
    files
}

fn without_secrets(object: &Object) -> Object {
    let shown = object.redacted();
    match shown.kind() {
        "Secret" => shown.without("data").without("stringData"),
        _ => shown,
    }
}

/// Lists are joined, as the lists of projects have to be.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (Value::Array(into), Value::Array(from)) => {
            let new: Vec<Value> = from.into_iter().filter(|item| !into.contains(item)).collect();
            into.extend(new);
        }
        (into, from) => *into = from,
    }
}

/// `<stage>/<kind>-<name>.yaml`, with something between where that alone would not be one of a kind.
fn file_name(stage: &str, object: &ObjectRef, infix: Option<&str>) -> String {
    let kind = object.kind.to_lowercase();
    // A name may hold a colon (RBAC), which some file systems refuse.
    let name = object.name.replace(':', "_");
    match infix {
        Some(infix) => format!("{stage}/{kind}-{infix}-{name}.yaml"),
        None => format!("{stage}/{kind}-{name}.yaml"),
    }
}
