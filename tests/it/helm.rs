//! Seldon's Helm values, by the real helm: in the user's file, and in the release.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use support::{Sandbox, skipped};

use crate::PROGRAM;

const VALUES: &str = "# Ours.\nreplicas: 2 # enough\ngitops:\n  git: {secret: another}\n  # Not yet.\n  argocd:\n    enabled: false\n";

/// Whether there is a helm.
fn helm_at_hand() -> bool {
    let found = Command::new("helm").arg("version").output().is_ok_and(|output| output.status.success());
    if !found {
        assert!(std::env::var_os("CI").is_none(), "helm is missing");
        skipped("Helm releases: there is no helm");
    }
    found
}

fn helm(sandbox: &Sandbox, words: &[&str]) -> Output {
    let output =
        Command::new("helm").args(words).env("KUBECONFIG", sandbox.kubeconfig()).output().expect("helm runs");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn values(sandbox: &Sandbox) -> Value {
    let words = ["get", "values", "seldon", "-n", "seldon-system", "-o", "json"];
    serde_json::from_slice(&helm(sandbox, &words).stdout).expect("JSON")
}

fn revision(sandbox: &Sandbox) -> Value {
    let words = ["status", "seldon", "-n", "seldon-system", "-o", "json"];
    let status: Value = serde_json::from_slice(&helm(sandbox, &words).stdout).expect("JSON");
    status["version"].clone()
}

/// A chart that shows its values.
fn chart(folder: &Path) {
    std::fs::create_dir_all(folder.join("templates")).expect("the folder is ours");
    std::fs::write(folder.join("Chart.yaml"), "apiVersion: v2\nname: seldon\nversion: 0.1.0\n")
        .expect("written");
    let shown = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: shown\ndata:\n  values: {{ .Values | toJson | quote }}\n";
    std::fs::write(folder.join("templates/shown.yaml"), shown).expect("written");
}

#[test]
fn a_file_and_a_release_get_the_section_and_keep_the_rest() {
    if !helm_at_hand() {
        return;
    }
    let Some(mut sandbox) = Sandbox::with_cluster(PROGRAM) else { return };
    chart(&sandbox.work().join("chart"));
    let file = sandbox.write("values.yaml", VALUES);
    sandbox.set_env("TOKEN", "the-token");
    let config = json!({
        "argocd": { "manifest": "bundled" },
        "git": {
            "url": "https://git.example/ml/gitops",
            "author": { "email": "bot@acme.com" },
            "auth": { "token": { "username": "bot", "token": { "env": "TOKEN" } } },
        },
        "environments": [{ "namespace": "seldon-dev" }],
        "seldon": {
            "createNamespace": true,
            "valuesFile": "values.yaml",
            "helm": { "release": "seldon", "chart": "./chart" },
        },
    });
    sandbox.write("gitops.yaml", &config.to_string());
    // Everything but the release, which is not there yet.
    sandbox.run(&["setup"]).exits(3).says("release: not found").says("helm list");
    let chart = sandbox.work().join("chart").display().to_string();
    let install =
        ["install", "seldon", &chart, "-n", "seldon-system", "--set", "replicas=3", "--create-namespace"];
    sandbox.run(&["setup", "--skip", "seldon-values,verify"]).exits(0);
    helm(&sandbox, &install);
    sandbox.run(&["plan"]).exits(0).says("Helm release seldon in seldon-system: section gitops");
    sandbox.run(&["setup"]).exits(0);
    let gitops = json!({ "git": { "secret": "git-creds" }, "argocd": { "enabled": true } });
    assert_eq!(values(&sandbox), json!({ "replicas": 3, "gitops": gitops }));
    let merged = std::fs::read_to_string(&file).expect("it is there");
    for kept in ["# Ours.", "replicas: 2 # enough", "# Not yet.", "git-creds", "enabled: true"] {
        assert!(merged.contains(kept), "{kept}:\n{merged}");
    }
    assert_eq!(revision(&sandbox), 2);
    sandbox.run(&["setup"]).exits(0).says("Nothing changed");
    assert_eq!(revision(&sandbox), 2, "nothing to upgrade");
}

#[test]
fn what_to_set_is_printed() {
    let sandbox = Sandbox::new(PROGRAM);
    let printed = sandbox.run(&["seldon", "values"]);
    assert_eq!(
        printed.exits(0).stdout,
        "gitops:\n  argocd:\n    enabled: true\n  git:\n    secret: git-creds\n"
    );
}
