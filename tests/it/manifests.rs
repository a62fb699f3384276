//! Argo CD's published manifests, with their real definitions, on a real API server.

use std::path::Path;

use serde_json::{Value, json};
use support::{Api, Sandbox, manifest};

use crate::PROGRAM;

const SERVER: &str = "/apis/apps/v1/namespaces/argocd/deployments/argocd-server";

/// Configures one environment and an Argo CD from a file.
fn configure(sandbox: &Sandbox, version: &str, file: &Path, more: &Value) {
    let mut config = json!({
        "argocd": { "version": version, "allowVulnerable": [version], "manifest": { "file": file } },
        "git": { "url": "https://git.example/ml/gitops" },
        "environments": [{ "namespace": "seldon-dev" }],
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        match config[key.as_str()].as_object_mut() {
            Some(section) => section.extend(value.as_object().cloned().unwrap_or_default()),
            None => config[key.as_str()] = value.clone(),
        }
    }
    sandbox.write("gitops.yaml", &config.to_string());
}

/// A second run that finds everything as it wants it.
fn settled(sandbox: &Sandbox) {
    let audit = sandbox.audit();
    sandbox.run(&["setup"]).exits(0).says("Nothing changed");
    sandbox.run(&["plan", "--exit-code"]).exits(0);
    audit.has_no_writes();
}

/// Images of Argo CD in all workloads of a namespace.
fn images(api: &Api, namespace: &str) -> Vec<String> {
    let mut images = Vec::new();
    for kind in ["deployments", "statefulsets"] {
        for workload in api.list(&format!("/apis/apps/v1/namespaces/{namespace}/{kind}")) {
            let containers = workload["spec"]["template"]["spec"]["containers"].as_array().cloned();
            let image = |container: &Value| container["image"].as_str().map(str::to_owned);
            images.extend(containers.iter().flatten().filter_map(image));
        }
    }
    images.retain(|image| image.contains("argoproj/argocd"));
    images.sort();
    images.dedup();
    images
}

#[test]
fn an_old_release_is_installed_and_upgraded_in_place() {
    let (Some(old), Some(new)) = (manifest("install-v2.6.7.yaml"), manifest("install-v3.5.1.yaml")) else {
        return;
    };
    let Some(sandbox) = Sandbox::with_cluster(PROGRAM) else { return };
    // What models add is of kinds whose fields came over time: the server takes away what it doesn't know.
    let models = json!({ "models": {} });
    configure(&sandbox, "v2.6.7", &old, &models);
    sandbox.run(&["setup"]).exits(0).says("the official manifests/install.yaml of v2.6.7");
    let api = sandbox.api();
    assert_eq!(images(&api, "argocd"), ["quay.io/argoproj/argocd:v2.6.7"]);
    settled(&sandbox);

    // What the guide has people do by hand.
    let flags = json!([
        { "op": "add", "path": "/spec/template/spec/containers/0/command/-", "value": "--insecure" },
        { "op": "add", "path": "/spec/template/spec/containers/0/command/-", "value": "--rootpath" },
        { "op": "add", "path": "/spec/template/spec/containers/0/command/-", "value": "/argocd" },
    ]);
    api.patch("kubectl-patch", SERVER, &flags);

    configure(&sandbox, "v3.5.1", &new, &models);
    let plan = sandbox.run(&["plan", "--verbose"]);
    plan.exits(0).says("replaces Argo CD v2.6.7 by v3.5.1").says("containers/0/command");
    sandbox.run(&["setup"]).exits(0).says("replaces Argo CD v2.6.7 by v3.5.1");
    assert_eq!(images(&api, "argocd"), ["quay.io/argoproj/argocd:v3.5.1"]);
    let container = &api.get(SERVER)["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["command"], Value::Null, "it would start the server with flags that are gone");
    assert_eq!(container["args"], json!(["/usr/local/bin/argocd-server"]));
    let settings = &api.get("/api/v1/namespaces/argocd/configmaps/argocd-cmd-params-cm")["data"];
    assert_eq!(
        (&settings["server.insecure"], &settings["server.rootpath"]),
        (&json!("true"), &json!("/argocd"))
    );
    settled(&sandbox);
    refused_on_a_running_cluster(&sandbox);
}

/// What can't work on this Kubernetes is refused before the first write.
fn refused_on_a_running_cluster(sandbox: &Sandbox) {
    let Some(oldest) = manifest("install-v1.6.2.yaml") else { return };
    configure(sandbox, "v1.6.2", &oldest, &Value::Null);
    let audit = sandbox.audit();
    sandbox.run(&["setup"]).exits(3).says("Argo CD v1.6.2 cannot be installed on Kubernetes 1.36");
    sandbox.run(&["plan"]).exits(3);
    audit.has_no_writes();
}

#[test]
fn the_current_release_is_installed_into_another_namespace() {
    let Some(file) = manifest("install-v3.5.1.yaml") else { return };
    let Some(sandbox) = Sandbox::with_cluster(PROGRAM) else { return };
    configure(&sandbox, "v3.5.1", &file, &json!({ "argocd": { "namespace": "gitops" } }));
    sandbox.run(&["setup"]).exits(0);
    let api = sandbox.api();
    assert_eq!(images(&api, "gitops"), ["quay.io/argoproj/argocd:v3.5.1"]);
    assert_eq!(api.find("/api/v1/namespaces/argocd"), None, "nothing names the usual namespace");
    let bindings = api.list("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings");
    let argo: Vec<&Value> = bindings
        .iter()
        .filter(|binding| {
            binding["metadata"]["name"].as_str().is_some_and(|name| name.starts_with("argocd-"))
        })
        .collect();
    assert_eq!(argo.len(), 3);
    for binding in argo {
        assert_eq!(binding["subjects"][0]["namespace"], "gitops", "{binding}");
    }
    let application = "/apis/argoproj.io/v1alpha1/namespaces/gitops/applications/seldon-gitops-seldon-dev";
    assert_eq!(api.get(application)["spec"]["project"], "seldon");
    settled(&sandbox);
}

#[test]
fn the_highly_available_release_is_installed() {
    let Some(file) = manifest("ha-install-v3.5.1.yaml") else { return };
    let Some(sandbox) = Sandbox::with_cluster(PROGRAM) else { return };
    let ha = json!({ "argocd": { "variant": "ha" }, "cluster": { "nodes": 3 } });
    configure(&sandbox, "v3.5.1", &file, &ha);
    sandbox.run(&["setup"]).exits(0).says("3 simulated nodes");
    let api = sandbox.api();
    let redis = api.get("/apis/apps/v1/namespaces/argocd/statefulsets/argocd-redis-ha-server");
    assert_eq!((&redis["spec"]["replicas"], &redis["status"]["readyReplicas"]), (&json!(3), &json!(3)));
    settled(&sandbox);
}

#[test]
fn what_cannot_work_is_refused_before_a_cluster_is_made_and_can_still_be_rendered() {
    let Some(file) = manifest("install-v1.6.2.yaml") else { return };
    let sandbox = Sandbox::new(PROGRAM);
    configure(&sandbox, "v1.6.2", &file, &Value::Null);
    let setup = sandbox.run(&["setup"]);
    setup.exits(3).says("Argo CD v1.6.2 cannot be installed on Kubernetes 1.36").says("v2.0.0 or later");
    assert!(!sandbox.data().exists(), "not even a folder");
    let out = sandbox.path("out");
    sandbox.run(&["render", "-o", &out.display().to_string()]).exits(0);
    let server = std::fs::read_to_string(out.join("install-argocd/deployment-argocd-server.yaml"));
    let server = server.expect("it was rendered");
    assert!(server.contains("argoproj/argocd:v1.6.2"), "{server}");
    assert!(server.contains("--insecure") && server.contains("--rootpath"), "{server}");
    let images = |words: &[&str]| sandbox.run(&[&["images"], words].concat()).exits(0).stdout.clone();
    let argocd = "argoproj/argocd:v1.6.2\nquay.io/dexidp/dex:v2.22.0\nredis:5.0.3\n";
    assert_eq!(images(&[]), argocd);
    let kind = images(&["--set", "cluster.provider=kind", "--set", "cluster.nodeImage=mirror/node:v1.21"]);
    assert_eq!(kind, argocd.replacen("quay", "mirror/node:v1.21\nquay", 1));
}

#[test]
fn a_manifest_of_another_release_is_refused() {
    let Some(file) = manifest("install-v3.5.1.yaml") else { return };
    let sandbox = Sandbox::new(PROGRAM);
    configure(&sandbox, "v2.6.7", &file, &Value::Null);
    let setup = sandbox.run(&["setup"]);
    setup.exits(2).says("the manifest is of Argo CD v3.5.1, but the configuration says v2.6.7");
    assert!(!sandbox.data().exists(), "not even a folder");
}
