//! Argo CD's API through a forwarded port of a real API server: the login of `setup` with all that can be wrong, and
//! the commands for Argo CD. What answers there is a double that follows the published API.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use manifests::argocd::release::sha256;
use serde_json::{Value, json};
use support::{
    Api, ArgoCd, Kubelet, Planted, PodPort, Sandbox, Server, define_kind, poll, set_status, with_a_real_node,
};

use crate::PROGRAM;

const SOON: Duration = Duration::from_secs(30);
const PASSWORD: &str = "PASSWORD-hush-4b8e02d1";
const SECRETS: &str = "/api/v1/namespaces/argocd/secrets";
const PODS: &str = "/api/v1/namespaces/argocd/pods?labelSelector=app.kubernetes.io/name=argocd-server";
const ACCESS: &[&str] = &["setup", "--only", "access", "--timeout", "60s"];

fn config(argocd: Value) -> String {
    let mut config = json!({
        "argocd": { "manifest": "bundled", "adminPassword": { "env": "PASSWORD" } },
        "git": { "url": "https://git.example/ml/gitops" },
    });
    config["argocd"].as_object_mut().expect("a map").extend(argocd.as_object().expect("a map").clone());
    config.to_string()
}

/// A cluster with Argo CD, its password stored long ago, and the double where its server would run.
struct World {
    sandbox: Sandbox,
    argocd: ArgoCd,
    kubelet: Option<Kubelet>,
}

impl World {
    fn new() -> Option<Self> {
        let mut sandbox = Sandbox::with_cluster(PROGRAM)?;
        sandbox.set_env("PASSWORD", PASSWORD);
        sandbox.write("gitops.yaml", &config(json!({})));
        sandbox.run(&["setup"]).exits(0).says("don't run on simulated nodes");
        let argocd = ArgoCd::start("/argocd", PASSWORD);
        let kubelet = Kubelet::forwarding(&sandbox, &[port(&sandbox.api(), argocd.address)]);
        with_a_real_node(&sandbox);
        let world = Self { sandbox, argocd, kubelet: Some(kubelet) };
        world.set_secret("argocd-secret", "admin.passwordMtime", "2020-01-01T00:00:00Z");
        Some(world)
    }

    fn set_secret(&self, name: &str, key: &str, value: &str) {
        let operation = json!([{
            "op": "add", "path": format!("/data/{key}"), "value": BASE64_STANDARD.encode(value),
        }]);
        self.sandbox.api().patch("tests", &format!("{SECRETS}/{name}"), &operation);
    }
}

/// The port of the server's pod. Pods of before the last change of the Deployment may still be going.
pub(crate) fn port(api: &Api, to: SocketAddr) -> PodPort {
    let name = poll("the server's only pod", SOON, || match &api.list(PODS)[..] {
        [pod] => Some(pod["metadata"]["name"].as_str()?.to_owned()),
        _ => None,
    });
    PodPort { namespace: "argocd", pod: name.leak(), port: 8080, to }
}

/// One cluster for all of it, in an order that makes little difference.
#[test]
fn the_login_and_all_that_can_be_wrong_with_it() {
    let Some(mut world) = World::new() else { return };
    let planted = Planted::new([PASSWORD.to_owned(), world.argocd.token.clone()]);
    let watch = planted.watch_processes();
    the_initial_password_goes_once_another_works(&world);
    locked_out(&world);
    a_new_password_takes_its_time(&world);
    disabled_and_limited(&world);
    a_password_of_the_future(&world);
    another_root_path(&world);
    by_tls(&world);
    a_context_for_the_command_line(&world);
    a_forwarded_port(&world);
    wrong_password(&mut world);
    no_password_goes_where_others_can_read_it(&world);
    world.kubelet = None;
    world.argocd.asked();
    world
        .sandbox
        .run(ACCESS)
        .exits(0)
        .says("is not encrypted, so no password is sent there; by port-forward:");
    assert_eq!(world.argocd.asked(), ["GET /argocd/api/version"]);
    world.sandbox.write("gitops.yaml", &config(json!({})));
    world.sandbox.run(ACCESS).exits(0).says("login:").says("argocd-server");
    assert!(watch.ends() > 20);
    assert!(planted.is_in_no_file_of(&world.sandbox.data()) > 10);
}

fn the_initial_password_goes_once_another_works(world: &World) {
    let World { sandbox, argocd, .. } = world;
    let initial = format!("{SECRETS}/argocd-initial-admin-secret");
    let api = sandbox.api();
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "argocd-initial-admin-secret" },
        "stringData": { "password": "made by Argo CD" },
    });
    api.create(SECRETS, &secret);
    let planted = Planted::new([PASSWORD.to_owned(), argocd.token.clone()]);
    let outcome = sandbox.run(&["setup", "--only", "access", "-v"]);
    outcome
        .exits(0)
        .says("admin logged in")
        .says("1 changed")
        .says("Secret/argocd-initial-admin-secret in argocd is deleted: the configured password works");
    planted.is_not_in("what is told", outcome.output().as_bytes());
    assert!(api.find(&initial).is_none());
    let session =
        ["GET /argocd/api/version", "POST /argocd/api/v1/session", "GET /argocd/api/v1/session/userinfo"];
    assert_eq!(argocd.asked(), session);
    let audit = sandbox.audit();
    sandbox.run(ACCESS).exits(0).says("Nothing changed").says("admin logged in");
    audit.has_no_writes();
    assert_eq!(argocd.asked(), session, "one login a run");
}

fn locked_out(world: &World) {
    world.argocd.behaviour().failures = 5;
    world.argocd.asked();
    world.sandbox.run(ACCESS).exits(4).says("admin is locked out").says("for five minutes");
    assert_eq!(world.argocd.asked().len(), 2, "it is not tried again");
    world.argocd.behaviour().failures = 0;
}

/// What was stored a moment ago is tried again, and not so often that it locks the user out.
fn a_new_password_takes_its_time(world: &World) {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    world.set_secret("argocd-secret", "admin.passwordMtime", &now);
    world.argocd.behaviour().late = 1;
    world.sandbox.run(ACCESS).exits(0).says("admin logged in");
    world.set_secret("argocd-secret", "admin.passwordMtime", "2020-01-01T00:00:00Z");
    assert_eq!(world.argocd.behaviour().failures, 0);
}

fn disabled_and_limited(world: &World) {
    world.argocd.behaviour().enabled = false;
    // A decision of others, and no reason to stop.
    world.sandbox.run(ACCESS).exits(0).says("refuses the login: Account admin is disabled");
    world.argocd.behaviour().enabled = true;
    world.argocd.behaviour().limited = true;
    world.sandbox.run(ACCESS).exits(4).says("no more logins for now (429); it asks to wait for 30 s");
    world.argocd.behaviour().limited = false;
}

fn a_password_of_the_future(world: &World) {
    world.set_secret("argocd-secret", "admin.passwordMtime", "2999-01-01T00:00:00Z");
    world.argocd.behaviour().changed = 32_472_144_000;
    let outcome = world.sandbox.run(ACCESS);
    outcome
        .exits(4)
        .says("is 2999-01-01T00:00:00Z, in the future of Argo CD's clock")
        .says("kubectl patch secret");
    world.set_secret("argocd-secret", "admin.passwordMtime", "2020-01-01T00:00:00Z");
    world.argocd.behaviour().changed = 0;
}

fn another_root_path(world: &World) {
    for (root, says) in [("", "200 with a page instead of JSON"), ("/other", "404 with a page")] {
        world.argocd.behaviour().root = root.into();
        let outcome = world.sandbox.run(ACCESS);
        outcome.exits(4).says("does not lead to Argo CD").says(says).says("another root path");
    }
    world.argocd.behaviour().root = "/argocd".into();
}

/// Argo CD's certificate comes from no authority: it is trusted because its Secret has it.
fn by_tls(world: &World) {
    let World { sandbox, argocd, .. } = world;
    // It ends TLS, and the configuration doesn't say so.
    sandbox.write("gitops.yaml", &config(json!({ "tlsTermination": "argocd" })));
    sandbox
        .run(ACCESS)
        .exits(0)
        .says("login: https://localhost")
        .says("an authority that is not trusted here");
    world.set_secret("argocd-secret", "tls.crt", &ArgoCd::start("", "").certificate);
    sandbox.run(ACCESS).exits(0).says("an authority that is not trusted here");
    world.set_secret("argocd-secret", "tls.crt", &argocd.certificate);
    sandbox.run(ACCESS).exits(0).says("admin logged in");
    let file = sandbox.path("tls-config");
    let file = file.to_str().expect("a path");
    sandbox.run(&["argocd", "login", "--config-file", file, "--port", "9443"]).exits(0).says("--port 9443");
    let text = std::fs::read_to_string(file).expect("it was written");
    assert!(text.contains("localhost:9443") && text.contains(&BASE64_STANDARD.encode(&argocd.certificate)));
    std::fs::remove_file(file).expect("it is there");
    sandbox.write("gitops.yaml", &config(json!({})));
}

fn a_context_for_the_command_line(world: &World) {
    let World { sandbox, argocd, .. } = world;
    let file = sandbox.path("cli/config");
    let path = file.to_str().expect("a path");
    let outcome = sandbox.run(&["argocd", "login", "--config-file", path]);
    outcome.exits(0).says("context localhost:8080/argocd").says("cargo xtask argocd port-forward");
    Planted::new([argocd.token.as_str(), PASSWORD]).is_not_in("what is told", outcome.output().as_bytes());
    assert_eq!(file.metadata().expect("it is there").permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).expect("it is there");
    assert!(text.contains(&argocd.token) && !text.contains(PASSWORD));
    assert!(text.contains("current-context: localhost:8080/argocd"), "{text}");
}

fn a_forwarded_port(world: &World) {
    let mut running = world.sandbox.start(&["argocd", "port-forward", "--port", "0"]);
    let line = running.reads(|line| line.starts_with("Argo CD: ")).expect("it says where it listens");
    let port = line.strip_prefix("Argo CD: http://localhost:").and_then(|rest| rest.strip_suffix("/argocd/"));
    let port: u16 = port.and_then(|port| port.parse().ok()).unwrap_or_else(|| panic!("{line}"));
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    write!(stream, "GET /argocd/api/version HTTP/1.1\r\nHost: x\r\n\r\n").expect("it is taken");
    stream.set_read_timeout(Some(SOON)).expect("a timeout");
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains("v3.5.1") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an answer");
        answer.extend(byte);
    }
    running.interrupt().exits(0);
}

/// An address without TLS that is not this machine's own: Argo CD is asked for there, and logged in to elsewhere.
fn no_password_goes_where_others_can_read_it(world: &World) {
    const GATEWAYS: &str = "/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways";
    let World { sandbox, argocd, .. } = world;
    let api = sandbox.api();
    define_kind(&api, "gateway.networking.k8s.io", "v1", "Gateway");
    let listener = json!({ "name": "plain", "protocol": "HTTP", "port": argocd.address.port() });
    let gateway = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": { "name": "public" },
        "spec": { "listeners": [listener] },
    });
    api.create(GATEWAYS, &gateway);
    set_status(&api, &format!("{GATEWAYS}/public"), &json!({ "addresses": [{ "value": "0.0.0.0" }] }));
    let expose = json!({ "via": "gateway-api", "gatewayApi": { "gateway": "default/public" } });
    let mut text: Value = serde_json::from_str(&config(json!({}))).expect("JSON");
    text["expose"] = expose;
    sandbox.write("gitops.yaml", &text.to_string());
    argocd.asked();
    let address = format!("http://0.0.0.0:{}/argocd/", argocd.address.port());
    sandbox.run(ACCESS).exits(0).says(&format!("{address}; admin logged in"));
    let asked = argocd.asked();
    let versions = asked.iter().filter(|request| request.ends_with("/api/version")).count();
    assert_eq!((versions, asked.len()), (2, 4), "one more question, for the other way: {asked:?}");
    let file = sandbox.path("plain-config");
    let login = sandbox.run(&["argocd", "login", "--config-file", file.to_str().expect("a path")]);
    login.exits(0).says("context 0.0.0.0:").says("The address has no TLS");
    assert!(std::fs::read_to_string(file).expect("it was written").contains("plain-text: true"));
    // With TLS, and a certificate of nobody's.
    let operation = json!([{ "op": "replace", "path": "/spec/listeners/0/protocol", "value": "HTTPS" }]);
    api.patch("tests", &format!("{GATEWAYS}/public"), &operation);
    let outcome = sandbox.run(ACCESS);
    outcome
        .exits(0)
        .says("the address from here: https://0.0.0.0:")
        .says("an authority that is not trusted here");
    outcome.says("admin logged in").says("from here cargo xtask argocd port-forward");
    let operation = json!([{ "op": "replace", "path": "/spec/listeners/0/protocol", "value": "HTTP" }]);
    api.patch("tests", &format!("{GATEWAYS}/public"), &operation);
}

fn wrong_password(world: &mut World) {
    world.sandbox.set_env("PASSWORD", "another-password");
    world.sandbox.run(ACCESS).exits(4).says("wrong password").says("cargo xtask stage admin-password");
    world.sandbox.run(&["argocd", "login", "--config-file", "unwritten"]).exits(4).says("wrong password");
    assert!(!world.sandbox.work().join("unwritten").exists());
    world.sandbox.set_env("PASSWORD", PASSWORD);
    world.argocd.behaviour().failures = 0;
}

#[test]
fn simulated_nodes_run_no_argo_cd() {
    let Some(sandbox) = Sandbox::with_cluster(PROGRAM) else { return };
    sandbox.write("gitops.yaml", &config(json!({})));
    for words in [&["argocd", "open"][..], &["argocd", "port-forward"]] {
        sandbox.run(words).exits(3).says("there is no cluster yet");
    }
    sandbox.run(&["cluster", "up"]).exits(0);
    for words in [&["argocd", "open"][..], &["argocd", "port-forward"]] {
        sandbox.run(words).exits(3).says("don't run on simulated nodes");
    }
}

#[test]
fn without_a_password_or_a_server_there_is_no_login() {
    let sandbox = Sandbox::new(PROGRAM);
    sandbox.write("gitops.yaml", "argocd: {version: v3.5.1}\n");
    sandbox.run(&["argocd", "login"]).exits(3).says("no `argocd.adminPassword` is configured");
    sandbox.write("gitops.yaml", "argocd: {variant: core}\nexpose: {via: none}\n");
    sandbox.run(&["argocd", "open"]).exits(3).says("the core variant of Argo CD has no API server");
}

/// What the page of a release has, of one version.
fn release(program: &[u8], sums: &str) -> Server {
    let path = |file: &str| format!("/argoproj/argo-cd/releases/download/v2.6.7/{file}");
    Server::start([
        (path(&format!("argocd-{}", platform())), (200, program.to_vec())),
        (path("cli_checksums.txt"), (200, sums.as_bytes().to_vec())),
    ])
}

fn platform() -> String {
    let arch = if std::env::consts::ARCH == "aarch64" { "arm64" } else { "amd64" };
    let os = if std::env::consts::OS == "macos" { "darwin" } else { "linux" };
    format!("{os}-{arch}")
}

#[test]
fn the_command_line_is_installed_only_if_it_is_what_was_published() {
    let program = b"#!/bin/sh\necho argocd\n";
    let sum = sha256(program);
    let sums =
        |sum: &str| format!("{}  argocd-windows-amd64.exe\n{sum}  argocd-{}\n", "0".repeat(64), platform());
    let mut sandbox = Sandbox::new(PROGRAM);
    sandbox.write("gitops.yaml", "argocd: {version: v2.6.7}\n");
    let install = &["argocd", "cli", "--out", "bin"];
    sandbox.run(install).exits(3).says("GITOPS_SETUP_OFFLINE is set");
    sandbox.unset_env("GITOPS_SETUP_OFFLINE");
    sandbox.set_env("NO_PROXY", "127.0.0.1");
    let installed = sandbox.work().join("bin/argocd");
    for (sums, code, says) in [
        (sums(&"1".repeat(64)), 3, "gave other bytes than it should"),
        ("<html>Sign in</html>".to_owned(), 3, "there is no sha256"),
        (sums(&sum), 0, "argocd v2.6.7 installed: bin/argocd"),
        (sums(&sum), 0, "argocd v2.6.7 is there already: bin/argocd"),
    ] {
        let server = release(program, &sums);
        sandbox.set_env("GITOPS_SETUP_DOWNLOAD_MIRROR", &server.address);
        sandbox.run(install).exits(code).says(says);
        assert_eq!(installed.exists(), code == 0);
    }
    assert_eq!(std::fs::read(&installed).expect("it is there"), program);
    assert_eq!(installed.metadata().expect("it is there").permissions().mode() & 0o777, 0o755);
}
