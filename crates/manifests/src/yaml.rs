//! YAML text to objects and back. Nothing else in the workspace reads or writes YAML.

use serde::Serialize;
use serde_json::Value;

use crate::object::{NotAnObject, Object};

/// Why a text is no stream of Kubernetes objects.
#[derive(Debug, thiserror::Error)]
pub enum YamlError {
    /// The text is no YAML.
    #[error("not valid YAML: {0}")]
    Syntax(String),
    /// A document is no object.
    #[error("document {document}: {source}")]
    Object {
        /// Which one, counted from 1.
        document: usize,
        /// What it lacks.
        source: NotAnObject,
    },
}

/// The objects of a YAML stream, in its order. Empty documents are passed over and `kind: List` is opened.
/// Scalars are read as Kubernetes reads them (YAML 1.2 with octal numbers), within a budget that the largest
/// published manifest of Argo CD fills to about a tenth.
pub fn parse_objects(text: &str) -> Result<Vec<Object>, YamlError> {
    let documents: Vec<Option<Value>> = serde_yaml::from_multiple_with_options(text, read_options())
        .map_err(|error| YamlError::Syntax(error.to_string()))?;
    let mut objects = Vec::new();
    for (index, document) in documents.into_iter().enumerate() {
        let Some(value) = document else { continue };
        push_objects(value, &mut objects)
            .map_err(|source| YamlError::Object { document: index + 1, source })?;
    }
    Ok(objects)
}

/// A text is no YAML document. What it holds is not repeated: it may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one valid YAML document (line {line}, column {column})")]
pub struct NotYaml {
    /// Line, from 1; 0 where it is not known.
    pub line: u64,
    /// Column, from 1; 0 where it is not known.
    pub column: u64,
}

/// One document as a value; `null` where there is none.
pub fn parse_value(text: &str) -> Result<Value, NotYaml> {
    let document: Result<Option<Value>, _> = serde_yaml::from_str_with_options(text, read_options());
    document.map(Option::unwrap_or_default).map_err(|error| {
        let (line, column) = error.location().map_or((0, 0), |place| (place.line(), place.column()));
        NotYaml { line, column }
    })
}

fn push_objects(mut value: Value, objects: &mut Vec<Object>) -> Result<(), NotAnObject> {
    if value["kind"] == "List"
        && let Some(Value::Array(items)) = value.get_mut("items").map(Value::take)
    {
        return items.into_iter().try_for_each(|item| push_objects(item, objects));
    }
    integral_floats_to_integers(&mut value);
    objects.push(Object::try_from(value)?);
    Ok(())
}

/// `1.0` is 1 to Kubernetes, whose YAML goes through JSON.
pub(crate) fn integral_floats_to_integers(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            if let Some(float) = number.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < 9e15) {
                *value = Value::from(float as i64);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(integral_floats_to_integers),
        Value::Object(map) => map.values_mut().for_each(integral_floats_to_integers),
        _ => {}
    }
}

pub(crate) fn read_options() -> serde_yaml::Options {
    serde_yaml::options! {
        legacy_octal_numbers: true,
        with_snippet: false,
        alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: 100_000 },
        budget: serde_yaml::budget! {
            max_events: 5_000_000,
            max_nodes: 2_500_000,
            max_documents: 20_000,
            max_total_scalar_bytes: 64 << 20,
            // Argo CD's own definitions come to about 50. The stack of a main thread is enough for twice this.
            max_depth: 100,
            flow_nesting_limit: 50,
        },
    }
}

/// One value as a YAML document, keys in the order of the value, strings quoted wherever a YAML 1.1 reader
/// such as Kubernetes' would take them for something else.
pub fn to_string<T: Serialize>(value: &T) -> String {
    let options = serde_yaml::ser_options! { compact_list_indent: true, folded_wrap_chars: usize::MAX };
    serde_yaml::to_string_with_options(value, options).expect("JSON-like data has a YAML form")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn strings_that_look_like_something_else_survive() {
        let data = json!({"a": "on", "b": "y", "c": "1_000", "d": "0644", "e": "null", "f": "1e3", "g": "two\nlines\n"});
        let text = to_string(
            &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": data}),
        );
        assert_eq!(parse_objects(&text).unwrap()[0].get("/data"), Some(&data), "{text}");
        for quoted in ["on", "y", "1_000", "0644", "null", "1e3"] {
            assert!(
                text.contains(&format!("'{quoted}'")) || text.contains(&format!("\"{quoted}\"")),
                "{text}"
            );
        }
    }

    #[test]
    fn long_lines_are_not_folded() {
        let line = "word ".repeat(100);
        let text = to_string(&json!({"description": line.trim()}));
        assert_eq!(text.lines().count(), 1, "{text}");
    }

    #[test]
    fn streams_with_lists_and_empty_documents() {
        let text = "---\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b}\n";
        let names: Vec<_> = parse_objects(text).unwrap().iter().map(|o| o.name().to_owned()).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn errors_say_where() {
        let error = parse_objects("apiVersion: v1\nkind: Pod\nmetadata: {}\n").unwrap_err().to_string();
        assert_eq!(error, "document 1: not a Kubernetes object: metadata.name is missing or not a text");
        assert!(parse_objects("a: b\n c: d\n").unwrap_err().to_string().contains("not valid YAML"));
    }

    #[test]
    fn numbers_are_read_like_kubernetes_reads_them() {
        let text = "apiVersion: v1\nkind: X\nmetadata: {name: x}\nmode: 0644\nfloat: 1.0\nflag: on\n";
        let object = &parse_objects(text).unwrap()[0];
        assert_eq!(object.get("/mode"), Some(&json!(420)));
        assert_eq!(object.get("/flag"), Some(&json!(true)));
        assert_eq!(object.get("/float"), Some(&json!(1)));
    }
}
