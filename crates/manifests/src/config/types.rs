//! What `gitops.yaml` says, as types. Field docs become the descriptions in the JSON Schema.

mod application_sets;
mod applications;
mod environment;
mod expose;
mod git;
mod health_checks;
mod kind;
mod kinds;
mod models;
mod notifications;
mod seldon;
mod webhooks;

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::argocd::version::ArgoVersion;

pub use application_sets::*;
pub use applications::*;
pub use environment::*;
pub use expose::*;
pub use git::*;
pub use health_checks::*;
pub use kind::*;
pub use kinds::*;
pub use models::*;
pub use notifications::*;
pub use seldon::*;
pub use webhooks::*;

/// The whole of `gitops.yaml`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Config {
    /// Where Kubernetes comes from.
    pub cluster: Cluster,
    /// Which Argo CD is installed, and how.
    pub argocd: ArgoCd,
    /// How Argo CD is reached from outside the cluster.
    pub expose: Expose,
    /// The GitOps repository: the source of truth of every environment.
    pub git: Git,
    /// GitOps environments: one namespace each, backed by a folder of the repository.
    pub environments: Vec<Environment>,
    /// The environment of the request logger; left out where Seldon's logging is not used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logging: Option<Logging>,
    /// AppProjects besides those of environments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub projects: Vec<Project>,
    /// Applications besides those of environments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub applications: Vec<Application>,
    /// One definition for many Applications each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub application_sets: Vec<ApplicationSet>,
    /// Models in the GitOps repository; left out where there are none, or something else brings them to the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models: Option<Models>,
    /// Seldon Enterprise Platform, where it is installed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seldon: Option<Seldon>,
    /// Webhooks at the Git host, so that changes are pushed instead of polled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhooks: Option<Webhooks>,
    /// Health checks for kinds that Argo CD has none for; `{}` for all that this tool knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_checks: Option<HealthChecks>,
    /// Who is told what about Applications.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notifications: Option<Notifications>,
    /// What stages are configured by that another repository's xtask adds, by section.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extensions: BTreeMap<String, Value>,
}

impl Config {
    /// What a section of `extensions` says; `None` where it is not there, or not a `T`. The command line refuses
    /// the latter beforehand, where the section was announced to it as one.
    pub fn extension<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        T::deserialize(self.extensions.get(name)?).ok()
    }
}

/// Where Kubernetes comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Cluster {
    /// Who makes the cluster.
    pub provider: Provider,
    /// Name of the cluster that `kwok` or `kind` makes.
    #[schemars(extend("pattern" = DNS_LABEL))]
    pub name: String,
    /// Context in the kubeconfig; needed by the provider `context`, never guessed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub context: Option<String>,
    /// Kubeconfig file of the provider `context`; by default what kubectl would use.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub kubeconfig: Option<PathBuf>,
    /// Minor version of Kubernetes, such as `v1.36` (`kind`): the image of the nodes is the one that kind was
    /// released with for it. By default kind's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = MINOR_VERSION))]
    pub kubernetes_version: Option<String>,
    /// Image of the nodes that `kind` makes, best with its digest, where `kubernetesVersion` has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub node_image: Option<String>,
    /// What the cluster is made of that `kind` makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<KindSettings>,
    /// Number of simulated nodes (`kwok`); at least three with `argocd.variant: ha`.
    #[schemars(range(min = 1, max = 1000))]
    pub nodes: u16,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            provider: Provider::default(),
            name: "gitops-setup".into(),
            context: None,
            kubeconfig: None,
            kubernetes_version: None,
            node_image: None,
            kind: None,
            nodes: 1,
        }
    }
}

/// Who makes the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// A real control plane on this machine with simulated nodes; needs no Docker.
    #[default]
    Kwok,
    /// A cluster of containers, by kind; needs Docker.
    Kind,
    /// A cluster that exists already, by its context in a kubeconfig.
    Context,
}

/// Which Argo CD is installed, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ArgoCd {
    /// Release of Argo CD.
    pub version: ArgoVersion,
    /// Releases and advisories (`CVE-…`, `GHSA-…`) by their names: a release with known vulnerabilities is refused
    /// unless it is named here, or all of them are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(inner(regex(pattern = VULNERABLE)))]
    pub allow_vulnerable: Vec<String>,
    /// Which of the release's manifests.
    pub variant: Variant,
    /// Namespace of Argo CD.
    #[schemars(extend("pattern" = DNS_LABEL))]
    pub namespace: String,
    /// Where the manifest comes from.
    pub manifest: ManifestSource,
    /// Checksum (SHA-256) of a manifest file of your own: one that no release was published with is refused without.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = SHA256))]
    pub manifest_sha256: Option<String>,
    /// Password of the user `admin`, by reference. By default the environment variable ARGOCDINITIALPASS; where
    /// that is not set either, Argo CD's own initial password stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_password: Option<SecretRef>,
    /// Who ends TLS: the ingress layer in front of Argo CD (the guide's advice), or Argo CD itself.
    pub tls_termination: TlsTermination,
    /// Path under which Argo CD is served, such as `/argocd`; `/` for the root.
    #[schemars(extend("pattern" = r"^/([A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*)?$"))]
    pub root_path: String,
    /// What is made stricter than Argo CD does by itself.
    pub hardening: Hardening,
}

impl Default for ArgoCd {
    fn default() -> Self {
        Self {
            version: ArgoVersion::current(),
            allow_vulnerable: Vec::new(),
            variant: Variant::default(),
            namespace: "argocd".into(),
            manifest: ManifestSource::default(),
            manifest_sha256: None,
            admin_password: None,
            tls_termination: TlsTermination::default(),
            root_path: "/argocd".into(),
            hardening: Hardening::default(),
        }
    }
}

impl ArgoCd {
    /// The root path without its slash at the end; `None` where Argo CD is served at the root.
    pub fn root_path(&self) -> Option<&str> {
        Some(self.root_path.trim_end_matches('/')).filter(|path| !path.is_empty())
    }
}

/// What is made stricter than Argo CD does by itself; `false` leaves it as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Hardening {
    /// Webhook events of Git hosts that are not used are refused, by secrets that nobody knows.
    pub webhook_secrets: bool,
    /// Webhook requests of more than 25 MB are refused.
    pub webhook_payload_limit: bool,
}

impl Default for Hardening {
    fn default() -> Self {
        Self { webhook_secrets: true, webhook_payload_limit: true }
    }
}

/// Which of a release's manifests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    /// One replica of each component.
    #[default]
    Standard,
    /// Several replicas and a highly available Redis; needs three nodes.
    Ha,
    /// Without API server, UI and login.
    Core,
}

/// Where the manifest of Argo CD comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ManifestSource {
    /// `official`, and `bundled` where the official one can't be had and the provider is `kwok`.
    #[default]
    Auto,
    /// The release's own, downloaded, verified against the checksum that this tool carries, and cached.
    Official,
    /// A minimal install of the current version that this tool carries, for machines that reach nothing.
    Bundled,
    /// None: Argo CD is installed already, and is only configured.
    Existing,
    /// A file on this machine. A published release is recognised by its checksum; another file needs
    /// `manifestSha256`.
    File(#[schemars(length(min = 1))] PathBuf),
}

/// Who ends TLS for Argo CD's API and UI.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TlsTermination {
    /// The ingress layer; Argo CD itself speaks plain HTTP inside the cluster (`server.insecure`).
    #[default]
    Ingress,
    /// Argo CD's own server.
    Argocd,
}

/// Names a secret value without holding it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SecretRef {
    /// The value of an environment variable.
    Env(#[schemars(extend("pattern" = VARIABLE_NAME))] String),
    /// The content of a file, less one line break at its end.
    File(#[schemars(length(min = 1))] PathBuf),
    /// The standard output of a command (program and arguments, no shell), less one line break at its end.
    Command(#[schemars(length(min = 1))] Vec<String>),
    /// What the user types at the terminal, unseen, when asked this.
    Prompt(#[schemars(length(min = 1))] String),
}

impl std::fmt::Display for SecretRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Command(words) => write!(f, "command {}", words.first().map_or("", String::as_str)),
            Self::Prompt(question) => write!(f, "answer to {question:?}"),
        }
    }
}

/// RFC 1123 label: names of namespaces and clusters.
pub const DNS_LABEL: &str = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$";
/// RFC 1123 subdomain: names of most other objects.
pub const DNS_NAME: &str = r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$";
/// Namespace and name of an object, with a slash between.
pub const NAMESPACED_NAME: &str =
    r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$";
/// Minor version of Kubernetes.
pub const MINOR_VERSION: &str = r"^v?1\.[0-9]+$";
/// Name of an environment variable.
pub const VARIABLE_NAME: &str = "^[A-Za-z_][A-Za-z0-9_]*$";
/// SHA-256 in hexadecimal digits.
pub const SHA256: &str = "^[0-9A-Fa-f]{64}$";
/// A release of Argo CD, or an advisory.
pub const VULNERABLE: &str = r"^(v?[0-9]+\.[0-9]+\.[0-9]+|CVE-[0-9]{4}-[0-9]{4,}|GHSA(-[0-9a-z]{4}){3})$";
/// Names of the types above that people may mistake for a place to put a secret value itself. What stands there
/// is never repeated in messages.
pub(super) const SCHEMAS_OF_SECRETS: &[&str] = &["SecretRef", "GitAuth"];
