//! What goes wrong before there is a cluster: each with its message, its exit code, and nothing left behind.

use std::path::Path;
use std::process::Command;

use cluster::tools::{Platform, Tool};
use manifests::argocd::release::sha256;
use serde_json::json;
use support::{Answer, CLOSED, Sandbox, Server, skipped};

use crate::PROGRAM;

const ENVIRONMENT: &str = "git: {url: https://git.example/a/b}\nenvironments: [{namespace: seldon-dev}]\n";

/// A run with this configuration is refused with exit code 2, and makes nothing.
#[track_caller]
fn refused(config: &str, says: &[&str]) {
    let sandbox = Sandbox::new(PROGRAM);
    sandbox.write("gitops.yaml", config);
    let setup = sandbox.run(&["setup"]);
    setup.exits(2);
    for words in says {
        setup.says(words);
    }
    assert_eq!(setup.stdout, "", "an error goes to standard error");
    assert!(!sandbox.data().exists(), "nothing is made for it");
}

#[test]
fn a_configuration_with_mistakes_is_refused_with_their_places() {
    refused("argocd: {version: [\n", &["gitops.yaml:"]);
    refused(
        "argocd:\n  versoin: v3.5.1\n",
        &["gitops.yaml:2:3", "unknown key `versoin`", "did you mean `version`"],
    );
    let namespace = format!("{ENVIRONMENT}argocd: {{namespace: Not_A_Name}}\n");
    refused(&namespace, &["gitops.yaml:3:", "`argocd.namespace` is `Not_A_Name`"]);
    let twice = ENVIRONMENT.replace("[{", "[{namespace: seldon-dev}, {");
    refused(&twice, &["gitops.yaml:2:", "the same namespace as environments[0], `seldon-dev`"]);
    // All at once, not one a run.
    refused("argocd: {versoin: x}\nclutser: {}\n", &["unknown key `versoin`", "unknown key `clutser`"]);
}

#[test]
fn a_configuration_that_cannot_be_read_is_named() {
    let sandbox = Sandbox::new(PROGRAM);
    let missing = sandbox.run(&["setup", "--config", "absent.yaml"]);
    missing.exits(2).says("absent.yaml").says("No such file").says("cargo xtask init absent.yaml");
    std::fs::create_dir(sandbox.work().join("gitops.yaml")).expect("the folder is ours");
    sandbox.run(&["setup"]).exits(2).says("gitops.yaml").says("Is a directory");
    assert!(!sandbox.data().exists());
}

/// A kubeconfig for an address, with the context `there`.
fn kubeconfig(sandbox: &Sandbox, address: &str) -> String {
    let text = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "there", "cluster": { "server": address } }],
        "users": [{ "name": "there", "user": {} }],
        "contexts": [{ "name": "there", "context": { "cluster": "there", "user": "there" } }],
    });
    let path = sandbox.write("kubeconfig", &text.to_string());
    let cluster = json!({ "provider": "context", "context": "there", "kubeconfig": path });
    let argocd = json!({ "manifest": "existing" });
    sandbox.write("gitops.yaml", &json!({ "cluster": cluster, "argocd": argocd }).to_string());
    address.to_owned()
}

#[test]
fn a_cluster_that_does_not_answer_is_named() {
    let sandbox = Sandbox::new(PROGRAM);
    let address = kubeconfig(&sandbox, &format!("http://{CLOSED}"));
    sandbox.run(&["setup"]).exits(3).says(&address).says("does not answer").says("refused");
    sandbox
        .run(&["setup", "--set", "cluster.context=elsewhere"])
        .exits(3)
        .says("elsewhere")
        .says("contexts:");
}

#[test]
fn a_kubernetes_that_is_too_old_is_refused_before_any_write() {
    let version = json!({ "major": "1", "minor": "21+", "gitVersion": "v1.21.14" });
    let nodes = json!({ "kind": "NodeList", "apiVersion": "v1", "metadata": {}, "items": [] });
    let answer = |value: &serde_json::Value| -> Answer { (200, value.to_string().into_bytes()) };
    let server =
        Server::start([("/version".into(), answer(&version)), ("/api/v1/nodes".into(), answer(&nodes))]);
    let sandbox = Sandbox::new(PROGRAM);
    kubeconfig(&sandbox, &server.address);
    // The manifest is checked against the version, so there has to be one.
    let config = std::fs::read_to_string(sandbox.work().join("gitops.yaml")).expect("written");
    sandbox.write("gitops.yaml", &config.replace("existing", "bundled"));
    for words in ["setup", "plan"] {
        sandbox.run(&[words]).exits(3).says("Kubernetes 1.21 is too old").says("1.22 or later");
    }
    let asked = server.asked();
    assert!(asked.iter().all(|request| request.starts_with("GET ")), "{asked:?}");
}

/// A sandbox with a cache of its own, in which kwokctl has to be fetched from a server; what it serves is
/// `body`, and the checksum beside it is that of `promised`.
fn fetching(body: &[u8], promised: &[u8]) -> Option<(Sandbox, Server)> {
    if !support::tools_at_hand() {
        return None;
    }
    let platform = Platform::this();
    let file = format!("kwokctl-{}-{}", platform.os, platform.arch);
    let path = format!("/kubernetes-sigs/kwok/releases/download/v{}/{file}", Tool::Kwokctl.version());
    let sum = format!("{}  {file}\n", sha256(promised)).into_bytes();
    let server =
        Server::start([(path.clone(), (200, body.to_owned())), (format!("{path}.sha256"), (200, sum))]);
    let mut sandbox = Sandbox::new(PROGRAM);
    let cache = sandbox.path("cache");
    std::fs::create_dir(&cache).expect("the folder is ours");
    sandbox.set_env("GITOPS_SETUP_CACHE", &cache);
    sandbox.set_env("GITOPS_SETUP_DOWNLOAD_MIRROR", &server.address);
    sandbox.unset_env("GITOPS_SETUP_OFFLINE");
    sandbox.unset_env("GITOPS_SETUP_KWOKCTL");
    // No other kwokctl, and nothing to build one with.
    sandbox.set_env("PATH", sandbox.path("no-programs"));
    sandbox.write("gitops.yaml", "argocd: {manifest: bundled}\n");
    Some((sandbox, server))
}

/// Files in the cache, less locks.
fn kept(cache: &Path) -> Vec<String> {
    let listing = Command::new("find").arg(cache).args(["-type", "f", "!", "-name", "*lock*"]).output();
    let listing = String::from_utf8(listing.expect("find").stdout).expect("text");
    listing.lines().map(str::to_owned).collect()
}

#[test]
fn a_tool_with_a_wrong_checksum_stops_everything_and_is_not_kept() {
    let Some((sandbox, server)) = fetching(b"#!/bin/sh\nrm -rf /\n", b"the real one") else { return };
    let setup = sandbox.run(&["setup"]);
    setup
        .exits(3)
        .says("kwokctl")
        .says("gave other bytes than it should")
        .says("nothing was kept")
        .says(&sha256(b"the real one"));
    assert!(server.asked().iter().any(|request| request.ends_with("amd64") || request.ends_with("arm64")));
    assert_eq!(kept(&sandbox.path("cache")), [""; 0]);
    assert!(!sandbox.kubeconfig().exists());
}

#[test]
fn a_full_disk_is_named_and_nothing_half_is_kept() {
    let body = vec![b'x'; 4 << 20];
    let Some((sandbox, _server)) = fetching(&body, &body) else { return };
    let cache = sandbox.path("cache");
    let Some(_mounted) = SmallDisk::mount(&cache) else {
        return skipped("a full disk: only root may mount a small one");
    };
    let setup = sandbox.run(&["setup"]);
    setup.exits(3).says("the disk is full").says("GITOPS_SETUP_CACHE=").says(&cache.display().to_string());
    assert_eq!(kept(&cache), [""; 0]);
}

/// A file system of 1 MB, until it is dropped.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(at: &'a Path) -> Option<Self> {
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(at).output();
        mount.is_ok_and(|mount| mount.status.success()).then_some(Self(at))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        Command::new("umount").arg(self.0).status().ok();
    }
}

#[test]
fn a_password_that_argocd_would_not_take_is_refused_before_anything_is_made() {
    let mut sandbox = Sandbox::new(PROGRAM);
    sandbox.write("gitops.yaml", "argocd: {manifest: bundled, adminPassword: {env: PASSWORD}}\n");
    for length in [7, 33] {
        sandbox.set_env("PASSWORD", "ü".repeat(length));
        let setup = sandbox.run(&["setup"]);
        setup.exits(2).says(&format!("has {length} characters")).says("8 to 32").says("variable PASSWORD");
        assert!(!setup.output().contains('ü'), "{}", setup.output());
        assert!(!sandbox.cluster().exists(), "no cluster for a password that can't be set");
    }
    sandbox.unset_env("PASSWORD");
    sandbox.run(&["setup"]).exits(3).says("environment variable PASSWORD is not set");
    assert!(!sandbox.cluster().exists());
}

#[test]
fn all_secrets_that_are_missing_are_told_at_once_by_their_keys() {
    let sandbox = Sandbox::new(PROGRAM);
    let config = json!({
        "argocd": { "manifest": "bundled", "adminPassword": { "file": "no-such-password" } },
        "git": {
            "url": "https://git.example/a/b",
            "auth": { "token": { "username": "bot", "token": { "env": "NO_SUCH_TOKEN" } } },
        },
        "notifications": { "services": { "slack": { "slack": { "token": { "env": "NO_SUCH_SLACK" } } } } },
    });
    sandbox.write("gitops.yaml", &config.to_string());
    sandbox
        .run(&["setup"])
        .exits(3)
        .says("3 secrets are missing")
        .says("argocd.adminPassword: secret file no-such-password: No such file")
        .says("git.auth.token.token: environment variable NO_SUCH_TOKEN is not set")
        .says("notifications.services.slack.slack.token: environment variable NO_SUCH_SLACK is not set");
    // Only what the chosen stages need.
    let chosen = sandbox.run(&["setup", "--only", "notifications"]);
    assert!(!chosen.exits(3).output().contains("NO_SUCH_TOKEN"), "{}", chosen.output());
    assert!(!sandbox.data().exists(), "nothing was begun");
}

#[test]
fn bad_usage_is_an_event_where_events_are_asked_for() {
    let sandbox = Sandbox::new(PROGRAM);
    for words in [&["setpu", "--output", "json"][..], &["--output=json", "plan", "--nonsense"]] {
        let refused = sandbox.run(words);
        let failed = refused.exits(2).events_of("failed");
        assert_eq!((failed.len(), &failed[0]["exitCode"], &failed[0]["stage"]), (1, &json!(2), &json!(null)));
        let message = failed[0]["message"].as_str().expect("a text");
        assert!(message.contains("Usage:") && !message.contains('\u{1b}'), "{message}");
        assert_eq!(refused.stderr, "");
    }
    let help = sandbox.run(&["plan", "--help", "--output", "json"]);
    help.exits(0).says("Show what setup would change");
    let human = sandbox.run(&["setpu"]);
    human.exits(2).says("unrecognized subcommand");
    assert_eq!(human.stdout, "");
}
