//! Notifications: Argo CD's two objects on a real API server, and what Argo CD's engine makes of them.

mod engine;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use support::{Planted, Sandbox, manifest};

use crate::PROGRAM;

const MAP: &str = "/api/v1/namespaces/argocd/configmaps/argocd-notifications-cm";
const SECRET: &str = "/api/v1/namespaces/argocd/secrets/argocd-notifications-secret";
const APPLICATION: &str = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/seldon-gitops-fraud";
const TOKEN: &str = "xoxb-hush-4a81c07e2d";
const ROTATED: &str = "xoxb-hush-99d2f6b310";
const KEY: &str = "R0-hush-51fe7c38aa";

fn configure(sandbox: &Sandbox, manifest: &Value, services: &Value) {
    let config = json!({
        "argocd": { "version": "v3.5.1", "manifest": manifest },
        "git": { "url": "https://git.example/ml/gitops" },
        "environments": [{
            "namespace": "fraud",
            "subscriptions": [
                { "trigger": "on-deployed", "service": "slack", "recipients": ["ml", "releases"] },
                { "trigger": "on-sync-failed", "service": "hook" },
            ],
        }],
        "notifications": {
            "services": services,
            "subscriptions": [{ "trigger": "on-sync-failed", "service": "slack", "recipients": ["ml"] }],
        },
    });
    sandbox.write("gitops.yaml", &config.to_string());
}

fn services() -> Value {
    json!({
        "slack": { "slack": { "token": { "env": "SLACK" } } },
        "on-call": { "pagerduty": { "integrationKeys": { "ml": { "env": "PAGER" } } } },
        "hook": { "webhook": { "url": "https://hooks.example.com" } },
    })
}

fn stored(sandbox: &Sandbox, key: &str) -> Option<String> {
    let secret = sandbox.api().get(SECRET);
    let value = secret["data"][key].as_str()?;
    Some(String::from_utf8(BASE64_STANDARD.decode(value).expect("base64")).expect("text"))
}

#[track_caller]
fn changes_nothing(sandbox: &Sandbox) {
    let audit = sandbox.audit();
    sandbox.run(&["setup"]).exits(0).says("Nothing changed");
    sandbox.run(&["plan", "--exit-code"]).exits(0);
    audit.has_no_writes();
}

/// The tokens are in one Secret of the cluster and nowhere else.
fn stands_nowhere_else(sandbox: &Sandbox) {
    let planted = Planted::new([TOKEN, ROTATED, KEY]);
    // Configuration, audit log, kubeconfig: everything but etcd's own files, which hold the Secrets.
    assert!(planted.is_in_no_file_of(&sandbox.work()) > 0);
    assert!(planted.is_in_no_file_of(&sandbox.data()) > 10);
    for (name, mut object) in sandbox.api().snapshot(&[]) {
        if name == "Secret/argocd/argocd-notifications-secret" {
            object["data"].take();
        }
        planted.is_not_in(&name, object.to_string().as_bytes());
    }
}

#[test]
fn tokens_are_stored_rotated_and_taken_away_and_others_keys_stay() {
    let Some(file) = manifest("install-v3.5.1.yaml") else { return };
    let Some(mut sandbox) = Sandbox::with_cluster(PROGRAM) else { return };
    configure(&sandbox, &json!({ "file": file }), &services());
    sandbox.set_env("PAGER", KEY);
    sandbox.run(&["setup"]).exits(3).says("environment variable SLACK is not set");
    assert!(!sandbox.cluster().exists(), "a token that is missing is told before anything is made");

    sandbox.set_env("SLACK", TOKEN);
    let planted = Planted::new([TOKEN, ROTATED, KEY]);
    for words in
        [&["plan", "-v"][..], &["setup", "-v"], &["plan", "-v", "--output", "json"], &["status", "-v"]]
    {
        let run = sandbox.run(words);
        planted.is_not_in(&run.words, run.exits(0).output().as_bytes());
    }
    let api = sandbox.api();
    assert_eq!(stored(&sandbox, "slack-token").as_deref(), Some(TOKEN));
    assert_eq!(stored(&sandbox, "on-call-key-ml").as_deref(), Some(KEY));
    let map = api.get(MAP);
    assert_eq!(map["data"]["service.slack"], "token: $slack-token\n");
    let annotations = api.get(APPLICATION)["metadata"]["annotations"].clone();
    let subscribed = |name: &str| annotations[format!("notifications.argoproj.io/subscribe.{name}")].clone();
    assert_eq!(subscribed("on-deployed.slack"), "ml;releases");
    assert_eq!(subscribed("on-sync-failed.hook"), "");
    changes_nothing(&sandbox);
    stands_nowhere_else(&sandbox);

    // What others put there, and what the controller notes on the Application.
    let theirs = |kind: &str, name: &str, data: Value| {
        json!({
            "apiVersion": "v1", "kind": kind, "metadata": { "name": name, "namespace": "argocd" }, "data": data,
        })
    };
    api.apply(
        "somebody",
        SECRET,
        &theirs("Secret", "argocd-notifications-secret", json!({ "theirs": "eA==" })),
    );
    let teams = json!({ "service.teams": "recipientUrls: {}\n" });
    api.apply("somebody", MAP, &theirs("ConfigMap", "argocd-notifications-cm", teams));
    let notified = json!([{
        "op": "add", "path": "/metadata/annotations/notified.notifications.argoproj.io", "value": "{}",
    }]);
    api.patch("argocd-notifications", APPLICATION, &notified);
    changes_nothing(&sandbox);

    let map = api.get(MAP);
    sandbox.set_env("SLACK", ROTATED);
    let audit = sandbox.audit();
    sandbox.run(&["setup", "-v"]).exits(0).says("data.slack-token: another value (hidden)");
    let writes = audit.writes();
    assert!(writes.len() == 1 && writes[0].uri.starts_with(SECRET), "{writes:?}");
    assert_eq!(stored(&sandbox, "slack-token").as_deref(), Some(ROTATED));
    assert_eq!(api.get(MAP), map);
    changes_nothing(&sandbox);

    let mut fewer = services();
    fewer.as_object_mut().expect("a map").remove("on-call");
    configure(&sandbox, &json!({ "file": file }), &fewer);
    sandbox.run(&["setup"]).exits(0);
    assert_eq!((stored(&sandbox, "on-call-key-ml"), stored(&sandbox, "theirs")), (None, Some("x".into())));
    let data = &api.get(MAP)["data"];
    assert_eq!(data["service.pagerdutyv2.on-call"], Value::Null);
    assert_eq!(data["service.teams"], "recipientUrls: {}\n");
    changes_nothing(&sandbox);
    stands_nowhere_else(&sandbox);
}

#[test]
fn a_key_of_somebody_elses_is_named_and_not_taken() {
    let Some(mut sandbox) = Sandbox::with_cluster(PROGRAM) else { return };
    configure(&sandbox, &json!("bundled"), &services());
    sandbox.set_env("SLACK", TOKEN);
    sandbox.set_env("PAGER", KEY);
    sandbox.run(&["setup", "--skip", "notifications"]).exits(0);
    let theirs = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "argocd-notifications-cm", "namespace": "argocd" },
        "data": { "trigger.on-deployed": "- when: 'false'\n  send: [mine]\n" },
    });
    let api = sandbox.api();
    api.apply("catalogue", MAP, &theirs);
    sandbox.run(&["setup"]).exits(4).says("trigger.on-deployed").says("catalogue");
    assert_eq!(api.get(MAP)["data"]["trigger.on-deployed"], theirs["data"]["trigger.on-deployed"]);
    sandbox.run(&["setup", "--force-conflicts"]).exits(0);
    changes_nothing(&sandbox);
}
