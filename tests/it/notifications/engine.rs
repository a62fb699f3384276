//! What Argo CD's own engine makes of what we configure: `tests/notifications` is built on it.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use manifests::config::{Config, Source, load};
use manifests::{environment, notifications};
use serde_json::{Value, json};
use support::skipped;

const CONFIG: &str = r#"
git: {url: github.com/acme/gitops}
environments:
  - namespace: fraud
    subscriptions:
      - {trigger: on-deployed, service: slack, recipients: [ml, releases]}
      - {trigger: on-sync-failed, service: pager, recipients: [ml]}
      - {trigger: on-sync-failed, service: hook}
notifications:
  argocdUrl: https://gitops.acme.com
  services:
    slack: {slack: {token: {env: SLACK}, username: argo, icon: ":rocket:"}}
    pager: {pagerduty: {integrationKeys: {ml: {env: PAGER}}}}
    hook:
      webhook:
        url: https://hooks.example.com/ml
        headers:
          - {name: Authorization, value: "Bearer ", valueFrom: {env: HOOK}}
          - {name: X-Team, value: ml}
    mail: {email: {host: smtp.acme.com, port: 587, auth: {username: ml, password: {env: MAIL}}, from: ml@acme.com}}
  triggers:
    on-fire: [{when: "app.status?.health?.status == 'Missing'", send: [fire]}]
  templates:
    fire: |
      message: "{{ .app.metadata.name }} burns"
  subscriptions:
    - {trigger: on-health-degraded, service: mail, recipients: [ml@acme.com]}
    - {trigger: on-sync-failed, service: slack, recipients: [fraud], labels: {team: fraud}}
    - {trigger: on-sync-failed, service: hook, labels: {team: other}}
"#;
/// What an error may hold: all that could break JSON, and what Slack would take for a call to everyone.
const ERROR: &str = "one \"quoted\" \\ back\nsecond line <!channel> & {{ braces }} ' ü";
const REVISION: &str = "4f2c1d7e9a";

/// What the engine says of each Application; `None` where it can't be had.
fn asked(config: &Config, applications: &Value) -> Option<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("notifications");
    let go = |words: &[&str]| {
        let mut go = Command::new("go");
        go.args(words)
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        go
    };
    let why = match go(&["mod", "download"]).output() {
        Err(error) => Some(format!("no Go: {error}")),
        Ok(output) if !output.status.success() => Some(String::from_utf8_lossy(&output.stderr).into_owned()),
        Ok(_) => None,
    };
    if let Some(why) = why {
        skipped(&format!("templates and triggers in Argo CD's own engine: {}", why.trim()));
        return None;
    }
    let secret = notifications::secret(config).expect("they are configured");
    let values: BTreeMap<&String, String> = secret
        .fill
        .iter()
        .map(|(key, _)| (key, BASE64_STANDARD.encode(format!("value: of \"{key}\""))))
        .collect();
    let given = json!({
        "configMap": notifications::config_map(config).expect("they are configured").as_value(),
        "secret": { "data": values },
        "applications": applications,
    });
    let mut child = go(&["run", "-buildvcs=false", "."]).spawn().expect("go was found");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(given.to_string().as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).expect("JSON"))
}

fn configured() -> Config {
    let source = Source { name: "gitops.yaml".into(), text: CONFIG.into() };
    load(Some(&source), &|_| None, &[]).unwrap_or_else(|errors| panic!("{errors}")).config
}

/// The Application of the environment, with a status.
fn application(config: &Config, status: &Value) -> Value {
    let object = environment::application(&config.environments[0], &config.git, "argocd");
    let mut application = object.with_label("team", "fraud").as_value().clone();
    if !status.is_null() {
        application["status"] = status.clone();
    }
    application
}

fn status(phase: &str, health: &str) -> Value {
    json!({
        "operationState": {
            "phase": phase, "message": ERROR, "finishedAt": "2026-01-01T00:00:00Z",
            "syncResult": { "revision": REVISION },
        },
        "health": { "status": health, "message": ERROR },
        "sync": { "status": "Synced", "revision": REVISION },
    })
}

/// Applications in every phase and state of health, and some whose status lacks something.
fn applications(config: &Config) -> Value {
    let mut all = json!({});
    for phase in ["Running", "Terminating", "Succeeded", "Failed", "Error"] {
        for health in ["Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown"] {
            all[format!("{phase} {health}")] = application(config, &status(phase, health));
        }
    }
    all["no status"] = application(config, &Value::Null);
    all["empty status"] = application(config, &json!({}));
    all["never synced"] = application(config, &json!({ "health": { "status": "Degraded" } }));
    all["no result"] = application(config, &json!({ "operationState": { "phase": "Error" } }));
    let mut several = status("Succeeded", "Healthy");
    several["operationState"]["syncResult"] = json!({ "revision": "", "revisions": ["aa", "bb"] });
    several["sync"] = json!({ "revisions": ["aa", "bb"] });
    all["several sources"] = application(config, &several);
    all
}

#[test]
fn every_phase_is_told_by_whom_it_should_be_and_every_message_is_sound() {
    let config = configured();
    let applications = applications(&config);
    let Some(told) = asked(&config, &applications) else { return };
    for (name, told) in told.as_object().expect("a map") {
        let sends = |trigger: &str| told["triggers"][trigger]["sends"] == true;
        assert_eq!(
            sends("on-deployed"),
            ["Succeeded Healthy", "several sources"].contains(&name.as_str()),
            "{name}"
        );
        let failed = name.starts_with("Failed") || name.starts_with("Error") || name == "no result";
        assert_eq!(sends("on-sync-failed"), failed, "{name}");
        let degraded = name.ends_with("Degraded") || name == "never synced";
        assert_eq!(sends("on-health-degraded"), degraded, "{name}");
        for template in ["app-deployed", "app-sync-failed", "app-health-degraded"] {
            is_sound(&told["messages"][template], &format!("{template}, {name}"));
        }
    }
    assert_eq!(told["Succeeded Healthy"]["triggers"]["on-deployed"]["oncePer"], REVISION);
    assert_eq!(told["several sources"]["triggers"]["on-deployed"]["oncePer"], "");
    let several = told["several sources"]["messages"]["app-deployed"]["email"]["body"].as_str();
    assert!(several.is_some_and(|body| body.contains("Revision: aa, bb")), "{several:?}");
}

/// Texts without holes, and JSON that is JSON.
fn is_sound(message: &Value, what: &str) {
    let text = message.to_string();
    assert!(!text.contains("<no value>") && !text.contains("nil"), "{what}: {text}");
    let json = |pointer: &str| -> Value {
        let text =
            message.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{what}: {message}"));
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{what}: {error}: {text}"))
    };
    let attachment = &json("/slack/attachments")[0];
    assert_eq!(attachment["title_link"], "https://gitops.acme.com/argocd/applications/seldon-gitops-fraud");
    assert!(!attachment["text"].as_str().expect("a text").contains("<!channel>"), "{what}: {attachment}");
    let body = json("/webhook/hook/body");
    assert_eq!((&body["application"], &body["project"]), (&json!("seldon-gitops-fraud"), &json!("seldon")));
    let summary = message["pagerdutyv2"]["summary"].as_str().expect("a text");
    assert!(!summary.contains('\n') && summary.len() < 1024, "{what}: {summary}");
    let phase = body["phase"].as_str().expect("a text");
    for said in [
        summary,
        message["message"].as_str().expect("a text"),
        message["email"]["subject"].as_str().expect("a text"),
    ] {
        assert!(said.contains(&format!("sync {phase}")), "{what}: {said}");
    }
}

#[test]
fn what_is_sent_reaches_those_who_subscribed() {
    let config = configured();
    let applications = json!({ "app": application(&config, &status("Error", "Degraded")) });
    let Some(told) = asked(&config, &applications) else { return };
    let told = &told["app"];
    assert_eq!(
        told["destinations"],
        json!([
            "on-deployed slack:ml",
            "on-deployed slack:releases",
            "on-health-degraded mail:ml@acme.com",
            "on-sync-failed hook:",
            "on-sync-failed pager:ml",
            "on-sync-failed slack:fraud",
        ])
    );
    let requests = told["requests"].as_array().expect("a list");
    let to = |path: &str| requests.iter().find(|request| request["path"] == path).expect("it was sent");
    let hook = to("/ml");
    assert_eq!(hook["method"], "POST");
    let headers = &hook["headers"];
    assert_eq!(headers["Authorization"], json!(["Bearer value: of \"hook-header-authorization\""]));
    assert_eq!(
        (&headers["Content-Type"], &headers["X-Team"]),
        (&json!(["application/json"]), &json!(["ml"]))
    );
    let body: Value = serde_json::from_str(hook["body"].as_str().expect("a text")).expect("JSON");
    assert_eq!((&body["event"], &body["phase"]), (&json!("on-sync-failed"), &json!("Error")));
    assert_eq!(body["message"], ERROR);
    let slack = &to("/slack/chat.postMessage")["form"];
    assert_eq!(
        (&slack["token"], &slack["channel"]),
        (&json!(["value: of \"slack-token\""]), &json!(["fraud"]))
    );
    let attachments: Value =
        serde_json::from_str(slack["attachments"][0].as_str().expect("a text")).expect("JSON");
    assert_eq!(attachments[0]["fields"][0]["value"], "Error", "{attachments}");
}

#[test]
fn without_an_address_there_are_no_links() {
    let mut config = configured();
    if let Some(notifications) = &mut config.notifications {
        notifications.argocd_url = None;
    }
    let applications = json!({ "app": application(&config, &status("Failed", "Healthy")) });
    let Some(told) = asked(&config, &applications) else { return };
    let message = &told["app"]["messages"]["app-sync-failed"];
    assert_eq!(message["pagerdutyv2"]["url"], "");
    assert!(!message.to_string().contains("/applications/"), "{message}");
}
