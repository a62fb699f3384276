//! One command and no configuration: what the quickstart leaves behind, and that a second run changes nothing.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use support::{Api, Sandbox, Shared, Turn};

use crate::PROGRAM;

static SHARED: Shared = Shared::new();

const STAGES: [&str; 20] = [
    "cluster",
    "install-argocd",
    "admin-password",
    "tls-termination",
    "root-path",
    "expose",
    "access",
    "git-repository",
    "git-credentials",
    "environments",
    "logging",
    "applications",
    "models",
    "project-token",
    "seldon-values",
    "hardening",
    "webhooks",
    "health-checks",
    "notifications",
    "verify",
];

/// A sandbox after one `setup` without a configuration.
fn quickstart() -> Option<Turn> {
    SHARED.get(|| {
        let sandbox = Sandbox::with_cluster(PROGRAM)?.without_name();
        let setup = sandbox.run(&["setup"]);
        setup.exits(0).says("Done:").says("password in file").says("get applications -n argocd");
        for stage in STAGES {
            assert!(setup.stdout.lines().any(|line| line.contains(stage)), "{stage}:\n{}", setup.stdout);
        }
        assert_eq!(setup.stderr, "", "nothing went wrong");
        Some(sandbox)
    })
}

fn secret(api: &Api, key: &str) -> String {
    let secret = api.get("/api/v1/namespaces/argocd/secrets/argocd-secret");
    let value = secret["data"][key].as_str().unwrap_or_else(|| panic!("no {key}"));
    String::from_utf8(BASE64_STANDARD.decode(value).expect("base64")).expect("text")
}

#[test]
fn the_environments_are_there() {
    let Some(sandbox) = quickstart() else { return };
    let api = sandbox.api();
    let url = format!("file://{}", sandbox.data().join("quickstart/repository.git").display());
    for name in ["seldon-dev", "seldon-prod"] {
        let namespace = api.get(&format!("/api/v1/namespaces/{name}"));
        assert_eq!(
            namespace["metadata"]["labels"],
            json!({
                "app.kubernetes.io/managed-by": "gitops-setup",
                "kubernetes.io/metadata.name": name,
                "seldon.gitops": "enabled",
                "seldon.restricted": "false",
                "serving.kubeflow.org/inferenceservice": "enabled",
            })
        );
        assert_eq!(namespace["metadata"]["annotations"], json!({ "git-repo": url }));
        let path = format!("{ARGOPROJ}/applications/seldon-gitops-{name}");
        assert_eq!(
            api.get(&path)["spec"],
            json!({
                "project": "seldon",
                "destination": { "namespace": name, "server": "https://kubernetes.default.svc" },
                "source": { "directory": { "recurse": true }, "path": name, "repoURL": url },
                "syncPolicy": { "automated": {} },
            })
        );
    }
    let project = api.get(&format!("{ARGOPROJ}/appprojects/seldon"));
    let destinations: Vec<Value> = ["seldon-dev", "seldon-prod"]
        .map(|name| json!({ "namespace": name, "server": "https://kubernetes.default.svc" }))
        .into();
    assert_eq!(project["spec"]["destinations"], Value::from(destinations));
    assert_eq!(project["spec"]["sourceRepos"], json!([url]));
}

const ARGOPROJ: &str = "/apis/argoproj.io/v1alpha1/namespaces/argocd";

#[test]
fn argocd_is_configured_and_exposed() {
    let Some(sandbox) = quickstart() else { return };
    let api = sandbox.api();
    let settings = api.get("/api/v1/namespaces/argocd/configmaps/argocd-cmd-params-cm");
    assert_eq!(settings["data"]["server.insecure"], "true");
    assert_eq!(settings["data"]["server.rootpath"], "/argocd");
    let ingress = api.get("/apis/networking.k8s.io/v1/namespaces/argocd/ingresses/argocd-server");
    assert_eq!(ingress["spec"]["ingressClassName"], "nginx");
    let path = &ingress["spec"]["rules"][0]["http"]["paths"][0];
    assert_eq!(path["path"], "/argocd");
    assert_eq!(path["backend"]["service"]["name"], "argocd-server");
    // A setting without new pods is no setting: the pods carry what they started with.
    let server = api.get("/apis/apps/v1/namespaces/argocd/deployments/argocd-server");
    let template = &server["spec"]["template"]["metadata"]["annotations"];
    assert_eq!(template["gitops-setup/server.insecure"], "true");
    assert_eq!(template["gitops-setup/server.rootpath"], "/argocd");
}

#[test]
fn the_admin_password_is_the_one_in_the_file() {
    let Some(sandbox) = quickstart() else { return };
    let api = sandbox.api();
    let file = sandbox.data().join("quickstart/admin-password");
    let password = std::fs::read_to_string(&file).expect("the quickstart made it");
    assert_eq!(password.trim_end().len(), 20);
    let hash = secret(&api, "admin.password");
    assert!(hash.starts_with("$2") && hash.contains("$10$"), "cost 10, as Argo CD's own: {hash}");
    assert!(bcrypt::verify(password.trim_end(), &hash).expect("a hash"));
    let time = secret(&api, "admin.passwordMtime");
    let changed: jiff::Timestamp = time.parse().expect("RFC 3339");
    // Argo CD ignores what it can't read, and locks everyone out until a time in the future.
    assert!(time.ends_with('Z') && time.len() == 20, "{time}");
    assert!(changed <= jiff::Timestamp::now(), "{time}");
}

#[test]
fn only_this_user_reads_the_secrets_on_disk() {
    let Some(sandbox) = quickstart() else { return };
    for path in [sandbox.kubeconfig(), sandbox.data().join("quickstart/admin-password")] {
        let mode = path.metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} {mode:o}", path.display());
    }
    // kwokctl writes keys that others may read; the folder above them is closed.
    let mode = sandbox.cluster().metadata().expect("it is there").permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}

#[test]
fn the_repository_has_a_folder_for_each_environment() {
    let Some(sandbox) = quickstart() else { return };
    let repository = sandbox.data().join("quickstart/repository.git");
    let git = |words: &[&str]| {
        let output = Command::new("git").arg("--git-dir").arg(&repository).args(words).output();
        String::from_utf8(output.expect("git").stdout).expect("text")
    };
    assert_eq!(git(&["ls-tree", "--name-only", "main"]), "README.md\nseldon-dev\nseldon-prod\n");
    assert_eq!(git(&["ls-tree", "-r", "--name-only", "main", "seldon-dev"]), "seldon-dev/README.md\n");
    assert_eq!(git(&["rev-list", "--count", "main"]), "1\n", "no commits without content");
}

#[test]
fn a_second_run_writes_nothing() {
    let Some(sandbox) = quickstart() else { return };
    let audit = sandbox.audit();
    sandbox.run(&["setup"]).exits(0).says("Nothing changed: all is as configured");
    sandbox.run(&["plan", "--exit-code"]).exits(0).says("Nothing to change.");
    sandbox.run(&["status"]).exits(0).says("as configured").says("Application seldon-gitops-seldon-dev");
    audit.has_no_writes();
}

#[test]
fn json_is_one_event_a_line() {
    let Some(sandbox) = quickstart() else { return };
    let setup = sandbox.run(&["setup", "--output", "json", "--verbose"]);
    setup.exits(0);
    let stages = setup.events_of("stage-finished");
    let names: Vec<&str> = stages.iter().filter_map(|event| event["stage"].as_str()).collect();
    assert_eq!(names, STAGES);
    let finished = &setup.events_of("finished")[0];
    assert_eq!((&finished["created"], &finished["changed"]), (&json!(0), &json!(0)));
    assert_eq!(finished["facts"]["context"], "kwok-gitops-setup");
    for words in ["plan", "status"] {
        let outcome = sandbox.run(&[words, "--output", "json"]);
        assert_eq!(outcome.exits(0).events_of("plan").len(), STAGES.len(), "{words}");
    }
    let status = sandbox.run(&["status", "--output", "json"]).events_of("status")[0]["status"].clone();
    assert_eq!(
        status,
        json!({
            "provider": "kwok", "kubeconfig": sandbox.kubeconfig(), "context": "kwok-gitops-setup",
            "kubernetesVersion": "1.36", "argocdVersion": "v3.5.1",
            "address": null, "portForward": false, "differences": 0,
        })
    );
    let wrong = sandbox.run(&["setup", "--output", "json", "--set", "argocd.namespace=Wrong"]);
    let failed = &wrong.exits(2).events_of("failed")[0];
    assert_eq!(failed["exitCode"], 2);
    assert!(failed["message"].as_str().is_some_and(|text| text.contains("argocd.namespace")), "{failed}");
}

#[test]
fn the_cluster_is_listed_and_its_kubeconfig_found() {
    let Some(sandbox) = quickstart() else { return };
    let list = sandbox.run(&["cluster", "list"]);
    assert_eq!(list.exits(0).stdout, "kwok gitops-setup\n");
    let kubeconfig = sandbox.run(&["cluster", "kubeconfig"]);
    assert_eq!(kubeconfig.exits(0).stdout.trim_end(), sandbox.kubeconfig().display().to_string());
}

#[test]
fn the_logs_of_the_control_plane_are_collected() {
    let Some(sandbox) = quickstart() else { return };
    let logs = sandbox.work().join("logs");
    sandbox.run(&["cluster", "logs", "--out", "logs"]).exits(0).says("logs of cluster gitops-setup:");
    let log = std::fs::read_to_string(logs.join("kube-apiserver.log")).expect("it was copied");
    assert!(log.lines().count() > 1, "{log}");
    let none = ["cluster", "logs", "--out", "none", "--set", "cluster.name=other"];
    sandbox.run(&none).exits(0).says("there are no logs of a cluster other");
    assert!(!sandbox.work().join("none").exists());
}

#[test]
fn plan_and_render_before_anything_make_nothing() {
    let sandbox = Sandbox::new(PROGRAM).without_name();
    let plan = sandbox.run(&["plan", "--exit-code"]);
    plan.exits(10).says("create kwok cluster gitops-setup").says("cargo xtask setup");
    sandbox.run(&["plan"]).exits(0);
    sandbox.run(&["status"]).exits(0).says("There is no cluster yet");
    assert_eq!(sandbox.run(&["cluster", "list"]).exits(0).stdout, "");
    sandbox.run(&["images"]).exits(0).says("quay.io/argoproj/argocd:v");
    sandbox.run(&["cluster", "kubeconfig"]).exits(3).says("cargo xtask cluster up");
    sandbox.run(&["cluster", "down"]).exits(0).says("there is no cluster gitops-setup");
    let out = sandbox.path("out");
    sandbox.run(&["render", "-o", &out.display().to_string()]).exits(0);
    assert!(!sandbox.data().exists(), "{:?}", files(&sandbox.data()));
    assert_eq!(files(&sandbox.work()), BTreeSet::new());
    let rendered = files(&out);
    for name in ["environments/appproject-seldon.yaml", "expose/ingress-argocd-server.yaml"] {
        assert!(rendered.contains(name), "{name}: {rendered:?}");
    }
    // Again, the same; and what a configuration no longer wants is gone.
    let fewer = "git: {url: https://git.example/a/b}\nenvironments: [{namespace: seldon-dev}]\n";
    sandbox.write("gitops.yaml", fewer);
    sandbox.run(&["render", "-o", &out.display().to_string()]).exits(0);
    let rendered = files(&out);
    assert!(rendered.contains("environments/namespace-seldon-dev.yaml"), "{rendered:?}");
    assert!(!rendered.contains("environments/namespace-seldon-prod.yaml"), "{rendered:?}");
    assert!(!rendered.contains("expose/ingress-argocd-server.yaml"), "{rendered:?}");
}

#[test]
fn init_writes_a_file_that_plan_takes_and_never_over_another() {
    let sandbox = Sandbox::new(PROGRAM);
    let mut init = sandbox.command(&["init"]);
    assert!(init.status().expect("it starts").success());
    let written = std::fs::read_to_string(sandbox.work().join("gitops.yaml")).expect("written");
    sandbox.run(&["plan"]).exits(0);
    sandbox.write("gitops.yaml", "# mine\n");
    sandbox.run(&["init"]).exits(2).says("gitops.yaml is there already").says("--force");
    assert_eq!(std::fs::read_to_string(sandbox.work().join("gitops.yaml")).expect("there"), "# mine\n");
    sandbox.run(&["init", "--force"]).exits(0);
    assert_eq!(std::fs::read_to_string(sandbox.work().join("gitops.yaml")).expect("there"), written);
}

/// Files below a folder, by their paths in it.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).into_iter().flatten().flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => {
                    let inner = path.strip_prefix(folder).expect("it was found below it");
                    found.insert(inner.display().to_string());
                }
            }
        }
    }
    found
}
