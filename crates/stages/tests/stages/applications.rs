//! Projects, Applications and ApplicationSets of one's own.

use super::support::{KUBERNETES_1_36, inputs, plan, running, set, with};
use manifests::Object;
use manifests::config::{Config, Source, load};
use serde_json::json;
use stages::observed::Live;
use stages::plan::{Action, Apply, Precondition};
use stages::{Inputs, Observed, Plan};

const TEXT: &str = "
git: {url: github.com/acme/models}
projects: [{name: ml, uses: [policy], destinations: [{namespace: ml-a}, {namespace: ml-b}]}]
applications:
- {name: a, project: ml, source: {path: x}, destination: {namespace: ml-a}, syncOptions: [CreateNamespace=true]}
applicationSets:
- name: models
  generators: [{list: {elements: [{m: a}]}}]
  template: {name: 'm-{{.m}}', project: ml, source: {path: x}, destination: {namespace: ml-b}}
";

fn configured() -> Inputs {
    let source = Source { name: "gitops.yaml".into(), text: TEXT.into() };
    inputs(load(Some(&source), &|_| None, &[]).unwrap_or_else(|errors| panic!("{errors}")).config)
}

fn applies(plan: &Plan) -> Vec<&Apply> {
    fn apply(action: &Action) -> &Apply {
        match action {
            Action::Apply(apply) => apply,
            other => panic!("{other:?}"),
        }
    }
    plan.actions.iter().map(apply).collect()
}

/// The cluster after a first run, with the project changed.
fn after(inputs: &Inputs, change: impl Fn(Object) -> Object) -> Observed {
    let mut observed = running(KUBERNETES_1_36);
    let first = plan("applications", inputs, &observed).expect("it can be planned");
    observed.assume(&first.objects().cloned().collect::<Vec<_>>());
    let project = first.objects().next().expect("the project is first").clone();
    with(observed, set(change(project), "/metadata", "resourceVersion", json!("42")))
}

#[test]
fn nothing_configured_nothing_done() {
    let plan = plan("applications", &inputs(Config::default()), &running(KUBERNETES_1_36)).unwrap();
    assert!(plan.skipped.is_some() && plan.actions.is_empty());
}

#[test]
fn projects_come_first_and_a_second_run_changes_nothing() {
    let inputs = configured();
    let first = plan("applications", &inputs, &running(KUBERNETES_1_36)).unwrap();
    let kinds: Vec<_> = applies(&first).iter().map(|apply| apply.object.kind().to_owned()).collect();
    assert_eq!(kinds, ["AppProject", "Application", "ApplicationSet"]);
    assert_eq!(applies(&first)[0].precondition, Precondition::Absent);
    let second = plan("applications", &inputs, &after(&inputs, |project| project)).unwrap();
    assert_eq!((second.actions.len(), second.unchanged, second.notes.len()), (0, 3, 0));
}

#[test]
fn what_others_allowed_stays_and_is_told() {
    let inputs = configured();
    let theirs = |project: Object| {
        let kinds =
            json!([{ "group": "apps", "kind": "*" }, { "group": "policy", "kind": "PodDisruptionBudget" }]);
        let project = set(project, "/spec", "namespaceResourceWhitelist", kinds);
        let kinds = json!([{ "group": "", "kind": "Namespace", "name": "theirs" }]);
        let project = set(project, "/spec", "clusterResourceWhitelist", kinds);
        let project =
            set(project, "/spec", "destinations", json!([{ "namespace": "theirs", "server": "https://x" }]));
        set(project, "/spec", "roles", json!([{ "name": "ci" }]))
    };
    let plan = plan("applications", &inputs, &after(&inputs, theirs)).unwrap();
    let [apply] = applies(&plan)[..] else { panic!("{plan:?}") };
    assert_eq!(apply.precondition, Precondition::Unchanged("42".into()));
    let names = |list: &str, field: &str| -> Vec<String> {
        let entries = apply.object.list(&format!("/spec/{list}")).iter();
        entries.map(|entry| entry[field].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(names("destinations", "namespace"), ["theirs", "ml-a", "ml-b"]);
    assert_eq!(names("namespaceResourceWhitelist", "kind"), ["*", "PodDisruptionBudget"]);
    assert_eq!(names("clusterResourceWhitelist", "name"), ["theirs", "ml-a"]);
    assert_eq!(apply.object.get("/spec/roles"), None, "not ours: server-side apply leaves it");
    assert_eq!(
        plan.notes,
        [
            "AppProject/ml in argocd also allows kinds that are not configured: Namespace theirs, apps/*; they stay \
          until somebody takes them out"
        ]
    );
}

/// Without a whitelist, a project allows every kind in a namespace.
#[test]
fn a_project_that_allowed_everything_is_narrowed_and_that_is_shown() {
    let inputs = configured();
    let open = |mut project: Object| {
        project.get_mut("/spec").unwrap().as_object_mut().unwrap().remove("namespaceResourceWhitelist");
        project
    };
    let plan = plan("applications", &inputs, &after(&inputs, open)).unwrap();
    let changes: Vec<_> = applies(&plan)[0].changes.iter().map(|change| change.path.clone()).collect();
    assert_eq!(changes, ["spec.namespaceResourceWhitelist"]);
}

#[test]
fn every_kind_of_argo_cds_has_to_be_known() {
    let inputs = configured();
    let set = manifests::applications::objects(&inputs.config).pop().expect("it is configured");
    let mut observed = running(KUBERNETES_1_36);
    observed.objects.insert(set.reference(), Live::KindUnknown);
    let error = plan("applications", &inputs, &observed).unwrap_err().to_string();
    assert!(error.contains("doesn't know the kind ApplicationSet"), "{error}");
}
