//! Files that others wrote: YAML and JSON documents in which every value knows where it stands.

use serde_json::{Map, Value};

use crate::config::Origin;
use crate::config::node::{Data, NO_KEY, Node, at, describe};
use crate::yaml;

/// A place in a file, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line.
    pub line: u32,
    /// Column, in characters.
    pub column: u32,
}

impl Position {
    /// The first character of a file.
    pub const START: Self = Self { line: 1, column: 1 };

    fn of(origin: &Origin) -> Self {
        match origin {
            Origin::File { line, column } => Self { line: (*line).max(1), column: (*column).max(1) },
            Origin::Env(_) | Origin::Flag(_) => Self::START,
        }
    }
}

/// Why a file can't be read. What it holds is not repeated: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    /// Where.
    pub position: Position,
    /// What is wrong there.
    pub message: String,
}

/// One document of a file.
#[derive(Clone)]
pub struct Document {
    value: Value,
    root: Option<Node>,
}

impl Document {
    /// A value that comes from no file: all of it stands at the beginning.
    pub fn unplaced(value: Value) -> Self {
        Self { value, root: None }
    }

    /// The whole document, its scalars as Kubernetes reads them.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Where the value at a JSON pointer (RFC 6901) stands: at its key, where it has one. Of what is not there, the
    /// place of the nearest value around it.
    pub fn position(&self, pointer: &str) -> Position {
        let Some(mut node) = self.root.as_ref() else { return Position::START };
        let mut position = Position::of(&node.origin);
        for segment in pointer.split('/').skip(1) {
            let segment = segment.replace("~1", "/").replace("~0", "~");
            let next = match &node.data {
                // The last of several counts, as in the value.
                Data::Map(entries) => entries
                    .iter()
                    .rev()
                    .find(|entry| entry.key == segment)
                    .map(|entry| (&entry.value, &entry.origin)),
                _ => node.child(&segment).map(|item| (item, &item.origin)),
            };
            let Some((child, origin)) = next else { break };
            (node, position) = (child, Position::of(origin));
        }
        position
    }
}

/// The documents of a file, in its order, without empty ones. JSON is YAML; a file of JSON whose white space YAML
/// does not allow is read too, without places.
pub fn documents(text: &str) -> Result<Vec<Document>, SourceError> {
    let mut options = yaml::read_options();
    options.duplicate_keys = serde_yaml::DuplicateKeyPolicy::LastWins;
    let roots: Result<Vec<Option<Node>>, _> = serde_yaml::from_multiple_with_options(text, options);
    match roots {
        Ok(roots) => roots.into_iter().flatten().filter_map(|root| document(root).transpose()).collect(),
        Err(error) => match serde_json::from_str(text) {
            Ok(value) => Ok(vec![Document::unplaced(value)]),
            Err(_) => Err(SourceError {
                position: error.location().map_or(Position::START, |place| Position::of(&at(place))),
                message: describe(&error),
            }),
        },
    }
}

fn document(root: Node) -> Result<Option<Document>, SourceError> {
    let mut value = to_value(&root)?;
    yaml::integral_floats_to_integers(&mut value);
    Ok((!value.is_null()).then_some(Document { value, root: Some(root) }))
}

fn to_value(node: &Node) -> Result<Value, SourceError> {
    Ok(match &node.data {
        Data::Null => Value::Null,
        Data::Bool(value) => Value::Bool(*value),
        Data::Number(number) => Value::Number(number.clone()),
        Data::Text(text) => Value::String(text.clone()),
        Data::List(items) => Value::Array(items.iter().map(to_value).collect::<Result<_, _>>()?),
        Data::Map(entries) => {
            let mut map = Map::new();
            for entry in entries {
                if entry.key == NO_KEY {
                    return Err(SourceError {
                        position: Position::of(&entry.origin),
                        message: "not valid for Kubernetes: a key that is no text; a value that begins with `{` must \
                                  be in quotes"
                            .into(),
                    });
                }
                map.insert(entry.key.clone(), to_value(&entry.value)?);
            }
            Value::Object(map)
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn place(document: &Document, pointer: &str) -> (u32, u32) {
        let position = document.position(pointer);
        (position.line, position.column)
    }

    #[test]
    fn every_value_knows_its_place() {
        let text = "# one\na:\n  b/c: [x, {d: 1}]\n---\n---\nmode: 0644\n";
        let documents = documents(text).expect("YAML");
        assert_eq!(documents.len(), 2);
        assert_eq!(documents[0].value(), &json!({"a": {"b/c": ["x", {"d": 1}]}}));
        assert_eq!(place(&documents[0], "/a/b~1c"), (3, 3));
        assert_eq!(place(&documents[0], "/a/b~1c/1/d"), (3, 13));
        assert_eq!(place(&documents[0], "/a/missing/deeper"), (2, 1));
        assert_eq!(documents[1].value(), &json!({"mode": 420}));
        assert_eq!(place(&documents[1], "/mode"), (6, 1));
    }

    #[test]
    fn merges_and_repeated_keys_are_read_as_kubernetes_does() {
        let text = "base: &base {a: 1, b: 2}\nuse:\n  <<: *base\n  b: 3\nb: 4\nb: 5\n";
        let documents = documents(text).expect("YAML");
        assert_eq!(documents[0].value()["use"], json!({"a": 1, "b": 3}));
        assert_eq!(documents[0].value()["b"], 5);
        assert_eq!(place(&documents[0], "/b"), (6, 1));
    }

    #[test]
    fn json_with_tabs_is_read_too() {
        let documents = documents("{\n\t\"a\": [\n\t\t1\n\t]\n}\n").expect("JSON");
        assert_eq!(documents[0].value(), &json!({"a": [1]}));
    }

    #[test]
    fn what_is_no_yaml_is_told_with_its_place_and_without_its_content() {
        let error = |text: &str| documents(text).map(drop).expect_err("it is refused");
        assert_eq!(error("a: b\n c: planted: x\n").position.line, 2);
        let template = error("name: {{ planted }}\n");
        assert!(template.message.contains("quotes") && template.position.line == 1, "{template:?}");
        for text in ["a: [planted\n", "a: *planted\n", "a: \"planted\n"] {
            assert!(!error(text).message.contains("planted"), "{text}");
        }
    }
}
