//! Health checks in the ConfigMap of a real API server.

use manifests::health::{CHECKS, INFERENCE_SERVICE, MARK};
use serde_json::{Value, json};
use support::{Sandbox, Shared, Turn};

use crate::PROGRAM;

static SHARED: Shared = Shared::new();

const CONFIG: &str = "/api/v1/namespaces/argocd/configmaps/argocd-cm";
const COMMON: &str = "resource.customizations";
const RAY_JOB: &str = "resource.customizations.health.ray.io_RayJob";

fn config(sandbox: &Sandbox, section: &Value) {
    let config = json!({ "argocd": { "manifest": "bundled" }, "healthChecks": section });
    sandbox.write("gitops.yaml", &config.to_string());
}

/// A cluster with Argo CD and no health checks.
fn argocd() -> Option<Turn> {
    let sandbox = SHARED.get(|| {
        let sandbox = Sandbox::with_cluster(PROGRAM)?;
        config(&sandbox, &json!({}));
        sandbox.run(&["setup", "--skip", "health-checks"]).exits(0);
        Some(sandbox)
    })?;
    // What another test stored is another test's.
    sandbox.api().delete(CONFIG);
    config(&sandbox, &json!({}));
    sandbox.run(&["stage", "install-argocd"]).exits(0);
    Some(sandbox)
}

fn data(sandbox: &Sandbox) -> Value {
    sandbox.api().get(CONFIG)["data"].clone()
}

/// Keys of checks.
fn keys(sandbox: &Sandbox) -> Vec<String> {
    let data = data(sandbox);
    let keys = data.as_object().expect("a map").keys();
    keys.filter(|key| key.starts_with("resource.customizations.health.")).cloned().collect()
}

fn store(sandbox: &Sandbox, manager: &str, data: &Value) {
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "argocd-cm", "namespace": "argocd" },
        "data": data,
    });
    sandbox.api().apply(manager, CONFIG, &object);
}

#[track_caller]
fn changes_nothing(sandbox: &Sandbox) {
    let audit = sandbox.audit();
    sandbox.run(&["setup"]).exits(0).says("Nothing changed");
    audit.has_no_writes();
}

#[test]
fn every_check_is_stored_once_and_what_is_not_chosen_goes() {
    let Some(sandbox) = argocd() else { return };
    sandbox.run(&["setup"]).exits(0);
    for check in CHECKS {
        assert_eq!(data(&sandbox)[check.key()], check.lua(), "{}", check.name());
    }
    changes_nothing(&sandbox);
    config(&sandbox, &json!({ "kinds": ["ray.io/RayJob"], "inferenceService": true }));
    sandbox.run(&["setup"]).exits(0);
    assert_eq!(keys(&sandbox), [RAY_JOB.to_owned(), INFERENCE_SERVICE.key()]);
    changes_nothing(&sandbox);
}

#[test]
fn somebody_elses_check_stays_and_ours_is_taken_back() {
    let Some(sandbox) = argocd() else { return };
    let theirs = "return {status = \"Healthy\"}";
    store(&sandbox, "somebody", &json!({ RAY_JOB: theirs, "url": "https://argocd.acme.com" }));
    sandbox.run(&["setup"]).exits(0).says("somebody else's health checks").says("ray.io/RayJob");
    assert_eq!(
        (&data(&sandbox)[RAY_JOB], &data(&sandbox)["url"]),
        (&json!(theirs), &json!("https://argocd.acme.com"))
    );
    changes_nothing(&sandbox);
    let changed = json!({ INFERENCE_SERVICE.key(): format!("{MARK}\nreturn {{}}") });
    store(&sandbox, "somebody-else", &changed);
    config(&sandbox, &json!({ "inferenceService": true }));
    sandbox.run(&["setup"]).exits(0);
    assert_eq!(data(&sandbox)[INFERENCE_SERVICE.key()], INFERENCE_SERVICE.lua());
    changes_nothing(&sandbox);
}

/// The old form needs an Argo CD that this cluster can't run, so what it left is put there.
#[test]
fn what_an_upgrade_finds_is_moved() {
    let Some(sandbox) = argocd() else { return };
    let widget = "acme.com/Widget:\n  health.lua: return {status = \"Healthy\"}\n";
    for theirs in ["", widget] {
        let common = manifests::health::merged(theirs, CHECKS).expect("a map");
        store(&sandbox, "gitops-setup-health-checks", &json!({ COMMON: common }));
        sandbox.run(&["setup"]).exits(0);
        let stored = data(&sandbox);
        assert_eq!(stored.get(COMMON).and_then(Value::as_str).unwrap_or_default(), theirs);
        assert_eq!(keys(&sandbox).len(), CHECKS.len());
        changes_nothing(&sandbox);
    }
}
