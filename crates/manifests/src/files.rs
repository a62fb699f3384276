//! Objects as files: one each, with names that stay the same from run to run.

use std::collections::BTreeMap;

use crate::object::Object;
use crate::yaml;

/// File names, relative to the output folder, and their contents: `<stage>/<kind>-<name>.yaml`, with the
/// namespace between where the stage has objects of that kind and name in several.
pub fn files<'a>(stage: &str, objects: impl IntoIterator<Item = &'a Object>) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for object in objects {
        let mut name = file_name(stage, object, None);
        if files.contains_key(&name) {
            name = file_name(stage, object, object.namespace());
        }
        files.insert(name, yaml::to_string(object.as_value()));
    }
    files
}

fn file_name(stage: &str, object: &Object, namespace: Option<&str>) -> String {
    let kind = object.kind().to_lowercase();
    // A name may hold a colon (RBAC), which some file systems refuse.
    let name = object.name().replace(':', "_");
    match namespace {
        Some(namespace) => format!("{stage}/{kind}-{namespace}-{name}.yaml"),
        None => format!("{stage}/{kind}-{name}.yaml"),
    }
}
