//! ApplicationSets as Argo CD has them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{application, full_url, reference};
use crate::config::{
    ApplicationSet, Clusters, Config, Generator, Git, GitDirectories, GitDirectory, MatchExpression,
};
use crate::object::{self, Object};

/// `spec` of an ApplicationSet.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SetSpec {
    go_template: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    go_template_options: Option<[&'static str; 1]>,
    generators: Vec<OneGenerator>,
    template: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    sync_policy: Option<SetPolicy>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SetPolicy {
    preserve_resources_on_deletion: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum OneGenerator {
    List { elements: Vec<BTreeMap<String, String>> },
    Git(GitSpec),
    Clusters(ClustersSpec),
    Matrix { generators: Vec<OneGenerator> },
}

#[derive(Serialize)]
pub(super) struct GitSpec {
    #[serde(rename = "repoURL")]
    pub(super) repo_url: String,
    pub(super) revision: String,
    directories: Vec<GitDirectory>,
}

#[derive(Serialize)]
struct ClustersSpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Option<Selector>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    values: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Selector {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    match_labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    match_expressions: Vec<MatchExpression>,
}

/// The ApplicationSet, without the label that makes it ours.
pub(super) fn object(set: &ApplicationSet, config: &Config) -> Object {
    let spec = SetSpec {
        go_template: true,
        go_template_options: config.argocd.version.has_go_template_options().then_some(["missingkey=error"]),
        generators: set.generators.iter().map(|generator| one(generator, &config.git)).collect(),
        template: template(set, config),
        sync_policy: set
            .preserve_resources_on_deletion
            .then_some(SetPolicy { preserve_resources_on_deletion: true }),
    };
    Object::new(&reference("ApplicationSet", &set.name, config)).with("spec", object::to_json(&spec))
}

/// An Application without what names and places the object.
fn template(set: &ApplicationSet, config: &Config) -> Value {
    let application = application(&set.template.application(), config);
    let metadata = application.get("/metadata").and_then(Value::as_object).into_iter().flatten();
    let metadata: Map<String, Value> = metadata
        .filter(|(field, _)| *field != "namespace")
        .map(|(field, value)| (field.clone(), value.clone()))
        .collect();
    json!({ "metadata": metadata, "spec": application.get("/spec") })
}

fn one(generator: &Generator, git: &Git) -> OneGenerator {
    match generator {
        Generator::List(list) => OneGenerator::List { elements: list.elements.clone() },
        Generator::GitDirectories(directories) => OneGenerator::Git(git_spec(directories, git)),
        Generator::Clusters(clusters) => OneGenerator::Clusters(ClustersSpec {
            selector: selector(clusters),
            values: clusters.values.clone(),
        }),
        Generator::Matrix(matrix) => OneGenerator::Matrix {
            generators: matrix.generators.iter().map(|generator| one(generator, git)).collect(),
        },
    }
}

pub(super) fn git_spec(directories: &GitDirectories, git: &Git) -> GitSpec {
    let own_branch = git.branch.clone().filter(|_| directories.repo_url.is_none());
    GitSpec {
        repo_url: directories.repo_url.as_deref().map_or_else(|| git.repo_url(), full_url),
        // The definition asks for one; this is the default branch.
        revision: directories.revision.clone().or(own_branch).unwrap_or_else(|| "HEAD".into()),
        directories: directories.directories.clone(),
    }
}

fn selector(clusters: &Clusters) -> Option<Selector> {
    let Clusters { match_labels, match_expressions, .. } = clusters.clone();
    clusters.has_condition().then_some(Selector { match_labels, match_expressions })
}
