//! The JSON Schema of `gitops.yaml`, generated from the types.

use super::types::Config;

/// The JSON Schema (draft 2020-12) as it is kept in `gitops.schema.json`.
pub fn schema() -> String {
    let mut text = serde_json::to_string_pretty(&schemars::schema_for!(Config)).expect("a schema is JSON");
    text.push('\n');
    text
}
