//! `metadata.managedFields` of a live object: who owns which of its fields.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// What one entry says of fields, in the server's own form (`fieldsV1`).
///
/// A client may keep it as JSON text: read into maps, it would be most of the memory that a live object takes.
pub fn fields(entry: &Value) -> Option<Cow<'_, Map<String, Value>>> {
    match &entry["fieldsV1"] {
        Value::Object(fields) => Some(Cow::Borrowed(fields)),
        Value::String(text) => serde_json::from_str(text).ok().map(Cow::Owned),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let map = json!({ "fieldsV1": { "f:data": { "f:a": {} } } });
        let text = json!({ "fieldsV1": r#"{"f:data":{"f:a":{}}}"# });
        assert_eq!(fields(&map), fields(&text));
        assert!(fields(&text).is_some_and(|fields| fields["f:data"]["f:a"].is_object()));
        assert_eq!(fields(&json!({})), None);
    }
}
