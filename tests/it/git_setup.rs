//! The whole set-up with a real Git server and a real API server: what was checked, what was stored, and where no
//! secret may be.

use serde_json::{Value, json};
use std::time::Duration;
use support::{Access, Contents, GitServer, Planted, Sandbox, encrypted_key, poll, with_a_real_node};

use crate::PROGRAM;

const SECRETS: &str =
    "/api/v1/namespaces/argocd/secrets?labelSelector=argocd.argoproj.io/secret-type=repository";
const JOBS: &str = "/apis/batch/v1/namespaces/argocd/jobs";

/// A sandbox that may ask the Git server, with a temporary folder of its own.
fn online() -> Option<Sandbox> {
    let mut sandbox = Sandbox::with_cluster(PROGRAM)?;
    sandbox.unset_env("GITOPS_SETUP_OFFLINE");
    let tmp = sandbox.path("tmp");
    std::fs::create_dir(&tmp).expect("the folder is ours");
    sandbox.set_env("TMPDIR", &tmp);
    Some(sandbox)
}

fn config(git: &Value) -> String {
    json!({
        "argocd": { "manifest": "bundled" },
        "git": git,
        "environments": [{ "namespace": "seldon-dev" }],
        "seldon": { "createNamespace": true },
    })
    .to_string()
}

fn by_https(server: &GitServer, repository: &str, user: &str) -> Value {
    json!({
        "url": server.https_url(repository),
        "auth": { "token": { "username": user, "token": { "env": "TOKEN" } } },
        "caCertificate": "ca.pem",
        "author": { "name": "Ada", "email": "ada@acme.com" },
    })
}

/// Everything that speaks to the Git server or stores what opens it, at every verbosity.
fn run_all(sandbox: &Sandbox, planted: &Planted) {
    for words in [
        &["credentials", "check"][..],
        &["repository", "init"],
        &["repository", "check", "--write"],
        &["plan"],
        &["setup"],
        &["status"],
    ] {
        for more in [&[][..], &["-v"], &["-v", "--output", "json"]] {
            let words: Vec<&str> = words.iter().chain(more).copied().collect();
            let outcome = sandbox.run(&words);
            planted.is_not_in(&format!("the output of {words:?}"), outcome.exits(0).output().as_bytes());
        }
    }
}

#[track_caller]
fn nothing_is_left(sandbox: &Sandbox, planted: &Planted) {
    let left: Vec<_> = std::fs::read_dir(sandbox.path("tmp")).expect("it is there").flatten().collect();
    assert!(left.is_empty(), "temporary files are left: {left:?}");
    assert!(planted.is_in_no_file_of(&sandbox.data()) > 10);
}

#[test]
fn by_https_with_a_token() {
    // One of its own: other tests give passwords to git itself, which shows them.
    let Some(server) = GitServer::start() else { return };
    let server = &server;
    let Some(mut sandbox) = online() else { return };
    server.create_repository("setup-https", Contents::NoCommit);
    sandbox.write("ca.pem", server.ca_pem());
    sandbox.set_env("TOKEN", &server.writer().password);
    let planted = Planted::new([server.writer().password.as_str(), server.reader().password.as_str()]);
    let watch = planted.watch_processes();
    sandbox.write("gitops.yaml", &config(&by_https(server, "setup-https", server.writer().username)));
    sandbox.run(&["setup"]).exits(3).says("no commit").says("cargo xtask repository init");
    assert!(!sandbox.kubeconfig().exists(), "nothing was made before the repository was looked at");
    run_all(&sandbox, &planted);
    let audit = sandbox.audit();
    sandbox.run(&["setup"]).exits(0).says("Nothing changed");
    audit.has_no_writes();
    assert_eq!(sandbox.api().list(SECRETS).len(), 1);
    // Who may only read is enough for Argo CD, and not for Seldon.
    sandbox.set_env("TOKEN", &server.reader().password);
    sandbox.write("gitops.yaml", &config(&by_https(server, "setup-https", server.reader().username)));
    sandbox.run(&["setup"]).exits(4).says("may read the repository but not write to it");
    audit.has_no_writes();
    assert!(watch.ends() > 20);
    nothing_is_left(&sandbox, &planted);
}

#[test]
fn by_ssh_with_a_passphrase() {
    let Some(server) = GitServer::shared() else { return };
    let Some(mut sandbox) = online() else { return };
    let Some(key) = encrypted_key(&sandbox.work(), "PHRASE-hush-5d71c28e0b") else { return };
    let public = std::fs::read_to_string(key.with_extension("pub")).expect("it was made");
    server.authorize(&public, Access::ReadWrite);
    sandbox.write("known_hosts", &server.known_hosts());
    sandbox.set_env("PHRASE", "PHRASE-hush-5d71c28e0b");
    let git = json!({
        "url": server.ssh_url("gitops"),
        "auth": { "ssh": {
            "privateKey": { "file": "key" }, "passphrase": { "env": "PHRASE" }, "knownHosts": "known_hosts",
        } },
        "author": { "name": "Ada", "email": "ada@acme.com" },
    });
    sandbox.write("gitops.yaml", &config(&git));
    let encrypted = std::fs::read_to_string(&key).expect("it was made");
    let body: Vec<&str> = encrypted.lines().filter(|line| !line.contains("-----")).collect();
    let planted = Planted::new(["PHRASE-hush-5d71c28e0b", body[body.len() / 2]]);
    let watch = planted.watch_processes();
    run_all(&sandbox, &planted);
    let audit = sandbox.audit();
    sandbox.run(&["setup"]).exits(0).says("Nothing changed");
    audit.has_no_writes();
    assert!(watch.ends() > 20);
    nothing_is_left(&sandbox, &planted);
    let agents = sandbox.processes("ssh-agent");
    assert!(agents.is_empty(), "an agent still holds the key: {agents:?}");
}

#[test]
fn from_inside_the_cluster_until_it_succeeds() {
    let Some(mut sandbox) = Sandbox::with_cluster(PROGRAM) else { return };
    let git = json!({
        "url": "https://git.example/ml/gitops",
        "auth": { "token": { "username": "bot", "token": { "env": "TOKEN" } } },
    });
    sandbox.set_env("TOKEN", "the-token");
    let config =
        json!({ "argocd": { "manifest": "bundled" }, "git": git, "environments": [{ "namespace": "dev" }] });
    sandbox.write("gitops.yaml", &config.to_string());
    sandbox.run(&["setup", "--only", "cluster,install-argocd"]).exits(0);
    with_a_real_node(&sandbox);
    let api = sandbox.api();
    for (phase, message, code, says) in [
        (
            "Failed",
            "fatal: unable to access '…': Could not resolve host: git.example",
            3,
            "inside the cluster: the Git host git.example is not known",
        ),
        ("Succeeded", "", 0, "cloned inside the cluster"),
    ] {
        let setup = sandbox.start(&["setup", "--only", "git-credentials"]);
        let pods = || {
            let is_ours = |pod: &Value| {
                pod["metadata"]["name"]
                    .as_str()
                    .is_some_and(|name| name.starts_with("gitops-setup-clone-check-"))
            };
            api.list("/api/v1/namespaces/argocd/pods").into_iter().filter(is_ours).collect::<Vec<_>>()
        };
        let pod = poll("the pod of the Job", Duration::from_secs(30), || pods().into_iter().next());
        let text = pod.to_string();
        assert!(text.contains("secretKeyRef") && !text.contains("the-token"), "{text}");
        let name = pod["metadata"]["name"].as_str().expect("a name");
        // As a kubelet would, whose node this is not.
        let ended = json!({ "exitCode": i32::from(code != 0), "message": message });
        let status = json!([{ "op": "add", "path": "/status", "value": {
            "phase": phase,
            "containerStatuses": [{
                "name": "clone", "image": "x", "imageID": "", "ready": false, "restartCount": 0,
                "state": { "terminated": ended },
            }],
        } }]);
        api.patch("test", &format!("/api/v1/namespaces/argocd/pods/{name}/status"), &status);
        setup.wait().exits(code).says(says);
        let clean = || (api.list(JOBS).is_empty() && pods().is_empty()).then_some(());
        poll("the Job and its pod are cleaned up", Duration::from_secs(30), clean);
    }
    let audit = sandbox.audit();
    sandbox.run(&["setup", "--only", "git-credentials"]).exits(0).says("Nothing changed");
    audit.has_no_writes();
}
