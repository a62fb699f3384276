//! Applications, and those that ApplicationSets make: what each takes from where, and whereto.

use manifests::argocd::names::IN_CLUSTER;
use serde_json::Value;

use crate::generators::{self, Parameters};
use crate::item::{Item, list, text};
use crate::repository::Repository;

/// Group of Argo CD's own kinds.
pub(crate) const GROUP: &str = "argoproj.io";

/// The sources of an Application's spec: one, or several.
pub(crate) fn sources(spec: &Value) -> Vec<(String, &Value)> {
    let several = list(spec, "/sources").iter().enumerate();
    let several = several.map(|(index, source)| (format!("/sources/{index}"), source));
    let one =
        spec.get("source").filter(|source| source.is_object()).map(|source| ("/source".to_owned(), source));
    one.into_iter().chain(several).collect()
}

/// Where the spec of the Applications stands in an object: those of an ApplicationSet in its template.
pub(crate) fn spec_pointer(item: &Item<'_>) -> Option<&'static str> {
    match item.kind() {
        "Application" if item.group() == GROUP => Some("/spec"),
        "ApplicationSet" if item.group() == GROUP => Some("/spec/template/spec"),
        _ => None,
    }
}

/// One Application with its values filled in.
#[derive(Clone)]
pub(crate) struct Application<'a> {
    /// The object that it comes from.
    pub(crate) item: Item<'a>,
    pub(crate) name: String,
    pub(crate) spec: Value,
}

impl<'a> Application<'a> {
    /// The Applications that an object means; `None` where only Argo CD can tell.
    pub(crate) fn all(item: &Item<'a>, repository: &Repository<'_>) -> Option<Vec<Self>> {
        let Some(pointer) = spec_pointer(item) else { return Some(Vec::new()) };
        let spec = item.get(pointer).cloned().unwrap_or_default();
        if item.kind() == "Application" {
            return Some(vec![Self { item: item.clone(), name: item.name().to_owned(), spec }]);
        }
        let go = item.get("/spec/goTemplate") == Some(&Value::Bool(true));
        let template = item.text("/spec/template/metadata/name");
        let rows = Parameters::of(item, repository).rows?;
        let paths = sources(&spec).into_iter().map(|(_, source)| text(source, "/path").to_owned());
        let paths: Vec<String> = paths.collect();
        let filled = rows.iter().map(|row| {
            let fills = |path: &String| generators::fill(path, row, go).is_some();
            // A name that only Argo CD can make is no reason to look at nothing.
            let name = generators::fill(template, row, go).unwrap_or_else(|| template.to_owned());
            let filled = Self { item: item.clone(), name, spec: filled(&spec, row, go) };
            paths.iter().all(fills).then_some(filled)
        });
        filled.collect()
    }

    pub(crate) fn project(&self) -> &str {
        text(&self.spec, "/project")
    }

    /// `Application/name`, and what makes it.
    pub(crate) fn label(&self) -> String {
        match self.item.kind() {
            "Application" => format!("Application/{}", self.name),
            _ => format!("Application/{} (of {})", self.name, self.item.label()),
        }
    }

    /// The API server that it goes to, and the namespace; the cluster's name stands for an address that is not known.
    pub(crate) fn destination(&self) -> (String, String, &str) {
        let (server, name) = (text(&self.spec, "/destination/server"), text(&self.spec, "/destination/name"));
        let server = if server.is_empty() && name == "in-cluster" { IN_CLUSTER } else { server };
        let name = if name.is_empty() && server == IN_CLUSTER { "in-cluster" } else { name };
        (server.to_owned(), name.to_owned(), text(&self.spec, "/destination/namespace"))
    }
}

/// Texts with placeholders that can't be filled become empty: nothing is known of them.
fn filled(value: &Value, row: &Value, go: bool) -> Value {
    match value {
        Value::String(text) => generators::fill(text, row, go).unwrap_or_default().into(),
        Value::Array(items) => items.iter().map(|item| filled(item, row, go)).collect(),
        Value::Object(map) => map.iter().map(|(key, child)| (key.clone(), filled(child, row, go))).collect(),
        other => other.clone(),
    }
}

/// Whether the spec has something at a pointer: itself, or by a generator's own template or a patch of templates.
pub(crate) fn gives(item: &Item<'_>, pointer: &str) -> bool {
    let Some(spec) = spec_pointer(item) else { return false };
    let is_given = |value: Option<&Value>| value.is_some_and(|value| !value.is_null() && value != "");
    if is_given(item.get(&format!("{spec}{pointer}"))) {
        return true;
    }
    let field = pointer.rsplit('/').next().unwrap_or_default();
    let mut generators =
        item.list("/spec/generators").iter().flat_map(serde_json::Value::as_object).flatten();
    let by_generator =
        generators.any(|(_, generator)| is_given(generator.pointer(&format!("/template/spec{pointer}"))));
    by_generator || item.text("/spec/templatePatch").contains(&format!("{field}:"))
}
