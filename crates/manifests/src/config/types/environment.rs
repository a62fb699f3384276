//! Environments: what is namespaced, who may, and how changes arrive.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Config, DNS_LABEL, DNS_NAME, Subscription};

/// One GitOps environment: a namespace, backed by a folder of the repository.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Environment {
    /// Namespace, and folder of the repository.
    #[schemars(extend("pattern" = DNS_LABEL))]
    pub namespace: String,
    /// Name of the Application; by default `seldon-gitops-<namespace>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = DNS_NAME))]
    pub application: Option<String>,
    /// Name of the AppProject. Environments may share one.
    #[serde(default = "default_project")]
    #[schemars(extend("pattern" = DNS_NAME))]
    pub project: String,
    /// Groups of users that may see or change what runs here; none means everyone.
    #[serde(default, skip_serializing_if = "Roles::is_empty")]
    pub roles: Roles,
    /// Only the groups in `roles` may use the namespace; by default so where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restricted: Option<bool>,
    /// How changes in the repository reach the cluster.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sync_policy: SyncPolicy,
    /// Cluster-wide kinds that the environment may bring along. The guide allows all (`group: "*"`, `kind: "*"`),
    /// which lets whoever writes to the repository take over the cluster; the default is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cluster_resources: Vec<GroupKind>,
    /// Who is told when something happens to the Application.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subscriptions: Vec<Subscription>,
}

impl Environment {
    /// An environment with the guide's own names.
    pub fn new(namespace: &str) -> Self {
        Self {
            namespace: namespace.into(),
            application: None,
            project: default_project(),
            roles: Roles::default(),
            restricted: None,
            sync_policy: SyncPolicy::default(),
            cluster_resources: Vec::new(),
            subscriptions: Vec::new(),
        }
    }

    /// Name of the Application.
    pub fn application(&self) -> String {
        self.application.clone().unwrap_or_else(|| default_application(&self.namespace))
    }

    /// Whether only the groups in `roles` may use the namespace.
    pub fn restricted(&self) -> bool {
        self.restricted.unwrap_or(!self.roles.is_empty())
    }
}

impl Config {
    /// All environments: those of `environments`, and the request logger's.
    pub fn every_environment(&self) -> Vec<Environment> {
        let logging = self.logging.iter().map(Logging::environment);
        self.environments.iter().cloned().chain(logging).collect()
    }
}

/// The name by which Seldon Enterprise Platform finds a namespace's Application without being told.
pub fn default_application(namespace: &str) -> String {
    format!("seldon-gitops-{namespace}")
}

fn default_project() -> String {
    "seldon".into()
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Groups of users with rights in a namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Roles {
    /// Groups that may look.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<String>,
    /// Groups that may change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub write: Vec<String>,
}

impl Roles {
    /// No group is named.
    pub fn is_empty(&self) -> bool {
        self.read.is_empty() && self.write.is_empty()
    }
}

/// How changes in the repository reach the cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct SyncPolicy {
    /// Argo CD syncs by itself; otherwise somebody has to press the button.
    pub automated: bool,
    /// What is gone from the repository is deleted from the cluster.
    pub prune: bool,
    /// Changes made in the cluster by hand are taken back.
    pub self_heal: bool,
    /// Also where that leaves nothing: by default, a repository without any object deletes nothing.
    pub allow_empty: bool,
}

impl Default for SyncPolicy {
    fn default() -> Self {
        Self { automated: true, prune: false, self_heal: false, allow_empty: false }
    }
}

/// A kind of object in an API group; `*` stands for any.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupKind {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind.
    pub kind: String,
}

/// The environment of the request logger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Logging {
    /// The centralised logging namespace, as Seldon Enterprise Platform is configured.
    #[schemars(extend("pattern" = DNS_LABEL))]
    pub namespace: String,
}

impl Logging {
    /// The request logger's environment, with the guide's names.
    pub fn environment(&self) -> Environment {
        Environment::new(&self.namespace)
    }
}

impl Default for Logging {
    fn default() -> Self {
        Self { namespace: "seldon-logs".into() }
    }
}
