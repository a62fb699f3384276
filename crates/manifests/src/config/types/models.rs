//! Models: where they are in the repository, and how Argo CD follows them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::DNS_NAME;

/// Models in the GitOps repository: a Kustomize base each, with an overlay for every environment that has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Models {
    /// Folder of the repository. What is in `<folder>/<model>/overlays/<environment>` is one Application.
    #[schemars(extend("pattern" = FOLDER))]
    pub folder: String,
    /// Name of the AppProject of all models. No environment may have it too.
    #[schemars(extend("pattern" = DNS_NAME))]
    pub project: String,
    /// How changes in the repository reach the cluster.
    pub sync_policy: ModelsSyncPolicy,
    /// Sync waves of kinds that are to be in another one than docs/ml.md says: `InferenceService: 3`. Where several
    /// groups have the kind, `Kind.group`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub waves: BTreeMap<String, i32>,
    /// Address of the Prometheus that is asked how a canary does.
    #[schemars(extend("pattern" = HTTP_ADDRESS))]
    pub prometheus: String,
}

impl Default for Models {
    fn default() -> Self {
        Self {
            folder: "models".into(),
            project: "models".into(),
            sync_policy: ModelsSyncPolicy::default(),
            waves: BTreeMap::new(),
            prometheus: "http://prometheus-operated.monitoring:9090".into(),
        }
    }
}

/// How changes in the repository reach the cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ModelsSyncPolicy {
    /// Argo CD syncs by itself; otherwise somebody has to press the button.
    pub automated: bool,
    /// What is gone from the repository is deleted from the cluster; with an overlay, all that it brought.
    pub prune: bool,
    /// Changes made in the cluster by hand are taken back.
    pub self_heal: bool,
}

impl Default for ModelsSyncPolicy {
    fn default() -> Self {
        Self { automated: true, prune: true, self_heal: true }
    }
}

/// A path in the repository, of names that shells and URLs take as they are.
const FOLDER: &str = r"^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*$";
/// An address without credentials.
const HTTP_ADDRESS: &str = r"^https?://[A-Za-z0-9._:/\[\]-]+$";
