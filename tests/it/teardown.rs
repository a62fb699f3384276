//! `teardown`: what setup made is gone, and nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use support::{Api, Sandbox, poll};

use crate::PROGRAM;

const APPLICATIONS: &str = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications";

/// A cluster with a namespace and a ConfigMap of the user's, who has no idea of what is to come.
fn sandbox() -> Option<Sandbox> {
    let sandbox = Sandbox::with_cluster(PROGRAM)?;
    let password = sandbox.write("password", "correct-horse-battery\n");
    let config = json!({
        "argocd": { "manifest": "bundled", "adminPassword": { "file": password } },
        "expose": { "via": "ingress" },
        "git": { "url": format!("file://{}", sandbox.path("gitops.git").display()) },
        "environments": [{ "namespace": "seldon-dev" }, { "namespace": "seldon-prod" }],
        "logging": {},
    });
    sandbox.write("gitops.yaml", &config.to_string());
    sandbox.run(&["cluster", "up"]).exits(0);
    let api = sandbox.api();
    api.create(
        "/api/v1/namespaces",
        &json!({ "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": "seldon-prod", "labels": { "team": "models" } } }),
    );
    api.create("/api/v1/namespaces/seldon-prod/configmaps", &settings("mine"));
    // The cluster is young: its controllers are there once they have furnished every namespace.
    poll("the namespace is furnished", Duration::from_secs(60), || {
        api.find("/api/v1/namespaces/seldon-prod/serviceaccounts/default")
    });
    Some(sandbox)
}

/// Sets keys of the configuration.
fn reconfigure(sandbox: &Sandbox, keys: Value) {
    let text = std::fs::read_to_string(sandbox.work().join("gitops.yaml")).expect("it was written");
    let mut config: Value = serde_json::from_str(&text).expect("it is JSON");
    let Value::Object(keys) = keys else { panic!("keys are a map") };
    config.as_object_mut().expect("a map").extend(keys);
    sandbox.write("gitops.yaml", &config.to_string());
}

fn settings(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name }, "data": { "mine": "yes" } })
}

/// Waits until nothing is new any more: what a killed run has sent may be taken after its end.
fn landed(api: &Api) {
    let names = || api.snapshot(&[]).into_keys().collect::<Vec<_>>();
    let mut before = names();
    poll("what was under way has landed", Duration::from_secs(60), || {
        std::thread::sleep(Duration::from_millis(500));
        let now = names();
        (std::mem::replace(&mut before, now) == before).then_some(())
    });
}

#[track_caller]
fn same(before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>) {
    for (key, object) in before {
        assert_eq!(after.get(key), Some(object), "{key}");
    }
    let left: Vec<&String> = after.keys().filter(|key| !before.contains_key(*key)).collect();
    assert!(left.is_empty(), "left over: {left:?}");
}

#[test]
fn the_api_server_is_as_it_was() {
    let Some(sandbox) = sandbox() else { return };
    let api = sandbox.api();
    let before = api.snapshot(&[]);
    sandbox.run(&["teardown"]).exits(0).says("Nothing to take away");
    sandbox.run(&["setup"]).exits(0);

    let audit = sandbox.audit();
    let plan = sandbox.run(&["teardown", "--plan"]);
    plan.exits(0).says("Namespace/seldon-dev").says("steps to do: cargo xtask teardown");
    audit.has_no_writes();

    let down = sandbox.run(&["teardown"]);
    down.exits(0).says("the Git repository stays as it is");
    assert!(!down.output().contains("correct-horse"), "{}", down.output());
    same(&before, &api.snapshot(&[]));
    sandbox.run(&["teardown"]).exits(0).says("Nothing to take away");

    // And up again.
    sandbox.run(&["setup"]).exits(0);
    sandbox.run(&["teardown", "--output", "json"]).exits(0);
    same(&before, &api.snapshot(&[]));
}

#[test]
fn also_after_a_setup_that_was_cut_off() {
    let Some(sandbox) = sandbox() else { return };
    let api = sandbox.api();
    let before = api.snapshot(&[]);
    for (event, count) in [("applied", 2), ("applied", 40), ("\"root-path\"", 2), ("AppProject/seldon", 2)] {
        let mut run = sandbox.start(&["setup", "--output", "json", "--verbose"]);
        for n in 1..=count {
            assert!(run.reads_until(|line| line.contains(event)), "{event} came only {} times", n - 1);
        }
        run.kill();
        landed(&api);
        sandbox.run(&["teardown"]).exits(0);
        same(&before, &api.snapshot(&[]));
        let lock = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/gitops-setup";
        assert!(api.find(lock).is_none(), "the lock of the killed run is left over");
    }
}

#[test]
fn argocd_can_be_kept() {
    let Some(sandbox) = sandbox() else { return };
    let api = sandbox.api();
    sandbox.run(&["setup", "--only", "install-argocd,admin-password"]).exits(0);
    let before = api.snapshot(&[]);
    sandbox.run(&["setup"]).exits(0);
    sandbox
        .run(&["teardown", "--keep-argocd"])
        .exits(0)
        .says("the admin password stays in Secret/argocd-secret");
    same(&before, &api.snapshot(&[]));
    sandbox.run(&["teardown", "--keep-argocd"]).exits(0).says("Nothing to take away");
}

#[test]
fn what_others_made_stays_and_is_named() {
    let Some(sandbox) = sandbox() else { return };
    let api = sandbox.api();
    sandbox.run(&["setup"]).exits(0);
    let foreign = json!({ "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": { "name": "foreign" },
        "spec": { "project": "default", "destination": { "namespace": "x", "name": "in-cluster" } } });
    api.create(APPLICATIONS, &foreign);
    let audit = sandbox.audit();
    sandbox
        .run(&["teardown"])
        .exits(3)
        .says("Application/foreign in argocd")
        .says("cargo xtask teardown --keep-argocd");
    audit.has_no_writes();
    api.delete(&format!("{APPLICATIONS}/foreign"));

    // A project that somebody else uses as well, and a namespace with something in it.
    let project = "/apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects/seldon";
    let theirs = json!({ "namespace": "theirs", "server": "https://kubernetes.default.svc" });
    let add = json!([{ "op": "add", "path": "/spec/destinations/-", "value": theirs }]);
    api.patch("kubectl-patch", project, &add);
    api.create("/api/v1/namespaces/seldon-dev/configmaps", &settings("left"));
    sandbox
        .run(&["teardown", "--keep-argocd"])
        .exits(0)
        .says("Namespace/seldon-dev stays, with what others put there: ConfigMap/left")
        .says("AppProject/seldon in argocd stays for the destinations of others");
    // Once it is as it should be, it is left alone.
    sandbox.run(&["teardown", "--keep-argocd"]).exits(0).says("Nothing to take away");
    assert_eq!(api.get(project)["spec"]["destinations"], json!([theirs]));
    assert!(api.find("/api/v1/namespaces/seldon-dev/configmaps/left").is_some());
    assert!(api.find(&format!("{APPLICATIONS}/seldon-gitops-seldon-dev")).is_none());
}

#[test]
fn a_finalizer_that_nobody_serves_holds_nothing_up() {
    let Some(sandbox) = sandbox() else { return };
    let api = sandbox.api();
    let before = api.snapshot(&[]);
    sandbox.run(&["setup"]).exits(0);
    let path = format!("{APPLICATIONS}/seldon-gitops-seldon-dev");
    let finalizers = json!(["resources-finalizer.argocd.argoproj.io"]);
    let add = json!([{ "op": "add", "path": "/metadata/finalizers", "value": finalizers }]);
    api.patch("kubectl-patch", &path, &add);
    sandbox
        .run(&["teardown", "--timeout", "60s"])
        .exits(0)
        .says("what Argo CD has deployed stays, for Application/seldon-gitops-seldon-dev in argocd");
    same(&before, &api.snapshot(&[]));
}

#[test]
fn what_argocd_deployed_for_an_application_set_stays() {
    let Some(sandbox) = sandbox() else { return };
    let api = sandbox.api();
    let before = api.snapshot(&[]);
    reconfigure(&sandbox, json!({ "models": { "syncPolicy": { "prune": true } } }));
    sandbox.run(&["setup"]).exits(0);
    let sets = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applicationsets";
    let set = api.get(sets)["items"][0].clone();
    let finalizers = ["resources-finalizer.argocd.argoproj.io", "acme.com/theirs"];
    let made = json!({ "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": { "name": "iris-seldon-dev", "finalizers": finalizers,
            "ownerReferences": [{ "apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet",
                "name": set["metadata"]["name"], "uid": set["metadata"]["uid"] }] },
        "spec": { "project": "models", "destination": { "namespace": "x", "name": "in-cluster" } } });
    api.create(APPLICATIONS, &made);

    let audit = sandbox.audit();
    sandbox
        .run(&["teardown", "--with-workloads"])
        .exits(3)
        .says("--with-workloads needs Argo CD's application controller, which does not run here");
    sandbox
        .run(&["teardown", "--plan", "--verbose"])
        .exits(0)
        .says("Application/iris-seldon-dev in argocd: loses Argo CD's finalizers")
        .says("what Argo CD has deployed stays");
    audit.has_no_writes();

    // Somebody else's finalizer is theirs to take off, and it says whose.
    sandbox.run(&["teardown", "--timeout", "5s"]).exits(5).says("has the finalizer acme.com/theirs");
    let path = format!("{APPLICATIONS}/iris-seldon-dev");
    assert_eq!(api.get(&path)["metadata"]["finalizers"], json!(["acme.com/theirs"]));
    api.patch("kubectl-patch", &path, &json!([{ "op": "remove", "path": "/metadata/finalizers" }]));
    poll("it is gone", Duration::from_secs(30), || api.find(&path).is_none().then_some(()));
    sandbox.run(&["teardown"]).exits(0);
    same(&before, &api.snapshot(&[]));
}

#[test]
fn what_would_be_lost_is_refused_before_the_first_effect() {
    let Some(mut sandbox) = sandbox() else { return };
    let api = sandbox.api();
    sandbox.run(&["setup"]).exits(0);
    let secret = "/api/v1/namespaces/argocd/secrets/cluster-east";
    let east = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "cluster-east", "labels": {
            "argocd.argoproj.io/secret-type": "cluster", "app.kubernetes.io/managed-by": "gitops-setup" } },
        "stringData": { "name": "east", "server": "https://east.acme.com" } });
    api.apply("gitops-setup", secret, &east);
    let audit = sandbox.audit();
    sandbox.run(&["teardown"]).exits(3).says("cargo xtask clusters remove east");
    audit.has_no_writes();
    api.delete(secret);

    // The Git host's token is at hand when setup runs, and maybe not on the way back.
    let auth = json!({ "bearer": { "token": { "env": "UNSET_HOOKS" } } });
    let webhooks = json!({ "argocdUrl": "https://gitops.acme.com", "auth": auth });
    let git = json!({ "url": "https://github.com/acme/gitops" });
    reconfigure(&sandbox, json!({ "git": git, "webhooks": webhooks }));
    sandbox.unset_env("GITOPS_SETUP_OFFLINE");
    let audit = sandbox.audit();
    sandbox.run(&["teardown"]).exits(3).says("UNSET_HOOKS").says("cargo xtask teardown --keep-webhooks");
    sandbox.run(&["teardown", "--plan", "--keep-argocd"]).exits(0).says("a plan does not look up the");
    audit.has_no_writes();
    sandbox
        .run(&["teardown", "--keep-argocd", "--keep-webhooks"])
        .exits(0)
        .says("the webhooks stay at the Git host");
}
