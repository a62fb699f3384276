//! What a kind cluster is made from.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use manifests::config::{Cluster, Source, load};
use manifests::kind::{NODE_IMAGES, differences, files, node_image};

const FOLDER: &str = "/data/clusters/kind-test";

fn read(text: &str) -> Result<Cluster, String> {
    let source = Source { name: "gitops.yaml".into(), text: format!("cluster:\n  provider: kind\n{text}") };
    load(Some(&source), &|_| None, &[])
        .map(|loaded| loaded.config.cluster)
        .map_err(|errors| errors.to_string())
}

fn cluster(text: &str) -> Cluster {
    read(text).unwrap_or_else(|errors| panic!("{errors}"))
}

fn made(text: &str) -> BTreeMap<String, String> {
    files(&cluster(text), FOLDER)
}

#[test]
fn by_default_it_is_one_node_of_kinds_own_image() {
    assert_snapshot!(made("")["kind.yaml"], @"
    apiVersion: kind.x-k8s.io/v1alpha4
    kind: Cluster
    nodes:
    - role: control-plane
    ");
}

const EVERYTHING: &str = r#"
  kubernetesVersion: v1.36
  kind:
    workers: 1
    ports:
    - {host: 8080, container: 80}
    - {host: 5353, container: 53, address: 0.0.0.0, protocol: udp}
    ingress: true
    registryMirrors:
      docker.io: https://mirror.example.com/hub
      localhost:5000: http://registry:5000
    mounts:
    - {host: /srv/models, container: /models, readOnly: true}
    featureGates: {InPlacePodVerticalScaling: true}
    images: [example/model:dev]
"#;

#[test]
fn every_key_has_its_place() {
    let files = made(EVERYTHING);
    assert_snapshot!(files["kind.yaml"], @r#"
    apiVersion: kind.x-k8s.io/v1alpha4
    containerdConfigPatches:
    - |
      version = 2
      [plugins."io.containerd.grpc.v1.cri".registry]
        config_path = "/etc/containerd/certs.d"
    - |
      version = 3
      [plugins."io.containerd.cri.v1.images".registry]
        config_path = "/etc/containerd/certs.d"
    featureGates:
      InPlacePodVerticalScaling: true
    kind: Cluster
    nodes:
    - extraMounts:
      - containerPath: /models
        hostPath: /srv/models
        readOnly: true
      - containerPath: /etc/containerd/certs.d
        hostPath: /data/clusters/kind-test/registries
        readOnly: true
      extraPortMappings:
      - containerPort: 80
        hostPort: 8080
        listenAddress: "127.0.0.1"
        protocol: TCP
      - containerPort: 53
        hostPort: 5353
        listenAddress: "0.0.0.0"
        protocol: UDP
      - containerPort: 443
        hostPort: 443
        listenAddress: "127.0.0.1"
        protocol: TCP
      image: kindest/node:v1.36.4@sha256:099e049362a1526b2db71494e1947aae99bd16290d7c895f2b7ea312e3cbfaed
      labels:
        ingress-ready: "true"
      role: control-plane
    - extraMounts:
      - containerPath: /models
        hostPath: /srv/models
        readOnly: true
      - containerPath: /etc/containerd/certs.d
        hostPath: /data/clusters/kind-test/registries
        readOnly: true
      image: kindest/node:v1.36.4@sha256:099e049362a1526b2db71494e1947aae99bd16290d7c895f2b7ea312e3cbfaed
      role: worker
    "#);
    assert_eq!(files.len(), 3);
    assert_snapshot!(files["registries/docker.io/hosts.toml"], @r#"
    [host."https://mirror.example.com/hub"]
      capabilities = ["pull", "resolve"]
    "#);
    assert!(files.contains_key("registries/localhost:5000/hosts.toml"));
}

/// Loading an image makes no other cluster.
#[test]
fn images_are_no_part_of_the_cluster() {
    assert_eq!(made("  kind: {images: [a]}\n"), made("  kind: {images: [a, b]}\n"));
    assert_eq!(made("  kind: {}\n"), made(""));
}

#[test]
fn an_image_of_ones_own_is_used_as_it_is() {
    let files = made("  nodeImage: registry.example.com/node:1\n");
    assert!(files["kind.yaml"].contains("- image: registry.example.com/node:1\n"), "{files:?}");
}

#[test]
fn every_image_has_its_digest_and_is_of_its_version() {
    for (minor, image) in NODE_IMAGES {
        let rest = image.strip_prefix(&format!("kindest/node:v{minor}.")).expect(image);
        let (patch, digest) = rest.split_once("@sha256:").expect(image);
        assert!(patch.parse::<u32>().is_ok(), "{image}");
        assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{image}");
        assert_eq!(node_image(minor), Some(image));
    }
    assert_eq!(node_image("v1.37"), node_image("1.37"));
    assert_eq!(node_image("1.3"), None);
}

#[test]
fn what_differs_is_told_value_by_value() {
    let old = made("  kind:\n    workers: 1\n    ports: [{host: 8080, container: 80}]\n");
    let new = made(
        "  kubernetesVersion: \"1.34\"\n  kind:\n    ports: [{host: 8081, container: 80}]\n    registryMirrors: {docker.io: https://m}\n",
    );
    assert_eq!(differences(&old, &old), [""; 0]);
    assert_snapshot!(differences(&old, &new).join("\n"), @r#"
    containerdConfigPatches[0]: none -> version = 2 …
    containerdConfigPatches[1]: none -> version = 3 …
    nodes[0].extraMounts[0].containerPath: none -> /etc/containerd/certs.d
    nodes[0].extraMounts[0].hostPath: none -> /data/clusters/kind-test/registries
    nodes[0].extraMounts[0].readOnly: none -> true
    nodes[0].extraPortMappings[0].hostPort: 8080 -> 8081
    nodes[0].image: none -> kindest/node:v1.34.11@sha256:44e222ee2132dab25ff87301682f89eb82c7880ea3a1bf543bfe9708fd08d67d
    nodes[1].role: worker -> none
    registries/docker.io/hosts.toml: none -> [host."https://m"] …
    "#);
}

#[test]
fn what_kind_would_refuse_is_refused_before() {
    let errors = read(
        r#"  kubernetesVersion: "1.31"
  kind:
    workers: 21
    ports:
    - {host: 0, container: 65536}
"#,
    )
    .unwrap_err();
    assert_snapshot!(errors, @"
    gitops.yaml:3:22: `cluster.kubernetesVersion` is `1.31`; kind 0.33.0 has images
      for `v1.37`, `v1.36`, `v1.35`, `v1.34`, `v1.33` or `v1.32`; for another one
      name its image in `cluster.nodeImage`
    gitops.yaml:5:14: `cluster.kind.workers` is `21`; expected a whole number from 0
      to 20
    gitops.yaml:7:14: `cluster.kind.ports[0].host` is `0`; expected a whole number
      from 1 to 65535
    gitops.yaml:7:28: `cluster.kind.ports[0].container` is `65536`; expected a whole
      number from 1 to 65535
    ");
    let errors = read(
        r#"  kubernetesVersion: "1.36"
  nodeImage: a
  kind:
    ports:
    - {host: 80, container: 80}
    - {host: 80, container: 81, address: 0.0.0.0}
    - {host: 80, container: 80, protocol: udp}
    - {host: 81, container: 80, address: localhost}
    mounts:
    - {host: models, container: "/a:b"}
    - {host: /a, container: /etc/containerd/certs.d/docker.io}
    - {host: /b, container: /etc/containerd/certs.d/docker.io}
    registryMirrors: {https://docker.io: https://m, ../..: https://m, quay.io: "https://me:hunter2@m"}
"#,
    )
    .unwrap_err();
    assert!(!errors.contains("hunter2"));
    assert_snapshot!(errors, @"
    gitops.yaml:4:14: `cluster.nodeImage` and `cluster.kubernetesVersion` both
      choose the image of the nodes; remove one
    gitops.yaml:8:14: cluster.kind.ports[1] takes port 80 of this machine, and so
      does cluster.kind.ports[0]; give each its own
    gitops.yaml:10:42: `cluster.kind.ports[3].address` is no IP address, such as
      127.0.0.1 or 0.0.0.0
    gitops.yaml:12:14: `cluster.kind.mounts[0].host` must be an absolute path
      without a colon
    gitops.yaml:12:33: `cluster.kind.mounts[0].container` must be an absolute path
      without a colon
    gitops.yaml:13:29: /etc/containerd/certs.d is where
      `cluster.kind.registryMirrors` stand; remove one of the two
    gitops.yaml:14:29: /etc/containerd/certs.d is where
      `cluster.kind.registryMirrors` stand; remove one of the two
    gitops.yaml:14:29: cluster.kind.mounts[2] and cluster.kind.mounts[1] have the
      same `container`; give each its own
    gitops.yaml:15:22: `../..` in `cluster.kind.registryMirrors` is no registry;
      expected a host name such as `docker.io`, with a port where it has one
    gitops.yaml:15:22: `https://docker.io` in `cluster.kind.registryMirrors` is no
      registry; expected a host name such as `docker.io`, with a port where it has
      one
    gitops.yaml:15:22: a registry mirror must be an address such as
      `https://mirror.example.com`, without user and password
    ");
    let errors = read("  kubernetesVersion: 1.36\n").unwrap_err();
    assert!(errors.contains("not a number; put"), "{errors}");
}

#[test]
fn the_keys_are_only_for_kind() {
    let source = Source {
        name: "gitops.yaml".into(),
        text: "cluster: {kubernetesVersion: \"1.36\", kind: {}}".into(),
    };
    assert_snapshot!(load(Some(&source), &|_| None, &[]).unwrap_err(), @"
    gitops.yaml:1:30: `cluster.kubernetesVersion` is only for
      `cluster.provider: kind`; set this provider or remove the key
    gitops.yaml:1:44: `cluster.kind` is only for `cluster.provider: kind`; set this
      provider or remove the key
    ");
}
