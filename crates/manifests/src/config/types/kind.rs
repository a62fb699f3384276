//! What a cluster of containers by kind is made of.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a cluster of containers by kind is made of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct KindSettings {
    /// Number of nodes besides the control plane.
    #[schemars(range(min = 0, max = 20))]
    pub workers: u8,
    /// Ports of this machine that lead to the control plane's container.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<KindPort>,
    /// Makes the control plane a place for an ingress controller: the label `ingress-ready=true`, and ports 80 and
    /// 443 of this machine lead to it where `ports` names no others for them. Installs no controller.
    pub ingress: bool,
    /// Mirrors that the nodes ask first, by registry: `docker.io: https://mirror.example.com`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub registry_mirrors: BTreeMap<String, String>,
    /// Files and folders of this machine that every node has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<KindMount>,
    /// Feature gates of Kubernetes that are on or off in every component.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub feature_gates: BTreeMap<String, bool>,
    /// Images of this machine's Docker that are loaded into the nodes, and again when they were built anew.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
}

/// A port of this machine that leads to a port of the control plane's container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct KindPort {
    /// Port of this machine.
    #[schemars(range(min = 1, max = 65535))]
    pub host: u16,
    /// Port of the container.
    #[schemars(range(min = 1, max = 65535))]
    pub container: u16,
    /// Address of this machine that it listens on; by default 127.0.0.1, which others can't reach.
    #[serde(default = "loopback")]
    #[schemars(length(min = 1))]
    pub address: String,
    /// Transport protocol.
    #[serde(default)]
    pub protocol: PortProtocol,
}

impl KindPort {
    /// A port that leads to the same port of the container, on loopback.
    pub(crate) fn same(port: u16) -> Self {
        Self { host: port, container: port, address: loopback(), protocol: PortProtocol::default() }
    }
}

fn loopback() -> String {
    "127.0.0.1".into()
}

/// Transport protocol of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PortProtocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

/// A file or folder of this machine that every node has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct KindMount {
    /// Absolute path on this machine.
    #[schemars(length(min = 1))]
    pub host: PathBuf,
    /// Absolute path in the nodes.
    #[schemars(length(min = 1))]
    pub container: PathBuf,
    /// The nodes can't change it.
    #[serde(default)]
    pub read_only: bool,
}
