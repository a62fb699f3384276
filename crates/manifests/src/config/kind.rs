//! Combinations of a kind cluster's settings that are impossible.

use core::net::IpAddr;
use std::collections::BTreeMap;

use super::combinations::Clash;
use super::types::{Cluster, KindPort, KindSettings};
use super::words;
use crate::kind;

/// All impossible combinations of a kind cluster's settings.
pub(super) fn clashes(cluster: &Cluster) -> Vec<Clash> {
    let mut clashes = versions(cluster);
    if let Some(settings) = &cluster.kind {
        clashes.extend(ports(settings));
        clashes.extend(mounts(settings));
        clashes.extend(mirrors(settings));
    }
    clashes
}

fn versions(cluster: &Cluster) -> Vec<Clash> {
    let mut clashes = Vec::new();
    let Some(version) = &cluster.kubernetes_version else { return clashes };
    if cluster.node_image.is_some() {
        clashes.push(Clash::new(
            &["cluster.nodeImage", "cluster.kubernetesVersion"],
            "`cluster.nodeImage` and `cluster.kubernetesVersion` both choose the image of the nodes; remove one",
        ));
    }
    if !version.is_empty() && kind::node_image(version).is_none() {
        let known: Vec<String> = kind::NODE_IMAGES.iter().map(|(minor, _)| format!("`v{minor}`")).collect();
        clashes.push(Clash::new(
            &["cluster.kubernetesVersion"],
            format!(
                "`cluster.kubernetesVersion` is `{version}`; kind {} has images for {}; for another one name its \
                 image in `cluster.nodeImage`",
                kind::VERSION,
                words::list(&known)
            ),
        ));
    }
    clashes
}

fn ports(settings: &KindSettings) -> Vec<Clash> {
    let mut clashes = Vec::new();
    let mut seen: Vec<(String, &KindPort, IpAddr)> = Vec::new();
    for (index, port) in settings.ports.iter().enumerate() {
        let path = format!("cluster.kind.ports[{index}]");
        let Ok(address) = port.address.parse::<IpAddr>() else {
            let path = format!("{path}.address");
            let message = format!("`{path}` is no IP address, such as 127.0.0.1 or 0.0.0.0");
            clashes.push(Clash::new(&[&path], message));
            continue;
        };
        let same = |(_, other, there): &&(String, &KindPort, IpAddr)| {
            let everywhere = address.is_unspecified() || there.is_unspecified();
            other.host == port.host && other.protocol == port.protocol && (everywhere || *there == address)
        };
        if let Some((first, ..)) = seen.iter().find(same) {
            clashes.push(Clash::new(
                &[&format!("{path}.host"), &format!("{first}.host")],
                format!(
                    "{path} takes port {} of this machine, and so does {first}; give each its own",
                    port.host
                ),
            ));
        }
        seen.push((path, port, address));
    }
    clashes
}

fn mounts(settings: &KindSettings) -> Vec<Clash> {
    let mut clashes = Vec::new();
    let mut seen = BTreeMap::new();
    for (index, mount) in settings.mounts.iter().enumerate() {
        let path = format!("cluster.kind.mounts[{index}]");
        for (key, value) in [("host", &mount.host), ("container", &mount.container)] {
            let text = value.to_string_lossy();
            // Docker takes what is between colons, and has no way to quote one.
            if !text.starts_with('/') || text.contains(':') {
                let path = format!("{path}.{key}");
                let message = format!("`{path}` must be an absolute path without a colon");
                clashes.push(Clash::new(&[&path], message));
            }
        }
        if settings.registry_mirrors_are_at(&mount.container) {
            clashes.push(Clash::new(
                &[&format!("{path}.container"), "cluster.kind.registryMirrors"],
                format!(
                    "{} is where `cluster.kind.registryMirrors` stand; remove one of the two",
                    kind::CERTS_D
                ),
            ));
        }
        if let Some(first) = seen.insert(&mount.container, index) {
            clashes.push(Clash::new(
                &[&format!("{path}.container")],
                format!(
                    "{path} and cluster.kind.mounts[{first}] have the same `container`; give each its own"
                ),
            ));
        }
    }
    clashes
}

impl KindSettings {
    fn registry_mirrors_are_at(&self, path: &std::path::Path) -> bool {
        !self.registry_mirrors.is_empty() && path.starts_with(kind::CERTS_D)
    }
}

fn mirrors(settings: &KindSettings) -> Vec<Clash> {
    let mut clashes = Vec::new();
    for (registry, mirror) in &settings.registry_mirrors {
        let place = "cluster.kind.registryMirrors";
        if !is_host(registry) {
            clashes.push(Clash::new(
                &[place],
                format!(
                    "`{}` in `{place}` is no registry; expected a host name such as `docker.io`, with a port where \
                     it has one",
                    registry.escape_debug()
                ),
            ));
        }
        let host = mirror.strip_prefix("https://").or_else(|| mirror.strip_prefix("http://"));
        let sound = |rest: &str| {
            let (host, tail) = rest.split_once('/').unwrap_or((rest, ""));
            is_host(host) && tail.chars().all(|c| c.is_ascii_alphanumeric() || "-._~/".contains(c))
        };
        if !host.is_some_and(sound) {
            // What is there instead is not repeated: it may be a password.
            clashes.push(Clash::new(
                &[place],
                "a registry mirror must be an address such as `https://mirror.example.com`, without user and password",
            ));
        }
    }
    clashes
}

/// A host name or IPv4 address, with or without a port: it becomes the name of a folder.
fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').unwrap_or((text, "443"));
    let fits = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(fits)
        && port.parse::<u16>().is_ok()
}
