//! The specification of an ApplicationSet, field by field as Argo CD's definition has it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::version::ArgoVersion;
use crate::config::{GitDirectory, MatchExpression};
use crate::object::Object;

/// `spec` of an ApplicationSet.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SetSpec {
    pub(crate) go_template: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) go_template_options: Option<[&'static str; 1]>,
    pub(crate) generators: Vec<OneGenerator>,
    /// As [`template`] makes it.
    pub(crate) template: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sync_policy: Option<SetPolicy>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SetPolicy {
    pub(crate) preserve_resources_on_deletion: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum OneGenerator {
    List { elements: Vec<BTreeMap<String, String>> },
    Git(GitSpec),
    Clusters(ClustersSpec),
    Matrix { generators: Vec<OneGenerator> },
}

#[derive(Serialize)]
pub(crate) struct GitSpec {
    #[serde(rename = "repoURL")]
    pub(crate) repo_url: String,
    pub(crate) revision: String,
    pub(crate) directories: Vec<GitDirectory>,
}

#[derive(Serialize)]
pub(crate) struct ClustersSpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) selector: Option<Selector>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) values: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Selector {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) match_labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) match_expressions: Vec<MatchExpression>,
}

impl SetSpec {
    /// A set of Go templates, in which what no generator gives is an error as far as the release can say so.
    pub(crate) fn new(generators: Vec<OneGenerator>, template: Value, version: &ArgoVersion) -> Self {
        Self {
            go_template: true,
            go_template_options: version.has_go_template_options().then_some(["missingkey=error"]),
            generators,
            template,
            sync_policy: None,
        }
    }

    /// The same; where it or one of its Applications goes, what these brought may stay.
    pub(crate) fn preserving(self, preserve: bool) -> Self {
        Self { sync_policy: preserve.then_some(SetPolicy { preserve_resources_on_deletion: true }), ..self }
    }
}

/// An Application without what places the object.
pub(crate) fn template(application: &Object) -> Value {
    let metadata = application.get("/metadata").and_then(Value::as_object).into_iter().flatten();
    let metadata: Map<String, Value> = metadata
        .filter(|(field, _)| *field != "namespace")
        .map(|(field, value)| (field.clone(), value.clone()))
        .collect();
    json!({ "metadata": metadata, "spec": application.get("/spec") })
}
