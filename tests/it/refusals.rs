//! What a cluster refuses, what others own in it, and being interrupted: message, exit code and the way out.

use serde_json::{Value, json};
use support::{Sandbox, Shared, Turn};

use crate::PROGRAM;

static SHARED: Shared = Shared::new();

/// A cluster with Argo CD and the environment `seldon-dev`.
fn cluster() -> Option<Turn> {
    SHARED.get(|| {
        let sandbox = Sandbox::with_cluster(PROGRAM)?;
        sandbox.write("gitops.yaml", &config(&["seldon-dev"]));
        sandbox.run(&["setup"]).exits(0);
        Some(sandbox)
    })
}

fn config(namespaces: &[&str]) -> String {
    let environments: Vec<Value> = namespaces.iter().map(|name| json!({ "namespace": name })).collect();
    json!({
        "argocd": { "manifest": "bundled" },
        "git": { "url": "https://git.example/ml/gitops" },
        "environments": environments,
    })
    .to_string()
}

/// Writes a configuration for the same cluster, as a user who logs in by a token.
fn as_user(sandbox: &Sandbox, token: &str) -> String {
    let path = sandbox.login("as-user", token);
    let mut config: Value = serde_json::from_str(&config(&["seldon-dev"])).expect("JSON");
    config["cluster"] = json!({ "provider": "context", "context": "as-user", "kubeconfig": path });
    sandbox.write("user.yaml", &config.to_string());
    "user.yaml".into()
}

#[test]
fn without_the_right_the_verb_and_the_object_are_named() {
    let Some(sandbox) = cluster() else { return };
    let api = sandbox.api();
    let config = as_user(&sandbox, &api.account("nobody", &json!([])));
    let audit = sandbox.audit();
    let setup = sandbox.run(&["setup", "--config", &config]);
    setup.exits(4).says("not allowed to").says("system:serviceaccount:default:nobody");
    setup.says("kubectl auth can-i");
    audit.has_no_writes();
    let config = as_user(&sandbox, "made-up");
    let setup = sandbox.run(&["setup", "--config", &config]);
    setup.exits(4).says("refuses the credentials").says("401");
    assert!(!setup.output().contains("made-up"), "{}", setup.output());
}

#[test]
fn a_right_to_look_only_fails_at_the_first_write_and_names_it() {
    let Some(sandbox) = cluster() else { return };
    let api = sandbox.api();
    let look = json!([{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"] }]);
    let config = as_user(&sandbox, &api.account("reader", &look));
    // What is there is as wanted: looking is enough.
    sandbox.run(&["setup", "--config", &config]).exits(0).says("Nothing changed");
    let setup = sandbox.run(&["setup", "--config", &config, "--set", "environments[0].namespace=new-one"]);
    setup.exits(4).says("not allowed to patch Namespace/new-one").says("kubectl auth can-i patch namespaces");
    // The lock needs rights of its own, and a run without them says what it can't rule out.
    setup
        .says("not verified: that no other run changes the cluster at the same time")
        .says("Lease/gitops-setup");
}

#[test]
fn a_field_of_somebody_else_is_named_and_taken_over_only_when_told() {
    let Some(sandbox) = cluster() else { return };
    let api = sandbox.api();
    sandbox.write("conflict.yaml", &config(&["conflict"]));
    sandbox.run(&["setup", "--config", "conflict.yaml"]).exits(0);
    let path = "/api/v1/namespaces/conflict";
    let theirs = json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": { "name": "conflict", "labels": { "seldon.restricted": "true" } },
    });
    api.apply("kubectl", path, &theirs);
    sandbox
        .run(&["plan", "--config", "conflict.yaml"])
        .exits(0)
        .says("setup stops here")
        .says("is set by kubectl")
        .says("cargo xtask setup --force-conflicts");
    let setup = sandbox.run(&["setup", "--config", "conflict.yaml"]);
    setup.exits(4).says("Namespace/conflict").says("metadata.labels.seldon.restricted is set by \"kubectl\"");
    setup.says("--force-conflicts");
    let label = || api.get(path)["metadata"]["labels"]["seldon.restricted"].clone();
    assert_eq!(label(), "true", "it is theirs until it is taken");
    sandbox.run(&["setup", "--config", "conflict.yaml", "--force-conflicts"]).exits(0);
    assert_eq!(label(), "false");
    sandbox.run(&["setup", "--config", "conflict.yaml"]).exits(0).says("Nothing changed");
}

#[test]
fn a_namespace_that_is_being_deleted_is_not_written_into() {
    let Some(sandbox) = cluster() else { return };
    let api = sandbox.api();
    let held = json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": { "name": "going", "finalizers": ["example.com/held"] },
    });
    api.create("/api/v1/namespaces", &held);
    api.delete("/api/v1/namespaces/going");
    sandbox.write("going.yaml", &config(&["going"]));
    let audit = sandbox.audit();
    let setup = sandbox.run(&["setup", "--config", "going.yaml"]);
    setup.exits(3).says("Namespace/going is being deleted").says("kubectl get namespace going");
    audit.has_no_writes();
}

#[test]
fn an_interrupted_run_says_so_and_the_next_one_finishes() {
    let Some(sandbox) = Sandbox::with_cluster(PROGRAM) else { return };
    sandbox.write("gitops.yaml", &config(&["seldon-dev"]));
    for moment in ["createCluster", "\"stage\":\"install-argocd\""] {
        let mut run = sandbox.start(&["setup", "--output", "json"]);
        assert!(run.reads_until(|line| line.contains(moment)), "{moment}");
        let interrupted = run.interrupt();
        interrupted.exits(130).says("running the same command again finishes it");
        assert_eq!(interrupted.events_of("failed")[0]["exitCode"], 130);
    }
    sandbox.run(&["setup"]).exits(0).says("Done:");
    sandbox.run(&["setup"]).exits(0).says("Nothing changed");
}
