//! ApplicationSets: one definition, many Applications.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::environment::is_default;
use super::{
    Application, ApplicationSource, DNS_NAME, Destination, Retry, Subscription, SyncOption, SyncPolicy,
};

/// An ApplicationSet: a template, and what it is filled with. One Application comes of each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ApplicationSet {
    /// Name of the ApplicationSet.
    #[schemars(extend("pattern" = DNS_NAME))]
    pub name: String,
    /// What the template is filled with. Several stand side by side; a matrix combines two.
    #[schemars(length(min = 1))]
    pub generators: Vec<Generator>,
    /// The Application, with `{{ }}` where they differ.
    pub template: ApplicationTemplate,
    /// What the Applications brought into the cluster stays when they go.
    #[serde(default, skip_serializing_if = "is_default")]
    pub preserve_resources_on_deletion: bool,
}

/// What each Application of a set looks like. Texts may hold Go templates: `{{.model}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ApplicationTemplate {
    /// Name of each Application; different for each.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Name of the AppProject: one of `projects`, or an environment's.
    #[schemars(length(min = 1))]
    pub project: String,
    /// Where the objects come from.
    pub source: ApplicationSource,
    /// Where they go.
    pub destination: Destination,
    /// How changes in the repository reach the cluster.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sync_policy: SyncPolicy,
    /// How Argo CD applies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sync_options: Vec<SyncOption>,
    /// A sync that fails is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Labels of the Applications.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Who is told what becomes of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subscriptions: Vec<Subscription>,
}

impl ApplicationTemplate {
    /// The Application that it is when its texts are filled in, or are left as they are.
    pub fn application(&self) -> Application {
        let Self {
            name,
            project,
            source,
            destination,
            sync_policy,
            sync_options,
            retry,
            labels,
            subscriptions,
        } = self.clone();
        Application {
            name,
            project,
            source,
            destination,
            finalizer: false,
            sync_policy,
            sync_options,
            retry,
            wave: None,
            labels,
            subscriptions,
        }
    }
}

/// What a template is filled with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Generator {
    /// What is written here.
    List(List),
    /// The folders of a repository: `{{.path.path}}`, `{{.path.basename}}`, `{{index .path.segments 1}}`.
    GitDirectories(GitDirectories),
    /// The clusters that Argo CD knows: `{{.name}}`, `{{.server}}`, `{{.metadata.labels.env}}`.
    Clusters(Clusters),
    /// Each of the first with each of the second.
    Matrix(Matrix),
}

impl Generator {
    /// Its name as in the configuration.
    pub fn name(&self) -> &'static str {
        match self {
            Self::List(_) => "list",
            Self::GitDirectories(_) => "gitDirectories",
            Self::Clusters(_) => "clusters",
            Self::Matrix(_) => "matrix",
        }
    }
}

/// What is written here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct List {
    /// One Application each; `{model: nlp}` gives `{{.model}}`. All have the same keys.
    #[schemars(length(min = 1))]
    pub elements: Vec<BTreeMap<String, String>>,
}

/// Folders of a repository.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GitDirectories {
    /// Address of the repository; by default `git.url`.
    #[serde(default, rename = "repoURL", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub repo_url: Option<String>,
    /// Branch, tag or commit; by default `git.branch`, or else the default branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub revision: Option<String>,
    /// Which folders.
    #[schemars(length(min = 1))]
    pub directories: Vec<GitDirectory>,
}

/// Folders by a pattern.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GitDirectory {
    /// Path from the top of the repository; `*` and `?` stand for anything but a slash.
    #[schemars(length(min = 1))]
    pub path: String,
    /// Not these, whatever else names them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub exclude: bool,
}

/// Clusters by the labels of their Secrets. Without any condition, all are meant, with the one that Argo CD runs in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Clusters {
    /// Labels that the Secret has.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
    /// Further conditions; all of them hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<MatchExpression>,
    /// The same for all of them: `{tier: gold}` gives `{{.values.tier}}`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
}

impl Clusters {
    /// Not all clusters are meant. Only then is the one that Argo CD runs in left out: it has no Secret with labels.
    pub fn has_condition(&self) -> bool {
        !self.match_labels.is_empty() || !self.match_expressions.is_empty()
    }
}

/// A condition on a label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct MatchExpression {
    /// Key of the label.
    #[schemars(length(min = 1))]
    pub key: String,
    /// What must be so.
    pub operator: Operator,
    /// Values for `In` and `NotIn`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// What must be so with a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Operator {
    /// Its value is one of these.
    In,
    /// Its value is none of these, or there is no such label.
    NotIn,
    /// There is such a label.
    Exists,
    /// There is no such label.
    DoesNotExist,
}

/// Each of the first with each of the second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Matrix {
    /// The two. The texts of `gitDirectories` and `clusters` in second place may hold what the first one gives.
    #[schemars(length(min = 1))]
    pub generators: Vec<Generator>,
}
