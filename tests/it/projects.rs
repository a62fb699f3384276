//! Projects that several environments, configurations and people share: nobody takes away what others allowed.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::{Api, Sandbox, Shared, Turn};

use crate::PROGRAM;

static SHARED: Shared = Shared::new();

const IN_CLUSTER: &str = "https://kubernetes.default.svc";

/// A cluster with Argo CD and no environment yet.
fn argocd() -> Option<Turn> {
    SHARED.get(|| {
        let sandbox = Sandbox::with_cluster(PROGRAM)?;
        sandbox.write("argocd.yaml", "argocd: {manifest: bundled}\n");
        sandbox.run(&["setup", "--config", "argocd.yaml"]).exits(0);
        Some(sandbox)
    })
}

/// Writes a configuration with some environments of one project, and gives its name.
fn config(sandbox: &Sandbox, project: &str, namespaces: &[&str], url: &str) -> String {
    let environments: Vec<Value> =
        namespaces.iter().map(|name| json!({ "namespace": name, "project": project })).collect();
    let text = json!({
        "argocd": { "manifest": "bundled" },
        "git": { "url": url },
        "environments": environments,
    });
    let name = format!("{project}-{}.yaml", namespaces.join("-"));
    sandbox.write(&name, &text.to_string());
    name
}

fn path(project: &str) -> String {
    format!("/apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects/{project}")
}

fn destinations(api: &Api, project: &str) -> BTreeSet<String> {
    let project = api.get(&path(project));
    let destinations = project["spec"]["destinations"].as_array().expect("a list");
    let name = |entry: &Value| entry["namespace"].as_str().expect("a name").to_owned();
    let names: BTreeSet<String> = destinations.iter().map(name).collect();
    assert_eq!(names.len(), destinations.len(), "no entry twice: {destinations:?}");
    names
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn another_environment_in_the_same_project_takes_nothing_away() {
    let Some(sandbox) = argocd() else { return };
    let api = sandbox.api();
    let first = config(&sandbox, "shared", &["shared-a"], "https://git.example/ml/a");
    let both = config(&sandbox, "shared", &["shared-a", "shared-b"], "https://git.example/ml/a");
    let third = config(&sandbox, "shared", &["shared-c"], "https://git.example/ml/c");
    for (config, expected) in [
        (&first, &["shared-a"][..]),
        (&both, &["shared-a", "shared-b"]),
        // It knows nothing of the others.
        (&third, &["shared-a", "shared-b", "shared-c"]),
    ] {
        sandbox.run(&["setup", "--config", config]).exits(0);
        assert_eq!(destinations(&api, "shared"), set(expected), "{config}");
    }
    let repositories = &api.get(&path("shared"))["spec"]["sourceRepos"];
    assert_eq!(*repositories, json!(["https://git.example/ml/a", "https://git.example/ml/c"]));
    // None of the three configurations wants to change what another one made.
    let audit = sandbox.audit();
    for config in [first, both, third] {
        sandbox.run(&["setup", "--config", &config]).exits(0).says("Nothing changed");
    }
    audit.has_no_writes();
}

#[test]
fn two_runs_at_once_both_get_their_destination() {
    let Some(sandbox) = argocd() else { return };
    let api = sandbox.api();
    let url = format!("file://{}", sandbox.path("race.git").display());
    for round in 0..5 {
        let project = format!("race-{round}");
        let namespaces = ["a", "b"].map(|side| format!("race-{round}-{side}"));
        let runs = namespaces.each_ref().map(|namespace| {
            let config = config(&sandbox, &project, &[namespace], &url);
            sandbox.start(&["setup", "--config", &config])
        });
        for run in runs {
            run.wait().exits(0);
        }
        let expected = namespaces.iter().cloned().collect();
        assert_eq!(destinations(&api, &project), expected, "round {round}");
        for namespace in &namespaces {
            let application = format!(
                "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/seldon-gitops-{namespace}"
            );
            assert_eq!(api.get(&application)["spec"]["project"], json!(project));
        }
    }
}

#[test]
fn what_somebody_else_allowed_stays() {
    let Some(sandbox) = argocd() else { return };
    let api = sandbox.api();
    let own = config(&sandbox, "theirs", &["theirs-a"], "https://git.example/ml/a");
    sandbox.run(&["setup", "--config", &own]).exits(0);
    let foreign = json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": { "name": "theirs", "namespace": "argocd" },
        "spec": {
            "destinations": [
                { "namespace": "theirs-a", "server": IN_CLUSTER },
                { "namespace": "elsewhere", "server": "https://other.example" },
            ],
            "orphanedResources": { "warn": true },
        },
    });
    api.apply("somebody", &path("theirs"), &foreign);
    let audit = sandbox.audit();
    sandbox.run(&["setup", "--config", &own]).exits(0);
    assert_eq!(destinations(&api, "theirs"), set(&["theirs-a", "elsewhere"]));
    let more = config(&sandbox, "theirs", &["theirs-a", "theirs-b"], "https://git.example/ml/a");
    sandbox.run(&["setup", "--config", &more]).exits(0);
    assert_eq!(destinations(&api, "theirs"), set(&["theirs-a", "theirs-b", "elsewhere"]));
    let project = api.get(&path("theirs"));
    assert_eq!(project["spec"]["orphanedResources"]["warn"], true, "a field that we don't have");
    let deletes = audit.writes().into_iter().filter(|write| write.verb.starts_with("delete"));
    assert_eq!(deletes.count(), 0);
    let audit = sandbox.audit();
    sandbox.run(&["setup", "--config", &more]).exits(0).says("Nothing changed");
    audit.has_no_writes();
}
