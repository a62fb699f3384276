//! Projects that environments, the request logger and other people share.

use super::support::{KUBERNETES_1_36, config, inputs, plan, running, set, with};
use manifests::argocd::names::ARGOPROJ;
use manifests::{Object, ObjectRef, files, yaml};
use serde_json::{Value, json};
use stages::observed::Live;
use stages::plan::{Action, Apply, Precondition};
use stages::{ALL, Observed, Plan};

fn project(plan: &Plan) -> Option<&Apply> {
    plan.actions.iter().find_map(|action| match action {
        Action::Apply(apply) if apply.object.kind() == "AppProject" => Some(&**apply),
        _ => None,
    })
}

fn namespaces(project: &Object) -> Vec<&str> {
    let destinations = project.list("/spec/destinations").iter();
    destinations.map(|destination| destination["namespace"].as_str().unwrap_or_default()).collect()
}

/// A project that others use too.
fn shared() -> Object {
    Object::new(&ObjectRef::namespaced(ARGOPROJ, "AppProject", "argocd", "seldon")).with(
        "spec",
        json!({
            "description": "Ours",
            "sourceRepos": ["https://git.other.com/repo"],
            "destinations": [{"namespace": "foreign", "server": "https://other"}],
            "clusterResourceWhitelist": [{"group": "", "kind": "Namespace"}],
            "roles": [
                {"name": "ci", "policies": ["p, proj:seldon:ci, applications, sync, seldon/*, allow"]},
                {"name": "seldon-admin", "policies": [], "jwtTokens": [{"iat": 1}]},
            ],
            "syncWindows": [{"kind": "deny"}],
        }),
    )
}

fn live(object: Object, version: &str) -> Object {
    set(object, "/metadata", "resourceVersion", json!(version))
}

#[test]
fn a_new_project_must_not_be_there_when_it_is_made() {
    let plan = plan("environments", &inputs(config()), &running(KUBERNETES_1_36)).unwrap();
    let apply = project(&plan).unwrap();
    assert_eq!((&apply.precondition, apply.creates), (&Precondition::Absent, true));
    assert_eq!(namespaces(&apply.object), ["dev", "prod"]);
}

#[test]
fn what_others_have_in_a_project_stays_and_nobody_may_change_it_meanwhile() {
    let observed = with(running(KUBERNETES_1_36), live(shared(), "42"));
    let plan = plan("environments", &inputs(config()), &observed).unwrap();
    let apply = project(&plan).unwrap();
    assert_eq!(apply.precondition, Precondition::Unchanged("42".into()));
    assert!(apply.force, "the lists are taken over with all that is in them");
    assert_eq!(namespaces(&apply.object), ["foreign", "dev", "prod"]);
    let repositories = json!(["https://git.other.com/repo", "https://github.com/acme/gitops"]);
    assert_eq!(apply.object.get("/spec/sourceRepos"), Some(&repositories));
    let whitelist = json!([{"group": "", "kind": "Namespace"}]);
    assert_eq!(apply.object.get("/spec/clusterResourceWhitelist"), Some(&whitelist));
    assert_eq!(apply.object.text("/spec/roles/0/name"), "ci");
    assert_eq!(apply.object.get("/spec/roles/1/jwtTokens"), Some(&json!([{"iat": 1}])));
    assert_eq!(apply.object.list("/spec/roles/1/policies").len(), 5);
    assert_eq!(apply.object.get("/spec/syncWindows"), None, "not our field: server-side apply leaves it");
}

#[test]
fn once_it_has_everything_a_project_is_left_alone() {
    let inputs = inputs(config());
    let observed = with(running(KUBERNETES_1_36), live(shared(), "42"));
    let first = plan("environments", &inputs, &observed).unwrap();
    let mut after = observed.clone();
    after.assume(&first.objects().cloned().collect::<Vec<_>>());
    // Argo CD writes down a token that somebody makes.
    let reference = shared().reference();
    let Some(Live::Found(project)) = after.objects.get_mut(&reference) else { panic!("it is there") };
    project.get_mut("/spec/roles/1/jwtTokens").unwrap().as_array_mut().unwrap().push(json!({"iat": 2}));
    assert_eq!(plan("environments", &inputs, &after).unwrap().actions, []);
}

#[test]
fn environments_and_the_request_logger_share_a_project_without_losing_either() {
    let inputs = inputs(config());
    let mut observed = running(KUBERNETES_1_36);
    for stage in ["environments", "logging"] {
        let plan = plan(stage, &inputs, &observed).unwrap();
        observed.assume(&plan.objects().cloned().collect::<Vec<_>>());
    }
    let project = observed.object(&shared().reference()).unwrap();
    assert_eq!(namespaces(project), ["dev", "prod", "seldon-logs"]);
    for stage in ["environments", "logging"] {
        assert_eq!(plan(stage, &inputs, &observed).unwrap().actions, [], "{stage}");
    }
}

#[test]
fn the_rendered_project_has_the_destinations_of_both() {
    let inputs = inputs(config());
    let files = files::files(ALL.iter().map(|stage| (stage.name, (stage.objects)(&inputs))).collect());
    let rendered: Vec<_> = files.keys().filter(|name| name.contains("appproject-seldon")).collect();
    assert_eq!(rendered, ["environments/appproject-seldon.yaml"]);
    let project = &yaml::parse_objects(&files[rendered[0]]).unwrap()[0];
    assert_eq!(namespaces(project), ["dev", "prod", "seldon-logs"]);
}

#[test]
fn argocds_kinds_have_to_be_known() {
    let inputs = inputs(config());
    let mut observed = running(KUBERNETES_1_36);
    observed.objects.insert(shared().reference(), Live::KindUnknown);
    let error = plan("environments", &inputs, &observed).unwrap_err().to_string();
    assert!(error.contains("doesn't know the kind AppProject (argoproj.io/v1alpha1)"), "{error}");
    let install = plan("install-argocd", &inputs, &observed).unwrap();
    observed.assume(&install.objects().cloned().collect::<Vec<_>>());
    assert!(plan("environments", &inputs, &observed).is_ok(), "the install brings the kinds");
}

#[test]
fn a_group_that_lost_its_rights_loses_its_label() {
    let mut config = config();
    config.environments[0].roles.read = vec!["auditors".into()];
    let namespace = manifests::environment::namespace(&config.environments[0], &config.git);
    let labels: Value = namespace
        .get("/metadata/labels")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, _)| (format!("f:{key}"), json!({})))
        .collect();
    let entry = json!([{
        "manager": "gitops-setup", "operation": "Apply", "fieldsV1": {"f:metadata": {"f:labels": labels}},
    }]);
    let observed = with(running(KUBERNETES_1_36), set(namespace, "/metadata", "managedFields", entry));
    config.environments[0].roles.read.clear();
    let plan = plan("environments", &inputs(config), &observed).unwrap();
    let Action::Apply(apply) = &plan.actions[0] else { panic!("{plan:?}") };
    let lines: Vec<_> = apply.changes.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            r#"metadata.labels[seldon.restricted]: "true" -> "false""#,
            "metadata.labels[seldon.group.auditors]: removed"
        ]
    );
}

#[test]
fn istio_injection_on_a_namespace_is_noted() {
    let namespace = Object::new(&ObjectRef::cluster_scoped("v1", "Namespace", "dev"));
    let observed: Observed =
        with(running(KUBERNETES_1_36), namespace.with_label("istio-injection", "enabled"));
    let notes = plan("environments", &inputs(config()), &observed).unwrap().notes;
    assert_eq!(notes.len(), 1);
    assert!(notes[0].contains("Namespace/dev has the label istio-injection"), "{notes:?}");
}
