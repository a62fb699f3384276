//! An object, and where it is written.

use manifests::source::Document;
use serde_json::Value;

use crate::finding::{Finding, Level};
use crate::path;

/// A file that was read.
pub(crate) struct Source {
    /// Relative to the root of the repository.
    pub(crate) path: String,
    pub(crate) documents: Vec<Document>,
    /// The stage whose object it is, where our own configuration renders it.
    pub(crate) stage: Option<String>,
}

/// An object as it gets to the cluster, as far as that can be told from files.
#[derive(Clone)]
pub(crate) struct Item<'a> {
    pub(crate) source: &'a Source,
    pub(crate) document: &'a Document,
    /// JSON pointer of the object in the document.
    pub(crate) prefix: String,
    pub(crate) value: Value,
    /// The namespace that it goes to, where one is known.
    pub(crate) namespace: Option<String>,
}

impl<'a> Item<'a> {
    /// The objects of a file. `kind: List` is opened; what has no kind is none.
    pub(crate) fn all(source: &'a Source) -> Vec<Self> {
        let mut items = Vec::new();
        for document in &source.documents {
            push(source, document, String::new(), document.value(), &mut items);
        }
        items
    }

    pub(crate) fn kind(&self) -> &str {
        self.text("/kind")
    }

    /// Its name, or else the beginning of the name that the server gives it.
    pub(crate) fn name(&self) -> &str {
        match self.text("/metadata/name") {
            "" => self.text("/metadata/generateName"),
            name => name,
        }
    }

    pub(crate) fn group(&self) -> &str {
        self.text("/apiVersion").split_once('/').map_or("", |(group, _)| group)
    }

    pub(crate) fn is(&self, group: &str, kind: &str) -> bool {
        self.kind() == kind && self.group() == group
    }

    /// `Kind/name`.
    pub(crate) fn label(&self) -> String {
        format!("{}/{}", self.kind(), self.name())
    }

    /// `Kind/name in file`, to name one object in a message on another.
    pub(crate) fn place(&self) -> String {
        match &self.source.stage {
            Some(stage) => format!("{} (stage {stage})", self.label()),
            None => format!("{} ({}:{})", self.label(), self.source.path, self.line("")),
        }
    }

    fn line(&self, pointer: &str) -> u32 {
        self.document.position(&format!("{}{pointer}", self.prefix)).line
    }

    pub(crate) fn get(&self, pointer: &str) -> Option<&Value> {
        self.value.pointer(pointer)
    }

    pub(crate) fn text(&self, pointer: &str) -> &str {
        text(&self.value, pointer)
    }

    pub(crate) fn list(&self, pointer: &str) -> &[Value] {
        list(&self.value, pointer)
    }

    pub(crate) fn annotation(&self, key: &str) -> Option<&str> {
        self.value["metadata"]["annotations"][key].as_str()
    }

    /// Whether both are one object.
    pub(crate) fn is_same(&self, other: &Item<'_>) -> bool {
        self.is(other.group(), other.kind()) && self.name() == other.name() && self.may_share_namespace(other)
    }

    /// Whether both may be in one namespace.
    pub(crate) fn may_share_namespace(&self, other: &Item<'_>) -> bool {
        match (&self.namespace, &other.namespace) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        }
    }

    pub(crate) fn folder(&self) -> &str {
        path::folder(&self.source.path)
    }

    /// A defect that keeps the object from working, at one of its fields.
    pub(crate) fn error(&self, rule: &'static str, pointer: &str, message: String, hint: String) -> Finding {
        self.finding(rule, Level::Error, pointer, message, hint)
    }

    /// A danger, at one of its fields.
    pub(crate) fn warning(
        &self,
        rule: &'static str,
        pointer: &str,
        message: String,
        hint: String,
    ) -> Finding {
        self.finding(rule, Level::Warning, pointer, message, hint)
    }

    fn finding(
        &self,
        rule: &'static str,
        level: Level,
        pointer: &str,
        message: String,
        hint: String,
    ) -> Finding {
        let position = self.document.position(&format!("{}{pointer}", self.prefix));
        Finding {
            rule,
            level,
            file: self.source.path.clone(),
            line: position.line,
            column: position.column,
            object: Some(self.label()),
            stage: self.source.stage.clone(),
            message,
            hint,
        }
    }
}

fn push<'a>(
    source: &'a Source,
    document: &'a Document,
    prefix: String,
    value: &Value,
    items: &mut Vec<Item<'a>>,
) {
    let is_list = text(value, "/kind").ends_with("List") && value["items"].is_array();
    if is_list {
        for (index, item) in list(value, "/items").iter().enumerate() {
            push(source, document, format!("{prefix}/items/{index}"), item, items);
        }
        return;
    }
    if text(value, "/apiVersion").is_empty() || text(value, "/kind").is_empty() {
        return;
    }
    let namespace = Some(text(value, "/metadata/namespace")).filter(|text| !text.is_empty());
    let namespace = namespace.map(str::to_owned);
    items.push(Item { source, document, prefix, value: value.clone(), namespace });
}

/// The text at a JSON pointer; empty where there is none.
pub(crate) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The list at a JSON pointer; empty where there is none.
pub(crate) fn list<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
