//! What a cluster may be in that no set-up can change: each ends soon, with its cause, its code and the way out.

use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use support::{Api, CLOSED, Sandbox, Shared, Turn, poll};

use crate::PROGRAM;

static SHARED: Shared = Shared::new();

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/argocd/deployments";
const ADMISSION: &str = "/apis/admissionregistration.k8s.io/v1";

/// A cluster with Argo CD and no environment.
fn cluster() -> Option<Turn> {
    SHARED.get(|| {
        let mut sandbox = Sandbox::with_cluster(PROGRAM)?;
        sandbox.set_env("HOST_TOKEN", "a-token");
        sandbox.write("gitops.yaml", "argocd: {manifest: bundled}\n");
        sandbox.run(&["setup"]).exits(0);
        Some(sandbox)
    })
}

fn config(namespace: &str) -> Value {
    json!({
        "argocd": { "manifest": "bundled" },
        "git": { "url": "https://git.example/ml/gitops" },
        "environments": [{ "namespace": namespace }],
    })
}

/// Writes a configuration with one environment, and gives its name.
fn environment(sandbox: &Sandbox, namespace: &str) -> String {
    let name = format!("{namespace}.yaml");
    sandbox.write(&name, &config(namespace).to_string());
    name
}

/// Waits until a rule of the cluster is in effect, which each API server learns by itself.
fn refuses(api: &Api, collection: &str, kind: &str, name: &str, says: &str) {
    let probe = json!({ "apiVersion": "v1", "kind": kind, "metadata": { "name": name } });
    poll("the rule is in effect", Duration::from_secs(60), || {
        let answer = api.send(Method::POST, &format!("{collection}?dryRun=All"), "application/json", &probe);
        answer.err().filter(|refusal| refusal.message.contains(says))
    });
}

#[test]
fn whose_field_it_is_decides_what_helps() {
    let Some(sandbox) = cluster() else { return };
    let api = sandbox.api();
    for (manager, advice) in [
        (
            "argocd-controller",
            "argocd-controller is Argo CD itself, which applies this from a Git repository",
        ),
        ("helm", "helm sets its fields again by the next `helm upgrade`"),
        ("kubectl-edit", "let them go there, or take them over: cargo xtask setup --force-conflicts"),
    ] {
        let name = format!("owned-by-{manager}");
        let config = environment(&sandbox, &name);
        sandbox.run(&["setup", "--config", &config]).exits(0);
        let theirs = json!({ "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": name, "labels": { "seldon.restricted": "true" } } });
        api.apply(manager, &format!("/api/v1/namespaces/{name}"), &theirs);
        let setup = sandbox.run(&["setup", "--config", &config]);
        setup
            .exits(4)
            .says(&format!("metadata.labels.seldon.restricted is set by \"{manager}\""))
            .says(advice);
    }
}

#[test]
fn what_cannot_be_changed_in_place_is_named_with_the_way_out() {
    let Some(sandbox) = cluster() else { return };
    let api = sandbox.api();
    let path = format!("{DEPLOYMENTS}/argocd-redis");
    let mut other = api.get(&path);
    api.delete(&path);
    poll("it is gone", Duration::from_secs(30), || api.find(&path).is_none().then_some(()));
    for labels in ["/spec/selector/matchLabels", "/spec/template/metadata/labels"] {
        *other.pointer_mut(labels).expect("it has labels") = json!({ "made-by": "somebody" });
    }
    other["metadata"] = json!({ "name": "argocd-redis" });
    other["status"] = Value::Null;
    api.create(DEPLOYMENTS, &other);
    let setup = sandbox.run(&["setup"]);
    setup.exits(4).says("Deployment/argocd-redis in argocd is refused by the cluster (422)");
    setup.says("field is immutable").says("kubectl delete deployment argocd-redis -n argocd");
    // As it says.
    api.delete(&path);
    sandbox.run(&["setup"]).exits(0);
}

#[test]
fn a_quota_that_is_used_up_is_named() {
    let Some(sandbox) = cluster() else { return };
    let api = sandbox.api();
    let quotas = "/api/v1/namespaces/argocd/resourcequotas";
    let quota = json!({ "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "few-secrets" },
        "spec": { "hard": { "count/secrets": "0" } } });
    api.create(quotas, &quota);
    refuses(&api, "/api/v1/namespaces/argocd/secrets", "Secret", "probe", "exceeded quota");
    let mut config = config("in-quota");
    config["git"]["auth"] = json!({ "token": { "username": "bot", "token": { "env": "HOST_TOKEN" } } });
    config["seldon"] = json!({ "createNamespace": true });
    sandbox.write("quota.yaml", &config.to_string());
    // An API server asks first for a quota that it does not know, then learns of it before what is used is counted, and
    // then lets everything pass once more: only the request itself tells.
    let setup = poll("the quota is in effect", Duration::from_secs(60), || {
        let setup = sandbox.run(&["setup", "--config", "quota.yaml"]);
        if setup.code == Some(4) {
            return Some(setup);
        }
        setup.exits(0);
        let secrets = api.list("/api/v1/namespaces/argocd/secrets");
        let names = secrets.iter().filter_map(|secret| secret["metadata"]["name"].as_str());
        names.filter(|name| name.starts_with("repo-")).for_each(|name| {
            api.delete(&format!("/api/v1/namespaces/argocd/secrets/{name}"));
        });
        None
    });
    setup.says("exceeded quota: few-secrets").says("kubectl describe resourcequota -n argocd");
    assert!(!setup.output().contains("a-token"), "{}", setup.output());
    api.delete(&format!("{quotas}/few-secrets"));
    poll("the quota is forgotten", Duration::from_secs(60), || {
        let setup = sandbox.run(&["setup", "--config", "quota.yaml"]);
        if setup.code == Some(4) {
            setup.says("exceeded quota: few-secrets");
            return None;
        }
        setup.exits(0);
        Some(())
    });
}

#[test]
fn what_holds_a_namespace_that_is_being_deleted_is_named() {
    let Some(sandbox) = cluster() else { return };
    let api = sandbox.api();
    let config = environment(&sandbox, "stuck");
    api.create("/api/v1/namespaces", &json!({ "kind": "Namespace", "metadata": { "name": "stuck" } }));
    let held =
        json!({ "kind": "ConfigMap", "metadata": { "name": "held", "finalizers": ["acme.com/held"] } });
    api.create("/api/v1/namespaces/stuck/configmaps", &held);
    api.delete("/api/v1/namespaces/stuck");
    poll("the controller has looked", Duration::from_secs(60), || {
        let namespace = api.get("/api/v1/namespaces/stuck");
        namespace["status"]["conditions"].to_string().contains("acme.com/held").then_some(())
    });
    let audit = sandbox.audit();
    let setup = sandbox.run(&["setup", "--config", &config]);
    setup.exits(3).says("Namespace/stuck is being deleted").says("acme.com/held in 1 resource instances");
    audit.has_no_writes();
    let free = json!([{ "op": "remove", "path": "/metadata/finalizers" }]);
    api.patch("test", "/api/v1/namespaces/stuck/configmaps/held", &free);
    poll("it is gone", Duration::from_secs(60), || {
        api.find("/api/v1/namespaces/stuck").is_none().then_some(())
    });
    sandbox.run(&["setup", "--config", &config]).exits(0);
}

#[test]
fn a_webhook_that_does_not_work_is_named_with_its_configuration() {
    let Some(sandbox) = cluster() else { return };
    let api = sandbox.api();
    // Its queue takes the connection, and nobody answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let slow = format!("https://{}/", silent.local_addr().expect("it listens"));
    let dead = format!("https://{CLOSED}/");
    for (name, url, cause) in
        [("dead", dead, "connection refused"), ("slow", slow, "context deadline exceeded")]
    {
        let config = environment(&sandbox, &format!("behind-{name}"));
        let webhook = json!({
            "name": format!("{name}.acme.com"),
            "clientConfig": { "url": url },
            "rules": [{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["namespaces"] }],
            "matchConditions": [{ "name": "ours", "expression": format!("object.metadata.name == 'behind-{name}'") }],
            "failurePolicy": "Fail", "sideEffects": "None", "timeoutSeconds": 8, "admissionReviewVersions": ["v1"],
        });
        let configurations = format!("{ADMISSION}/validatingwebhookconfigurations");
        let policy = json!({ "kind": "ValidatingWebhookConfiguration", "metadata": { "name": format!("{name}-policy") },
            "webhooks": [webhook] });
        api.create(&configurations, &policy);
        refuses(&api, "/api/v1/namespaces", "Namespace", &format!("behind-{name}"), cause);
        let start = Instant::now();
        let setup = sandbox.run(&["setup", "--config", &config]);
        assert!(start.elapsed() < Duration::from_secs(90), "it is bounded: {:?}", start.elapsed());
        setup.exits(5).says(&format!("not possible to patch Namespace/behind-{name}"));
        setup.says(&format!("{name}.acme.com of ValidatingWebhookConfiguration/{name}-policy")).says(cause);
        setup.says(&format!("kubectl get validatingwebhookconfiguration {name}-policy -o yaml"));
        api.delete(&format!("{configurations}/{name}-policy"));
    }
}

#[test]
fn a_policy_of_the_cluster_is_named() {
    let Some(sandbox) = cluster() else { return };
    let api = sandbox.api();
    let policy = json!({ "kind": "ValidatingAdmissionPolicy", "metadata": { "name": "no-forbidden" }, "spec": {
        "failurePolicy": "Fail",
        "matchConstraints": { "resourceRules": [{ "apiGroups": [""], "apiVersions": ["v1"],
            "operations": ["CREATE"], "resources": ["namespaces"] }] },
        "validations": [{ "expression": "!object.metadata.name.startsWith('forbidden')",
            "message": "such names are not allowed here" }] } });
    api.create(&format!("{ADMISSION}/validatingadmissionpolicies"), &policy);
    let binding = json!({ "kind": "ValidatingAdmissionPolicyBinding", "metadata": { "name": "no-forbidden" },
        "spec": { "policyName": "no-forbidden", "validationActions": ["Deny"] } });
    api.create(&format!("{ADMISSION}/validatingadmissionpolicybindings"), &binding);
    refuses(&api, "/api/v1/namespaces", "Namespace", "forbidden-probe", "not allowed here");
    let config = environment(&sandbox, "forbidden-name");
    let setup = sandbox.run(&["setup", "--config", &config]);
    setup.exits(4).says("such names are not allowed here");
    setup.says("kubectl get validatingadmissionpolicy no-forbidden -o yaml");
}

#[test]
fn a_definition_whose_names_another_one_has_is_not_waited_for() {
    let Some(sandbox) = Sandbox::with_cluster(PROGRAM) else { return };
    sandbox.write("gitops.yaml", "argocd: {manifest: bundled}\n");
    sandbox.run(&["cluster", "up"]).exits(0);
    let api = sandbox.api();
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let fork = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "forks.argoproj.io", "annotations": { "api-approved.kubernetes.io": "unapproved, a test" } },
        "spec": { "group": "argoproj.io", "scope": "Namespaced",
            "names": { "kind": "AppProject", "plural": "forks", "singular": "fork" },
            "versions": [{ "name": "v1", "served": true, "storage": true,
                "schema": { "openAPIV3Schema": { "type": "object" } } }] },
    });
    api.create(definitions, &fork);
    poll("it is served", Duration::from_secs(30), || api.find("/apis/argoproj.io/v1/forks"));
    // The second run finds the definition as it was applied, and still does not take it for done.
    for code in [4, 3] {
        let setup = sandbox.run(&["setup"]);
        setup.exits(code).says("CustomResourceDefinition/appprojects.argoproj.io is there and is not served");
        setup.says("is already in use").says("kubectl get crd | grep argoproj.io");
    }
    api.delete(&format!("{definitions}/forks.argoproj.io"));
    poll("the other one is accepted", Duration::from_secs(30), || {
        api.find("/apis/argoproj.io/v1alpha1/appprojects")
    });
    sandbox.run(&["setup"]).exits(0);
}

/// Asks etcd by its HTTP gateway to raise or to take back the alarm that it raises when its quota is used up.
fn alarm_of_etcd(sandbox: &Sandbox, action: &str) {
    let [process] = sandbox.processes("etcd")[..] else { panic!("one etcd") };
    let line = std::fs::read_to_string(format!("/proc/{process}/cmdline")).expect("it runs");
    let address = line.split('\0').find_map(|word| word.strip_prefix("--listen-client-urls=http://"));
    let address = address.expect("it listens");
    let members = post(address, "/v3/cluster/member/list", "{}");
    let member = members["header"]["member_id"].as_str().expect("a number");
    let body = json!({ "action": action, "memberID": member, "alarm": "NOSPACE" });
    post(address, "/v3/maintenance/alarm", &body.to_string());
}

fn post(address: &str, path: &str, body: &str) -> Value {
    let mut stream = TcpStream::connect(address).expect("etcd listens");
    write!(
        stream,
        "POST {path} HTTP/1.0\r\nHost: etcd\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("etcd reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("etcd answers");
    assert!(answer.contains(" 200 OK"), "{answer}");
    let json = answer.split_once("\r\n\r\n").expect("a body").1;
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

#[test]
fn a_full_etcd_is_told_at_once() {
    let Some(sandbox) = Sandbox::with_cluster(PROGRAM) else { return };
    sandbox.write("gitops.yaml", &config("seldon-dev").to_string());
    sandbox.run(&["setup"]).exits(0);
    alarm_of_etcd(&sandbox, "ACTIVATE");
    let start = Instant::now();
    let config = environment(&sandbox, "no-room");
    let setup = sandbox.run(&["setup", "--config", &config]);
    setup.exits(4).says("database space exceeded").says("etcdctl alarm list");
    assert!(start.elapsed() < Duration::from_secs(30), "it does not try for long: {:?}", start.elapsed());
    // Reading goes on.
    sandbox.run(&["setup"]).exits(0).says("Nothing changed");
    alarm_of_etcd(&sandbox, "DEACTIVATE");
    sandbox.run(&["setup", "--config", &config]).exits(0);
}
