//! The JSON Schema of `gitops.yaml`, generated from the types.

use serde_json::{Map, Value};

use super::types::Config;

/// The JSON Schema (draft 2020-12) as it is kept in `gitops.schema.json`.
pub fn schema() -> String {
    let mut text = serde_json::to_string_pretty(&generate()).expect("a schema is JSON");
    text.push('\n');
    text
}

/// The schema without `null`. A key that is there but empty is most often a section whose lines were forgotten,
/// so it is refused instead of read as a default.
pub(super) fn generate() -> Value {
    let mut schema = schemars::schema_for!(Config).to_value();
    schema["title"] = "gitops.yaml".into();
    without_null(&mut schema);
    schema
}

fn without_null(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(without_null),
        Value::Object(map) => {
            only_type_but_null(map);
            only_choice_but_null(map);
            map.values_mut().for_each(without_null);
        }
        _ => {}
    }
}

/// `type: [string, null]` becomes `type: string`.
fn only_type_but_null(map: &mut Map<String, Value>) {
    let Some(Value::Array(types)) = map.get_mut("type") else { return };
    types.retain(|name| name != "null");
    if let [only] = types.as_mut_slice() {
        let only = only.take();
        map.insert("type".into(), only);
    }
}

/// `anyOf: [{$ref: …}, {type: null}]` becomes `$ref: …`.
fn only_choice_but_null(map: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = map.get_mut("anyOf") else { return };
    choices.retain(|choice| choice["type"] != "null");
    if let [Value::Object(only)] = choices.as_mut_slice() {
        let only = std::mem::take(only);
        map.remove("anyOf");
        map.extend(only);
    }
}
