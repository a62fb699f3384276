//! Applications and the projects that they belong to.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::environment::is_default;
use super::{DNS_NAME, GroupKind, KindSet, Subscription, SyncPolicy};

/// An AppProject: where Applications may come from, where they may go, and which kinds they may bring along.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Project {
    /// Name of the AppProject; none that an environment has.
    #[schemars(extend("pattern" = DNS_NAME))]
    pub name: String,
    /// What it is for, in a few words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Repositories that Applications may come from; by default `git.url`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_repos: Vec<String>,
    /// Where they may go.
    #[schemars(length(min = 1))]
    pub destinations: Vec<Destination>,
    /// Kinds that they may bring along, by the systems that these belong to; by default what serves models.
    #[serde(default = "KindSet::for_models")]
    pub uses: Vec<KindSet>,
    /// Further kinds of objects in namespaces; `*` stands for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespace_resources: Vec<GroupKind>,
    /// Further kinds of objects in no namespace; `*` stands for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cluster_resources: Vec<GroupKind>,
}

/// A namespace of a cluster that Argo CD syncs into.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Destination {
    /// Namespace. A project takes a pattern as well: `ml-*`.
    #[schemars(length(min = 1))]
    pub namespace: String,
    /// Address of the cluster's API; by default that of the cluster that Argo CD runs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub server: Option<String>,
    /// The cluster by the name that Argo CD knows it by, instead of `server`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub cluster: Option<String>,
}

/// An Application: Argo CD keeps a namespace like what it reads from a repository.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Application {
    /// Name of the Application.
    #[schemars(extend("pattern" = DNS_NAME))]
    pub name: String,
    /// Name of its AppProject: one of `projects`, or an environment's.
    #[schemars(extend("pattern" = DNS_NAME))]
    pub project: String,
    /// Where its objects come from.
    pub source: ApplicationSource,
    /// Where they go.
    pub destination: Destination,
    /// What it brought into the cluster is deleted with it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub finalizer: bool,
    /// How changes in the repository reach the cluster.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sync_policy: SyncPolicy,
    /// How Argo CD applies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sync_options: Vec<SyncOption>,
    /// A sync that fails is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Its place in the order where another Application syncs it, as in an app of apps; lower ones go first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wave: Option<i32>,
    /// Labels of the Application.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Who is told what becomes of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subscriptions: Vec<Subscription>,
}

/// Where the objects of an Application come from. At most one of `helm`, `kustomize` and `directory`: without any,
/// Argo CD tells by the files that are there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ApplicationSource {
    /// Address of the repository; by default `git.url`.
    #[serde(rename = "repoURL", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub repo_url: Option<String>,
    /// Branch, tag, commit or version of the chart; by default `git.branch`, or else the default branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub target_revision: Option<String>,
    /// Folder in the repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub path: Option<String>,
    /// Name of the chart in a Helm repository, instead of `path`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub chart: Option<String>,
    /// It is a Helm chart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub helm: Option<Helm>,
    /// It is built by Kustomize.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kustomize: Option<Kustomize>,
    /// It is plain files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<Directory>,
}

/// How a Helm chart is rendered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Helm {
    /// Name of the release; by default that of the Application.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub release_name: Option<String>,
    /// Values files, as paths from the chart; later ones win.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub value_files: Vec<String>,
    /// Values as a text of YAML; they win over those of the files.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub values: Option<String>,
    /// Single values by their paths, as `helm --set` takes them; they win over all others.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
}

/// What Kustomize is told besides its files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Kustomize {
    /// Images that are replaced: `name=registry/name:tag`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// Put in front of all names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub name_prefix: Option<String>,
    /// Put behind all names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub name_suffix: Option<String>,
}

/// Which files of a folder are read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Directory {
    /// Those of the folders in it as well.
    pub recurse: bool,
    /// Only files that match this pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub include: Option<String>,
    /// Not the files that match this pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub exclude: Option<String>,
}

/// How Argo CD applies. What it doesn't know, Argo CD passes over in silence, so only these are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SyncOption {
    /// Makes the namespace where it is missing. The project is made to allow that.
    #[serde(rename = "CreateNamespace=true")]
    CreateNamespace,
    /// Deletes only when all else is in place.
    #[serde(rename = "PruneLast=true")]
    PruneLast,
    /// Applies only what differs.
    #[serde(rename = "ApplyOutOfSyncOnly=true")]
    ApplyOutOfSyncOnly,
    /// By server-side apply; needed for large objects.
    #[serde(rename = "ServerSideApply=true")]
    ServerSideApply,
    /// Leaves fields alone that `ignoreDifferences` names.
    #[serde(rename = "RespectIgnoreDifferences=true")]
    RespectIgnoreDifferences,
    /// Fails where another Application has the same object.
    #[serde(rename = "FailOnSharedResource=true")]
    FailOnSharedResource,
    /// Kinds that are not there yet don't fail the sync beforehand.
    #[serde(rename = "SkipDryRunOnMissingResource=true")]
    SkipDryRunOnMissingResource,
    /// Objects are not validated beforehand.
    #[serde(rename = "Validate=false")]
    NoValidation,
    /// Replaces objects instead of applying: what is running may be deleted and made again.
    #[serde(rename = "Replace=true")]
    Replace,
    /// Deletes nothing that is gone from the repository.
    #[serde(rename = "Prune=false")]
    NoPruning,
    /// Asks before it deletes what is gone from the repository.
    #[serde(rename = "Prune=confirm")]
    ConfirmPruning,
    /// Deletes nothing with the Application.
    #[serde(rename = "Delete=false")]
    NoDeletion,
    /// Asks before it deletes anything with the Application.
    #[serde(rename = "Delete=confirm")]
    ConfirmDeletion,
    /// What depends on an object is deleted first.
    #[serde(rename = "PrunePropagationPolicy=foreground")]
    PruneForeground,
    /// What depends on an object is deleted after it.
    #[serde(rename = "PrunePropagationPolicy=background")]
    PruneBackground,
    /// What depends on an object stays.
    #[serde(rename = "PrunePropagationPolicy=orphan")]
    PruneOrphan,
    /// Fields that client-side apply owns are not taken over.
    #[serde(rename = "ClientSideApplyMigration=false")]
    NoMigration,
}

/// How often, and after which times, a sync that failed is tried again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Retry {
    /// How often; -1 for without end.
    #[schemars(range(min = -1, max = 1000))]
    pub limit: i32,
    /// The time between.
    pub backoff: Backoff,
}

impl Default for Retry {
    fn default() -> Self {
        Self { limit: 5, backoff: Backoff::default() }
    }
}

/// Times that grow. The defaults are Argo CD's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Backoff {
    /// Time before the first further try.
    #[schemars(extend("pattern" = TIME))]
    pub duration: String,
    /// Each time is this many times the one before.
    #[schemars(range(min = 1, max = 100))]
    pub factor: i32,
    /// The longest time.
    #[schemars(extend("pattern" = TIME))]
    pub max_duration: String,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { duration: "5s".into(), factor: 2, max_duration: "3m".into() }
    }
}

/// A time as Argo CD reads it.
pub const TIME: &str = "^([0-9]+(ms|s|m|h))+$";
