//! Repositories in Argo CD's ConfigMap, and their way out of it.

use insta::assert_snapshot;
use manifests::argocd::names;
use manifests::config::Config;
use manifests::{Object, ObjectRef, repository, yaml};
use serde_json::{Value, json};
use stages::plan::{Action, Precondition, Unseen};
use stages::{Apply, Inputs, Observed, Plan, PlanError};

use super::credentials::configured;
use super::support::{Filled, KUBERNETES_1_36, plan, running, set, with};

const OTHERS: &str = "- url: https://bot:planted@git.other.com/repo\n  enableLfs: true\n";

fn of(version: &str, change: impl FnOnce(&mut Config)) -> Inputs {
    let mut inputs = configured(change);
    inputs.config.argocd.version = version.parse().expect("a release");
    inputs
}

fn templated(version: &str) -> Inputs {
    of(version, |config| config.git.credential_template = Some("https://github.com/acme".into()))
}

fn reference() -> ObjectRef {
    names::config("argocd")
}

fn holding(data: Value) -> Observed {
    let live = Object::new(&reference()).with("data", data);
    with(running(KUBERNETES_1_36), set(live, "/metadata", "resourceVersion", json!("7")))
}

/// The plan, which must not show the address that holds somebody's token.
fn planned(inputs: &Inputs, observed: &Observed) -> Result<Plan, PlanError> {
    let plan = plan("git-credentials", inputs, observed)?;
    let changes: Vec<String> = plan
        .actions
        .iter()
        .flat_map(|action| match action {
            Action::Apply(apply) => apply.changes.iter().map(ToString::to_string).collect(),
            _ => Vec::new(),
        })
        .collect();
    let shown = format!("{plan:?}{}{changes:?}", serde_json::to_string(&plan).expect("JSON"));
    assert!(!shown.contains("planted"), "{shown}");
    Ok(plan)
}

/// The same state, where this stage has applied these keys.
fn owned(observed: Observed, keys: &[&str]) -> Observed {
    let fields: serde_json::Map<String, Value> =
        keys.iter().map(|key| (format!("f:{key}"), json!({}))).collect();
    let entry = json!({
        "manager": "gitops-setup-git-credentials",
        "operation": "Apply",
        "fieldsV1": { "f:data": fields },
    });
    let live = observed.object(&reference()).expect("it is there").clone();
    with(observed, set(live, "/metadata", "managedFields", json!([entry])))
}

fn map(plan: &Plan) -> Option<&Apply> {
    plan.actions.iter().find_map(|action| match action {
        Action::Apply(apply) if apply.object.reference() == reference() => Some(&**apply),
        _ => None,
    })
}

fn list(apply: &Apply, key: &str) -> Value {
    yaml::parse_value(apply.object.text(&format!("/data/{key}"))).expect("a list")
}

/// The state after the plan.
fn after(inputs: &Inputs, observed: &Observed, plan: &Plan) -> Observed {
    let mut after = observed.clone();
    after.assume(&plan.objects().cloned().collect::<Vec<_>>());
    for action in &plan.actions {
        let Action::RemoveField { object, pointer, .. } = action else { continue };
        let live = after.object(object).expect("it is there").clone();
        let (_, key) = pointer.rsplit_once('/').expect("a pointer");
        let mut data = live.get("/data").cloned().expect("data");
        data.as_object_mut().expect("a map").remove(key);
        after = with(after, live.with("data", data));
    }
    after.with_filled(inputs)
}

#[test]
fn before_2_1_entries_are_merged_into_the_lists() {
    let inputs = templated("v1.6.2");
    let observed = holding(json!({"repositories": OTHERS, "url": "https://argocd.acme.com"}));
    let first = planned(&inputs, &observed).unwrap();
    let apply = map(&first).unwrap();
    assert_eq!((apply.manager.as_str(), apply.force), ("gitops-setup-git-credentials", true));
    assert_eq!(apply.precondition, Precondition::Unchanged("7".into()));
    assert_eq!(
        list(apply, "repositories"),
        json!([
            {"url": "https://bot:planted@git.other.com/repo", "enableLfs": true},
            {"url": "https://github.com/acme/gitops", "type": "git"},
        ])
    );
    let secret = repository::credentials_secret(&inputs.config);
    assert_eq!(
        list(apply, "repository.credentials"),
        json!([{
            "url": "https://github.com/acme",
            "usernameSecret": {"name": secret, "key": "username"},
            "passwordSecret": {"name": secret, "key": "password"},
        }])
    );
    assert_eq!(apply.object.get("/data/url"), None, "not ours");
    assert_eq!(planned(&inputs, &after(&inputs, &observed, &first)).unwrap().actions, []);
}

#[test]
fn a_template_that_is_no_longer_configured_takes_no_others_along() {
    let observed = holding(json!({"repository.credentials": OTHERS}));
    let plan = planned(&of("v2.0.5", |_| {}), &observed).unwrap();
    assert_eq!(map(&plan).unwrap().object.text("/data/repository.credentials"), OTHERS);
}

#[test]
fn a_text_that_is_no_list_is_told() {
    let error = |inputs: &Inputs, key: &str| {
        planned(inputs, &holding(json!({key: "planted: [\n"}))).unwrap_err().to_string()
    };
    assert_snapshot!(error(&of("v1.6.2", |_| {}), "repositories"), @"
    `repositories` in ConfigMap/argocd-cm in argocd is no YAML list of entries with a `url` each: Argo CD can't read it either
      mend it: kubectl edit configmap argocd-cm --namespace argocd
    ");
    let in_between = error(&templated("v2.14.0"), "repository.credentials");
    assert!(
        in_between.starts_with("`repository.credentials` in ConfigMap/argocd-cm in argocd"),
        "{in_between}"
    );
    let unread = planned(&templated("v3.5.1"), &holding(json!({"repositories": "planted: [\n"})));
    assert!(map(&unread.unwrap()).is_none(), "Argo CD 3 doesn't read it");
}

#[test]
fn since_2_1_the_entry_goes_and_the_secret_is_labelled() {
    let old = of("v2.0.5", |_| {});
    let start = holding(json!({}));
    let state = after(&old, &start, &planned(&old, &start).unwrap());
    for version in ["v2.1.0", "v2.6.7", "v3.5.1"] {
        let new = of(version, |_| {});
        let move_out = planned(&new, &state).unwrap();
        let name = repository::repository_secret(&new.config);
        let removal = move_out.actions.iter().find_map(|action| match action {
            Action::RemoveField { object, pointer, why, .. } => {
                Some((object, pointer.as_str(), why.as_str()))
            }
            _ => None,
        });
        let why = "https://github.com/acme/gitops is registered by a Secret now";
        assert_eq!(removal, Some((&reference(), "/data/repositories", why)), "{version}");
        let secret = move_out.objects().find(|object| object.name() == name).unwrap();
        assert_eq!(secret.label(repository::SECRET_TYPE), Some("repository"));
        assert_eq!(planned(&new, &after(&new, &state, &move_out)).unwrap().actions, [], "{version}");
    }
}

#[test]
fn others_entries_stay_and_argo_cd_3_is_said_not_to_read_them() {
    let ours = "- url: https://github.com/acme/gitops.git\n";
    let template = "- url: https://github.com/Acme\n- url: https://git.other.com\n";
    let observed =
        holding(json!({"repositories": format!("{ours}{OTHERS}"), "repository.credentials": template}));
    let inputs = templated("v2.6.7");
    let plan = planned(&inputs, &observed).unwrap();
    let apply = map(&plan).unwrap();
    let left = json!([{"url": "https://bot:planted@git.other.com/repo", "enableLfs": true}]);
    assert_eq!(list(apply, "repositories"), left);
    assert_eq!(list(apply, "repository.credentials"), json!([{"url": "https://git.other.com"}]));
    assert_eq!(plan.notes, [""; 0]);
    assert_eq!(planned(&inputs, &after(&inputs, &observed, &plan)).unwrap().actions, []);
    let plan = planned(&templated("v3.5.1"), &observed).unwrap();
    assert_snapshot!(plan.notes.join("\n"), @"
    Argo CD v3.5.1 doesn't read `repositories` in ConfigMap/argocd-cm in argocd; what is only there needs a Secret: git.other.com/repo
    Argo CD v3.5.1 doesn't read `repository.credentials` in ConfigMap/argocd-cm in argocd; what is only there needs a Secret: https://git.other.com
    ");
}

#[test]
fn what_this_stage_owns_goes_along_with_what_it_shortens() {
    let ours = "- url: https://github.com/acme/gitops\n";
    let data = json!({"repositories": format!("{ours}{OTHERS}"), "repository.credentials": OTHERS});
    let both = owned(holding(data.clone()), &["repositories", "repository.credentials"]);
    let inputs = of("v2.6.7", |_| {});
    let shortened = planned(&inputs, &both).unwrap();
    assert_eq!(map(&shortened).unwrap().object.text("/data/repository.credentials"), OTHERS);
    let of_others = planned(&inputs, &owned(holding(data), &["repositories"])).unwrap();
    assert_eq!(map(&of_others).unwrap().object.get("/data/repository.credentials"), None, "not ours");
    // What goes whole does not come back with the other.
    let template = json!({"repositories": ours, "repository.credentials": format!("- url: https://github.com/acme\n{OTHERS}")});
    let both = owned(holding(template), &["repositories", "repository.credentials"]);
    let apply = map(&planned(&templated("v2.6.7"), &both).unwrap()).unwrap().object.clone();
    assert_eq!(apply.get("/data/repositories"), None);
    assert!(apply.get("/data/repository.credentials").is_some());
}

#[test]
fn a_list_goes_only_as_it_was_read() {
    let ours = "- url: https://github.com/acme/gitops\n";
    let plan = planned(&of("v2.6.7", |_| {}), &holding(json!({ "repositories": ours }))).unwrap();
    let expected = plan.actions.iter().find_map(|action| match action {
        Action::RemoveField { expected, .. } => expected.clone(),
        _ => None,
    });
    assert_eq!(expected, Some(Unseen(json!(ours))));
}
