//! Several runs at once on one cluster: one writes, the others wait, and nobody waits for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::Method;
use serde_json::{Value, json};
use support::{Api, Running, Sandbox, Shared, Turn, Write, signal, with_a_real_node};

use crate::PROGRAM;

const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/gitops-setup";
const SECRET: &str = "/api/v1/namespaces/argocd/secrets/argocd-secret";
const TOKEN: &str = "/api/v1/namespaces/seldon-system/secrets/jwt-argocd";
/// Longer than writes are sent after a renewal, and a bit.
const STALE: Duration = Duration::from_secs(21);

static SHARED: Shared = Shared::new();

/// A cluster with Argo CD, an environment, and a node on which nothing runs: a token for Seldon has to wait for Argo
/// CD's server, and whoever waits for that holds the lock.
fn cluster() -> Option<Turn> {
    SHARED
        .get(|| {
            let sandbox = Sandbox::with_cluster(PROGRAM)?;
            let mut config = config("seldon-dev");
            sandbox.write("gitops.yaml", &config.to_string());
            sandbox.run(&["setup"]).exits(0);
            config["seldon"] = json!({ "createNamespace": true, "projectToken": "crowd" });
            sandbox.write("token.yaml", &config.to_string());
            sandbox.run(&["setup", "--config", "token.yaml"]).exits(0).says("not verified: no token");
            with_a_real_node(&sandbox);
            Some(sandbox)
        })
        // One that failed may have left it, for an hour.
        .inspect(|sandbox| drop(sandbox.api().send(Method::DELETE, LEASE, "application/json", &Value::Null)))
}

/// One environment of a project that all share.
fn config(namespace: &str) -> Value {
    json!({
        "argocd": { "manifest": "bundled" },
        "git": { "url": "https://git.example/ml/gitops" },
        "environments": [{ "namespace": namespace, "project": "crowd" }],
    })
}

/// A run that holds the lock, and waits for what only the test does.
fn holder(sandbox: &Sandbox) -> Running {
    let mut run = sandbox.start(&["stage", "project-token", "--config", "token.yaml", "--output", "json"]);
    assert!(run.reads_until(|line| line.contains("has no /data/server.secretkey yet")));
    run
}

/// Does what everybody but the holder can do. Gives the words for it.
fn another<'a>(sandbox: &Sandbox, namespace: &str, timeout: &'a str) -> [&'a str; 7] {
    sandbox.write("another.yaml", &config(namespace).to_string());
    ["setup", "--only", "environments", "--config", "another.yaml", "--lock-timeout", timeout]
}

/// The lock as another machine holds it.
fn foreign(seconds: u32) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": { "name": "gitops-setup", "namespace": "kube-system" },
        "spec": {
            "holderIdentity": "ann@laptop, process 7, setup", "leaseDurationSeconds": seconds,
            "acquireTime": "2026-01-02T03:04:05.000000Z", "renewTime": "2026-01-02T03:04:05.000000Z",
        },
    })
}

fn hold_as_another_machine(api: &Api, seconds: u32) {
    api.apply("test", LEASE, &foreign(seconds));
}

/// What a holder waits for is there.
fn give_key(api: &Api) {
    let key = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": "argocd-secret", "namespace": "argocd" },
        "data": { "server.secretkey": BASE64_STANDARD.encode("a signing key") },
    });
    api.apply("argocd-server", SECRET, &key);
}

/// As it was before.
fn take_token(api: &Api) {
    api.delete(TOKEN);
    api.patch("test", SECRET, &json!([{ "op": "remove", "path": "/data/server.secretkey" }]));
}

fn destinations(api: &Api) -> BTreeSet<String> {
    let project = api.get("/apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects/crowd");
    let list = project["spec"]["destinations"].as_array().expect("a list").clone();
    list.iter().map(|entry| entry["namespace"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn eight_at_once_write_one_after_the_other_and_nothing_of_anyone_is_lost() {
    let Some(sandbox) = cluster() else { return };
    let api = sandbox.api();
    let everything = json!([{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }]);
    let names: Vec<String> = (0..8).map(|n| format!("crowd-{n}")).collect();
    for name in &names {
        let kubeconfig = sandbox.login(name, &api.account(name, &everything));
        let mut config = config(name);
        config["cluster"] = json!({ "provider": "context", "context": name, "kubeconfig": kubeconfig });
        sandbox.write(&format!("{name}.yaml"), &config.to_string());
    }
    let audit = sandbox.audit();
    let words = |name: &str| {
        ["setup".into(), "--config".into(), format!("{name}.yaml"), "--only".into(), "environments".into()]
    };
    let runs: Vec<Running> = names
        .iter()
        .map(|name| sandbox.start(&words(name).iter().map(String::as_str).collect::<Vec<_>>()))
        .collect();
    let ended: Vec<_> = runs.into_iter().map(Running::wait).collect();
    for run in &ended {
        run.exits(0);
    }
    let waited = ended.iter().filter(|run| run.output().contains("waiting for another run")).count();
    assert!(waited > 0, "nobody met anybody");
    let missing: Vec<&String> = names.iter().filter(|name| !destinations(&api).contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(api.find(LEASE).is_none(), "the last one gave it back");

    // When each run wrote, by the server's clock.
    let mut spans = BTreeMap::<String, Vec<String>>::new();
    for event in audit.requests() {
        let writes = Write::of(&event).is_some_and(|write| !write.is_for_the_lock());
        if writes {
            let user = event["user"]["username"].as_str().expect("a name").to_owned();
            let time = event["requestReceivedTimestamp"].as_str().expect("a time").to_owned();
            spans.entry(user).or_default().push(time);
        }
    }
    assert_eq!(spans.len(), names.len(), "{:?}", spans.keys());
    let mut spans: Vec<(String, String)> = spans
        .into_values()
        .map(|times| (times.iter().min().expect("one").clone(), times.iter().max().expect("one").clone()))
        .collect();
    spans.sort();
    let one_after_the_other = spans.windows(2).all(|pair| pair[0].1 < pair[1].0);
    assert!(one_after_the_other, "{spans:?}");
}

#[test]
fn a_wait_is_bounded_and_says_for_whom() {
    let Some(sandbox) = cluster() else { return };
    let api = sandbox.api();
    hold_as_another_machine(&api, 3600);
    let audit = sandbox.audit();
    for timeout in ["0s", "1s"] {
        let run = sandbox.run(&another(&sandbox, "bounded", timeout));
        run.exits(5).says("another run changes this cluster");
        run.says("ann@laptop, process 7, setup, since 2026-01-02 03:04:05 UTC").says("--lock-timeout 1h");
    }
    // Who changes nothing waits for nobody.
    sandbox.run(&["plan", "--config", "another.yaml", "--exit-code"]).exits(10);
    sandbox.run(&["status", "--config", "another.yaml"]).exits(0);
    sandbox.run(&["stage", "environments", "--lock-timeout", "0s"]).exits(0).says("Nothing changed");
    sandbox.run(&["teardown", "--plan", "--keep-argocd"]).exits(0);
    audit.has_no_writes();
    sandbox.run(&["teardown", "--keep-argocd", "--lock-timeout", "0s"]).exits(5).says("ann@laptop");
    audit.has_no_writes();
    api.delete(LEASE);
    sandbox.run(&another(&sandbox, "bounded", "0s")).exits(0);
}

#[test]
fn a_holder_without_a_sign_of_life_is_taken_over_after_its_time() {
    let Some(sandbox) = cluster() else { return };
    let api = sandbox.api();
    hold_as_another_machine(&api, 30);
    let mut run = sandbox.start(&another(&sandbox, "after-ann", "1m"));
    assert!(run.reads_until(|line| line.contains("waiting for another run")));
    // Its time counts from its last sign of life, whatever the clock in it says.
    std::thread::sleep(Duration::from_secs(2));
    let sign = Instant::now();
    hold_as_another_machine(&api, 5);
    run.wait().exits(0);
    assert!(sign.elapsed() >= Duration::from_secs(5), "too early: {:?}", sign.elapsed());
    assert!(destinations(&api).contains("after-ann"));
    assert!(api.find(LEASE).is_none());
}

#[test]
fn the_rights_that_are_documented_are_enough() {
    let Some(sandbox) = cluster() else { return };
    let api = sandbox.api();
    let rules = json!([
        { "apiGroups": ["", "argoproj.io"], "resources": ["*"], "verbs": ["*"] },
        { "apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"] },
        { "apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames": ["gitops-setup"],
            "verbs": ["get", "list", "watch", "update", "delete"] },
    ]);
    let kubeconfig = sandbox.login("few-rights", &api.account("few-rights", &rules));
    let mut config = config("few-rights");
    config["cluster"] = json!({ "provider": "context", "context": "few-rights", "kubeconfig": kubeconfig });
    sandbox.write("few-rights.yaml", &config.to_string());
    hold_as_another_machine(&api, 2);
    let run = sandbox.run(&["setup", "--only", "environments", "--config", "few-rights.yaml"]);
    run.exits(0).says("waiting for another run").says("Done: ");
    assert!(!run.output().contains("no other run changes the cluster"), "{}", run.output());
    assert!(api.find(LEASE).is_none());
}

#[test]
fn a_killed_holder_of_the_same_machine_is_not_waited_for() {
    let Some(sandbox) = cluster() else { return };
    let api = sandbox.api();
    let run = holder(&sandbox);
    let lease = api.get(LEASE);
    let name = lease["spec"]["holderIdentity"].as_str().expect("a name").to_owned();
    assert!(name.ends_with(&format!("process {}, stage", run.id())), "{name}");
    sandbox.run(&another(&sandbox, "after-kill", "0s")).exits(5).says(&name);
    run.kill();
    assert!(api.find(LEASE).is_some(), "nobody gave it back");
    sandbox.run(&another(&sandbox, "after-kill", "0s")).exits(0);
    assert!(api.find(LEASE).is_none());
}

#[test]
fn a_stopped_run_gives_the_lock_back() {
    let Some(sandbox) = cluster() else { return };
    let api = sandbox.api();
    for name in ["INT", "TERM"] {
        let run = holder(&sandbox);
        assert!(api.find(LEASE).is_some());
        signal(name, run.id());
        run.wait().exits(130);
        assert!(api.find(LEASE).is_none(), "after SIG{name}");
    }
}

#[test]
fn a_holder_that_was_paused_and_that_nobody_missed_goes_on() {
    let Some(sandbox) = cluster() else { return };
    let api = sandbox.api();
    let run = holder(&sandbox);
    signal("STOP", run.id());
    std::thread::sleep(STALE);
    give_key(&api);
    signal("CONT", run.id());
    run.wait().exits(0);
    assert!(api.find(TOKEN).is_some());
    assert!(api.find(LEASE).is_none());
    take_token(&api);
}

#[test]
fn a_holder_that_was_paused_for_too_long_writes_nothing_more() {
    let Some(sandbox) = cluster() else { return };
    let api = sandbox.api();
    let run = holder(&sandbox);
    signal("STOP", run.id());
    let stopped = Instant::now();
    // As if a minute had passed.
    let short = json!([{ "op": "replace", "path": "/spec/leaseDurationSeconds", "value": 1 }]);
    api.patch("test", LEASE, &short);
    sandbox.run(&another(&sandbox, "meanwhile", "1m")).exits(0).says("waiting for another run");
    std::thread::sleep(STALE.saturating_sub(stopped.elapsed()));
    let audit = sandbox.audit();
    give_key(&api);
    signal("CONT", run.id());
    let ended = run.wait();
    ended.exits(4).says("the lock of this cluster was lost").says("running the same command again");
    assert_eq!(audit.writes(), []);
    assert!(api.find(TOKEN).is_none());
    // The next one makes it.
    sandbox.run(&["stage", "project-token", "--config", "token.yaml"]).exits(0);
    assert!(api.find(TOKEN).is_some());
    take_token(&api);
}
