//! What every plan is made from, besides what was observed.

use manifests::Object;
use manifests::argocd::install::Install;
use manifests::config::{Config, SecretRef};

use crate::observed::KubernetesVersion;
use crate::select::Stages;

/// Configuration, and what was fetched or looked up for it before planning.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// The stages of the command line, whether or not they run.
    pub stages: Stages,
    /// The configuration, all sources laid over each other.
    pub config: Config,
    /// The manifest of Argo CD; `None` with `manifest: existing`, or where no stage needs it.
    pub install: Option<Install>,
    /// Where the manifest came from, for people.
    pub manifest_origin: String,
    /// Version of Kubernetes that a new cluster will have, where that is known beforehand.
    pub expected_kubernetes: Option<KubernetesVersion>,
    /// The admin password, by reference; `None` leaves Argo CD's own.
    pub admin_password: Option<SecretRef>,
    /// Lines of known hosts that vouch for the Git host; empty where none is known or none is needed.
    pub known_hosts: String,
    /// Certificates (PEM) of the authorities that the Git host's certificate may come from, where they are
    /// configured.
    pub ca_certificate: Option<String>,
}

impl Inputs {
    /// Namespace of Argo CD.
    pub fn argocd_namespace(&self) -> &str {
        &self.config.argocd.namespace
    }

    /// The object of the manifest with this kind and name.
    pub fn manifest_object(&self, kind: &str, name: &str) -> Option<&Object> {
        self.install.as_ref()?.objects.iter().find(|object| object.kind() == kind && object.name() == name)
    }
}
