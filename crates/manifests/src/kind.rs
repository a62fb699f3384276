//! The files that a kind cluster is made from, by the configuration alone.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::config::{Cluster, KindPort, KindSettings, PortProtocol};
use crate::yaml;

/// The pinned version of kind.
pub const VERSION: &str = "0.33.0";

/// Images of nodes by minor version of Kubernetes, the newest first, as the release notes of kind [`VERSION`] have
/// them. Change them with the version.
pub const NODE_IMAGES: [(&str, &str); 6] = [
    ("1.37", "kindest/node:v1.37.0@sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5"),
    ("1.36", "kindest/node:v1.36.4@sha256:099e049362a1526b2db71494e1947aae99bd16290d7c895f2b7ea312e3cbfaed"),
    ("1.35", "kindest/node:v1.35.8@sha256:07b2536e30b803ed61d1677a79df6115f798ce64c80f9e22f6ed45afd09323c0"),
    ("1.34", "kindest/node:v1.34.11@sha256:44e222ee2132dab25ff87301682f89eb82c7880ea3a1bf543bfe9708fd08d67d"),
    ("1.33", "kindest/node:v1.33.12@sha256:3f5c8443c620245e4d355cfe09e96a91ead32ceaa569d3f1ca9edf0cb2fe2ff4"),
    ("1.32", "kindest/node:v1.32.11@sha256:5fc52d52a7b9574015299724bd68f183702956aa4a2116ae75a63cb574b35af8"),
];

/// What kind takes where no image is named (`pkg/apis/config/defaults/image.go`).
pub const DEFAULT_NODE_IMAGE: &str = NODE_IMAGES[0].1;

/// Name of kind's own configuration among the [`files`].
pub const CONFIG_FILE: &str = "kind.yaml";
/// Where containerd looks for mirrors in a node.
pub const CERTS_D: &str = "/etc/containerd/certs.d";
/// Folder of the mirrors among the [`files`].
pub const MIRRORS: &str = "registries";
/// What ingress controllers for kind choose their node by.
const INGRESS_LABEL: &str = "ingress-ready";
/// Ports of an ingress controller.
const INGRESS_PORTS: [u16; 2] = [80, 443];

/// Makes containerd look into [`CERTS_D`]. Each is applied where the version fits that of the node's own
/// configuration (`version = 2` up to containerd 1.7, and still in some images with containerd 2).
const CONTAINERD_PATCHES: [&str; 2] = [
    "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".registry]\n  config_path = \"/etc/containerd/certs.d\"\n",
    "version = 3\n[plugins.\"io.containerd.cri.v1.images\".registry]\n  config_path = \"/etc/containerd/certs.d\"\n",
];

/// The image of nodes with this minor version of Kubernetes, such as `v1.36` or `1.36`.
pub fn node_image(minor: &str) -> Option<&'static str> {
    let minor = minor.strip_prefix('v').unwrap_or(minor);
    NODE_IMAGES.iter().find(|(known, _)| *known == minor).map(|(_, image)| *image)
}

/// The image of a cluster's nodes. Nothing where kind itself chooses it.
pub fn image_of_nodes(cluster: &Cluster) -> Option<&str> {
    let chosen = cluster.kubernetes_version.as_deref().and_then(node_image);
    cluster.node_image.as_deref().or(chosen)
}

/// The files that a cluster is made from, by their names below `folder`: kind's own configuration, and the mirrors
/// that it mounts into the nodes. Two clusters from the same files are the same. They hold no secrets.
///
/// `folder` is an absolute path on the machine that runs the containers.
pub fn files(cluster: &Cluster, folder: &str) -> BTreeMap<String, String> {
    let settings = cluster.kind.clone().unwrap_or_default();
    let mirrors = settings.registry_mirrors.iter();
    let mut files: BTreeMap<String, String> = mirrors
        .map(|(registry, mirror)| (format!("{MIRRORS}/{registry}/hosts.toml"), hosts_toml(mirror)))
        .collect();
    files.insert(CONFIG_FILE.into(), yaml::to_string(&config(cluster, &settings, folder)));
    files
}

fn config(cluster: &Cluster, settings: &KindSettings, folder: &str) -> Value {
    let mut config = json!({ "kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4" });
    if !settings.feature_gates.is_empty() {
        config["featureGates"] = json!(settings.feature_gates);
    }
    if !settings.registry_mirrors.is_empty() {
        config["containerdConfigPatches"] = json!(CONTAINERD_PATCHES);
    }
    let workers = (0..settings.workers).map(|_| node("worker", cluster, settings, folder));
    config["nodes"] = std::iter::once(control_plane(cluster, settings, folder)).chain(workers).collect();
    config
}

fn control_plane(cluster: &Cluster, settings: &KindSettings, folder: &str) -> Value {
    let mut node = node("control-plane", cluster, settings, folder);
    if settings.ingress {
        node["labels"] = json!({ INGRESS_LABEL: "true" });
    }
    let ports: Vec<Value> = ports(settings).iter().map(port).collect();
    if !ports.is_empty() {
        node["extraPortMappings"] = ports.into();
    }
    node
}

/// The ports as configured, and those of an ingress controller that none of them leads to.
fn ports(settings: &KindSettings) -> Vec<KindPort> {
    let mut ports = settings.ports.clone();
    for port in INGRESS_PORTS.into_iter().filter(|_| settings.ingress) {
        let takes = |known: &KindPort| known.container == port || known.host == port;
        if !settings.ports.iter().any(|known| known.protocol == PortProtocol::Tcp && takes(known)) {
            ports.push(KindPort::same(port));
        }
    }
    ports
}

fn port(port: &KindPort) -> Value {
    let protocol = match port.protocol {
        PortProtocol::Tcp => "TCP",
        PortProtocol::Udp => "UDP",
    };
    json!({
        "hostPort": port.host, "containerPort": port.container, "listenAddress": port.address, "protocol": protocol,
    })
}

fn node(role: &str, cluster: &Cluster, settings: &KindSettings, folder: &str) -> Value {
    let mut node = json!({ "role": role });
    if let Some(image) = image_of_nodes(cluster) {
        node["image"] = image.into();
    }
    let mut mounts: Vec<Value> = settings
        .mounts
        .iter()
        .map(|mount| {
            json!({ "hostPath": mount.host, "containerPath": mount.container, "readOnly": mount.read_only })
        })
        .collect();
    // A mount is there before containerd starts, and after a node was stopped and started.
    if !settings.registry_mirrors.is_empty() {
        let host = format!("{folder}/{MIRRORS}");
        mounts.push(json!({ "hostPath": host, "containerPath": CERTS_D, "readOnly": true }));
    }
    if !mounts.is_empty() {
        node["extraMounts"] = mounts.into();
    }
    node
}

/// A mirror that is asked first; the registry itself comes after it.
fn hosts_toml(mirror: &str) -> String {
    format!("[host.\"{mirror}\"]\n  capabilities = [\"pull\", \"resolve\"]\n")
}

/// What differs between the files that a cluster was made from and those that it would be made from now, a line for
/// each value: `nodes[0].image: a -> b`. Empty where nothing does.
pub fn differences(made: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> Vec<String> {
    let (made, wanted) = (values(made), values(wanted));
    let mut paths: Vec<&String> = made.keys().chain(wanted.keys()).collect();
    paths.sort();
    paths.dedup();
    let word = |values: &BTreeMap<String, String>, path: &String| {
        values.get(path).map_or_else(|| "none".to_owned(), |text| shortened(text))
    };
    let differs = |path: &&String| made.get(*path) != wanted.get(*path);
    let line = |path: &String| format!("{path}: {} -> {}", word(&made, path), word(&wanted, path));
    paths.into_iter().filter(differs).map(line).collect()
}

/// Every value by its path in kind's configuration; of other files, their texts by their names.
fn values(files: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    for (name, text) in files {
        match yaml::parse_value(text) {
            Ok(value) if name == CONFIG_FILE => collect(&value, String::new(), &mut values),
            _ => drop(values.insert(name.clone(), text.clone())),
        }
    }
    values
}

fn collect(value: &Value, path: String, values: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(map) => {
            let inner = |key: &String| if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            map.iter().for_each(|(key, value)| collect(value, inner(key), values));
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(index, item)| collect(item, format!("{path}[{index}]"), values));
        }
        Value::String(text) => drop(values.insert(path, text.clone())),
        scalar => drop(values.insert(path, scalar.to_string())),
    }
}

/// The first line of a longer text is enough to know it by.
fn shortened(text: &str) -> String {
    match text.trim_end().split_once('\n') {
        Some((first, _)) => format!("{first} …"),
        None => text.trim_end().to_owned(),
    }
}
