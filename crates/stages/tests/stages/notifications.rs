//! Notifications: two objects that others may write to as well.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use manifests::argocd::names;
use manifests::config::{Config, NotificationService, Notifications, SecretRef};
use manifests::object::LAST_APPLIED;
use manifests::{Object, notifications};
use serde_json::{Value, json};
use stages::plan::{Action, Apply};
use stages::{Inputs, Observed, Plan};

use super::support::{self, Filled, KUBERNETES_1_36, STORED, plan_all, running, set, settled, with};

fn slack() -> NotificationService {
    NotificationService::Slack { token: SecretRef::Env("SLACK".into()), username: None, icon: None }
}

fn inputs(change: impl FnOnce(&mut Config)) -> Inputs {
    let mut config = support::config();
    let services = BTreeMap::from([("slack".to_owned(), slack())]);
    let argocd_url = Some("https://gitops.acme.com".into());
    config.notifications = Some(Notifications { services, argocd_url, ..Notifications::default() });
    change(&mut config);
    support::inputs(config)
}

fn planned(inputs: &Inputs, observed: &Observed) -> Plan {
    let plan = support::plan("notifications", inputs, observed).expect("a plan");
    let shown = format!("{plan:?}{}", serde_json::to_string(&plan).expect("a plan has a JSON form"));
    assert!(!shown.contains(STORED), "{shown}");
    plan
}

/// A cluster with Argo CD and with what is configured, all values stored.
fn configured(inputs: &Inputs) -> Observed {
    let (_, observed) = plan_all(inputs, running(KUBERNETES_1_36)).expect("plans");
    settled(inputs, observed)
}

fn applies(plan: &Plan) -> Vec<&Apply> {
    plan.actions.iter().map(apply).collect()
}

fn apply(action: &Action) -> &Apply {
    match action {
        Action::Apply(apply) => apply,
        other => panic!("{other:?}"),
    }
}

fn changes(plan: &Plan) -> String {
    let lines = applies(plan).into_iter().flat_map(|apply| {
        let reference = apply.object.reference();
        apply.changes.iter().map(move |change| format!("{reference}: {change}"))
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn both_objects_are_applied_with_keys_of_their_own_and_then_never_again() {
    let inputs = inputs(|_| {});
    let (_, installed) =
        plan_all(&support::inputs(support::config()), running(KUBERNETES_1_36)).expect("plans");
    let plan = planned(&inputs, &installed);
    let applies = applies(&plan);
    let [secret, map] = applies.as_slice() else { panic!("{plan:?}") };
    for apply in &applies {
        assert_eq!(apply.manager, "gitops-setup-notifications", "others' keys are not ours to own");
        assert!(!apply.force && !apply.creates, "they are there, and a key of somebody else's stays");
    }
    assert_eq!(secret.object.get("/data"), None);
    assert_eq!(secret.fill.len(), 1);
    assert!(map.object.text("/data/service.slack").contains("$slack-token"));
    assert_eq!(planned(&inputs, &configured(&inputs)).actions, []);
}

#[test]
fn a_rotated_token_is_one_changed_secret() {
    let inputs = inputs(|_| {});
    let mut observed = configured(&inputs);
    observed.stored.clear();
    assert_snapshot!(changes(&planned(&inputs, &observed)), @"Secret/argocd-notifications-secret in argocd: data.slack-token: another value (hidden)");
}

#[test]
fn what_others_keep_there_stays_and_is_not_taken() {
    let inputs = inputs(|_| {});
    let observed = configured(&inputs);
    let reference = names::notifications("argocd");
    let live = observed.object(&reference).expect("it is there").clone();
    let theirs = set(live, "/data", "service.teams", json!("recipientUrls: {}"));
    assert_eq!(planned(&inputs, &with(observed.clone(), theirs.clone())).actions, []);
    let theirs = set(theirs, "/data", "trigger.on-deployed", json!("[]"));
    let fields = json!({ "f:data": { "f:trigger.on-deployed": {} } });
    let entry = json!([{ "manager": "kubectl", "operation": "Update", "fieldsV1": fields }]);
    let theirs = set(theirs, "/metadata", "managedFields", entry);
    let plan = planned(&inputs, &with(observed, theirs));
    assert!(changes(&plan).ends_with("(set by kubectl)"), "{}", changes(&plan));
    assert!(applies(&plan).iter().all(|apply| !apply.force));
}

#[test]
fn what_is_no_longer_configured_goes() {
    let before = inputs(|_| {});
    let mut observed = configured(&before);
    for reference in [names::notifications("argocd"), names::notifications_secret("argocd")] {
        let live = observed.object(&reference).expect("it is there").clone();
        let keys = live.get("/data").and_then(Value::as_object).expect("it has some").keys();
        let owned: BTreeMap<String, Value> = keys.map(|key| (format!("f:{key}"), json!({}))).collect();
        let entry = json!([{
            "manager": "gitops-setup-notifications", "operation": "Apply", "fieldsV1": { "f:data": owned },
        }]);
        observed = with(observed, set(live, "/metadata", "managedFields", entry));
    }
    let inputs = inputs(|config| {
        config.notifications = Some(Notifications {
            argocd_url: Some("https://gitops.acme.com".into()),
            ..Notifications::default()
        });
    });
    let plan = planned(&inputs, &observed.with_filled(&inputs));
    let gone: Vec<String> =
        changes(&plan).lines().filter(|line| line.ends_with(": removed")).map(str::to_owned).collect();
    assert_snapshot!(gone.join("\n"), @"
    Secret/argocd-notifications-secret in argocd: data.slack-token: removed
    ConfigMap/argocd-notifications-cm in argocd: data[service.slack]: removed
    ");
}

#[test]
fn a_copy_of_the_tokens_is_removed_and_another_annotation_of_kubectls_is_not() {
    let inputs = inputs(|_| {});
    let observed = configured(&inputs);
    let reference = names::notifications_secret("argocd");
    let with_copy = |copy: &str| {
        let live: Object = observed.object(&reference).expect("it is there").clone();
        with(observed.clone(), live.with_annotation(LAST_APPLIED, copy))
    };
    let plan = planned(&inputs, &with_copy(r#"{"stringData":{"slack-token":"x"}}"#));
    let [Action::RemoveField { object, .. }] = plan.actions.as_slice() else { panic!("{plan:?}") };
    assert_eq!(*object, reference);
    assert_eq!(
        planned(&inputs, &with_copy(r#"{"metadata":{"name":"argocd-notifications-secret"}}"#)).actions,
        []
    );
}

#[test]
fn without_a_controller_it_is_an_error_and_without_an_address_it_is_said() {
    let inputs = inputs(|config| {
        config.notifications.as_mut().expect("it is set").argocd_url = None;
    });
    let error = support::plan("notifications", &inputs, &running(KUBERNETES_1_36)).unwrap_err().to_string();
    assert_snapshot!(error, @"
    Deployment/argocd-notifications-controller in argocd is not there
      install Argo CD first: cargo xtask setup --from install-argocd
    ");
    assert_snapshot!(planned(&inputs, &configured(&inputs)).notes.join("\n"), @"messages have no links to Argo CD: its address is told by `notifications.argocdUrl`");
    let plain = support::inputs(support::config());
    let plan = planned(&plain, &Observed::default());
    assert_eq!(plan.skipped.as_deref(), Some("no `notifications` is configured"));
    assert_eq!(notifications::secret(&plain.config), None);
}
