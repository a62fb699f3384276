//! Clusters by the real kind and the real Docker, as far as no image has to be pulled.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use support::{Api, KindNode, Running, Sandbox, docker_at_hand, poll, skipped};

use crate::PROGRAM;

/// Reserved: no name below it is ever found (RFC 6761).
const NOWHERE: &str = "registry.invalid/node:v1";

fn docker(words: &[&str]) -> String {
    let output = Command::new("docker").args(words).output().expect("docker is there");
    assert!(output.status.success(), "docker {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn containers(sandbox: &Sandbox) -> String {
    let label = format!("label=io.x-k8s.kind.cluster={}", sandbox.name());
    docker(&["ps", "--all", "--quiet", "--filter", &label])
}

fn folder(sandbox: &Sandbox) -> PathBuf {
    sandbox.data().join(format!("clusters/kind-{}", sandbox.name()))
}

/// What a kubelet would say of its node.
fn say_ready(sandbox: &Sandbox) {
    let api = Api::connect(&folder(sandbox).join("kubeconfig"));
    poll("the API server answers", Duration::from_secs(60), || {
        api.send(Method::GET, "/version", "application/json", &Value::Null).ok()
    });
    let name = format!("{}-control-plane", sandbox.name());
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}});
    api.send(Method::POST, "/api/v1/nodes", "application/json", &node).expect("a node");
    let ready = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
    let path = format!("/api/v1/nodes/{name}/status");
    api.send(Method::PATCH, &path, "application/merge-patch+json", &ready).expect("its status");
}

/// Reads on until the nodes are waited for, and lets the node be ready.
fn joined(sandbox: &Sandbox, mut run: Running) -> support::Outcome {
    if run.reads_until(|line| line.contains("waiting until all nodes")) {
        say_ready(sandbox);
    }
    run.wait()
}

#[test]
fn what_is_configured_is_what_kind_takes_and_an_image_that_cant_be_pulled_is_told() {
    let mut sandbox = Sandbox::new(PROGRAM);
    let Some(_node) = KindNode::prepare(&mut sandbox) else { return };
    let text = format!(
        "cluster:
  provider: kind
  nodeImage: {NOWHERE}
  kind:
    workers: 2
    ports: [{{host: 18080, container: 80}}, {{host: 15353, container: 53, protocol: udp}}]
    ingress: true
    registryMirrors: {{docker.io: https://mirror.example.com, 'localhost:5000': http://registry:5000}}
    mounts: [{{host: /tmp, container: /host}}]
    featureGates: {{InPlacePodVerticalScaling: true}}
"
    );
    sandbox.write("gitops.yaml", &text);
    // kind reads its configuration before it pulls: what it does not take would be told instead.
    let run = sandbox.run(&["cluster", "up"]);
    run.exits(3)
        .says(&format!("the node image {NOWHERE} can't be pulled"))
        .says(&format!("docker pull {NOWHERE}"));
    assert_eq!(containers(&sandbox), "");
    assert!(!folder(&sandbox).exists(), "nothing is left");
    sandbox.run(&["cluster", "down"]).exits(0).says("there is no cluster");
}

#[test]
fn a_docker_that_does_not_run_is_told() {
    if !docker_at_hand() {
        return;
    }
    let mut sandbox = Sandbox::new(PROGRAM);
    sandbox.set_env("DOCKER_HOST", "unix:///nonexistent.sock");
    sandbox.write("gitops.yaml", "cluster: {provider: kind}\n");
    let run = sandbox.run(&["cluster", "up"]);
    run.exits(3).says("kind needs a running Docker").says("unix:///nonexistent.sock");
    assert!(!folder(&sandbox).exists(), "nothing is left");
}

#[test]
fn what_the_configuration_names_on_this_machine_is_looked_for_first() {
    if !docker_at_hand() {
        return;
    }
    let sandbox = Sandbox::new(PROGRAM);
    sandbox.write(
        "gitops.yaml",
        "cluster: {provider: kind, kind: {mounts: [{host: /nonexistent, container: /a}]}}\n",
    );
    sandbox.run(&["cluster", "up"]).exits(3).says("/nonexistent is not on this machine");
    sandbox.write("gitops.yaml", "cluster: {provider: kind, kind: {images: ['gitops-setup-test/none:1']}}\n");
    let run = sandbox.run(&["cluster", "up"]);
    run.exits(3)
        .says("the image gitops-setup-test/none:1 is not in this machine's Docker")
        .says("docker pull");
    assert!(!folder(&sandbox).exists(), "nothing is left");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let mut sandbox = Sandbox::new(PROGRAM);
    let Some(node) = KindNode::prepare(&mut sandbox) else { return };
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("it has one").port();
    sandbox.write("gitops.yaml", &node.config(&format!("    ports: [{{host: {port}, container: 80}}]\n")));
    let run = sandbox.run(&["cluster", "up"]);
    run.exits(3).says(&format!("port {port} of this machine is taken")).says("`cluster.kind.ports`");
    assert_eq!(containers(&sandbox), "");
    assert!(!folder(&sandbox).exists(), "nothing is left");
}

#[test]
fn nodes_that_do_not_come_up_leave_their_logs_and_nothing_else() {
    let mut sandbox = Sandbox::new(PROGRAM);
    let Some(node) = KindNode::prepare(&mut sandbox) else { return };
    node.fails("[kubelet-check] The kubelet is not healthy after 4m0s\n");
    sandbox.write("gitops.yaml", &node.config(""));
    let run = sandbox.run(&["cluster", "up"]);
    run.exits(5).says("Kubernetes did not come up in them").says("The kubelet is not healthy after 4m0s");
    let logs = folder(&sandbox).join("logs");
    assert!(logs.join(format!("{}-control-plane/inspect.json", sandbox.name())).exists());
    assert!(run.says("its logs:").output().replace("\n  ", "").contains(sandbox.name()));
    assert_eq!(containers(&sandbox), "");
    let left: Vec<_> = std::fs::read_dir(folder(&sandbox)).expect("it has the logs").flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(sandbox.run(&["cluster", "list"]).exits(0).stdout, "");
}

#[test]
fn containers_that_somebody_else_made_stay() {
    let mut sandbox = Sandbox::new(PROGRAM);
    let Some(node) = KindNode::prepare(&mut sandbox) else { return };
    sandbox.write("gitops.yaml", &node.config(""));
    let label = format!("io.x-k8s.kind.cluster={}", sandbox.name());
    let role = "io.x-k8s.kind.role=control-plane";
    let theirs = docker(&["create", "--label", &label, "--label", role, &node.image]);
    sandbox.run(&["cluster", "up"]).exits(3).says("that this tool did not make");
    assert!(!folder(&sandbox).exists(), "nothing is left");
    assert!(theirs.starts_with(&containers(&sandbox)));
    // Not even the logs of one that did not come up make it ours.
    std::fs::create_dir_all(folder(&sandbox).join("logs")).expect("the folder is ours");
    sandbox.run(&["cluster", "down"]).exits(0).says("there is no cluster");
    assert!(!folder(&sandbox).exists() && theirs.starts_with(&containers(&sandbox)));
    docker(&["rm", "--force", &theirs]);
}

#[test]
fn a_cluster_is_made_used_again_started_and_made_anew_when_asked() {
    let mut sandbox = Sandbox::new(PROGRAM);
    let Some(node) = KindNode::prepare(&mut sandbox) else { return };
    sandbox
        .write("gitops.yaml", &node.config("    registryMirrors: {docker.io: https://mirror.example.com}\n"));
    let made = joined(&sandbox, sandbox.start(&["cluster", "up"]));
    made.exits(0).says("up: Kubernetes 1.36, 1 node");
    for part in ["tools", "create", "nodes"] {
        assert!(
            made.stdout.lines().any(|line| line.trim().starts_with(part)),
            "no time of {part}: {}",
            made.stdout
        );
    }
    let container = format!("{}-control-plane", sandbox.name());
    let toml = "/etc/containerd/certs.d/docker.io/hosts.toml";
    assert!(docker(&["exec", &container, "cat", toml]).contains("https://mirror.example.com"));
    let patched = docker(&["exec", &container, "cat", "/etc/containerd/config.toml"]);
    assert!(patched.contains("config_path = \"/etc/containerd/certs.d\""), "{patched}");

    sandbox.run(&["cluster", "up"]).exits(0).says("Nothing changed");
    docker(&["stop", "-t", "1", &container]);
    sandbox.run(&["plan", "--only", "cluster"]).exits(0).says("start kind cluster");
    let run = sandbox.run(&["cluster", "up", "--output", "json"]);
    let finished = run.exits(0).events_of("stage-finished");
    assert!(finished[0]["outcome"]["timings"]["start"].is_f64(), "{finished:?}");
    assert!(docker(&["exec", &container, "cat", toml]).contains("mirror"), "it is there after a start");

    let made_of = containers(&sandbox);
    sandbox.write("gitops.yaml", &node.config("    ingress: false\n"));
    for words in [&["cluster", "up"][..], &["setup"], &["plan"]] {
        let run = sandbox.run(words);
        run.exits(3).says("was made from another configuration");
        run.says("registries/docker.io/hosts.toml: [host.\"https://mirror.example.com\"] … -> none");
        run.says("cargo xtask cluster up --recreate");
    }
    assert_eq!(containers(&sandbox), made_of, "it is as it was");
    joined(&sandbox, sandbox.start(&["cluster", "up", "--recreate"]))
        .exits(0)
        .says("is deleted")
        .says("up: ");
    assert_ne!(containers(&sandbox), made_of);
    sandbox.run(&["cluster", "down"]).exits(0).says("is deleted");
    assert_eq!(containers(&sandbox), "");
    assert!(!folder(&sandbox).exists());
}

/// kind goes on when we are killed; what it did not bring to an end is taken away.
#[test]
fn a_cluster_that_was_begun_is_brought_to_its_end() {
    let mut sandbox = Sandbox::new(PROGRAM);
    let Some(node) = KindNode::prepare(&mut sandbox) else { return };
    sandbox.write("gitops.yaml", &node.config(""));
    let first = sandbox.start(&["cluster", "up"]);
    let there = || Some(containers(&sandbox)).filter(|names| !names.is_empty());
    let begun = poll("kind is at work", Duration::from_secs(60), there);
    first.kill();
    let mut second = sandbox.start(&["cluster", "up"]);
    assert!(second.reads_until(|line| line.contains("waiting until all nodes")));
    second.kill();
    sandbox.run(&["plan", "--only", "cluster"]).exits(0).says("start kind cluster");
    joined(&sandbox, sandbox.start(&["cluster", "up"])).exits(0).says("up: Kubernetes 1.36, 1 node");
    assert_eq!(containers(&sandbox), begun);
    sandbox.run(&["cluster", "up"]).exits(0).says("Nothing changed");

    // Begun, and not answering: that is no cluster.
    std::fs::write(folder(&sandbox).join("begun"), "").expect("it is there");
    docker(&["stop", "-t", "1", &begun]);
    joined(&sandbox, sandbox.start(&["cluster", "up"])).exits(0).says("up: ");
    assert_ne!(containers(&sandbox), begun);
}

#[test]
fn images_are_loaded_once_and_again_when_they_were_built_anew() {
    let mut sandbox = Sandbox::new(PROGRAM);
    let Some(node) = KindNode::prepare(&mut sandbox) else { return };
    let image = format!("gitops-setup-test/loaded:{}", sandbox.name());
    docker(&["tag", &node.image, &image]);
    sandbox.write("gitops.yaml", &node.config(&format!("    images: ['{image}']\n")));
    joined(&sandbox, sandbox.start(&["cluster", "up"])).exits(0).says("loading images into the nodes");
    let asked = || docker(&["exec", &format!("{}-control-plane", sandbox.name()), "cat", "/kind/asked"]);
    let imports = |asked: &str| asked.lines().filter(|line| line.contains(" images import ")).count();
    assert_eq!(imports(&asked()), 1);
    sandbox.run(&["cluster", "up"]).exits(0).says("Nothing changed");
    assert_eq!(imports(&asked()), 1);

    let container = docker(&["create", &image]);
    docker(&["commit", "--change", "LABEL built=anew", &container, &image]);
    docker(&["rm", &container]);
    sandbox.run(&["plan", "--only", "cluster", "--exit-code"]).exits(10).says("load into kind cluster");
    let run = sandbox.run(&["cluster", "up", "--output", "json"]);
    assert_eq!(run.exits(0).events_of("finished")[0]["changed"], json!(1));
    assert_eq!(imports(&asked()), 2);
    docker(&["rmi", "--force", &image]);
}

/// The table of images stands beside the pinned version, and both have to be changed together.
#[test]
fn the_first_image_of_the_table_is_kinds_own_default() {
    let module = format!("sigs.k8s.io/kind@v{}", manifests::kind::VERSION);
    let output = Command::new("go").args(["mod", "download", "-json", &module]).current_dir("/").output();
    let found = output.ok().and_then(|output| serde_json::from_slice::<Value>(&output.stdout).ok());
    let Some(folder) = found.as_ref().and_then(|found| found["Dir"].as_str()) else {
        return skipped(&format!("kind's own default image: no Go, or {module} can't be had"));
    };
    let defaults = PathBuf::from(folder).join("pkg/apis/config/defaults/image.go");
    let text =
        poll("the module is there", Duration::from_secs(5), || std::fs::read_to_string(&defaults).ok());
    let image = manifests::kind::NODE_IMAGES[0].1;
    assert!(text.contains(&format!("const Image = \"{image}\"")), "{text}");
}
