//! Clusters that Argo CD deploys to, on two real API servers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use support::{Api, Audit, Outcome, Planted, Running, Sandbox, poll, skipped};

use crate::PROGRAM;

const SECRETS: &str = "/api/v1/namespaces/argocd/secrets";
const ACCOUNTS: &str = "/api/v1/namespaces/kube-system/serviceaccounts";
const TOKEN: &str = "/api/v1/namespaces/kube-system/secrets/argocd-manager-long-lived-token";
/// A name that the certificate of every API server of kwok's is for.
const SERVER_NAME: &str = "kubernetes.default.svc";

/// Two clusters, and an address of the second one that is of use to others than this machine.
struct Two {
    hub: Sandbox,
    target: Sandbox,
    kubeconfig: String,
    server: String,
}

/// An address of this machine that is not its loopback; `None` where it has none.
fn own_address() -> Option<IpAddr> {
    // Nothing is sent: the system only chooses a way.
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}

/// Leads connections on to another address. Its threads end with the tests.
fn forward(ip: IpAddr, to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind((ip, 0)).expect("an address of this machine");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let Ok(far) = TcpStream::connect(to) else { continue };
            for (mut from, mut into) in
                [(near.try_clone(), far.try_clone()), (far.try_clone(), near.try_clone())]
                    .into_iter()
                    .filter_map(|(from, into)| Some((from.ok()?, into.ok()?)))
            {
                std::thread::spawn(move || {
                    // Either side may go away.
                    std::io::copy(&mut from, &mut into).ok();
                    into.shutdown(std::net::Shutdown::Write).ok();
                });
            }
        }
    });
    address
}

fn two() -> Option<Two> {
    let Some(ip) = own_address() else {
        skipped("clusters: this machine has no address but its loopback");
        return None;
    };
    let [hub, target] = Sandbox::two_with_clusters(PROGRAM)?;
    hub.write("gitops.yaml", "argocd: {manifest: bundled}\n");
    hub.run(&["setup", "--skip", "access,environments"]).exits(0);
    target.run(&["cluster", "up"]).exits(0);
    let text = std::fs::read_to_string(target.kubeconfig()).expect("the cluster's own");
    let line =
        text.lines().find_map(|line| line.trim().strip_prefix("server: https://")).expect("an address");
    let server = format!("https://{}", forward(ip, line.trim().parse().expect("host and port")));
    let kubeconfig = target.kubeconfig().display().to_string();
    Some(Two { hub, target, kubeconfig, server })
}

impl Two {
    fn context(&self) -> String {
        format!("kwok-{}", self.target.name())
    }

    /// `clusters add` of the second cluster, with its good address.
    fn add(&self, more: &[&str]) -> Outcome {
        self.add_raw(
            &[&["--name", "prod", "--server", &self.server, "--tls-server-name", SERVER_NAME], more].concat(),
        )
    }

    /// The same, under way.
    fn start(&self) -> Running {
        let context = self.context();
        let to = ["--server", &self.server, "--tls-server-name", SERVER_NAME];
        let words = ["clusters", "add", &context, "--kubeconfig", &self.kubeconfig, "--name", "prod"];
        self.hub.start(&[&words[..], &to[..]].concat())
    }

    fn add_raw(&self, more: &[&str]) -> Outcome {
        let context = self.context();
        self.hub.run(&[&["clusters", "add", &context, "--kubeconfig", &self.kubeconfig], more].concat())
    }

    fn check(&self) -> Outcome {
        self.hub.run(&["clusters", "check", "prod", "--kubeconfig", &self.kubeconfig])
    }

    /// The same, once the API server has noticed: it keeps what it knows of tokens for ten seconds.
    fn check_fails(&self) -> Outcome {
        let failed = poll("it is noticed", Duration::from_secs(30), || {
            Some(self.check()).filter(|outcome| outcome.code != Some(0))
        });
        failed.exits(4);
        failed
    }

    fn remove(&self, more: &[&str]) -> Outcome {
        self.hub.run(&[&["clusters", "remove", "prod", "--kubeconfig", &self.kubeconfig], more].concat())
    }

    fn audits(&self) -> [Audit; 2] {
        [self.hub.audit(), self.target.audit()]
    }

    /// The cluster Secrets that Argo CD has.
    fn secrets(&self) -> Vec<Value> {
        let is_cluster =
            |secret: &Value| secret["metadata"]["labels"]["argocd.argoproj.io/secret-type"] == "cluster";
        self.hub.api().list(SECRETS).into_iter().filter(is_cluster).collect()
    }

    fn secret(&self) -> Value {
        let [secret] = <[Value; 1]>::try_from(self.secrets()).expect("one");
        secret
    }
}

fn text(secret: &Value, key: &str) -> String {
    let bytes = BASE64_STANDARD.decode(secret["data"][key].as_str().expect("a key")).expect("base64");
    String::from_utf8(bytes).expect("a text")
}

fn path_of(secret: &Value) -> String {
    format!("{SECRETS}/{}", secret["metadata"]["name"].as_str().expect("a name"))
}

fn stored_token(secret: &Value) -> String {
    let config: Value = serde_json::from_str(&text(secret, "config")).expect("JSON");
    config["bearerToken"].as_str().expect("a token").to_owned()
}

/// Made by Kubernetes itself, some time after a cluster answers.
fn is_kubernetes_own(key: &str) -> bool {
    let own = ["ClusterRole//admin", "ClusterRole//edit", "ClusterRole//view"];
    own.contains(&key) || key.ends_with("/default")
}

/// Asserts that all objects are as they were.
#[track_caller]
fn is_same(api: &Api, before: &BTreeMap<String, Value>) {
    let now = api.snapshot(&[]);
    let changed = |key: &&String| now.get(*key) != before.get(*key) && !is_kubernetes_own(key);
    let keys: BTreeSet<&String> = now.keys().chain(before.keys()).filter(changed).collect();
    assert!(keys.is_empty(), "not as before: {keys:?}");
}

#[test]
fn a_cluster_comes_works_and_goes() {
    let Some(two) = two() else { return };
    let before = two.target.api().snapshot(&[]);
    let known = two.hub.api().snapshot(&[]);

    refused(&two);
    let audits = two.audits();
    two.add(&["--plan", "--label", "env=staging"])
        .exits(0)
        .says("+ ServiceAccount/argocd-manager")
        .says("a plan");
    audits.iter().for_each(|audit| assert_eq!(audit.writes(), []));
    is_same(&two.target.api(), &before);

    two.add(&["--label", "env=staging"]).exits(0).says("is Kubernetes v1.36").says("takes the token");
    let secret = two.secret();
    assert_eq!((text(&secret, "name"), text(&secret, "server")), ("prod".into(), two.server.clone()));
    assert_eq!(secret["metadata"]["labels"]["env"], "staging");
    assert_eq!(stored_token(&secret), text(&two.target.api().get(TOKEN), "token"));

    let audits = two.audits();
    two.add(&["--label", "env=staging"]).exits(0).says("nothing to change");
    audits.iter().for_each(Audit::has_no_writes);
    let planted = Planted::new([stored_token(&secret)]);
    two.check().exits(0).says("the token is valid").says("every right in the whole cluster");
    labels(&two);
    renewed(&two);
    taken(&two);

    two.hub
        .api()
        .create("/apis/argoproj.io/v1alpha1/namespaces/argocd/applications", &application(&two.server));
    two.remove(&[]).exits(4).says("argocd/model").says("--force");
    two.hub.api().delete("/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/model");
    let audits = two.audits();
    two.remove(&["--plan", "--context", &two.context()]).exits(0).says("- ServiceAccount/argocd-manager");
    audits.iter().for_each(|audit| assert_eq!(audit.writes(), []));
    // By the context that it was added by.
    two.remove(&[]).exits(0).says("removed");
    is_same(&two.target.api(), &before);
    is_same(&two.hub.api(), &known);
    for folder in [two.hub.work(), two.hub.data(), two.target.data()] {
        assert!(planted.is_in_no_file_of(&folder) > 0, "{}", folder.display());
    }
    two.remove(&[]).exits(2).says("knows no cluster prod; it knows: in-cluster");
}

/// What is of no use to Argo CD, and what is not there.
fn refused(two: &Two) {
    let audits = two.audits();
    let hub = format!("kwok-{}", two.hub.name());
    let own = two.hub.kubeconfig().display().to_string();
    let add = |words: &[&str]| two.hub.run(&[&["clusters", "add"], words].concat());
    two.add_raw(&[]).exits(2).says("has the host 127.0.0.1").says("--server");
    two.add_raw(&["--server", "https://localhost:6443"]).exits(2).says("leads to Argo CD's own pod");
    two.add_raw(&["--server", "http://10.0.0.1"]).exits(2).says("is not https");
    add(&[&hub, "--kubeconfig", &own]).exits(2).says("which it knows already, as in-cluster").says("--label");
    two.add(&["--namespaces", "default,nowhere"]).exits(3).says("Namespace/nowhere is not in the cluster");
    add(&["nowhere", "--kubeconfig", &own])
        .exits(3)
        .says(&format!("there is no context nowhere; there are: {hub}"));
    add(&[&hub, "--label", "argocd.argoproj.io/secret-type=x"]).exits(2).says("is not free");
    // A server that is not what its certificate says is never told to Argo CD.
    two.hub.run(&["clusters", "check", "nobody"]).exits(2).says("knows no cluster nobody");
    let insecure = std::fs::read_to_string(&two.kubeconfig).expect("the cluster's own");
    let lines = insecure.lines().map(|line| match line.trim().split_once(':') {
        Some(("certificate-authority" | "certificate-authority-data", _)) => {
            let indent = &line[..line.len() - line.trim_start().len()];
            format!("{indent}insecure-skip-tls-verify: true")
        }
        _ => line.to_owned(),
    });
    let path = two.hub.write("insecure", &lines.collect::<Vec<_>>().join("\n"));
    let path = path.display().to_string();
    let context = two.context();
    add(&[&context, "--kubeconfig", &path, "--server", &two.server])
        .exits(2)
        .says("--ca-file")
        .says("--insecure");
    audits.iter().for_each(|audit| assert_eq!(audit.writes(), []));
}

fn labels(two: &Two) {
    let audits = two.audits();
    two.add(&["--label", "env=production"])
        .exits(0)
        .says("metadata.labels.env: \"staging\" -> \"production\"");
    assert_eq!(audits[0].writes().len(), 1, "{:?}", audits[0].writes());
    // Asking whether the token works is no change.
    let writes = audits[1].writes();
    assert!(writes.iter().all(|write| write.uri.contains("selfsubjectaccessreviews")), "{writes:?}");
    let list = two.hub.run(&["clusters", "list"]);
    list.exits(0).says("in-cluster").says("env=production").says("gitops-setup");
    assert!(list.stdout.lines().all(|line| line.chars().count() <= 80), "{}", list.stdout);
    let events = two.hub.run(&["clusters", "list", "--output", "json"]).events_of("clusters");
    assert_eq!(events[0]["clusters"][1]["labels"], json!({ "env": "production" }));
}

/// What is taken away there is told, and made anew.
fn renewed(two: &Two) {
    let old = stored_token(&two.secret());
    two.target.api().delete(TOKEN);
    two.check_fails().says("(401)").says("Secret/argocd-manager-long-lived-token in kube-system is gone");
    two.add(&["--label", "env=production"]).exits(0).says("takes the token");
    two.check().exits(0);
    // Kubernetes gives the same account the same token; another account has another one.
    assert_eq!(stored_token(&two.secret()), old);
    two.target.api().delete(&format!("{ACCOUNTS}/argocd-manager"));
    two.add(&["--label", "env=production"]).exits(0).says("takes the token");
    assert_ne!(stored_token(&two.secret()), old);
    two.check().exits(0);
    two.target
        .api()
        .delete("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/argocd-manager-role-binding");
    two.check()
        .exits(4)
        .says("does not give every right in the whole cluster")
        .says("cargo xtask clusters add");
    // Less rights: what was given before goes.
    two.add(&["--label", "env=production", "--namespaces", "default"]).exits(0).says("- ClusterRole/");
    two.check().exits(0).says("every right in default");
    assert_eq!(text(&two.secret(), "namespaces"), "default");
    let roles = two.target.api().find("/apis/rbac.authorization.k8s.io/v1/clusterroles/argocd-manager-role");
    assert_eq!(roles, None);
    two.add(&["--label", "env=production"])
        .exits(0)
        .says("- RoleBinding/argocd-manager-role-binding in default");
}

/// Neither a name nor a server is known twice.
fn taken(two: &Two) {
    let again = ["--tls-server-name", SERVER_NAME, "--server"];
    two.add_raw(&[&["--name", "other"], &again[..], &[&two.server]].concat())
        .exits(4)
        .says("already, as prod");
    let elsewhere = two.add_raw(&[&["--name", "prod"], &again[..], &["https://10.0.0.1"]].concat());
    elsewhere.exits(4).says("Argo CD knows another cluster as prod").says("--name NAME");
    let secret = two.secret();
    let theirs = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": "theirs", "labels": { "argocd.argoproj.io/secret-type": "cluster" } },
        "stringData": { "name": "theirs", "server": "https://10.0.0.2", "config": "{}" },
    });
    let api = two.hub.api();
    api.create(SECRETS, &theirs);
    let known = two.add_raw(&["--name", "mine", "--server", "https://10.0.0.2/"]);
    known.exits(4).says("as theirs: Secret/theirs in argocd was made by somebody else");
    two.hub.run(&["clusters", "remove", "theirs"]).exits(4).says("argocd cluster rm theirs");
    two.hub.run(&["clusters", "remove", "in-cluster"]).exits(4).says("Argo CD runs in");
    api.delete(&format!("{SECRETS}/theirs"));
    assert_eq!(two.secret()["metadata"]["resourceVersion"], secret["metadata"]["resourceVersion"]);
}

fn application(server: &str) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": { "name": "model" },
        "spec": {
            "project": "default",
            "destination": { "server": server, "namespace": "default" },
            "source": { "repoURL": "https://git.example/ml/gitops", "path": "." },
        },
    })
}

#[test]
fn what_is_cut_off_is_finished_and_others_are_left_alone() {
    let Some(two) = two() else { return };
    let (hub, target) = (two.hub.api(), two.target.api());
    let before = target.snapshot(&[]);
    the_cluster_of_argo_cd(&two, &hub);

    // Somebody else's account is not taken over.
    let theirs =
        json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "argocd-manager" } });
    target.create(ACCOUNTS, &theirs);
    two.add(&[]).exits(4).says("was made by somebody else").says("--service-account");
    target.delete(&format!("{ACCOUNTS}/argocd-manager"));

    // Argo CD is told of nothing that doesn't work.
    two.add_raw(&["--name", "prod", "--server", &two.server, "--tls-server-name", "other.example"])
        .exits(4)
        .says("for another name")
        .says("Argo CD was not told");
    assert_eq!(two.secrets(), Vec::<Value>::new());
    // What can't be reached from here may be reached from there.
    let closed = format!("https://{}:1", own_address().expect("found before"));
    two.add_raw(&["--name", "prod", "--server", &closed])
        .exits(0)
        .says("not verified from here")
        .says("refused");
    two.check().exits(0).says("not verified: the connection is refused");
    // Half a removal would leave a token that opens the cluster.
    two.hub.run(&["clusters", "remove", "prod"]).exits(3).says("--keep-account");
    assert_eq!(two.secrets().len(), 1);
    two.remove(&[]).exits(0);
    is_same(&target, &before);

    // Cut off after each write: the next run does the rest.
    let planted = Planted::new(["eyJhbGciOiJSUzI1NiIs"]);
    let watch = planted.watch_processes();
    let audit = two.target.audit();
    let run = two.start();
    poll("the account is there", Duration::from_secs(20), || (audit.writes().len() > 1).then_some(()));
    let killed = run.kill();
    planted.is_not_in("the output", killed.output().as_bytes());
    let whole = two.add(&["-v"]);
    planted.is_not_in("the output", whole.exits(0).output().as_bytes());
    planted.is_not_in("the output", two.check().exits(0).output().as_bytes());
    let audits = two.audits();
    two.add(&[]).exits(0).says("nothing to change");
    audits.iter().for_each(Audit::has_no_writes);
    assert!(watch.ends() > 1);

    // It is no repository that was forgotten.
    let remote =
        ["plan", "-v", "--only", "git-credentials", "--set", "git.url=https://git.example/ml/gitops"];
    let plan = two.hub.run(&remote);
    assert!(!plan.exits(0).output().contains("Secret/cluster-"), "{}", plan.output());

    // Removed on one side only.
    hub.delete(&path_of(&two.secret()));
    two.remove(&[]).exits(2).says("--context CONTEXT");
    two.remove(&["--context", &two.context()]).exits(0).says("removed");
    is_same(&target, &before);
}

/// It is known without a Secret; one adds labels, and no account.
fn the_cluster_of_argo_cd(two: &Two, hub: &Api) {
    let before = hub.snapshot(&[]);
    let own = two.hub.kubeconfig().display().to_string();
    let context = format!("kwok-{}", two.hub.name());
    let add = || two.hub.run(&["clusters", "add", &context, "--kubeconfig", &own, "--label", "env=dev"]);
    add().exits(0).says("where Argo CD itself runs");
    assert_eq!(text(&two.secret(), "server"), "https://kubernetes.default.svc");
    let audit = two.hub.audit();
    add().exits(0).says("nothing to change");
    audit.has_no_writes();
    two.hub.run(&["clusters", "check"]).exits(0).says("with its own account");
    two.hub.run(&["clusters", "remove", "in-cluster"]).exits(0).says("still knows the cluster");
    is_same(hub, &before);
}
