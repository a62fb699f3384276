//! The specification of an Application, field by field as Argo CD's definition has it.

use serde::Serialize;

use super::names::IN_CLUSTER;
use crate::config;
use crate::object::Object;

/// What deletes the objects of an Application with it.
pub const FINALIZER: &str = "resources-finalizer.argocd.argoproj.io";

/// `spec` of an Application.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApplicationSpec {
    pub(crate) project: String,
    pub(crate) destination: Destination,
    pub(crate) source: Source,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sync_policy: Option<SyncPolicy>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) ignore_differences: Vec<IgnoredFields>,
}

/// Fields of a kind that count for nothing when Argo CD looks for differences.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IgnoredFields {
    #[serde(flatten)]
    pub(crate) kind: config::GroupKind,
    pub(crate) jq_path_expressions: Vec<&'static str>,
}

/// The Application; when it goes, what it brought goes with it.
pub(crate) fn with_finalizer(mut application: Object) -> Object {
    if let Some(metadata) = application.get_mut("/metadata") {
        metadata["finalizers"] = [FINALIZER].as_slice().into();
    }
    application
}

/// Where an Application goes, and where a project lets it go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Destination {
    pub(crate) namespace: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
}

impl Destination {
    /// A namespace of the cluster that Argo CD runs in.
    pub(crate) fn in_cluster(namespace: &str) -> Self {
        Self { namespace: namespace.into(), server: Some(IN_CLUSTER.into()), name: None }
    }
}

impl From<&config::Destination> for Destination {
    fn from(destination: &config::Destination) -> Self {
        let config::Destination { namespace, server, cluster } = destination.clone();
        match cluster {
            Some(name) => Self { namespace, server: None, name: Some(name) },
            None => Self { server: server.or_else(|| Some(IN_CLUSTER.into())), namespace, name: None },
        }
    }
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Source {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) directory: Option<Directory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) helm: Option<Helm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kustomize: Option<Kustomize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) chart: Option<String>,
    #[serde(rename = "repoURL")]
    pub(crate) repo_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target_revision: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct Directory {
    pub(crate) recurse: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) include: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exclude: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Helm {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) release_name: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) value_files: Vec<String>,
    /// The text, and not `valuesObject`: every release has it, and a set's template fills it in like any other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) values: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) parameters: Vec<Parameter>,
}

#[derive(Serialize)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Kustomize {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) images: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name_prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name_suffix: Option<String>,
}

#[derive(Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SyncPolicy {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) automated: Option<Automated>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) sync_options: Vec<config::SyncOption>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry: Option<config::Retry>,
}

impl SyncPolicy {
    /// `None` where it says nothing.
    pub(crate) fn of(
        policy: &config::SyncPolicy,
        sync_options: &[config::SyncOption],
        retry: Option<&config::Retry>,
    ) -> Option<Self> {
        let automated = policy.automated.then_some(Automated {
            prune: policy.prune,
            self_heal: policy.self_heal,
            allow_empty: policy.allow_empty,
        });
        let policy = Self { automated, sync_options: sync_options.into(), retry: retry.cloned() };
        (policy != Self::default()).then_some(policy)
    }
}

#[derive(PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Automated {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    prune: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    self_heal: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    allow_empty: bool,
}
